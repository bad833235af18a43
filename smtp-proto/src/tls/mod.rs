//! TLS with [rustls], for drivers: whom to trust, who one is, and what went
//! wrong (feature `rustls`).
//!
//! rustls does no I/O either; moving its octets is the driver's part. What is
//! here every driver would have to write, and with the same care: the name that
//! is checked, the facts that a session wants, and errors that people can read.
//!
//! What a client's driver does at [`Event::StartTls`](crate::client::Event::StartTls):
//!
//! ```no_run
//! use std::net::TcpStream;
//! use smtp_proto::{Instant, TlsFailure, client::Session};
//! use smtp_proto::tls::{ClientTls, rustls::ClientConnection};
//!
//! fn shake_hands(
//!     tls: &ClientTls, // made once, by `ClientTls::platform`, say
//!     host: &str,
//!     stream: &mut TcpStream,
//!     session: &mut Session,
//!     now: Instant,
//! ) -> Result<ClientConnection, TlsFailure> {
//!     let made = tls.connection(host).map_err(TlsFailure::from).and_then(|mut connection| {
//!         while connection.is_handshaking() {
//!             // No later than `session.poll_timeout()`: by the time limits of the stream.
//!             connection.complete_io(stream).map_err(|error| TlsFailure::from(&error))?;
//!         }
//!         Ok(connection)
//!     });
//!     match &made {
//!         Ok(connection) => session.handle_tls_established(tls.info(connection), now),
//!         Err(_) => session.handle_tls_failed(now),
//!     }
//!     made // through which the session reads and writes from now on
//! }
//! ```

mod client;
mod failure;
mod info;
mod names;
mod pem;
mod server;
mod side;
mod verifier;

use alloc::sync::Arc;
use core::fmt;
use std::string::String;

pub use client::ClientTls;
pub use names::certificate_names;
pub use rustls;
use rustls::crypto::{CryptoProvider, ring};
pub use server::ServerTls;
pub use side::{ClientSide, ServerSide};

/// What there is of TLS here cannot be configured so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// No certificate in this PEM, or one that cannot be read.
    NoCertificate,
    /// No private key in this PEM, or one that cannot be read; one that is
    /// encrypted cannot.
    NoKey,
    /// The key is not that of the certificate.
    WrongKey,
    /// This cannot be the name of a server: neither a DNS name, in ASCII, nor an
    /// IP address. (`xn--` labels are ASCII; others have to be converted
    /// before.)
    Name(String),
    /// The system has no certificates of authorities, or does not give them.
    NoRoots(String),
    /// [`ServerTls::client_ca_pem`] of a configuration of the caller's own,
    /// which has to say that itself.
    OwnConfiguration,
    /// Anything else that rustls does not like.
    Other(String),
}

impl TlsError {
    fn other(error: impl fmt::Display) -> Self {
        Self::Other(alloc::format!("{error}"))
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("no certificate, in PEM, that can be read"),
            Self::NoKey => {
                f.write_str("no private key, in PEM and not encrypted, that can be read")
            }
            Self::WrongKey => f.write_str("the private key is not that of the certificate"),
            Self::Name(name) if name.is_empty() => {
                f.write_str("no name of the server to check its certificate against")
            }
            Self::Name(name) => write!(
                f,
                "{name:?} is neither a DNS name in ASCII nor an IP address, so that no \
                 certificate can be checked against it"
            ),
            Self::NoRoots(problem) => {
                write!(f, "the system does not say whom to trust: {problem}")
            }
            Self::OwnConfiguration => f.write_str(
                "a complete configuration says itself which certificates of clients it wants",
            ),
            Self::Other(problem) => f.write_str(problem),
        }
    }
}

impl core::error::Error for TlsError {}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
