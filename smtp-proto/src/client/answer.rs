//! Picking the answer to a request out of the events.

use super::{
    authentication::AuthenticationError,
    event::{Event, RequestId, TransactionId},
    outcome::Outcome,
};
use crate::types::Reply;

/// For a driver that waits for one thing at a time: `None` if this event is not
/// what it waits for. The names of requests matter even so, since a driver may
/// have stopped waiting for an earlier one.
impl Event {
    /// The end of a transaction.
    #[must_use]
    pub fn outcome_of(self, id: TransactionId) -> Option<Outcome> {
        match self {
            Self::Finished {
                transaction,
                outcome,
            } if transaction == id => Some(outcome),
            _ => None,
        }
    }

    /// The answer to MAIL, or the end of the transaction if that comes first.
    #[must_use]
    pub fn sender_of(self, id: TransactionId) -> Option<Result<Reply, Outcome>> {
        match self {
            Self::Sender { transaction, reply } if transaction == id => Some(Ok(reply)),
            event => event.outcome_of(id).map(Err),
        }
    }

    /// The answer to RCPT for one recipient.
    #[must_use]
    pub fn recipient_of(self, id: TransactionId, recipient: usize) -> Option<Reply> {
        match self {
            Self::Recipient {
                transaction,
                index,
                reply,
            } if (transaction, index) == (id, recipient) => Some(reply),
            _ => None,
        }
    }

    /// That the content is wanted, or else the end of the transaction.
    #[must_use]
    pub fn wants_body_of(self, id: TransactionId) -> Option<Result<(), Outcome>> {
        match self {
            Self::BodyWanted { transaction } if transaction == id => Some(Ok(())),
            event => event.outcome_of(id).map(Err),
        }
    }

    /// Whether the client was authenticated.
    #[must_use]
    pub fn authenticated_by(self, id: RequestId) -> Option<Result<(), AuthenticationError>> {
        match self {
            Self::Authenticated { request } if request == id => Some(Ok(())),
            Self::AuthenticationFailed { request, error } if request == id => Some(Err(error)),
            _ => None,
        }
    }

    /// The answer to another request.
    #[must_use]
    pub fn reply_to(self, id: RequestId) -> Option<Reply> {
        match self {
            Self::Reply { request, reply } if request == id => Some(reply),
            _ => None,
        }
    }
}
