//! Why there is no TLS connection.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// Why a connection could not be secured with TLS.
///
/// Told by the driver, which made the handshake; the module `tls` (feature
/// `rustls`) makes one out of the errors of rustls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The certificate is valid, and somebody else's.
    NameMismatch {
        /// The name that was asked for; empty where that is not told.
        asked: String,
        /// Names that the certificate is for, some of them; none where that is
        /// not told.
        presented: Vec<String>,
    },
    /// The certificate is not valid any more.
    Expired,
    /// The certificate is not valid yet; or the clock here is wrong.
    NotValidYet,
    /// The certificate was issued by somebody who is not trusted, or by its
    /// owner.
    UnknownIssuer,
    /// The certificate is not that of a server but of an issuer, which is how
    /// tools make one that is signed by itself unless told otherwise
    /// (`basicConstraints=CA:FALSE`). It is trusted only if it is itself among
    /// the certificates that were given as trusted.
    SelfSigned,
    /// Something else is wrong with the certificate.
    Certificate(String),
    /// The other side closed the connection during the handshake.
    PeerClosed,
    /// The other side took too long. (Of a client, that is the error of its
    /// session: [`ErrorKind::TimedOut`](crate::client::ErrorKind::TimedOut), in
    /// [`Phase::Handshake`](crate::client::Phase::Handshake).)
    TimedOut,
    /// What the other side speaks is not TLS.
    NotTls,
    /// There is no version, or nothing else, that both sides can use.
    Incompatible(String),
    /// The other side gave up, with this alert (RFC 8446 section 6).
    Alert(String),
    /// TLS cannot be had on this side: it is not configured, not built in, or
    /// there is no name to check the certificate against.
    Configuration(String),
    /// Anything else.
    Other(String),
}

impl TlsFailure {
    /// What a driver says that was built without TLS.
    #[must_use]
    pub fn not_built_in() -> Self {
        Self::Configuration("this program was built without TLS".into())
    }

    /// Whether the certificate of the other side is at fault.
    #[must_use]
    pub fn is_of_the_certificate(&self) -> bool {
        matches!(
            self,
            Self::NameMismatch { .. }
                | Self::Expired
                | Self::NotValidYet
                | Self::UnknownIssuer
                | Self::SelfSigned
                | Self::Certificate(_)
        )
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameMismatch { asked, presented } => {
                f.write_str("the certificate is for another name")?;
                if !asked.is_empty() {
                    write!(f, ": asked for {asked}")?;
                }
                for (index, name) in presented.iter().enumerate() {
                    f.write_str(if index == 0 { ", it is for " } else { ", " })?;
                    name.fmt(f)?;
                }
                Ok(())
            }
            Self::Expired => f.write_str("the certificate has expired"),
            Self::NotValidYet => {
                f.write_str("the certificate is not valid yet, or the clock here is wrong")
            }
            Self::UnknownIssuer => {
                f.write_str("the issuer of the certificate is unknown, or not trusted here")
            }
            Self::SelfSigned => f.write_str(
                "the issuer of the certificate is unknown: it is that of an issuer itself \
                 (CA:TRUE), and not of a server",
            ),
            Self::Certificate(problem) => write!(f, "the certificate cannot be used: {problem}"),
            Self::PeerClosed => {
                f.write_str("the other side closed the connection during the handshake")
            }
            Self::TimedOut => f.write_str("the other side took too long for the handshake"),
            Self::NotTls => f.write_str("the other side does not speak TLS here"),
            Self::Incompatible(problem) => {
                write!(f, "the two sides have no TLS in common: {problem}")
            }
            Self::Alert(alert) => write!(f, "the other side gave up the handshake: {alert}"),
            Self::Configuration(problem) | Self::Other(problem) => f.write_str(problem),
        }
    }
}

impl core::error::Error for TlsFailure {}
