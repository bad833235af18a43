//! Domains and address literals (RFC 5321 sections 4.1.2 and 4.1.3).

use alloc::sync::Arc;
use core::{
    fmt,
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::{grammar, print::Print, text::Text};

/// Why a text is not a [`Domain`] or an [`AddressLiteral`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainError {
    /// It does not follow the grammar.
    Syntax,
    /// It is longer than [`Domain::MAX_LEN`] octets.
    TooLong,
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a domain or an address literal",
            Self::TooLong => "a domain longer than 255 octets",
        })
    }
}

impl core::error::Error for DomainError {}

/// A domain name.
///
/// ```text
/// Domain     = sub-domain *("." sub-domain)
/// sub-domain = Let-dig [*(ALPHA / DIGIT / "-") Let-dig]
/// ```
///
/// RFC 6531 adds U-labels, which may go to a server that offers `SMTPUTF8`;
/// [`is_ascii`](Self::is_ascii) tells. Comparison ignores ASCII case; printing
/// keeps it.
///
/// ```
/// use smtp_proto::types::Domain;
///
/// let domain: Domain = "Mail.Example.NET".parse()?;
/// assert_eq!(domain, Domain::new("mail.example.net")?);
/// assert!(Domain::new("under_score.example").is_err());
/// # Ok::<(), smtp_proto::types::DomainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Domain(Text);

impl Domain {
    /// The longest domain, in octets (RFC 5321 section 4.5.3.1.2).
    pub const MAX_LEN: usize = 255;

    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// [`DomainError`] if it does not fit, or is too long.
    pub fn new(text: &str) -> Result<Self, DomainError> {
        if text.len() > Self::MAX_LEN {
            return Err(DomainError::TooLong);
        }
        grammar::whole(grammar::domain, text)
            .map(|text| Self(Text::new(text)))
            .ok_or(DomainError::Syntax)
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name has no U-label, so that any server can take it.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Domain {}

impl Hash for Domain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0.bytes() {
            octet.to_ascii_lowercase().hash(state);
        }
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::new(text)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address in brackets, where a domain could stand.
///
/// ```text
/// address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr /
///                         Standardized-tag ":" 1*dcontent ) "]"
/// ```
///
/// ```
/// use smtp_proto::types::AddressLiteral;
///
/// let literal: AddressLiteral = "[IPv6:2001:db8::1]".parse()?;
/// assert_eq!(literal.to_string(), "[IPv6:2001:db8::1]");
/// assert!("[2001:db8::1]".parse::<AddressLiteral>().is_err());
/// # Ok::<(), smtp_proto::types::DomainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressLiteral {
    /// `[192.0.2.1]`
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`
    V6(Ipv6Addr),
    /// Any other tag. None is registered today.
    General(GeneralLiteral),
}

/// The tag and the content of an address literal that is neither IPv4 nor IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GeneralLiteral {
    tag: Arc<str>,
    content: Arc<str>,
}

impl GeneralLiteral {
    /// The tag, as it was given.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What follows the colon.
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }
}

impl AddressLiteral {
    fn parse_bracketed(inner: &str) -> Option<Self> {
        let Some((tag, content)) = inner.split_once(':') else {
            return inner.parse().ok().map(Self::V4);
        };
        if tag.eq_ignore_ascii_case("IPv6") {
            return content.parse().ok().map(Self::V6);
        }
        let ldh = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        // What looks like the first group of an address is one: its tag was
        // left out.
        let group = tag.len() <= 4 && tag.bytes().all(|b| b.is_ascii_hexdigit());
        let fits = ldh && !group && !tag.ends_with('-') && !content.is_empty();
        fits.then(|| {
            Self::General(GeneralLiteral {
                tag: tag.into(),
                content: content.into(),
            })
        })
    }
}

impl AddressLiteral {
    /// How many octets it is printed in.
    fn printed_len(&self) -> usize {
        let mut length = Length(0);
        // Counting cannot fail.
        let _ = self.print(&mut length);
        length.0
    }
}

struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

impl From<IpAddr> for AddressLiteral {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6(v6),
        }
    }
}

impl FromStr for AddressLiteral {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        if text.len() > Domain::MAX_LEN {
            return Err(DomainError::TooLong);
        }
        grammar::whole(grammar::bracketed, text)
            .and_then(Self::parse_bracketed)
            .ok_or(DomainError::Syntax)
    }
}

impl Print for AddressLiteral {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::V4(address) => write!(out, "[{address}]"),
            Self::V6(address) => write!(out, "[IPv6:{address}]"),
            Self::General(general) => write!(out, "[{}:{}]", general.tag, general.content),
        }
    }
}

impl fmt::Display for AddressLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// A domain or an address literal: how a host names itself and is named.
///
/// ```
/// use smtp_proto::types::Host;
///
/// let by_name: Host = "mx.example.net".parse()?;
/// let by_address: Host = "[192.0.2.1]".parse()?;
/// assert_ne!(by_name, by_address);
/// # Ok::<(), smtp_proto::types::DomainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name.
    Domain(Domain),
    /// An address.
    Literal(AddressLiteral),
}

impl Host {
    /// Whether any server can take it: no U-label.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Domain(domain) => domain.is_ascii(),
            Self::Literal(_) => true,
        }
    }

    /// Keeps what was read.
    #[inline]
    pub(super) fn keep(read: ReadHost<'_>) -> Self {
        match read {
            ReadHost::Domain(name) => Self::Domain(Domain(Text::new(name))),
            ReadHost::Literal(literal) => Self::Literal(literal),
        }
    }

    /// How many octets it is printed in.
    pub(super) fn printed_len(&self) -> usize {
        match self {
            Self::Domain(domain) => domain.as_str().len(),
            Self::Literal(literal) => literal.printed_len(),
        }
    }
}

/// A host as it stands in a text.
pub(super) enum ReadHost<'a> {
    Domain(&'a str),
    Literal(AddressLiteral),
}

impl<'a> ReadHost<'a> {
    /// Reads a host at the start of `text`, and returns what follows it.
    #[inline]
    pub(super) fn parse_prefix(text: &'a str) -> Result<(&'a str, Self), DomainError> {
        let is_literal = text.starts_with('[');
        let (rest, host) = match is_literal {
            true => grammar::address_literal(text),
            false => grammar::domain(text),
        }
        .map_err(|_| DomainError::Syntax)?;
        if host.len() > Domain::MAX_LEN {
            return Err(DomainError::TooLong);
        }
        Ok(match is_literal {
            true => (rest, Self::Literal(host.parse()?)),
            false => (rest, Self::Domain(host)),
        })
    }

    pub(super) fn printed_len(&self) -> usize {
        match self {
            Self::Domain(name) => name.len(),
            Self::Literal(literal) => literal.printed_len(),
        }
    }
}

impl From<Domain> for Host {
    fn from(domain: Domain) -> Self {
        Self::Domain(domain)
    }
}

impl From<AddressLiteral> for Host {
    fn from(literal: AddressLiteral) -> Self {
        Self::Literal(literal)
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Literal(address.into())
    }
}

impl FromStr for Host {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        if text.starts_with('[') {
            text.parse().map(Self::Literal)
        } else {
            text.parse().map(Self::Domain)
        }
    }
}

impl Print for Host {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Domain(domain) => out.write_str(domain.as_str()),
            Self::Literal(literal) => literal.print(out),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}
