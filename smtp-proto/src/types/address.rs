//! Local parts and mailboxes (RFC 5321 section 4.1.2).

use alloc::{borrow::ToOwned, string::String};
use core::{fmt, str::FromStr};

use nom::Parser;

use super::{
    domain::{Domain, DomainError, Host},
    grammar,
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalPart(String);

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
        if text.is_empty() || !text.chars().all(grammar::is_local_char) {
            return Err(AddressError::LocalPart);
        }
        Ok(Self(text.to_owned()))
    }

    /// The local part without quotes or backslashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether any server can take it, with or without `SMTPUTF8`.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

impl FromStr for LocalPart {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = grammar::whole(grammar::local_part, text).ok_or(AddressError::LocalPart)?;
        Self::new(&text)
    }
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if grammar::whole(grammar::dot_string, &self.0).is_some() {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
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
        let mailbox = Self { local_part, host };
        let mut length = Length(0);
        // Counting cannot fail.
        let _ = fmt::write(&mut length, format_args!("{mailbox}"));
        if length.0 > Self::MAX_LEN {
            return Err(AddressError::TooLong);
        }
        Ok(mailbox)
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

    /// Reads a mailbox at the start of `text`, and returns what follows it.
    /// The end is found by parsing, since a quoted local part may hold `@` and
    /// `>`.
    pub(crate) fn parse_prefix(text: &str) -> Result<(&str, Self), AddressError> {
        let (rest, local_part) = grammar::local_part
            .parse(text)
            .map_err(|_| AddressError::LocalPart)?;
        let rest = rest.strip_prefix('@').ok_or(AddressError::LocalPart)?;
        let parsed = if rest.starts_with('[') {
            nom::combinator::recognize(grammar::bracketed).parse(rest)
        } else {
            grammar::domain(rest)
        };
        let (rest, host) = parsed.map_err(|_| DomainError::Syntax)?;
        if host.len() > Domain::MAX_LEN {
            return Err(AddressError::Host(DomainError::TooLong));
        }
        Ok((
            rest,
            Self::new(LocalPart::new(&local_part)?, host.parse()?)?,
        ))
    }
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match Self::parse_prefix(text)? {
            ("", mailbox) => Ok(mailbox),
            _ => Err(AddressError::Host(DomainError::Syntax)),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.host)
    }
}

struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
