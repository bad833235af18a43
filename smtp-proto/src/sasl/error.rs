//! Why an exchange cannot go on.

use core::fmt;

/// Why an exchange cannot go on. Shows nothing that was secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A challenge that is not base64 (RFC 4954 section 4).
    NotBase64,
    /// A challenge that the mechanism has no place for, or of a form that it
    /// does not have; the text says what is wrong.
    Challenge(&'static str),
    /// The server does not know what it would have to know: its nonce or its
    /// signature is wrong. It may be somebody else.
    Server(&'static str),
    /// The server refuses, within the exchange: one of the names that RFC 5802
    /// section 7 has for the reasons of SCRAM.
    Refused(&'static str),
    /// The server asks for less than is safe: an answer would help to guess the
    /// password.
    TooWeak(&'static str),
    /// The server says yes before it has proved who it is.
    TooEarly,
    /// A name or password that the mechanism cannot have.
    Credentials(&'static str),
    /// The mechanism wants more of something than is reasonable.
    Excessive(&'static str),
    /// Any other reason, of a mechanism that is not of this crate.
    Other(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64 => f.write_str("a challenge that is not base64"),
            Self::TooEarly => f.write_str("the server accepted too early"),
            Self::Challenge(what) => write!(f, "a challenge that makes no sense: {what}"),
            Self::Server(what) => write!(f, "the server is not who it should be: {what}"),
            Self::Credentials(what) => write!(f, "credentials that cannot be: {what}"),
            Self::Refused(reason) => write!(f, "the server refuses: {reason}"),
            Self::TooWeak(what) => write!(f, "the server asks for too little: {what}"),
            Self::Excessive(what) => write!(f, "the server asks for too much: {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Error {}
