//! What can go wrong.

use std::{error, fmt};

use smtp_proto::client::{self, CommandError};

/// Why something could not be done. That a message was refused is none of
/// these: it is an [`Outcome`](client::Outcome).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The session has ended. The connection cannot be used again.
    Session(client::Error),
    /// The request cannot be made. The connection can be used as before.
    Command(CommandError),
    /// The transaction has no content. The connection can be used as before.
    NoContent,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(error) => error.fmt(f),
            Self::Command(error) => error.fmt(f),
            Self::NoContent => f.write_str("a transaction without content"),
        }
    }
}

impl error::Error for Error {}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::Session(error)
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}
