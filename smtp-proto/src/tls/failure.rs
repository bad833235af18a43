//! What the errors of rustls mean.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use std::io::{self, ErrorKind};

use rustls::{CertificateError, Error, InvalidMessage};

use super::{TlsError, verifier::is_of_an_issuer};
use crate::TlsFailure;

/// How many of the names in a certificate are told, and how much of each: they
/// are a stranger's.
const NAMES: usize = 8;
const NAME_LEN: usize = 255;

impl From<&Error> for TlsFailure {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(problem) => of_certificate(problem),
            // The first octet is that of another protocol.
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            Error::AlertReceived(alert) => Self::Alert(in_words(&format!("{alert:?}"))),
            Error::PeerIncompatible(problem) => {
                Self::Incompatible(in_words(&format!("{problem:?}")))
            }
            Error::NoCertificatesPresented => Self::Certificate("there is none".to_owned()),
            error => Self::Other(printable(&error.to_string())),
        }
    }
}

/// An error of the stream below, or one of rustls that a stream has passed on.
impl From<&io::Error> for TlsFailure {
    fn from(error: &io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match (inner, error.kind()) {
            (Some(error), _) => error.into(),
            (
                None,
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::WriteZero,
            ) => Self::PeerClosed,
            (None, _) => Self::Other(error.to_string()),
        }
    }
}

impl From<TlsError> for TlsFailure {
    fn from(error: TlsError) -> Self {
        Self::Configuration(error.to_string())
    }
}

fn of_certificate(problem: &CertificateError) -> TlsFailure {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::NotValidYet
        }
        // One who is trusted has the same name, and another key.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            TlsFailure::UnknownIssuer
        }
        CertificateError::NotValidForName => TlsFailure::NameMismatch {
            asked: String::new(),
            presented: Vec::new(),
        },
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => TlsFailure::NameMismatch {
            asked: expected.to_str().into_owned(),
            presented: presented
                .iter()
                .filter_map(|name| plain_name(name))
                .take(NAMES)
                .collect(),
        },
        // Signed by itself, as tools make it when asked for nothing else.
        problem if is_of_an_issuer(problem) => TlsFailure::SelfSigned,
        // What the verifier of a system says, in its own words.
        CertificateError::Other(error) => TlsFailure::Certificate(printable(&error.0.to_string())),
        problem => TlsFailure::Certificate(printable(&in_words(&problem.to_string()))),
    }
}

/// The name alone, out of what webpki gives: `DnsName("mx.example.net")`,
/// `IpAddress(192.0.2.1)`. What a connection is never checked against is left
/// out.
fn plain_name(name: &str) -> Option<String> {
    let name = name
        .strip_prefix("DnsName(\"")
        .and_then(|name| name.strip_suffix("\")"))
        .or_else(|| name.strip_prefix("IpAddress(")?.strip_suffix(')'))?;
    Some(printable(name))
}

/// What a stranger may have written, fit for a terminal, and not too long.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(NAME_LEN)
        .collect()
}

/// `HandshakeFailure` as `handshake failure`, and `UnknownCA` as `unknown CA`.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    let mut last = ' ';
    let mut characters = name.chars().peekable();
    while let Some(c) = characters.next() {
        let begins = c.is_ascii_uppercase() && !last.is_ascii_uppercase();
        if begins && last.is_ascii_lowercase() {
            words.push(' ');
        }
        let is_a_word = characters.peek().is_some_and(char::is_ascii_lowercase);
        words.push(if begins && is_a_word {
            c.to_ascii_lowercase()
        } else {
            c
        });
        last = c;
    }
    words
}
