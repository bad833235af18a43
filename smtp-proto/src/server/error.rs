//! Failures after which a session cannot go on, and values that cannot be.

use core::fmt;

/// Why a session is at its end. Final: every later
/// [`poll_event`](super::Session::poll_event) returns it again.
///
/// What a client does wrong is not here: it is answered, in the worst case by a
/// 421 and the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The driver handed over input although
    /// [`wants_input`](super::Session::wants_input) said no, and more of it
    /// than is kept for later.
    InputOverflow,
    /// The driver reported the end of a TLS handshake that it was not asked for.
    UnexpectedHandshake,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputOverflow => {
                f.write_str("the driver read on although the server session wanted no input")
            }
            Self::UnexpectedHandshake => {
                f.write_str("the driver reported a TLS handshake that the session did not ask for")
            }
        }
    }
}

impl core::error::Error for Error {}

/// Why there can be no such configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The host has U-labels. It stands in replies that every client reads, so
    /// it has to be given in A-labels (`xn--...`).
    Host,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("the name of the server has to be given in A-labels"),
        }
    }
}

impl core::error::Error for ConfigError {}
