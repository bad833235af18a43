//! The dialogue, line by line, for whoever wants to log it.

use alloc::boxed::Box;
use core::fmt;

use sync_wrapper::SyncWrapper;

use crate::types::Reply;

/// One entry of the dialogue.
///
/// Prints as one line (`C: MAIL FROM:<a@b>`), a reply as one for each of its
/// lines, always without a line end behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A command line, without its CRLF. What `AUTH` carries is replaced by
    /// `***`, and so are the responses that follow it.
    Command(&'a [u8]),
    /// A reply. The challenges of an exchange are replaced by `***`.
    Reply(&'a Reply),
    /// The content of a message went by: this many octets, without the dots
    /// that transparency adds.
    Content(u64),
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(line) => write!(f, "C: {}", line.escape_ascii()),
            Self::Content(octets) => write!(f, "C: ({octets} octets of content)"),
            Self::Reply(reply) => {
                let mut lines = reply.lines().peekable();
                while let Some(line) = lines.next() {
                    let last = lines.peek().is_none();
                    let separator = if last { " " } else { "-" };
                    write!(f, "S: {}{separator}{}", reply.code(), line.escape_ascii())?;
                    if !last {
                        f.write_str("\n")?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Where the entries go.
pub(crate) type Hook = Box<dyn FnMut(Entry<'_>) + Send>;

/// The hook of a session, if it has one.
///
/// It is called only through `&mut`, so that a session can be looked at from
/// several threads whatever the hook keeps. An asynchronous service that looks
/// at a question needs that to be moved between threads.
#[derive(Default)]
pub(crate) struct Transcript(Option<SyncWrapper<Hook>>);

impl Transcript {
    pub(crate) fn set(&mut self, hook: Hook) {
        self.0 = Some(SyncWrapper::new(hook));
    }

    /// A line that is a secret, or may be one, went by.
    pub(crate) fn masked(&mut self) {
        if let Some(hook) = self.hook() {
            hook(Entry::Command(b"***"));
        }
    }

    pub(crate) fn command(&mut self, line: &[u8]) {
        let Some(hook) = self.hook() else { return };
        match shown_of_auth(line) {
            Some(shown) => hook(Entry::Command(&[shown, b" ***"].concat())),
            None => hook(Entry::Command(line)),
        }
    }

    /// Whether there is anybody to show things to.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn reply(&mut self, reply: &Reply) {
        if let Some(hook) = self.hook() {
            hook(Entry::Reply(reply));
        }
    }

    pub(crate) fn content(&mut self, octets: u64) {
        if let Some(hook) = self.hook() {
            hook(Entry::Content(octets));
        }
    }

    fn hook(&mut self) -> Option<&mut Hook> {
        self.0.as_mut().map(SyncWrapper::get_mut)
    }
}

/// What may be shown of `AUTH PLAIN secret`: the mechanism, if it is one. `None`
/// if the line can be shown as it is. Whatever looks like an attempt at the
/// command may carry a secret, too.
fn shown_of_auth(line: &[u8]) -> Option<&[u8]> {
    let junk = line.iter().take_while(|b| !b.is_ascii_alphabetic()).count();
    let (verb, rest) = line.get(junk..)?.split_at_checked(VERB.len())?;
    if !verb.eq_ignore_ascii_case(VERB) || rest.is_empty() {
        return None;
    }
    let name = rest.strip_prefix(b" ").unwrap_or_default();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let length = name.iter().take_while(|b| is_name(b)).count();
    match name.get(length) {
        _ if junk > 0 || length > MAX_MECHANISM_LEN => Some(verb),
        None if length > 0 => None,
        Some(b' ') => line.get(..VERB.len() + 1 + length),
        _ => Some(verb),
    }
}

const VERB: &[u8] = b"AUTH";

/// The longest name of a mechanism (RFC 4422 section 3.1).
const MAX_MECHANISM_LEN: usize = 20;

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "on" } else { "off" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_can_be_moved_and_looked_at_between_threads() {
        fn both<T: Send + Sync>() {}
        both::<crate::client::Session>();
        both::<crate::server::Session>();
        both::<crate::server::Event<'_>>();
    }

    #[test]
    fn s_159_what_auth_carries_is_masked() {
        use std::sync::{Arc, Mutex};
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut transcript = Transcript::default();
        let sink = Arc::clone(&seen);
        transcript.set(Box::new(move |entry| {
            sink.lock().unwrap().push(entry.to_string());
        }));
        transcript.command(b"auth plain AGFsaWNlAHdvbmRlcmxhbmQ=");
        transcript.command(b"AUTH LOGIN");
        transcript.command(b"AUTH");
        transcript.command(b"AUTH\tPLAIN wonderland");
        transcript.command(b"AUTH  wonderland");
        transcript.command(b"AUTH PLAIN\twonderland");
        transcript.command(b"AUTHPLAIN wonderland");
        transcript.command(b"\0AUTH PLAIN wonderland");
        transcript.command(b"AUTH AGFsaWNlAHdvbmRlcmxhbmQAAAA");
        transcript.command(b"AUT wonderland");
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "C: auth plain ***",
                "C: AUTH LOGIN",
                "C: AUTH",
                "C: AUTH ***",
                "C: AUTH  ***",
                "C: AUTH ***",
                "C: AUTH ***",
                "C: AUTH ***",
                "C: AUTH ***",
                "C: AUT wonderland"
            ]
        );
    }
}
