//! Reverse-paths and forward-paths (RFC 5321 section 4.1.2).

use core::{fmt, str::FromStr};

use super::{
    address::{AddressError, Mailbox, ReadMailbox},
    grammar,
    print::Print,
};

/// Where a message came from, and where a report about it would go: the
/// argument of `MAIL FROM:`.
///
/// ```text
/// Reverse-path = Path / "<>"
/// Path         = "<" [ A-d-l ":" ] Mailbox ">"
/// ```
///
/// Parsing takes the mailbox with or without its angle brackets, and drops a
/// source route (`A-d-l`); printing always has the brackets and never a route.
///
/// ```
/// use smtp_proto::types::ReversePath;
///
/// let path: ReversePath = "<@relay.example:alice@example.org>".parse()?;
/// assert_eq!(path.to_string(), "<alice@example.org>");
/// assert_eq!("<>".parse(), Ok(ReversePath::Null));
/// # Ok::<(), smtp_proto::types::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: nobody wants a report (RFC 5321 section 4.5.5).
    Null,
    /// An address.
    Mailbox(Mailbox),
}

/// Where a message is to go: the argument of `RCPT TO:`.
///
/// ```text
/// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
/// ```
///
/// Parsing takes the mailbox with or without its angle brackets, and drops a
/// source route; printing always has the brackets and never a route.
///
/// ```
/// use smtp_proto::types::ForwardPath;
///
/// let path: ForwardPath = "bob@example.net".parse()?;
/// assert_eq!(path.to_string(), "<bob@example.net>");
/// assert_eq!("<POSTMASTER>".parse(), Ok(ForwardPath::Postmaster));
/// # Ok::<(), smtp_proto::types::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>`, without a domain: whoever looks after the server that is
    /// asked (RFC 5321 section 4.5.1).
    Postmaster,
    /// An address.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Whether it can be sent to a server that does not offer `SMTPUTF8`.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
    }

    /// The address, if there is one.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Reads a path in brackets at the start of `text`, and returns what
    /// follows it.
    #[inline]
    pub(crate) fn parse_prefix(text: &str) -> Result<(&str, ReadPath<'_>), AddressError> {
        match text.strip_prefix("<>") {
            Some(rest) => Ok((rest, None)),
            None => parse_path(text),
        }
    }

    /// Keeps what was read.
    #[inline]
    pub(crate) fn keep(read: ReadPath<'_>) -> Self {
        match read {
            None => Self::Null,
            Some(mailbox) => Self::Mailbox(Mailbox::keep(mailbox)),
        }
    }
}

/// A path as it stands in a text: a mailbox, unless it is the one path of its
/// kind that has none.
pub(crate) type ReadPath<'a> = Option<ReadMailbox<'a>>;

impl ForwardPath {
    /// Whether it can be sent to a server that does not offer `SMTPUTF8`.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
    }

    /// The address, if there is one.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Reads a path in brackets at the start of `text`, and returns what
    /// follows it.
    #[inline]
    pub(crate) fn parse_prefix(text: &str) -> Result<(&str, ReadPath<'_>), AddressError> {
        const POSTMASTER: &str = "<Postmaster>";
        match text.split_at_checked(POSTMASTER.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(POSTMASTER) => Ok((rest, None)),
            _ => parse_path(text),
        }
    }

    /// Keeps what was read.
    #[inline]
    pub(crate) fn keep(read: ReadPath<'_>) -> Self {
        match read {
            None => Self::Postmaster,
            Some(mailbox) => Self::Mailbox(Mailbox::keep(mailbox)),
        }
    }
}

/// `Path = "<" [ A-d-l ":" ] Mailbox ">"`, the route read and dropped.
#[inline]
fn parse_path(text: &str) -> Result<(&str, ReadPath<'_>), AddressError> {
    let inner = text.strip_prefix('<').ok_or(AddressError::Path)?;
    let inner = if inner.starts_with('@') {
        grammar::source_route(inner)
            .map_err(|_| AddressError::Path)?
            .0
    } else {
        inner
    };
    let (rest, mailbox) = ReadMailbox::parse_prefix(inner)?;
    let rest = rest.strip_prefix('>').ok_or(AddressError::Path)?;
    Ok((rest, Some(mailbox)))
}

impl From<Mailbox> for ReversePath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl FromStr for ReversePath {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        whole(text, Self::parse_prefix).map(Self::keep)
    }
}

impl FromStr for ForwardPath {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        whole(text, Self::parse_prefix).map(Self::keep)
    }
}

/// Reads a path that is all of `text`, with or without its brackets.
fn whole<'a>(
    text: &'a str,
    parse_prefix: fn(&'a str) -> Result<(&'a str, ReadPath<'a>), AddressError>,
) -> Result<ReadPath<'a>, AddressError> {
    if !text.starts_with('<') {
        return ReadMailbox::parse_whole(text).map(Some);
    }
    match parse_prefix(text)? {
        ("", path) => Ok(path),
        _ => Err(AddressError::Path),
    }
}

impl Print for ReversePath {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Null => out.write_str("<>"),
            Self::Mailbox(mailbox) => print_path(mailbox, out),
        }
    }
}

impl Print for ForwardPath {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Postmaster => out.write_str("<Postmaster>"),
            Self::Mailbox(mailbox) => print_path(mailbox, out),
        }
    }
}

fn print_path(mailbox: &Mailbox, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('<')?;
    mailbox.print(out)?;
    out.write_char('>')
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}
