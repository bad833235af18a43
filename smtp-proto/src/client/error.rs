//! The two kinds of failure of a client session.

use alloc::boxed::Box;
use core::fmt;

use super::authentication::AuthenticationError;
use crate::{
    types::{Class, LocalPart, ParameterError, Reply},
    wire::ReplyParseError,
};

/// What was going on when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for the greeting.
    Greeting,
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// STARTTLS.
    StartTls,
    /// TLS was being established.
    Handshake,
    /// AUTH, and the exchange that it begins.
    Auth,
    /// Nothing: between two transactions.
    Idle,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The content was on its way.
    Content,
    /// The content had been sent.
    EndOfData,
    /// RSET.
    Rset,
    /// VRFY, EXPN, HELP, NOOP, or a command of the caller's.
    Request,
    /// QUIT.
    Quit,
}

/// As it reads in a sentence: `at RCPT`, `between commands`.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "at the greeting",
            Self::Ehlo => "at EHLO",
            Self::Helo => "at HELO",
            Self::StartTls => "at STARTTLS",
            Self::Handshake => "in the TLS handshake",
            Self::Auth => "at AUTH",
            Self::Idle => "between commands",
            Self::Mail => "at MAIL",
            Self::Rcpt => "at RCPT",
            Self::Data => "at DATA",
            Self::Content => "in the content",
            Self::EndOfData => "at the end of the content",
            Self::Rset => "at RSET",
            Self::Request => "at a command",
            Self::Quit => "at QUIT",
        })
    }
}

/// The session has ended other than by QUIT. Final: the connection cannot be
/// used again.
///
/// What became of each message is told by events before this.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: ErrorKind,
    phase: Phase,
    reply: Option<Reply>,
    is_secured: bool,
    was_grouping: bool,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server refused the session (greeting, EHLO, HELO), or something that
    /// a session cannot go on without (RSET, content before its end).
    Refused,
    /// 421: the server is closing the connection.
    Closing,
    /// The connection ended, or broke.
    ConnectionLost,
    /// The server took too long.
    TimedOut,
    /// What the server sent is not a reply.
    Malformed(ReplyParseError),
    /// A reply that nothing had asked for.
    Unsolicited,
    /// A reply that makes no sense at this place: 3yz where nothing can go on,
    /// or a first digit that no reply has.
    Unexpected,
    /// TLS is required, and the server does not offer `STARTTLS`, or does not
    /// know EHLO.
    TlsNotOffered,
    /// TLS is required, and the server refused `STARTTLS`.
    TlsRefused,
    /// The handshake failed. The driver knows why.
    TlsFailed,
    /// Octets in clear came behind the reply to `STARTTLS`: somebody wants them
    /// to be taken for what the server says inside TLS. Nothing of them was
    /// looked at.
    PlaintextAfterStartTls,
    /// The client could not be authenticated as part of the opening, or the
    /// server could not prove who it is.
    Authentication(AuthenticationError),
    /// The server drops, or refuses, what comes in one group with the end of the
    /// content: the RSET there was not answered in
    /// [`Timeouts::crossing`](super::Timeouts::crossing), or with a 4yz or 5yz
    /// (other than 421). [`Config::after`](super::Config::after) says how to go on.
    /// The message before it has its outcome; those behind it were not sent, or are
    /// in doubt if all of their content had left.
    ///
    /// A server that closes the connection instead cannot be told from one that
    /// was about to: that is [`Closing`](Self::Closing), or
    /// [`ConnectionLost`](Self::ConnectionLost), at phase [`Rset`](Phase::Rset), after
    /// which `Config::after` says the same.
    GroupDropped,
    /// The caller gave up. In the middle of the content nothing but the end of
    /// the connection can tell that to the server.
    Aborted,
}

impl ErrorKind {
    /// Whether the server may still listen, and would know a QUIT for what it is.
    pub(super) const fn leaves_time_to_quit(&self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::TimedOut
                | Self::TlsNotOffered
                | Self::TlsRefused
                | Self::Authentication(_)
        )
    }
}

impl Error {
    pub(super) fn new(
        kind: ErrorKind,
        phase: Phase,
        reply: Option<Reply>,
        is_secured: bool,
        was_grouping: bool,
    ) -> Self {
        Self(Box::new(Parts {
            kind,
            phase,
            reply,
            is_secured,
            was_grouping,
        }))
    }

    /// How the session ended.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What was going on.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What the server said, if it did.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match &self.0.kind {
            ErrorKind::Authentication(error) => error.reply(),
            _ => self.0.reply.as_ref(),
        }
    }

    /// Whether the same may succeed later, at the same host: all but a 5yz to
    /// greeting, EHLO, HELO or STARTTLS, and a failed authentication. (Where a
    /// 5yz comes later, it is about one message, and ends the session for others
    /// that have no part in it.)
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let permanent = |reply: &Reply| reply.class() == Some(Class::PermanentNegative);
        match &self.0.kind {
            ErrorKind::Authentication(error) => error.is_transient(),
            ErrorKind::Refused | ErrorKind::TlsRefused => {
                !(self.is_of_the_opening() && self.reply().is_some_and(permanent))
            }
            _ => true,
        }
    }

    /// Whether it is the turn of another address of the host, or of another
    /// host for the same mail: the session ended before it was open, whatever
    /// was the reason (RFC 5321 section 5.1), so that nothing was sent. Not
    /// after a failed authentication, which counts against the user wherever it
    /// is tried.
    #[must_use]
    pub fn is_of_the_opening(&self) -> bool {
        matches!(
            self.0.phase,
            Phase::Greeting | Phase::Ehlo | Phase::Helo | Phase::StartTls | Phase::Handshake
        ) && !matches!(self.0.kind, ErrorKind::Authentication(_))
    }

    /// Whether the greeting was 521: this host never takes mail (RFC 7504).
    #[must_use]
    pub fn is_host_without_mail(&self) -> bool {
        self.0.phase == Phase::Greeting
            && self.reply().is_some_and(|reply| reply.code().get() == 521)
    }
}

impl Error {
    /// A server that waits for the first octet of TLS says nothing.
    fn is_silence_of_tls(&self) -> bool {
        self.0.phase == Phase::Greeting && self.0.kind == ErrorKind::TimedOut && !self.0.is_secured
    }

    /// A server that does not answer a group of commands may answer one of them.
    pub(super) fn is_silence_behind_a_group(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
            && self.0.was_grouping
            && matches!(self.0.phase, Phase::Mail | Phase::Rcpt | Phase::Data)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.0.phase;
        match &self.0.kind {
            ErrorKind::Refused => write!(f, "refused {phase}"),
            ErrorKind::Closing => write!(f, "the server closed the session {phase}"),
            ErrorKind::ConnectionLost => write!(f, "connection lost {phase}"),
            ErrorKind::TimedOut => write!(f, "the server took too long {phase}"),
            ErrorKind::Malformed(error) => write!(f, "{phase}: {error}"),
            ErrorKind::Unsolicited => write!(f, "a reply to nothing {phase}"),
            ErrorKind::Unexpected => write!(f, "a reply that makes no sense {phase}"),
            ErrorKind::GroupDropped => {
                f.write_str("the server does not take commands in one group with content")
            }
            ErrorKind::TlsNotOffered => {
                f.write_str("TLS is required, and the server does not offer STARTTLS")
            }
            ErrorKind::TlsRefused => f.write_str("TLS is required, and the server refused it"),
            ErrorKind::TlsFailed => f.write_str("TLS could not be established"),
            ErrorKind::PlaintextAfterStartTls => {
                f.write_str("octets in clear came behind the reply to STARTTLS")
            }
            ErrorKind::Authentication(error) => write!(f, "not authenticated: {error}"),
            ErrorKind::Aborted => write!(f, "given up {phase}"),
        }?;
        match &self.0.reply {
            Some(reply) => write!(f, ": {reply}"),
            None if self.is_silence_of_tls() => {
                f.write_str(" (does it expect TLS from the first octet?)")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("phase", &self.0.phase)
            .field("reply", &self.0.reply)
            .finish()
    }
}

impl core::error::Error for Error {}

/// The caller asked for what cannot be. The session is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The session has ended, or QUIT was asked for.
    Closed,
    /// As many requests as [`Config::max_queued`](super::Config::max_queued)
    /// allows wait.
    QueueFull,
    /// A transaction is being put together, and must get its content, or be
    /// reset, first.
    TransactionOpen,
    /// No transaction is being put together: there was none, its content was
    /// asked for, or the server refused it.
    NoTransaction,
    /// The session is authenticated already: it can be once (RFC 4954 section
    /// 4).
    Authenticated,
    /// The session is being authenticated: what to ask next may depend on
    /// whether that succeeds.
    Authenticating,
    /// The transaction has no recipient.
    NoRecipients,
    /// This local part is longer than servers must take, and
    /// [`Config::long_local_parts`](super::Config::long_local_parts) is off.
    LocalPartTooLong(LocalPart),
    /// A parameter that the session writes itself, or one given twice.
    Parameter(ParameterError),
    /// The command line would be longer than any server must take.
    LineTooLong,
    /// The text of a request is not US-ASCII, which VRFY and EXPN may be only
    /// with a parameter that this version does not send (RFC 6531 section
    /// 3.7.4.2), and other commands not at all.
    NotAscii,
    /// The server cannot have this recipient in the open transaction.
    Recipient(super::NotSent),
    /// The content is not such as can be sent.
    Content(super::ContentError),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: &str = match self {
            Self::Closed => "the session has ended",
            Self::QueueFull => "too many requests are queued",
            Self::TransactionOpen => "another transaction is open",
            Self::NoTransaction => "no transaction is open",
            Self::Authenticated => "the session is authenticated already",
            Self::Authenticating => "the session is being authenticated",
            Self::NoRecipients => "a transaction without recipients",
            Self::LocalPartTooLong(local_part) => {
                return write!(f, "a local part longer than 64 octets: {local_part}");
            }
            Self::LineTooLong => "a command line longer than servers take",
            Self::NotAscii => "a request that is not ASCII",
            Self::Parameter(error) => return error.fmt(f),
            Self::Recipient(reason) => return reason.fmt(f),
            Self::Content(error) => return error.fmt(f),
        };
        f.write_str(text)
    }
}

impl core::error::Error for CommandError {}

impl From<ParameterError> for CommandError {
    fn from(error: ParameterError) -> Self {
        Self::Parameter(error)
    }
}

impl From<super::ContentError> for CommandError {
    fn from(error: super::ContentError) -> Self {
        Self::Content(error)
    }
}
