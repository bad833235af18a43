//! What a client session has to say.

use super::outcome::Outcome;
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
    /// The session is open: the capabilities are known. Requests that were made
    /// earlier go out now.
    Ready,
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
    /// [`Session::body`](super::Session::body). Comes again where recipients
    /// were put off to a further transaction; never for content that the
    /// session was given beforehand.
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
