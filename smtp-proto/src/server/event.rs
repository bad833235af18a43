//! What a session tells its driver and asks the application.

use core::fmt;

use super::authenticate::Authenticate;
use super::question::{Data, Expand, Hello, Mail, Message, Rcpt, Verify};

/// What a session tells and asks. The questions are values that take an answer;
/// one that is dropped without is asked again, and meanwhile nothing that the
/// client sent is looked at. (So whoever drops one and polls on at once goes
/// round in circles. No question that a later version adds is asked unless the
/// [`Config`](super::Config) says so.)
#[non_exhaustive]
pub enum Event<'a> {
    /// The client says who it is (EHLO, HELO).
    Hello(Hello<'a>),
    /// The client wants to authenticate (AUTH); only if
    /// [`Config::authentication`](super::Config::authentication) says so.
    Authenticate(Authenticate<'a>),
    /// The client wants to begin a transaction (MAIL).
    Mail(Mail<'a>),
    /// The client names a recipient (RCPT).
    Rcpt(Rcpt<'a>),
    /// The client wants to send the content (DATA), or has begun to (BDAT).
    Data(Data<'a>),
    /// A slice of the content, the dots that transparency adds taken off. It
    /// ends anywhere, and is never empty. Chunks are told apart by nothing.
    Content(&'a [u8]),
    /// The content is complete. To accept it is to take over responsibility
    /// (RFC 5321 section 6.1).
    Message(Message<'a>),
    /// The client wants to know whether there is such a user (VRFY); only if
    /// [`Config::ask_verify`](super::Config::ask_verify) says so.
    Verify(Verify<'a>),
    /// The client wants to know who is on a list (EXPN); only if
    /// [`Config::ask_expand`](super::Config::ask_expand) says so.
    Expand(Expand<'a>),
    /// TLS begins: the driver performs the handshake, and reports with
    /// [`handle_tls_established`](super::Session::handle_tls_established) or
    /// [`handle_tls_failed`](super::Session::handle_tls_failed). Only with a
    /// [`TlsPolicy`](crate::TlsPolicy) that says so.
    ///
    /// Comes once, when all that was said in clear has been sent. The driver
    /// reads nothing more in clear: octets that came before the handshake are
    /// not the client's, or not meant to be seen, and end the session.
    StartTls,
    /// The transaction is gone: whatever was kept of it is to be thrown away.
    ///
    /// This comes exactly once for every transaction whose [`Mail`] was
    /// accepted and whose [`Message`] was not answered, unless the driver drops
    /// the session first.
    Discarded(Discarded),
    /// All is said, and was sent: the driver closes the connection. The last
    /// event.
    Closed,
}

/// Shows how much content there is, and none of it.
impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(question) => question.fmt(f),
            Self::Authenticate(question) => question.fmt(f),
            Self::Mail(question) => question.fmt(f),
            Self::Rcpt(question) => question.fmt(f),
            Self::Data(question) => question.fmt(f),
            Self::Content(slice) => write!(f, "Content({} octets)", slice.len()),
            Self::Message(question) => question.fmt(f),
            Self::Verify(question) => question.fmt(f),
            Self::Expand(question) => question.fmt(f),
            Self::StartTls => f.write_str("StartTls"),
            Self::Discarded(why) => write!(f, "Discarded({why:?})"),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

/// Why a transaction is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discarded {
    /// The client gave it up (RSET).
    Reset,
    /// The client gave it up by saying hello again.
    Hello,
    /// The client left (QUIT).
    Quit,
    /// The connection ended without QUIT.
    EndOfInput,
    /// The client was silent, or too slow, for too long.
    Timeout,
    /// The application wants the session to end
    /// ([`shutdown`](super::Session::shutdown), or a refusal with code 421).
    Shutdown,
    /// The client made too many mistakes, or tried out too many recipients.
    TooManyErrors,
    /// The content is longer than
    /// [`Config::max_message_size`](super::Config::max_message_size).
    TooLarge,
    /// The content has a CR or LF that stands alone
    /// ([`LoneLineEndings::Refuse`](super::LoneLineEndings::Refuse)).
    LoneLineEnd,
}
