//! What can go wrong.

use std::{error, fmt, io};

use smtp_proto::{
    client::{self, CommandError, Outcome, Phase},
    types::Reply,
};

use crate::ConnectError;

/// Why something could not be done.
///
/// That a message was refused is none of these: it is an
/// [`Outcome`](client::Outcome).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No connection could be made.
    Connect(ConnectError),
    /// The session has ended. The connection cannot be used again.
    Session {
        /// How it ended.
        error: client::Error,
        /// What broke the connection, if it was the stream.
        cause: Option<io::Error>,
    },
    /// The request cannot be made. The connection can be used as before.
    Command(CommandError),
    /// A command was refused on which the rest depends. The connection can be
    /// used as before.
    Refused {
        /// Which.
        phase: Phase,
        /// What the server said.
        reply: Reply,
    },
    /// The server cannot have the message, so that nothing was sent. The outcome
    /// tells why.
    NotSent(Outcome),
    /// [`Connection::send`](crate::Connection::send) was given a transaction
    /// without content. The connection can be used as before.
    NoContent,
    /// The caller could not supply the content. What there was of it is
    /// delivered to nobody, and the connection cannot be used again: the server
    /// cannot be told otherwise.
    Content {
        /// What the caller, or the policy for content, says.
        error: io::Error,
        /// What became of the message. If the server takes the recipients in
        /// more than one transaction, some may have got it in an earlier one.
        outcome: Outcome,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Session { error, cause: None } => error.fmt(f),
            Self::Session {
                error,
                cause: Some(cause),
            } => write!(f, "{error} ({cause})"),
            Self::Command(error) => error.fmt(f),
            Self::Refused { phase, reply } => write!(f, "refused {phase}: {reply}"),
            Self::NotSent(outcome) => outcome.fate().fmt(f),
            Self::NoContent => f.write_str("a transaction without content"),
            Self::Content { error, .. } => write!(f, "no content: {error}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Session { error, .. } => Some(error),
            Self::Command(error) => Some(error),
            Self::Content { error, .. } => Some(error),
            Self::Refused { .. } | Self::NotSent(_) | Self::NoContent => None,
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}
