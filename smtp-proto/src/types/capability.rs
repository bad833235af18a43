//! What a server offers in its reply to EHLO (RFC 5321 section 4.1.1.1).

use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    convert::Infallible,
    fmt::{self, Write},
    str::FromStr,
};

use super::reply::Reply;

/// One line of the reply to EHLO: a keyword, and what follows it.
///
/// ```text
/// ehlo-line    = ehlo-keyword *( SP ehlo-param )
/// ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// ```
///
/// Reading never fails: a keyword that is not typed here, and a line that
/// follows no grammar, is [`Other`](Self::Other). Keywords compare without
/// case, spaces may be doubled, and control characters count as spaces, on
/// reading as on printing: no capability prints as more than one line.
///
/// ```
/// use smtp_proto::types::Capability;
///
/// assert_eq!("size 1000".parse(), Ok(Capability::Size(Some(1000))));
/// assert_eq!("AUTH=LOGIN PLAIN".parse(), "AUTH LOGIN PLAIN".parse::<Capability>());
/// assert_eq!(
///     "X-RCPTLIMIT 100".parse(),
///     Ok(Capability::Other { keyword: "X-RCPTLIMIT".into(), parameters: "100".into() })
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// `8BITMIME` (RFC 6152)
    EightBitMime,
    /// `AUTH`, with its mechanisms in upper case (RFC 4954); also in the old
    /// form `AUTH=`.
    Auth(Vec<String>),
    /// `BINARYMIME` (RFC 3030)
    BinaryMime,
    /// `CHUNKING` (RFC 3030)
    Chunking,
    /// `DSN` (RFC 3461)
    Dsn,
    /// `ENHANCEDSTATUSCODES` (RFC 2034)
    EnhancedStatusCodes,
    /// `ETRN` (RFC 1985)
    Etrn,
    /// `EXPN` (RFC 5321)
    Expn,
    /// `HELP` (RFC 5321)
    Help,
    /// `PIPELINING` (RFC 2920)
    Pipelining,
    /// `REQUIRETLS` (RFC 8689)
    RequireTls,
    /// `SIZE`, with the most octets that a message may have (RFC 1870). `None`
    /// when the number is missing or malformed; `Some(0)` means that there is
    /// no fixed maximum.
    Size(Option<u64>),
    /// `SMTPUTF8` (RFC 6531)
    SmtpUtf8,
    /// `STARTTLS` (RFC 3207)
    StartTls,
    /// `VRFY` (RFC 5321)
    Vrfy,
    /// Anything else, down to a line without a keyword.
    Other {
        /// The first word, as it was given.
        keyword: String,
        /// The rest, with one space between words.
        parameters: String,
    },
}

/// The keywords that mean all that they say without a parameter.
static PLAIN: [(&str, Capability); 13] = [
    ("8BITMIME", Capability::EightBitMime),
    ("BINARYMIME", Capability::BinaryMime),
    ("CHUNKING", Capability::Chunking),
    ("DSN", Capability::Dsn),
    ("ENHANCEDSTATUSCODES", Capability::EnhancedStatusCodes),
    ("ETRN", Capability::Etrn),
    ("EXPN", Capability::Expn),
    ("HELP", Capability::Help),
    ("PIPELINING", Capability::Pipelining),
    ("REQUIRETLS", Capability::RequireTls),
    ("SMTPUTF8", Capability::SmtpUtf8),
    ("STARTTLS", Capability::StartTls),
    ("VRFY", Capability::Vrfy),
];

/// What is not among the [`PLAIN`] ones, in a set.
const AUTH: u32 = 1 << 13;
const SIZE: u32 = 1 << 14;
const OTHER: u32 = 1 << 15;

/// The bit of a keyword that is known, and in upper case; or 0.
#[inline]
fn bit_of(keyword: &str) -> u32 {
    match keyword {
        "8BITMIME" => Capability::EightBitMime.bit(),
        "BINARYMIME" => Capability::BinaryMime.bit(),
        "CHUNKING" => Capability::Chunking.bit(),
        "DSN" => Capability::Dsn.bit(),
        "ENHANCEDSTATUSCODES" => Capability::EnhancedStatusCodes.bit(),
        "ETRN" => Capability::Etrn.bit(),
        "EXPN" => Capability::Expn.bit(),
        "HELP" => Capability::Help.bit(),
        "PIPELINING" => Capability::Pipelining.bit(),
        "REQUIRETLS" => Capability::RequireTls.bit(),
        "SMTPUTF8" => Capability::SmtpUtf8.bit(),
        "STARTTLS" => Capability::StartTls.bit(),
        "VRFY" => Capability::Vrfy.bit(),
        "AUTH" => AUTH,
        "SIZE" => SIZE,
        _ => 0,
    }
}

impl Capability {
    /// The keyword, in upper case where it is known.
    #[must_use]
    pub fn keyword(&self) -> &str {
        match self {
            Self::Auth(_) => "AUTH",
            Self::Size(_) => "SIZE",
            Self::Other { keyword, .. } => keyword,
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
            Self::Chunking => "CHUNKING",
            Self::Dsn => "DSN",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::Etrn => "ETRN",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::Pipelining => "PIPELINING",
            Self::RequireTls => "REQUIRETLS",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::StartTls => "STARTTLS",
            Self::Vrfy => "VRFY",
        }
    }

    /// The bit that stands for it, whatever its parameters, in a set.
    const fn bit(&self) -> u32 {
        match self {
            Self::EightBitMime => 1 << 0,
            Self::BinaryMime => 1 << 1,
            Self::Chunking => 1 << 2,
            Self::Dsn => 1 << 3,
            Self::EnhancedStatusCodes => 1 << 4,
            Self::Etrn => 1 << 5,
            Self::Expn => 1 << 6,
            Self::Help => 1 << 7,
            Self::Pipelining => 1 << 8,
            Self::RequireTls => 1 << 9,
            Self::SmtpUtf8 => 1 << 10,
            Self::StartTls => 1 << 11,
            Self::Vrfy => 1 << 12,
            Self::Auth(_) => AUTH,
            Self::Size(_) => SIZE,
            Self::Other { .. } => OTHER,
        }
    }

    fn read(line: &str) -> Self {
        if let Some(plain) = Self::read_plain(line) {
            return plain;
        }
        let mut words = line
            .split(|c: char| c == ' ' || c.is_control())
            .filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        let parameters: Vec<&str> = words.collect();
        if let Some((_, plain)) = PLAIN
            .iter()
            .find(|(keyword, _)| keyword.eq_ignore_ascii_case(first))
        {
            return plain.clone();
        }
        if first.eq_ignore_ascii_case("SIZE") {
            let digits = parameters
                .first()
                .filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
            return Self::Size(digits.map(|digits| digits.parse().unwrap_or(u64::MAX)));
        }
        let (keyword, glued) = first.split_once('=').unwrap_or((first, ""));
        if keyword.eq_ignore_ascii_case("AUTH") {
            let mechanisms = Some(glued).into_iter().chain(parameters);
            return Self::Auth(
                mechanisms
                    .filter(|name| !name.is_empty())
                    .map(str::to_ascii_uppercase)
                    .collect(),
            );
        }
        Self::Other {
            keyword: first.to_owned(),
            parameters: parameters.join(" "),
        }
    }
}

impl Capability {
    /// Reads a line that begins with one of the [`PLAIN`] keywords, as most do.
    fn read_plain(line: &str) -> Option<Self> {
        let graphic = line.bytes().take_while(u8::is_ascii_graphic).count();
        let word = line.get(..graphic)?;
        // Anything else in US-ASCII is a space, or counts as one.
        if !line.as_bytes().get(graphic).is_none_or(u8::is_ascii) {
            return None;
        }
        let mut all = PLAIN.iter();
        all.find(|(keyword, _)| keyword.eq_ignore_ascii_case(word))
            .map(|(_, plain)| plain.clone())
    }
}

impl FromStr for Capability {
    type Err = Infallible;

    fn from_str(line: &str) -> Result<Self, Infallible> {
        Ok(Self::read(line))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_printable(f, self.keyword())?;
        match self {
            Self::Size(Some(size)) => write!(f, " {size}"),
            Self::Auth(mechanisms) => mechanisms.iter().try_for_each(|name| {
                f.write_str(" ")?;
                write_printable(f, name)
            }),
            Self::Other { parameters, .. } if !parameters.is_empty() => {
                f.write_str(" ")?;
                write_printable(f, parameters)
            }
            _ => Ok(()),
        }
    }
}

/// Writes `text`, which anybody may have put into a capability, on one line.
fn write_printable(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .try_for_each(|c| f.write_char(c))
}

/// Everything that a server offers, typed where it is known, and raw.
///
/// ```
/// use smtp_proto::types::{Capabilities, Capability, Reply, ReplyCode};
///
/// let code = ReplyCode::new(250).unwrap();
/// let reply = Reply::new(code, None, "mx.example.net\nPIPELINING\nSIZE 1000\nXYMCOOKIE")?;
/// let capabilities = Capabilities::from_reply(&reply);
/// assert!(capabilities.has(&Capability::Pipelining));
/// assert_eq!(capabilities.max_size(), Some(1000));
/// assert!(capabilities.offers("xymcookie"));
/// # Ok::<(), smtp_proto::types::ReplyError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    list: Vec<Capability>,
    /// The bits of all in the list: what a session asks for with each message
    /// is not searched for.
    bits: u32,
    raw: Option<Reply>,
}

impl Capabilities {
    /// Reads the reply to EHLO. The first line is the host and a greeting, never
    /// a keyword; a reply whose code is not 250 offers nothing.
    #[must_use]
    pub fn from_reply(reply: &Reply) -> Self {
        let mut all = Self {
            raw: Some(reply.clone()),
            ..Self::default()
        };
        if reply.code().get() == 250 {
            all.list.reserve_exact(reply.line_count() - 1);
            let lines = reply.lines().skip(1);
            all.extend(lines.map(|line| Capability::read(&String::from_utf8_lossy(line))));
        }
        all
    }

    fn extend(&mut self, list: impl Iterator<Item = Capability>) {
        for capability in list {
            self.bits |= capability.bit();
            self.list.push(capability);
        }
    }

    /// All lines, in the order of the server.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.list.iter()
    }

    /// The lines as the octets that came, without the first.
    pub fn raw_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.raw.iter().flat_map(|reply| reply.lines().skip(1))
    }

    /// Whether this very line is offered. Meant for those without a parameter.
    #[must_use]
    #[inline]
    pub fn has(&self, capability: &Capability) -> bool {
        let bit = capability.bit();
        // Those with a parameter may differ in it.
        self.bits & bit != 0 && (bit & (AUTH | SIZE | OTHER) == 0 || self.list.contains(capability))
    }

    /// Whether the keyword is offered, known to this crate or not.
    #[must_use]
    #[inline]
    pub fn offers(&self, keyword: &str) -> bool {
        match bit_of(keyword) {
            bit if self.bits & bit != 0 => true,
            // Who puts a list together may call anything by a known keyword.
            bit if bit != 0 && self.bits & OTHER == 0 => false,
            _ => self.get(keyword).is_some(),
        }
    }

    /// The last line with this keyword.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Capability> {
        self.list
            .iter()
            .rfind(|capability| capability.keyword().eq_ignore_ascii_case(keyword))
    }

    /// The most octets that a message may have; `None` if the server does not
    /// say, or has no fixed maximum.
    #[must_use]
    pub fn max_size(&self) -> Option<u64> {
        if self.bits & SIZE == 0 {
            return None;
        }
        match self.get("SIZE") {
            Some(Capability::Size(size)) => size.filter(|&size| size != 0),
            _ => None,
        }
    }

    /// The mechanisms of all `AUTH` lines, each once, in the order of the
    /// server.
    #[must_use]
    pub fn auth_mechanisms(&self) -> Vec<&str> {
        let names = self.list.iter().filter_map(|capability| match capability {
            Capability::Auth(names) => Some(names),
            _ => None,
        });
        // A server may list thousands of them: no search for each in all.
        let mut seen = BTreeSet::new();
        names
            .flatten()
            .map(String::as_str)
            .filter(|&name| seen.insert(name))
            .collect()
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(list: I) -> Self {
        let mut all = Self::default();
        all.extend(list.into_iter());
        all
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities")
            .field("list", &self.list)
            .field("raw", &self.raw)
            .finish()
    }
}

/// One line each.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.list.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
