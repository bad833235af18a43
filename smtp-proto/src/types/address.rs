//! Local parts and mailboxes (RFC 5321 section 4.1.2).

use alloc::borrow::Cow;
use core::{fmt, str::FromStr};

use super::{
    domain::{DomainError, Host, ReadHost},
    grammar,
    print::Print,
    text::Text,
};

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// The local part is empty, or has a character that no local part can have.
    LocalPart,
    /// What follows the `@` is not a domain or an address literal.
    Host(DomainError),
    /// The mailbox is longer than [`Mailbox::MAX_LEN`] octets.
    TooLong,
    /// The angle brackets or the source route around the mailbox are wrong.
    Path,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalPart => f.write_str("not a local part"),
            Self::Host(error) => error.fmt(f),
            Self::TooLong => f.write_str("an address longer than 254 octets"),
            Self::Path => f.write_str("not a path in angle brackets"),
        }
    }
}

impl core::error::Error for AddressError {}

impl From<DomainError> for AddressError {
    fn from(error: DomainError) -> Self {
        Self::Host(error)
    }
}

/// What stands before the `@`.
///
/// ```text
/// Local-part    = Dot-string / Quoted-string
/// Dot-string    = Atom *("." Atom)
/// Quoted-string = DQUOTE *QcontentSMTP DQUOTE
/// ```
///
/// Holds the text that the quoted or unquoted form stands for, so that
/// `"joe"`, `"j\oe"` and `joe` are equal, and prints with the least quoting.
/// Case is kept and counts. An empty local part (`""`), which the grammar of
/// RFC 5321 allows by an oversight (erratum 5414), cannot be made.
///
/// A local part may be longer than [`RECOMMENDED_LEN`](Self::RECOMMENDED_LEN):
/// addresses that encode another address commonly are. A client session
/// refuses to send such a one unless it is configured to.
///
/// ```
/// use smtp_proto::types::LocalPart;
///
/// assert_eq!(LocalPart::new("joe smith")?.to_string(), "\"joe smith\"");
/// assert_eq!("\"j\\oe\"".parse::<LocalPart>()?, LocalPart::new("joe")?);
/// # Ok::<(), smtp_proto::types::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LocalPart {
    text: Text,
    /// Whether it has to be printed in quotes.
    quoted: bool,
}

impl LocalPart {
    /// The longest local part that every server must take, in octets (RFC 5321
    /// section 4.5.3.1.1).
    pub const RECOMMENDED_LEN: usize = 64;

    /// Checks `text`, which is the local part without quotes or backslashes.
    ///
    /// # Errors
    /// [`AddressError`] if it is empty, has a control character, or could not
    /// be part of a [`Mailbox`] for its length.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        if text.len() > Mailbox::MAX_LEN {
            return Err(AddressError::TooLong);
        }
        if text.is_empty() || !grammar::is_local_text(text) {
            return Err(AddressError::LocalPart);
        }
        Ok(Self {
            text: Text::new(text),
            quoted: needs_quotes(text),
        })
    }

    /// Keeps what the grammar found.
    #[inline]
    fn keep(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self {
                text: Text::new(text),
                quoted: false,
            },
            Cow::Owned(text) => Self {
                text: Text::new(&text),
                quoted: needs_quotes(&text),
            },
        }
    }

    /// How many octets it is printed in.
    fn printed_len(&self) -> usize {
        printed_len(&self.text, self.quoted)
    }

    /// The local part without quotes or backslashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether any server can take it, with or without `SMTPUTF8`.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

fn needs_quotes(text: &str) -> bool {
    grammar::whole(grammar::dot_string, text).is_none()
}

fn printed_len(text: &str, quoted: bool) -> usize {
    if !quoted {
        return text.len();
    }
    let escaped = text.bytes().filter(|b| matches!(b, b'"' | b'\\'));
    text.len() + escaped.count() + 2
}

impl FromStr for LocalPart {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = grammar::whole(grammar::local_part, text).ok_or(AddressError::LocalPart)?;
        Self::new(&text)
    }
}

impl Print for LocalPart {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        if !self.quoted {
            return out.write_str(&self.text);
        }
        out.write_char('"')?;
        for c in self.text.chars() {
            if matches!(c, '"' | '\\') {
                out.write_char('\\')?;
            }
            out.write_char(c)?;
        }
        out.write_char('"')
    }
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

impl fmt::Debug for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalPart").field(&self.text).finish()
    }
}

/// An address: `Local-part "@" ( Domain / address-literal )`.
///
/// ```
/// use smtp_proto::types::Mailbox;
///
/// let mailbox: Mailbox = "\"odd > name\"@[192.0.2.1]".parse()?;
/// assert_eq!(mailbox.local_part().as_str(), "odd > name");
/// assert!("a@b>\r\nRCPT TO:<c@d".parse::<Mailbox>().is_err());
/// # Ok::<(), smtp_proto::types::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local_part: LocalPart,
    host: Host,
}

impl Mailbox {
    /// The longest mailbox, in octets as printed: RFC 5321 section 4.5.3.1.3
    /// allows a path 256 with its angle brackets.
    pub const MAX_LEN: usize = 254;

    /// Puts a mailbox together.
    ///
    /// # Errors
    /// [`AddressError::TooLong`] if it would be longer than
    /// [`MAX_LEN`](Self::MAX_LEN).
    pub fn new(local_part: LocalPart, host: Host) -> Result<Self, AddressError> {
        if local_part.printed_len() + 1 + host.printed_len() > Self::MAX_LEN {
            return Err(AddressError::TooLong);
        }
        Ok(Self { local_part, host })
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &LocalPart {
        &self.local_part
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether it can be sent to a server that does not offer `SMTPUTF8`.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.local_part.is_ascii() && self.host.is_ascii()
    }

    /// Keeps what was read.
    #[inline]
    pub(crate) fn keep(read: ReadMailbox<'_>) -> Self {
        Self {
            local_part: LocalPart::keep(read.local_part),
            host: Host::keep(read.host),
        }
    }
}

/// A mailbox as it stands in a text.
///
/// To read all of a line first, and to keep what was read in the end, saves
/// moving whole addresses about.
pub(crate) struct ReadMailbox<'a> {
    /// Without quotes and backslashes, and owned if it had quotes.
    local_part: Cow<'a, str>,
    host: ReadHost<'a>,
}

impl<'a> ReadMailbox<'a> {
    /// Reads a mailbox at the start of `text`, and returns what follows it.
    /// The end is found by parsing, since a quoted local part may hold `@` and
    /// `>`.
    #[inline]
    pub(crate) fn parse_prefix(text: &'a str) -> Result<(&'a str, Self), AddressError> {
        let (rest, local_part) = grammar::local_part(text).map_err(|_| AddressError::LocalPart)?;
        let rest = rest.strip_prefix('@').ok_or(AddressError::LocalPart)?;
        let (rest, host) = ReadHost::parse_prefix(rest)?;
        let local_len = match &local_part {
            Cow::Borrowed(text) => text.len(),
            Cow::Owned(text) if text.is_empty() => return Err(AddressError::LocalPart),
            Cow::Owned(text) => printed_len(text, needs_quotes(text)),
        };
        if local_len + 1 + host.printed_len() > Mailbox::MAX_LEN {
            return Err(AddressError::TooLong);
        }
        Ok((rest, Self { local_part, host }))
    }

    /// Reads a mailbox that is all of `text`.
    pub(super) fn parse_whole(text: &'a str) -> Result<Self, AddressError> {
        match Self::parse_prefix(text)? {
            ("", read) => Ok(read),
            _ => Err(AddressError::Host(DomainError::Syntax)),
        }
    }
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        ReadMailbox::parse_whole(text).map(Self::keep)
    }
}

impl Print for Mailbox {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.local_part.print(out)?;
        out.write_char('@')?;
        self.host.print(out)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}
