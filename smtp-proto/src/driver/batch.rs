//! Many transactions over one connection.

use std::{collections::VecDeque, fmt};

use super::Error;
use crate::client::{Event, Outcome, TransactionId};

/// Transactions that were handed to a session together, and what became of
/// them, which is told in the order in which they were handed over. `T` is what
/// the caller knows one by.
///
/// It has no bound of its own: hand over what
/// [`Session::wants_transaction`](crate::client::Session::wants_transaction)
/// asks for.
///
/// ```
/// use smtp_proto::{Instant, driver::Batch, types::Mailbox};
/// use smtp_proto::client::{Config, Session, Transaction};
///
/// let config = Config::new(&"client.example.org".parse()?)?;
/// let mut session = Session::new(config, Instant::ORIGIN);
/// let mut batch = Batch::new();
///
/// let transaction = Transaction::new("alice@example.org".parse::<Mailbox>()?)
///     .recipient("bob@example.net".parse::<Mailbox>()?)
///     .content("Subject: hello\r\n\r\nHello.\r\n");
/// batch.push("hello", session.send(transaction).map_err(Into::into));
///
/// session.handle_input(b"554 not today\r\n", Instant::ORIGIN);
/// while let Ok(Some(event)) = session.poll_event() {
///     batch.take(event);
/// }
/// let (name, sent) = batch.pop().expect("it is over");
/// assert_eq!(name, "hello");
/// assert!(sent?.may_be_sent_again());
/// assert!(batch.is_empty());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Batch<T> {
    entries: VecDeque<(T, Progress)>,
}

enum Progress {
    On(TransactionId),
    Over(Result<Outcome, Error>),
}

impl<T> Batch<T> {
    /// No transactions.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    /// Adds what came of handing over one more.
    pub fn push(&mut self, name: T, sent: Result<TransactionId, Error>) {
        let progress = match sent {
            Ok(id) => Progress::On(id),
            Err(error) => Progress::Over(Err(error)),
        };
        self.entries.push_back((name, progress));
    }

    /// Takes the end of one of them. Any other event comes back.
    pub fn take(&mut self, event: Event) -> Option<Event> {
        let Event::Finished {
            transaction,
            outcome,
        } = event
        else {
            return Some(event);
        };
        let mut entries = self.entries.iter_mut().map(|(_, progress)| progress);
        let is_it = |progress: &&mut Progress| match **progress {
            Progress::On(id) => id == transaction,
            Progress::Over(_) => false,
        };
        match entries.find(is_it) {
            Some(progress) => {
                *progress = Progress::Over(Ok(outcome));
                None
            }
            None => Some(Event::Finished {
                transaction,
                outcome,
            }),
        }
    }

    /// What became of the oldest, if that is known. It is told once.
    pub fn pop(&mut self) -> Option<(T, Result<Outcome, Error>)> {
        let is_known = matches!(self.entries.front(), Some((_, Progress::Over(_))));
        let oldest = is_known.then(|| self.entries.pop_front()).flatten();
        match oldest? {
            (name, Progress::Over(sent)) => Some((name, sent)),
            (_, Progress::On(_)) => None,
        }
    }

    /// Whether everything was told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows how many there are.
impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} transactions)", self.entries.len())
    }
}
