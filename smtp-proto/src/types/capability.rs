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

/// What has a parameter, in a set.
const AUTH: u32 = 1 << 1;
const SIZE: u32 = 1 << 11;
const OTHER: u32 = 1 << 15;

/// The bit of a keyword that is known, and in upper case; or 0.
#[inline]
fn bit_of(keyword: &[u8]) -> u32 {
    match keyword {
        b"AUTH" => AUTH,
        b"SIZE" => SIZE,
        _ => Capability::plain(keyword).map_or(0, |plain| plain.bit()),
    }
}

/// The same in any case.
fn bit_in_any_case(keyword: &[u8]) -> u32 {
    let mut upper = [0; MAX_KNOWN];
    let Some(upper) = upper.get_mut(..keyword.len()) else {
        return 0;
    };
    upper.copy_from_slice(keyword);
    upper.make_ascii_uppercase();
    bit_of(upper)
}

/// The longest keyword that is known, `ENHANCEDSTATUSCODES`.
const MAX_KNOWN: usize = 19;

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
            Self::Auth(_) => AUTH,
            Self::BinaryMime => 1 << 2,
            Self::Chunking => 1 << 3,
            Self::Dsn => 1 << 4,
            Self::EnhancedStatusCodes => 1 << 5,
            Self::Etrn => 1 << 6,
            Self::Expn => 1 << 7,
            Self::Help => 1 << 8,
            Self::Pipelining => 1 << 9,
            Self::RequireTls => 1 << 10,
            Self::Size(_) => SIZE,
            Self::SmtpUtf8 => 1 << 12,
            Self::StartTls => 1 << 13,
            Self::Vrfy => 1 << 14,
            Self::Other { .. } => OTHER,
        }
    }

    /// The capability that means all that it says without a parameter, by its
    /// keyword in upper case.
    #[inline(always)]
    fn plain(keyword: &[u8]) -> Option<Self> {
        Some(match keyword {
            b"8BITMIME" => Self::EightBitMime,
            b"BINARYMIME" => Self::BinaryMime,
            b"CHUNKING" => Self::Chunking,
            b"DSN" => Self::Dsn,
            b"ENHANCEDSTATUSCODES" => Self::EnhancedStatusCodes,
            b"ETRN" => Self::Etrn,
            b"EXPN" => Self::Expn,
            b"HELP" => Self::Help,
            b"PIPELINING" => Self::Pipelining,
            b"REQUIRETLS" => Self::RequireTls,
            b"SMTPUTF8" => Self::SmtpUtf8,
            b"STARTTLS" => Self::StartTls,
            b"VRFY" => Self::Vrfy,
            _ => return None,
        })
    }

    /// Reads a line, at once if it has the form that nearly all have.
    #[inline(always)]
    fn read(line: &[u8]) -> Self {
        let read = match line {
            [b'S', b'I', b'Z', b'E', b' ', digits @ ..] => {
                read_digits(digits).map(|size| Self::Size(Some(size)))
            }
            [b'A', b'U', b'T', b'H', b' ', names @ ..] => read_names(names).map(Self::Auth),
            _ => Self::plain(line),
        };
        read.unwrap_or_else(|| Self::read_octets(line))
    }

    #[inline(never)]
    fn read_octets(line: &[u8]) -> Self {
        match str::from_utf8(line) {
            Ok(line) => Self::read_any(line),
            Err(_) => Self::read_any(&String::from_utf8_lossy(line)),
        }
    }

    fn read_any(line: &str) -> Self {
        let mut words = line
            .split(|c: char| c == ' ' || c.is_control())
            .filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        if first.len() <= MAX_KNOWN
            && let Some(plain) = Self::plain(first.to_ascii_uppercase().as_bytes())
        {
            return plain;
        }
        if first.eq_ignore_ascii_case("SIZE") {
            let size = words.next().and_then(|word| read_digits(word.as_bytes()));
            return Self::Size(size);
        }
        let (keyword, glued) = first.split_once('=').unwrap_or((first, ""));
        if keyword.eq_ignore_ascii_case("AUTH") {
            let mechanisms = Some(glued).into_iter().chain(words);
            return Self::Auth(
                mechanisms
                    .filter(|name| !name.is_empty())
                    .map(str::to_ascii_uppercase)
                    .collect(),
            );
        }
        let mut parameters = String::new();
        for word in words {
            if !parameters.is_empty() {
                parameters.push(' ');
            }
            parameters.push_str(word);
        }
        Self::Other {
            keyword: first.to_owned(),
            parameters,
        }
    }
}

/// `1*DIGIT`, however large.
#[inline]
fn read_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |octet: &u8| u64::from(octet & 0x0f);
    if digits.len() < 20 {
        // No overflow.
        let number = digits.iter().fold(0_u64, |number, octet| {
            number.wrapping_mul(10).wrapping_add(digit(octet))
        });
        return Some(number);
    }
    Some(digits.iter().fold(0_u64, |number, octet| {
        number.saturating_mul(10).saturating_add(digit(octet))
    }))
}

/// Names in upper case with one space between two, as most servers send them.
#[inline(never)]
fn read_names(names: &[u8]) -> Option<Vec<String>> {
    let mut rest = str::from_utf8(names).ok()?;
    let mut all = Vec::with_capacity(USUAL_NAMES);
    loop {
        let end = rest
            .bytes()
            .position(|b| !b.is_ascii_graphic() || b.is_ascii_lowercase());
        let (name, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        if name.is_empty() {
            return None;
        }
        all.push(name.to_owned());
        if behind.is_empty() {
            return Some(all);
        }
        rest = behind.strip_prefix(' ')?;
    }
}

/// How many lines most servers have at most.
const USUAL_LINES: usize = 12;

/// How many mechanisms of AUTH most servers have at most.
const USUAL_NAMES: usize = 4;

impl FromStr for Capability {
    type Err = Infallible;

    fn from_str(line: &str) -> Result<Self, Infallible> {
        Ok(Self::read(line.as_bytes()))
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
    /// What the last `SIZE` in the list says, which each message asks for.
    max_size: Option<u64>,
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
            all.list.reserve_exact(USUAL_LINES);
            let mut lines = reply.lines();
            lines.next();
            for line in lines {
                all.push(Capability::read(line));
            }
        }
        all
    }

    /// The same without these keywords. The octets that came are kept.
    #[must_use]
    pub fn without(self, keywords: &[impl AsRef<str>]) -> Self {
        if keywords.is_empty() {
            return self;
        }
        let is_meant = |capability: &Capability| {
            let mut keywords = keywords.iter().map(AsRef::as_ref);
            keywords.any(|keyword| keyword.eq_ignore_ascii_case(capability.keyword()))
        };
        let mut left = Self {
            raw: self.raw,
            ..Self::default()
        };
        for capability in self.list {
            if !is_meant(&capability) {
                left.push(capability);
            }
        }
        left
    }

    #[inline]
    fn push(&mut self, capability: Capability) {
        self.bits |= capability.bit();
        if matches!(capability, Capability::Size(_) | Capability::Other { .. }) {
            self.note_size(&capability);
        }
        self.list.push(capability);
    }

    #[inline(never)]
    fn note_size(&mut self, capability: &Capability) {
        match capability {
            Capability::Size(size) => self.max_size = size.filter(|&size| size != 0),
            // Who puts a list together may call anything by a known keyword.
            other if other.keyword().eq_ignore_ascii_case("SIZE") => self.max_size = None,
            _ => {}
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
        let bit = bit_of(keyword.as_bytes());
        self.bits & bit != 0 || (bit == 0 || self.bits & OTHER != 0) && self.offers_other(keyword)
    }

    /// As [`offers`](Self::offers), in any case. Who puts a list together may call
    /// anything by a known keyword.
    fn offers_other(&self, keyword: &str) -> bool {
        let bit = bit_in_any_case(keyword.as_bytes());
        self.bits & bit != 0 || self.bits & OTHER != 0 && self.get(keyword).is_some()
    }

    /// The last line with this keyword.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Capability> {
        self.list
            .iter()
            .rfind(|capability| capability.keyword().eq_ignore_ascii_case(keyword))
    }

    /// A limit that the server tells by this name in `LIMITS`: `MAILMAX`, `RCPTMAX` or
    /// `RCPTDOMAINMAX` (RFC 9422). `None` if it does not, or what it tells is no
    /// number above 0.
    ///
    /// ```
    /// use smtp_proto::types::{Capabilities, Reply, ReplyCode};
    ///
    /// let code = ReplyCode::new(250).unwrap();
    /// let reply = Reply::new(code, None, "mx.example.net\nLIMITS MAILMAX=20 RCPTMAX=100")?;
    /// let capabilities = Capabilities::from_reply(&reply);
    /// assert_eq!(capabilities.limit("MAILMAX"), Some(20));
    /// # Ok::<(), smtp_proto::types::ReplyError>(())
    /// ```
    #[must_use]
    pub fn limit(&self, name: &str) -> Option<u64> {
        let Some(Capability::Other { parameters, .. }) = self.get("LIMITS") else {
            return None;
        };
        let value = parameters.split(' ').find_map(|limit| {
            let (known, value) = limit.split_once('=')?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })?;
        read_digits(value.as_bytes()).filter(|&number| number > 0)
    }

    /// The most octets that a message may have; `None` if the server does not
    /// say, or has no fixed maximum.
    #[must_use]
    #[inline]
    pub const fn max_size(&self) -> Option<u64> {
        self.max_size
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
        list.into_iter().for_each(|capability| all.push(capability));
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
