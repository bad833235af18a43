//! The parameters of MAIL and RCPT (RFC 5321 section 4.1.2).

use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use super::grammar;

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
#[derive(Clone, Debug)]
pub struct Parameter {
    keyword: String,
    value: Option<String>,
}

impl Parameter {
    /// Checks keyword and value against the grammar.
    ///
    /// # Errors
    /// [`ParameterError::Syntax`] if one does not fit.
    pub fn new(keyword: &str, value: Option<&str>) -> Result<Self, ParameterError> {
        let keyword_fits = grammar::is_keyword(keyword);
        let value_fits = value.is_none_or(|value| {
            !value.is_empty() && value.chars().all(grammar::is_esmtp_value_char)
        });
        if !keyword_fits || !value_fits {
            return Err(ParameterError::Syntax);
        }
        Ok(Self {
            keyword: keyword.to_string(),
            value: value.map(ToString::to_string),
        })
    }

    /// `SIZE=`: how long the content is, in octets (RFC 1870 section 4).
    #[must_use]
    pub fn size(octets: u64) -> Self {
        Self::fixed("SIZE", Some(octets.to_string()))
    }

    /// `BODY=`: what octets the content has (RFC 6152 section 3).
    #[must_use]
    pub fn body(body: BodyType) -> Self {
        Self::fixed("BODY", Some(body.to_string()))
    }

    /// `SMTPUTF8` (RFC 6531 section 3.4).
    #[must_use]
    pub fn smtputf8() -> Self {
        Self::fixed("SMTPUTF8", None)
    }

    fn fixed(keyword: &str, value: Option<String>) -> Self {
        Self {
            keyword: keyword.to_string(),
            value,
        }
    }

    /// The keyword, as it was given.
    #[must_use]
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// The value, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    fn is(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword)
    }
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.keyword) && self.value == other.value
    }
}

impl Eq for Parameter {}

impl FromStr for Parameter {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        let (keyword, value) =
            grammar::whole(grammar::parameter, text).ok_or(ParameterError::Syntax)?;
        Self::new(keyword, value)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keyword)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
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
    const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

impl fmt::Display for BodyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<Parameter>);

impl Parameters {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`ParameterError::Duplicate`] if its keyword stands in the list already.
    pub fn push(&mut self, parameter: Parameter) -> Result<(), ParameterError> {
        if self.get(&parameter.keyword).is_some() {
            return Err(ParameterError::Duplicate(parameter.keyword));
        }
        self.0.push(parameter);
        Ok(())
    }

    /// The parameter of this keyword.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Parameter> {
        self.0.iter().find(|parameter| parameter.is(keyword))
    }

    /// All of them, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
        let mut parameters = Vec::new();
        // A client may send thousands of them: no search for each in all.
        let mut seen = BTreeSet::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let parameter: Parameter = word.parse()?;
            if !seen.insert(parameter.keyword.to_ascii_uppercase()) {
                return Err(ParameterError::Duplicate(parameter.keyword));
            }
            parameters.push(parameter);
        }
        Ok(Self(parameters))
    }
}

/// Prints each parameter with a space in front of it.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|parameter| write!(f, " {parameter}"))
    }
}
