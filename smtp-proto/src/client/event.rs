//! What a client session has to say.

use super::{authentication::AuthenticationError, outcome::Outcome};
use crate::types::Reply;

/// Names a transaction of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub(super) u64);

/// Names another request of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// TLS is to be established, now: the driver makes the handshake, and then
    /// calls [`handle_tls_established`](super::Session::handle_tls_established)
    /// or [`handle_tls_failed`](super::Session::handle_tls_failed). Everything
    /// that was to be said before has been sent; whatever it has read and not
    /// passed on belongs to the handshake. Only if
    /// [`Config::tls`](super::Config::tls) says so.
    StartTls,
    /// The session is open: the capabilities are known, TLS and authentication
    /// are as configured. Requests that were made earlier go out now.
    Ready,
    /// The server takes the client for who it says it is. The answer to
    /// [`Session::authenticate`](super::Session::authenticate).
    Authenticated {
        /// To which request.
        request: RequestId,
    },
    /// The client could not be authenticated, and the session goes on without.
    /// The other answer to
    /// [`Session::authenticate`](super::Session::authenticate).
    AuthenticationFailed {
        /// To which request.
        request: RequestId,
        /// Why.
        error: AuthenticationError,
    },
    /// MAIL was answered. Comes again where recipients were put off to a further
    /// transaction.
    Sender {
        /// Of which transaction.
        transaction: TransactionId,
        /// The answer.
        reply: Reply,
    },
    /// RCPT was answered. A recipient that is put off to a further transaction,
    /// for the server takes no more in one, has this event once for each.
    Recipient {
        /// Of which transaction.
        transaction: TransactionId,
        /// Which recipient, counted from 0.
        index: usize,
        /// The answer.
        reply: Reply,
    },
    /// The content is wanted, from its beginning, through
    /// [`Session::body`](super::Session::body): a recipient was accepted; or, with
    /// [`Chunking::AtOnce`](super::Chunking::AtOnce), may yet be, and if none is,
    /// [`Finished`](Self::Finished) comes before the end of the content. Comes again
    /// where recipients were put off to a further transaction; never for content
    /// that the session was given beforehand.
    BodyWanted {
        /// Of which transaction.
        transaction: TransactionId,
    },
    /// The transaction has ended: exactly one such event for each.
    Finished {
        /// Which.
        transaction: TransactionId,
        /// What became of it.
        outcome: Outcome,
    },
    /// Another request was answered.
    Reply {
        /// Which.
        request: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// 421: the server is about to close. The error follows.
    Closing(Reply),
    /// The session has ended with QUIT. Close the connection.
    Closed,
}
