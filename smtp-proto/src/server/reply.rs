//! The replies that the core gives of itself, and those that an application may
//! give instead.

use alloc::{
    borrow::{Cow, ToOwned},
    format,
    string::String,
};
use core::fmt;

use bytes::{BufMut, BytesMut};
use memchr::memchr;

use crate::{
    types::{EnhancedCode, ForwardPath, Host, Print, Reply, ReplyCode, ReplyError, ReversePath},
    wire::{self, CRLF},
};

/// A reply of which all is known beforehand, as it goes over the wire, without
/// its CRLF: code, enhanced code unless it is a 3yz (RFC 2034 section 4), text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed(&'static str);

pub(super) const RESET: Fixed = Fixed("250 2.0.0 forgotten");
pub(super) const NOOP: Fixed = Fixed("250 2.0.0 ok");
pub(super) const MAIL_ACCEPTED: Fixed = Fixed("250 2.1.0 sender ok");
pub(super) const RCPT_ACCEPTED: Fixed = Fixed("250 2.1.5 recipient ok");
pub(super) const FORWARDED: Fixed = Fixed("251 2.1.5 not local, will forward");
pub(super) const CHUNK_ACCEPTED: Fixed = Fixed("250 2.0.0 chunk received");
pub(super) const MESSAGE_ACCEPTED: Fixed = Fixed("250 2.0.0 message accepted");
pub(super) const VERIFIED: Fixed = Fixed("250 2.1.5 ");
pub(super) const EXPANDED: Fixed = Fixed("250 2.1.5 ");
pub(super) const CANNOT_VERIFY: Fixed = Fixed("252 2.5.0 cannot tell, try to send");
pub(super) const AMBIGUOUS: Fixed = Fixed("553 5.1.4 ambiguous");
pub(super) const HELP: Fixed = Fixed("214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
pub(super) const SEND_CONTENT: Fixed = Fixed("354 go on, end with a dot on a line of its own");
pub(super) const READY_FOR_TLS: Fixed = Fixed("220 2.0.0 ready for TLS");
pub(super) const CHALLENGE: Fixed = Fixed("334 ***");
pub(super) const AUTHENTICATION_SUCCEEDED: Fixed = Fixed("235 2.7.0 authenticated");
pub(super) const BYE: Fixed = Fixed("221 2.0.0 bye");

pub(super) const TIMEOUT: Fixed = Fixed("421 4.4.2 waited too long");
pub(super) const SHUTDOWN: Fixed = Fixed("421 4.3.2 shutting down");
pub(super) const TOO_MANY_ATTEMPTS: Fixed = Fixed("421 4.7.0 too many attempts to authenticate");
pub(super) const TOO_MANY_ERRORS: Fixed = Fixed("421 4.7.0 too many errors");
pub(super) const UNKNOWN_CHUNK: Fixed = Fixed("421 4.5.4 cannot tell where the chunk ends");
pub(super) const NOT_TLS: Fixed = Fixed("421 4.7.0 this port speaks SMTP, not TLS");
pub(super) const NOT_HTTP: Fixed = Fixed("421 4.7.0 this port speaks SMTP, not HTTP");

pub(super) const TOO_MANY_RECIPIENTS: Fixed = Fixed("452 4.5.3 too many recipients");

pub(super) const UNKNOWN_COMMAND: Fixed = Fixed("500 5.5.2 unknown command");
pub(super) const BROKEN_LINE: Fixed = Fixed("500 5.5.2 a lone CR or LF in a command");
pub(super) const LINE_TOO_LONG: Fixed = Fixed("500 5.5.2 line too long");
pub(super) const RESPONSE_TOO_LONG: Fixed = Fixed("500 5.5.6 line too long");
pub(super) const NOT_BASE64: Fixed = Fixed("501 5.5.2 not base64");
pub(super) const BAD_RESPONSE: Fixed = Fixed("501 5.5.2 cannot read that response");
pub(super) const CANCELLED: Fixed = Fixed("501 5.7.0 authentication cancelled");
pub(super) const NO_INITIAL_RESPONSE: Fixed =
    Fixed("501 5.7.0 this mechanism has no initial response");
pub(super) const BAD_ARGUMENT: Fixed = Fixed("501 5.5.4 bad argument");
pub(super) const BAD_SENDER: Fixed = Fixed("501 5.1.7 not an address that can send");
pub(super) const BAD_RECIPIENT: Fixed = Fixed("501 5.1.3 not an address");
pub(super) const BAD_PARAMETER: Fixed = Fixed("501 5.5.4 bad parameter");
pub(super) const NOT_IMPLEMENTED: Fixed = Fixed("502 5.5.1 not implemented");
pub(super) const OUT_OF_SEQUENCE: Fixed = Fixed("503 5.5.1 bad sequence of commands");
pub(super) const NO_HELLO: Fixed = Fixed("503 5.5.1 say EHLO first");
pub(super) const NO_MAIL: Fixed = Fixed("503 5.5.1 MAIL first");
pub(super) const NESTED_MAIL: Fixed = Fixed("503 5.5.1 a transaction is open");
pub(super) const NO_RECIPIENTS: Fixed = Fixed("503 5.5.1 no valid recipients");
pub(super) const NEEDS_BDAT: Fixed = Fixed("503 5.5.1 BDAT, not DATA");
pub(super) const NEEDS_RESET: Fixed = Fixed("503 5.5.1 RSET first");
pub(super) const NO_SERVICE: Fixed = Fixed("503 5.5.1 no service here");
pub(super) const TLS_ACTIVE: Fixed = Fixed("503 5.5.1 TLS is active");
pub(super) const AUTHENTICATED: Fixed = Fixed("503 5.5.1 already authenticated");
pub(super) const UNKNOWN_MECHANISM: Fixed = Fixed("504 5.5.4 unknown mechanism");
pub(super) const NEEDS_AUTHENTICATION: Fixed = Fixed("530 5.7.0 Authentication required");
pub(super) const NEEDS_STARTTLS: Fixed = Fixed("530 5.7.0 Must issue a STARTTLS command first");
pub(super) const NEEDS_ENCRYPTION: Fixed =
    Fixed("538 5.7.11 Encryption required for requested authentication mechanism");
pub(super) const TOO_LARGE: Fixed = Fixed("552 5.3.4 message too large");
pub(super) const EMPTY_SENDER: Fixed = Fixed("553 5.1.7 an empty local part");
pub(super) const EMPTY_RECIPIENT: Fixed = Fixed("553 5.1.3 an empty local part");
pub(super) const NEEDS_SMTPUTF8: Fixed = Fixed("553 5.6.7 such an address needs SMTPUTF8");
pub(super) const LONE_LINE_END: Fixed = Fixed("554 5.6.0 a lone CR or LF in the content");
pub(super) const EARLY_INPUT: Fixed = Fixed("554 5.5.0 nothing may follow STARTTLS in clear");
pub(super) const UNKNOWN_PARAMETER: Fixed = Fixed("555 5.5.4 unknown parameter");

impl Fixed {
    pub(super) fn reply(self) -> Reply {
        self.saying(self.text())
    }

    /// The reply with another text.
    fn saying(self, text: &str) -> Reply {
        let (codes, _) = self.split();
        let enhanced = codes.get(4..).map(str::trim_end);
        let enhanced = enhanced.and_then(|enhanced| enhanced.parse().ok());
        build(ReplyCode::fixed(self.code()), enhanced, text)
    }

    fn code(self) -> u16 {
        let digits = self.0.bytes().take(3);
        digits.fold(0, |code, digit| code * 10 + u16::from(digit & 0x0f))
    }

    /// The codes, each with the space behind it, and the text.
    fn split(self) -> (&'static str, &'static str) {
        let enhanced = self.0.get(4..).filter(|_| !self.0.starts_with('3'));
        let space = enhanced.and_then(|enhanced| memchr(b' ', enhanced.as_bytes()));
        let start = space.map_or(4, |at| 4 + at + 1);
        self.0.split_at_checked(start).unwrap_or((self.0, ""))
    }

    pub(super) fn text(self) -> &'static str {
        self.split().1
    }
}

/// A reply, in the form that costs least: nearly all are written as they stand,
/// and never become a [`Reply`].
#[derive(Clone, Copy)]
pub(super) enum Said<'a> {
    Fixed(Fixed),
    /// With what or whom it is about in front of its text.
    About(Fixed, Subject<'a>),
    /// With another text.
    Saying(Fixed, &'a str),
    Rejection(&'a Rejection),
    Reply(&'a Reply),
}

/// What or whom a reply is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Host(&'a Host),
    Sender(&'a ReversePath),
    Recipient(&'a ForwardPath),
}

impl Print for Subject<'_> {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Host(host) => host.print(out),
            Self::Sender(path) => path.print(out),
            Self::Recipient(path) => path.print(out),
        }
    }
}

impl Said<'_> {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Fixed(fixed) | Self::About(fixed, _) | Self::Saying(fixed, _) => fixed.code(),
            Self::Rejection(rejection) => rejection.code.get(),
            Self::Reply(reply) => reply.code().get(),
        }
    }

    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Fixed(fixed) => fixed.reply(),
            Self::About(fixed, subject) => {
                let mut text = String::new();
                // Writing to a string cannot fail.
                let _ = subject.print(&mut text);
                fixed.saying(&format!("{text} {}", fixed.text()))
            }
            Self::Saying(fixed, text) => fixed.saying(text),
            Self::Rejection(rejection) => rejection.reply(),
            Self::Reply(reply) => reply.clone(),
        }
    }

    /// Writes the reply, with its CRLF.
    pub(super) fn write(self, out: &mut BytesMut) {
        let before = out.len();
        self.write_line(out);
        let is_fixed = matches!(self, Self::Fixed(_));
        if is_fixed || out.get(before..).is_some_and(is_line) {
            out.put_slice(CRLF);
        } else {
            out.truncate(before);
            wire::encode_reply(&self.reply(), out);
        }
    }

    /// Writes what is the whole reply if it is one line, and otherwise
    /// something that is none.
    fn write_line(self, out: &mut BytesMut) {
        // Writing to a buffer that grows cannot fail.
        match self {
            Self::Fixed(fixed) => out.put_slice(fixed.0.as_bytes()),
            Self::About(fixed, subject) => {
                let (codes, text) = fixed.split();
                out.put_slice(codes.as_bytes());
                let _ = subject.print(out);
                out.put_slice(b" ");
                out.put_slice(text.as_bytes());
            }
            Self::Saying(fixed, text) => {
                out.put_slice(fixed.split().0.as_bytes());
                out.put_slice(text.as_bytes());
            }
            Self::Rejection(rejection) => {
                let (code, enhanced) = (rejection.code, rejection.enhanced);
                let _ = fmt::write(out, format_args!("{code} {enhanced} "));
                out.put_slice(rejection.text.as_bytes());
            }
            Self::Reply(_) => {}
        }
    }
}

/// The longest line of a reply, without its CRLF (RFC 5321 section 4.5.3.1.5).
const MAX_LINE: usize = 510;

/// Whether it can go over the wire as it is.
fn is_line(octets: &[u8]) -> bool {
    // All are looked at: that takes fewer steps than to stop at the first.
    let printable = octets
        .iter()
        .fold(true, |so_far, octet| so_far & matches!(octet, b' '..=b'~'));
    printable && (4..=MAX_LINE).contains(&octets.len())
}

/// What can be said.
pub(super) trait Say {
    fn said(&self) -> Said<'_>;
}

impl Say for Fixed {
    fn said(&self) -> Said<'_> {
        Said::Fixed(*self)
    }
}

impl Say for Said<'_> {
    fn said(&self) -> Said<'_> {
        *self
    }
}

impl Say for Rejection {
    fn said(&self) -> Said<'_> {
        Said::Rejection(self)
    }
}

impl Say for Reply {
    fn said(&self) -> Said<'_> {
        Said::Reply(self)
    }
}

/// The greeting, and the first line of the replies to EHLO and HELO: a host,
/// never an enhanced code (RFC 2034 section 4).
pub(super) fn from_host(code: u16, text: &str) -> Reply {
    build(ReplyCode::fixed(code), None, text)
}

/// Any reply, with what no reply can have replaced.
fn build(code: ReplyCode, enhanced: Option<EnhancedCode>, text: &str) -> Reply {
    Reply::assemble(code, enhanced, &sanitised(text))
}

/// The text with everything that a reply cannot have replaced by `?`. An LF
/// stays, and begins another line.
pub(super) fn sanitised(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' '..='~' | '\n' => c,
            _ => '?',
        })
        .collect()
}

/// What an application says when it refuses something: a 4yz or 5yz reply.
///
/// 4yz says that the same may succeed later, 5yz that it will not; clients act
/// on that. A refusal with the code 421 ends the session once it was sent.
///
/// ```
/// use smtp_proto::server::Rejection;
///
/// let greylisted = Rejection::new(450, Some("4.7.1".parse()?), "come back in a minute")?;
/// assert_eq!(greylisted.to_string(), "450 4.7.1 come back in a minute");
/// assert!(Rejection::new(250, None, "no").is_err());
/// assert!(Rejection::new(550, None, "no\r\n250 yes").is_err());
/// # Ok::<(), smtp_proto::types::ReplyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    code: ReplyCode,
    enhanced: EnhancedCode,
    text: Cow<'static, str>,
}

impl Rejection {
    /// A refusal. Without an enhanced code it gets the one that says no more
    /// than the code does (`4.0.0`, `5.0.0`). An LF in the text begins another
    /// line; lines that are too long are split.
    ///
    /// # Errors
    /// [`ReplyError`] if the code is not 4yz or 5yz with a second digit of at
    /// most 5, if the enhanced code is of another class, or if the text has
    /// anything but printable US-ASCII and LF.
    pub fn new(code: u16, enhanced: Option<EnhancedCode>, text: &str) -> Result<Self, ReplyError> {
        let class = code / 100;
        if !matches!(class, 4 | 5) || code / 10 % 10 > 5 {
            return Err(ReplyError::Code);
        }
        let class = if class == 4 { 4 } else { 5 };
        let enhanced = enhanced.unwrap_or(EnhancedCode::fixed(class, 0, 0));
        if enhanced.class() != class {
            return Err(ReplyError::EnhancedCode);
        }
        if sanitised(text) != text {
            return Err(ReplyError::Text);
        }
        Ok(Self {
            code: ReplyCode::fixed(code),
            enhanced,
            text: Cow::Owned(text.to_owned()),
        })
    }

    const fn fixed(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Self {
        Self {
            code: ReplyCode::fixed(code),
            enhanced: EnhancedCode::fixed(enhanced.0, enhanced.1, enhanced.2),
            text: Cow::Borrowed(text),
        }
    }

    /// `550 5.1.1`: there is no such mailbox here.
    #[must_use]
    pub const fn no_such_user() -> Self {
        Self::fixed(550, (5, 1, 1), "no such user here")
    }

    /// `550 5.7.1`: the recipient is not ours, and the client may not send to
    /// others through us.
    #[must_use]
    pub const fn relaying_denied() -> Self {
        Self::fixed(550, (5, 7, 1), "relaying denied")
    }

    /// `535 5.7.8`: no such user, or a wrong password; which of them is nobody's
    /// business.
    #[must_use]
    pub const fn bad_credentials() -> Self {
        Self::fixed(535, (5, 7, 8), "authentication failed")
    }

    /// `454 4.7.0`: nobody can tell for now whether that is right.
    #[must_use]
    pub const fn authentication_unavailable() -> Self {
        Self::fixed(454, (4, 7, 0), "temporary authentication failure")
    }

    /// `550 5.7.1`: not allowed.
    #[must_use]
    pub const fn policy() -> Self {
        Self::fixed(550, (5, 7, 1), "refused by policy")
    }

    /// `452 4.2.2`: the mailbox is full, for now.
    #[must_use]
    pub const fn mailbox_full() -> Self {
        Self::fixed(452, (4, 2, 2), "mailbox full")
    }

    /// `452 4.3.1`: the server is full, for now.
    #[must_use]
    pub const fn insufficient_storage() -> Self {
        Self::fixed(452, (4, 3, 1), "insufficient storage")
    }

    /// `552 5.3.4`: the message is larger than this server takes.
    #[must_use]
    pub const fn message_too_large() -> Self {
        Self::fixed(552, (5, 3, 4), "message too large")
    }

    /// `451 4.3.0`: something went wrong here; the same may succeed later.
    #[must_use]
    pub const fn try_again_later() -> Self {
        Self::fixed(451, (4, 3, 0), "try again later")
    }

    /// `554 5.0.0`: it will not work, for a reason that is not told.
    #[must_use]
    pub const fn transaction_failed() -> Self {
        Self::fixed(554, (5, 0, 0), "transaction failed")
    }

    /// `421 4.3.2`: the server goes away; ends the session.
    #[must_use]
    pub const fn service_not_available() -> Self {
        Self::fixed(421, (4, 3, 2), "service not available")
    }

    /// `421 4.3.2`: the server serves as many clients as it can; ends the
    /// session.
    #[must_use]
    pub const fn too_many_connections() -> Self {
        Self::fixed(421, (4, 3, 2), "too many connections, try again later")
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced code.
    #[must_use]
    pub const fn enhanced(&self) -> EnhancedCode {
        self.enhanced
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the session ends with it.
    pub(super) const fn closes(&self) -> bool {
        self.code.get() == 421
    }

    pub(super) fn reply(&self) -> Reply {
        build(self.code, Some(self.enhanced), &self.text)
    }

    /// The refusal in place of a greeting, which has a host and no enhanced
    /// code.
    pub(super) fn greeting(&self, host: &Host) -> Reply {
        build(self.code, None, &format!("{host} {}", self.text))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.enhanced, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Fixed; 59] = [
        RESET,
        NOOP,
        MAIL_ACCEPTED,
        RCPT_ACCEPTED,
        FORWARDED,
        CHUNK_ACCEPTED,
        MESSAGE_ACCEPTED,
        VERIFIED,
        EXPANDED,
        CANNOT_VERIFY,
        AMBIGUOUS,
        HELP,
        SEND_CONTENT,
        READY_FOR_TLS,
        CHALLENGE,
        AUTHENTICATION_SUCCEEDED,
        BYE,
        TIMEOUT,
        SHUTDOWN,
        TOO_MANY_ATTEMPTS,
        TOO_MANY_ERRORS,
        UNKNOWN_CHUNK,
        NOT_TLS,
        NOT_HTTP,
        TOO_MANY_RECIPIENTS,
        UNKNOWN_COMMAND,
        BROKEN_LINE,
        LINE_TOO_LONG,
        RESPONSE_TOO_LONG,
        NOT_BASE64,
        BAD_RESPONSE,
        CANCELLED,
        NO_INITIAL_RESPONSE,
        BAD_ARGUMENT,
        BAD_SENDER,
        BAD_RECIPIENT,
        BAD_PARAMETER,
        NOT_IMPLEMENTED,
        OUT_OF_SEQUENCE,
        NO_HELLO,
        NO_MAIL,
        NESTED_MAIL,
        NO_RECIPIENTS,
        NEEDS_BDAT,
        NEEDS_RESET,
        NO_SERVICE,
        TLS_ACTIVE,
        AUTHENTICATED,
        UNKNOWN_MECHANISM,
        NEEDS_AUTHENTICATION,
        NEEDS_STARTTLS,
        NEEDS_ENCRYPTION,
        TOO_LARGE,
        EMPTY_SENDER,
        EMPTY_RECIPIENT,
        NEEDS_SMTPUTF8,
        LONE_LINE_END,
        EARLY_INPUT,
        UNKNOWN_PARAMETER,
    ];

    #[test]
    fn s_107_s_109_fixed_replies_are_well_formed() {
        for fixed in ALL {
            let reply = fixed.reply();
            let again = Reply::new(reply.code(), reply.enhanced(), fixed.text()).unwrap();
            assert_eq!(again, reply);
            assert_eq!(
                reply.enhanced().is_none(),
                reply.code().get() / 100 == 3,
                "{reply}"
            );
            assert_eq!(reply.to_string().trim_end(), fixed.0.trim_end());
        }
    }

    #[test]
    fn what_is_written_is_the_reply() {
        let long = "word ".repeat(300);
        let path = |length| format!("<{}@example.org>", "a".repeat(length));
        let sender: [ReversePath; 2] = [path(5), path(200)].map(|path| path.parse().unwrap());
        let recipient: [ForwardPath; 2] = [path(5), path(200)].map(|path| path.parse().unwrap());
        let host: Host = "mx.example.net".parse().unwrap();
        let senders = sender.iter().map(Subject::Sender);
        let subjects = senders.chain(recipient.iter().map(Subject::Recipient));
        let subjects = subjects.chain([Subject::Host(&host)]);
        let rejection = |text: &str| Rejection::new(451, None, text).unwrap();
        let texts = ["stored as 7Q1", "", "two\nlines", "\u{fc}\r\n250 x", &long];
        let rejections = ["no", "", "two\nlines", &long].map(rejection);
        let greeting = from_host(250, "mx.example.net\nSIZE 5");
        let all = ALL.iter().map(|&fixed| Said::Fixed(fixed));
        let all = all.chain(texts.iter().map(|text| Said::Saying(RESET, text)));
        let all = all.chain(subjects.map(|subject| Said::About(MAIL_ACCEPTED, subject)));
        let all = all.chain(rejections.iter().map(Said::Rejection));
        let all = all.chain([Said::Saying(SEND_CONTENT, "go"), Said::Reply(&greeting)]);
        for said in all {
            let mut right = BytesMut::from("in front");
            let mut out = right.clone();
            wire::encode_reply(&said.reply(), &mut right);
            said.write(&mut out);
            assert_eq!(out, right);
            assert_eq!(said.code(), said.reply().code().get());
        }
    }

    #[test]
    fn s_105_s_108_long_lines_are_split_at_spaces() {
        let text = "word ".repeat(300);
        let reply = Said::Saying(RESET, text.trim_end()).reply();
        assert!(reply.line_count() > 2);
        for line in reply.lines() {
            assert!(line.len() <= 506);
            assert!(line.starts_with(b"2.0.0 word"));
            assert!(line.trim_ascii_end().ends_with(b"word"));
        }
        assert_eq!(reply.text().replace('\n', ""), text.trim_end());
        let reply = Said::Saying(RESET, &"x".repeat(2000)).reply();
        assert_eq!(reply.text().replace('\n', "").len(), 2000);
        assert!(reply.lines().all(|line| line.len() <= 506));
    }

    #[test]
    fn s_110_s_111_text_is_checked_or_sanitised() {
        assert_eq!(sanitised("a\r\x0bü\0\x7f b"), "a????? b");
        for text in ["a\rb", "ü", "\0", "a\tb"] {
            assert_eq!(Rejection::new(550, None, text), Err(ReplyError::Text));
        }
    }

    #[test]
    fn s_107_s_109_rejections_are_negative_and_of_one_class() {
        for code in [0, 199, 250, 354, 399, 460, 600, 999] {
            assert_eq!(Rejection::new(code, None, ""), Err(ReplyError::Code));
        }
        let enhanced = EnhancedCode::new(4, 1, 1);
        assert_eq!(
            Rejection::new(550, enhanced, ""),
            Err(ReplyError::EnhancedCode)
        );
        let rejection = Rejection::new(451, None, "later").unwrap();
        assert_eq!(rejection.reply().to_string(), "451 4.0.0 later");
    }

    #[test]
    fn an_empty_text_is_one_line() {
        assert_eq!(VERIFIED.reply().line_count(), 1);
        assert_eq!(from_host(250, "").line_count(), 1);
    }
}
