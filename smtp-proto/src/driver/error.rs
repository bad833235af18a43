//! What can go wrong with a connection.

use std::{boxed::Box, error, fmt, io};

use super::ConnectError;
use crate::{
    TlsFailure,
    client::{self, AuthenticationError, CommandError, Outcome, Phase},
    types::Reply,
};

/// Why a connection could not do something.
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
    /// TLS could not be established. The connection cannot be used again, and
    /// nothing was said over it that had to be protected.
    Tls {
        /// Why.
        failure: TlsFailure,
        /// How the session ended.
        error: client::Error,
    },
    /// The request cannot be made. The connection can be used as before.
    Command(CommandError),
    /// A command was refused on which the rest depends. The connection can be
    /// used as before.
    Refused {
        /// Which.
        phase: Phase,
        /// What the server said.
        reply: Box<Reply>,
    },
    /// The client could not be authenticated. The connection can be used as
    /// before.
    NotAuthenticated(AuthenticationError),
    /// The server cannot have the message, so that nothing was sent. The outcome
    /// tells why.
    NotSent(Box<Outcome>),
    /// A transaction without content was given to a method that does not ask
    /// for it. The connection can be used as before.
    NoContent,
    /// A transaction that has content was given to a method that asks for it.
    /// The connection can be used as before.
    HasContent,
    /// As many connections as a pool may have were in use for longer than was to
    /// be waited. Nothing was sent.
    PoolExhausted,
    /// The caller could not supply the content. What there was of it is
    /// delivered to nobody, and the connection cannot be used again: the server
    /// cannot be told otherwise.
    Content {
        /// What the caller, or the policy for content, says.
        error: io::Error,
        /// What became of the message. If the server takes the recipients in
        /// more than one transaction, some may have got it in an earlier one.
        outcome: Box<Outcome>,
    },
}

impl Error {
    /// What was going on, if there was a session.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Refused { phase, .. } => Some(*phase),
            Self::NotAuthenticated(_) => Some(Phase::Auth),
            error => error.session().map(client::Error::phase),
        }
    }

    /// What the server said, if it did.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Session { error, .. } | Self::Tls { error, .. } => error.reply(),
            Self::Refused { reply, .. } => Some(reply),
            Self::NotAuthenticated(error) => error.reply(),
            Self::NotSent(outcome) | Self::Content { outcome, .. } => outcome.fate().reply(),
            _ => None,
        }
    }

    /// Whether a message of which this came over a connection that had been used
    /// before may be sent again, over a new one: nothing can have come of it.
    /// Never if its fate is in doubt.
    #[must_use]
    pub fn permits_another_try(sent: &Result<Outcome, Self>) -> bool {
        match sent {
            Ok(outcome) => outcome.may_be_sent_again(),
            // The session had ended before the message was asked to be sent: what
            // ends later is told by the outcome.
            Err(error) => matches!(error, Self::Session { .. }),
        }
    }

    /// How the session ended, if that is what happened.
    #[must_use]
    pub fn session(&self) -> Option<&client::Error> {
        match self {
            Self::Session { error, .. } | Self::Tls { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the server would not have the session, so that another address of
    /// the same host may be tried.
    #[must_use]
    pub fn is_of_the_opening(&self) -> bool {
        self.session().is_some_and(client::Error::is_of_the_opening)
    }

    /// Whether the connection can be used as before.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        !matches!(
            self,
            Self::Connect(_) | Self::Session { .. } | Self::Tls { .. } | Self::Content { .. }
        )
    }
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
            Self::Tls { failure, error } => write!(f, "{error}: {failure}"),
            Self::Command(error) => error.fmt(f),
            Self::NotAuthenticated(error) => write!(f, "not authenticated: {error}"),
            Self::Refused { phase, reply } => write!(f, "refused {phase}: {reply}"),
            Self::NotSent(outcome) => outcome.fate().fmt(f),
            Self::NoContent => f.write_str("a transaction without content"),
            Self::HasContent => f.write_str("a transaction with content, where it is written"),
            Self::PoolExhausted => f.write_str("every connection of the pool is in use"),
            Self::Content { error, .. } => write!(f, "no content: {error}"),
        }
    }
}

/// The source is what is behind that which is printed already.
impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Connect(error) => error.source(),
            Self::Content { error, .. } => error.source(),
            _ => None,
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
