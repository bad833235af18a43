//! The parameters of MAIL and RCPT (RFC 5321 section 4.1.2).

use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use arrayvec::{ArrayString, ArrayVec};

use super::{grammar, print::Print, text::Text};

/// Why a parameter, or a list of them, cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterError {
    /// Keyword or value do not follow the grammar.
    Syntax,
    /// The keyword, given here, stands in the list already.
    Duplicate(String),
    /// The value of the known keyword given here is missing or malformed.
    Value(String),
}

impl ParameterError {
    fn duplicate(parameter: &Parameter) -> Self {
        Self::Duplicate(parameter.keyword().to_string())
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("not a parameter"),
            Self::Duplicate(keyword) => write!(f, "{keyword} given twice"),
            Self::Value(keyword) => write!(f, "no valid value for {keyword}"),
        }
    }
}

impl core::error::Error for ParameterError {}

/// One parameter.
///
/// ```text
/// esmtp-param   = esmtp-keyword ["=" esmtp-value]
/// esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// esmtp-value   = 1*(%d33-60 / %d62-126)
/// ```
///
/// The form is open, for extensions that this crate does not know, and checked:
/// no space, no control character, no `=` in the value. Keywords compare
/// without case, values with it. RFC 6531 lets a value be UTF-8.
///
/// ```
/// use smtp_proto::types::{BodyType, Parameter};
///
/// assert_eq!(Parameter::size(1000).to_string(), "SIZE=1000");
/// assert_eq!(Parameter::body(BodyType::EightBitMime).to_string(), "BODY=8BITMIME");
/// assert_eq!(Parameter::new("RET", Some("HDRS"))?.to_string(), "RET=HDRS");
/// assert!(Parameter::new("RET", Some("HDRS X=1")).is_err());
/// # Ok::<(), smtp_proto::types::ParameterError>(())
/// ```
#[derive(Clone)]
pub struct Parameter(Text);

impl Parameter {
    /// Checks keyword and value against the grammar.
    ///
    /// # Errors
    /// [`ParameterError::Syntax`] if one does not fit.
    pub fn new(keyword: &str, value: Option<&str>) -> Result<Self, ParameterError> {
        if !grammar::is_keyword(keyword) || !value.is_none_or(grammar::is_esmtp_value) {
            return Err(ParameterError::Syntax);
        }
        Ok(Self(match value {
            Some(value) => Text::new(&[keyword, "=", value].concat()),
            None => Text::new(keyword),
        }))
    }

    /// `SIZE=`: how long the content is, in octets (RFC 1870 section 4).
    #[must_use]
    pub fn size(octets: u64) -> Self {
        let mut text = ArrayString::from("SIZE=").unwrap_or_default();
        text.push_str(itoa::Buffer::new().format(octets));
        Self(Text::Short(text))
    }

    /// `BODY=`: what octets the content has (RFC 6152 section 3).
    #[must_use]
    pub fn body(body: BodyType) -> Self {
        Self(Text::new(match body {
            BodyType::SevenBit => "BODY=7BIT",
            BodyType::EightBitMime => "BODY=8BITMIME",
            BodyType::BinaryMime => "BODY=BINARYMIME",
        }))
    }

    /// `SMTPUTF8` (RFC 6531 section 3.4).
    #[must_use]
    pub fn smtputf8() -> Self {
        Self(Text::new("SMTPUTF8"))
    }

    /// The keyword, as it was given.
    #[must_use]
    pub fn keyword(&self) -> &str {
        self.parts().0
    }

    /// The value, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.parts().1
    }

    /// No `=` can stand in either.
    fn parts(&self) -> (&str, Option<&str>) {
        let end = self.0.bytes().position(|octet| octet == b'=');
        match self.0.split_at_checked(end.unwrap_or(self.0.len())) {
            Some((keyword, value)) => (keyword, value.get(1..)),
            None => (&self.0, None),
        }
    }

    fn is(&self, keyword: &str) -> bool {
        match self.0.split_at_checked(keyword.len()) {
            Some((start, rest)) => {
                start.eq_ignore_ascii_case(keyword) && (rest.is_empty() || rest.starts_with('='))
            }
            None => false,
        }
    }
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.keyword()) && self.value() == other.value()
    }
}

impl Eq for Parameter {}

impl FromStr for Parameter {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        grammar::whole(grammar::parameter, text)
            .map(|text| Self(Text::new(text)))
            .ok_or(ParameterError::Syntax)
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (keyword, value) = self.parts();
        f.debug_struct("Parameter")
            .field("keyword", &keyword)
            .field("value", &value)
            .finish()
    }
}

impl Print for Parameter {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// What octets a message consists of: the value of `BODY=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BodyType {
    /// `7BIT`: none above 127.
    SevenBit,
    /// `8BITMIME`: lines of any octets, in a MIME message (RFC 6152).
    EightBitMime,
    /// `BINARYMIME`: any octets at all (RFC 3030).
    BinaryMime,
}

impl FromStr for BodyType {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        [Self::SevenBit, Self::EightBitMime, Self::BinaryMime]
            .into_iter()
            .find(|body| text.eq_ignore_ascii_case(body.as_str()))
            .ok_or_else(|| ParameterError::Value("BODY".to_string()))
    }
}

impl BodyType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

impl Print for BodyType {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for BodyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// The parameters of one MAIL or RCPT command, no keyword twice.
///
/// ```
/// use smtp_proto::types::{Parameter, Parameters};
///
/// let mut parameters = Parameters::new();
/// parameters.push(Parameter::size(1000))?;
/// assert_eq!(parameters.size(), Ok(Some(1000)));
/// assert!(parameters.push("size=1".parse()?).is_err());
/// # Ok::<(), smtp_proto::types::ParameterError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// As many as most commands have.
    few: ArrayVec<Parameter, FEW>,
    /// All others.
    more: Vec<Parameter>,
}

/// How many parameters need no allocation: those of the extensions that most
/// servers have, `SIZE`, `BODY` and `SMTPUTF8`.
const FEW: usize = 3;

impl Parameters {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            few: ArrayVec::new_const(),
            more: Vec::new(),
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`ParameterError::Duplicate`] if its keyword stands in the list already.
    pub fn push(&mut self, parameter: Parameter) -> Result<(), ParameterError> {
        if self.get(parameter.keyword()).is_some() {
            return Err(ParameterError::duplicate(&parameter));
        }
        if let Err(full) = self.few.try_push(parameter) {
            self.more.push(full.element());
        }
        Ok(())
    }

    /// The parameter of this keyword.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Parameter> {
        self.iter().find(|parameter| parameter.is(keyword))
    }

    /// All of them, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.few.iter().chain(&self.more)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.few.is_empty()
    }

    /// The value of `SIZE=`. More than 64 bits can hold is the most that they
    /// can.
    ///
    /// # Errors
    /// [`ParameterError::Value`] unless it is of 1 to 20 digits.
    pub fn size(&self) -> Result<Option<u64>, ParameterError> {
        let Some(parameter) = self.get("SIZE") else {
            return Ok(None);
        };
        let digits = parameter
            .value()
            .filter(|value| value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| ParameterError::Value("SIZE".to_string()))?;
        Ok(Some(digits.parse().unwrap_or(u64::MAX)))
    }

    /// The value of `BODY=`.
    ///
    /// # Errors
    /// [`ParameterError::Value`] unless it is a [`BodyType`].
    pub fn body(&self) -> Result<Option<BodyType>, ParameterError> {
        self.get("BODY")
            .map(|parameter| parameter.value().unwrap_or_default().parse())
            .transpose()
    }
}

impl FromStr for Parameters {
    type Err = ParameterError;

    /// Reads parameters with spaces between them.
    fn from_str(text: &str) -> Result<Self, ParameterError> {
        let mut parameters = Self::new();
        let mut rest = grammar::skip_spaces(text);
        while !rest.is_empty() {
            let parameter;
            (rest, parameter) = read(rest)?;
            parameters.push(parameter)?;
            if parameters.few.is_full() {
                parameters.read_more(rest)?;
                break;
            }
        }
        Ok(parameters)
    }
}

impl Parameters {
    /// A client may send thousands of them: no search for each in all.
    fn read_more(&mut self, mut rest: &str) -> Result<(), ParameterError> {
        let upper = |parameter: &Parameter| parameter.keyword().to_ascii_uppercase();
        let mut seen: BTreeSet<_> = match rest {
            "" => return Ok(()),
            _ => self.few.iter().map(upper).collect(),
        };
        while !rest.is_empty() {
            let parameter;
            (rest, parameter) = read(rest)?;
            if !seen.insert(upper(&parameter)) {
                return Err(ParameterError::duplicate(&parameter));
            }
            self.more.push(parameter);
        }
        Ok(())
    }
}

/// A parameter at the start of `text`, behind what follows it and a space.
#[inline]
fn read(text: &str) -> Result<(&str, Parameter), ParameterError> {
    let (behind, parameter) = grammar::parameter(text).map_err(|_| ParameterError::Syntax)?;
    let rest = grammar::skip_spaces(behind);
    if rest.len() == behind.len() && !rest.is_empty() {
        return Err(ParameterError::Syntax);
    }
    Ok((rest, Parameter(Text::new(parameter))))
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters(")?;
        f.debug_list().entries(self.iter()).finish()?;
        f.write_str(")")
    }
}

/// Prints each parameter with a space in front of it.
impl Print for Parameters {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.iter().try_for_each(|parameter| {
            out.write_char(' ')?;
            parameter.print(out)
        })
    }
}

/// Prints each parameter with a space in front of it.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}
