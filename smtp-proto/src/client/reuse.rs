//! When a session may serve one more message.

use core::time::Duration;

use super::{
    outcome::{Fate, NotSent, Outcome},
    session::Session,
};
use crate::types::Reply;

/// How a pool keeps connections, and when it takes one of them again.
///
/// A value only: the pools of the adapters act on it.
///
/// ```
/// use core::time::Duration;
/// use smtp_proto::client::PoolPolicy;
///
/// let policy = PoolPolicy::default()
///     .max_connections(4)
///     .max_idle(Duration::from_secs(15));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolPolicy {
    max_connections: usize,
    max_messages: u64,
    max_idle: Duration,
    max_wait: Duration,
    probe_after: Duration,
}

impl PoolPolicy {
    /// The default of [`max_connections`](Self::max_connections).
    pub const DEFAULT_MAX_CONNECTIONS: usize = 5;
    /// The default of [`max_messages`](Self::max_messages).
    pub const DEFAULT_MAX_MESSAGES: u64 = 100;
    /// The default of [`max_idle`](Self::max_idle). Servers close after five
    /// minutes (RFC 5321 section 4.5.3.2.7), and busy ones much earlier.
    pub const DEFAULT_MAX_IDLE: Duration = Duration::from_secs(30);
    /// The default of [`max_wait`](Self::max_wait).
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);
    /// The default of [`probe_after`](Self::probe_after).
    pub const DEFAULT_PROBE_AFTER: Duration = Duration::from_secs(5);

    /// The most connections at a time, in use or kept: at least one.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The most messages that one connection carries: at least one; fewer if the
    /// server says so (`LIMITS MAILMAX`, RFC 9422).
    #[must_use]
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.max_messages = messages.max(1);
        self
    }

    /// How long a connection is kept that nobody uses.
    #[must_use]
    pub fn max_idle(mut self, time: Duration) -> Self {
        self.max_idle = time;
        self
    }

    /// How long to wait for a connection while all are in use.
    #[must_use]
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.max_wait = time;
        self
    }

    /// After how long without use a connection has to answer a NOOP before it
    /// carries a message. That costs a round trip; it is cheaper than to find out
    /// in the middle of a large message.
    #[must_use]
    pub fn probe_after(mut self, time: Duration) -> Self {
        self.probe_after = time;
        self
    }

    /// The most connections at a time.
    #[must_use]
    pub const fn connections(&self) -> usize {
        self.max_connections
    }

    /// How long a connection is kept that nobody uses.
    #[must_use]
    pub const fn idle_time(&self) -> Duration {
        self.max_idle
    }

    /// How long to wait for a connection while all are in use.
    #[must_use]
    pub const fn waiting_time(&self) -> Duration {
        self.max_wait
    }

    /// Whether a session may carry another message after it was idle for so
    /// long. What the server has sent meanwhile must have been handled: a 421
    /// that nobody has read looks like silence.
    #[must_use]
    pub fn reuse(&self, session: &Session, idle: Duration) -> Reuse {
        let max_messages = match session.capabilities().limit("MAILMAX") {
            Some(limit) => limit.min(self.max_messages),
            None => self.max_messages,
        };
        if !session.is_reusable() || session.transactions() >= max_messages || idle >= self.max_idle
        {
            Reuse::Never
        } else if idle >= self.probe_after {
            Reuse::AfterNoop
        } else {
            Reuse::AtOnce
        }
    }
}

impl Default for PoolPolicy {
    fn default() -> Self {
        Self {
            max_connections: Self::DEFAULT_MAX_CONNECTIONS,
            max_messages: Self::DEFAULT_MAX_MESSAGES,
            max_idle: Self::DEFAULT_MAX_IDLE,
            max_wait: Self::DEFAULT_MAX_WAIT,
            probe_after: Self::DEFAULT_PROBE_AFTER,
        }
    }
}

/// Whether a session may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It may carry the next message.
    AtOnce,
    /// It may if it answers a NOOP with 2yz.
    AfterNoop,
    /// It has done what it could: QUIT, or just close.
    Never,
}

impl Reuse {
    /// Whether this answer to the NOOP shows that the session may be used.
    #[must_use]
    pub fn is_confirmed_by(noop: &Reply) -> bool {
        noop.code().is_positive()
    }
}

impl Outcome {
    /// Whether the message was lost with a session before anything could come of
    /// it, for every recipient: it may be sent again, over another connection,
    /// without anybody getting it twice. Never where it is
    /// [in doubt](Fate::InDoubt).
    #[must_use]
    pub fn may_be_sent_again(&self) -> bool {
        !self.recipients().is_empty()
            && self
                .recipients()
                .iter()
                .all(|fate| matches!(fate, Fate::NotSent(NotSent::Session(_))))
    }
}
