//! What a pool of connections has.

use alloc::vec::Vec;
use core::{fmt, mem, time::Duration};

use crate::{Instant, client::PoolPolicy};

/// The connections that a pool keeps, and how many of them are in use. Waiting
/// for one, and all I/O, is the pool's part.
pub struct Stock<C> {
    policy: PoolPolicy,
    /// The one that was used last is at the end.
    idle: Vec<Idle<C>>,
    in_use: usize,
}

struct Idle<C> {
    connection: C,
    since: Instant,
}

impl<C> Stock<C> {
    /// Nothing, yet.
    #[must_use]
    pub fn new(policy: PoolPolicy) -> Self {
        Self {
            policy,
            idle: Vec::new(),
            in_use: 0,
        }
    }

    /// Asks for the right to use one connection, which is to be
    /// [given back](Self::give_back). `false` while as many are in use as may
    /// be.
    #[must_use]
    pub fn admit(&mut self) -> bool {
        let free = self.in_use < self.policy.connections();
        if free {
            self.in_use += 1;
        }
        free
    }

    /// One connection less is in use.
    pub fn give_back(&mut self) {
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// The connection that was used last, and for how long nobody has used it.
    /// Whether it may be used again is not looked at.
    pub fn take(&mut self, now: Instant) -> Option<(C, Duration)> {
        let idle = self.idle.pop()?;
        Some((idle.connection, now.saturating_since(idle.since)))
    }

    /// What has to be closed before one more connection is made, by somebody who
    /// was admitted.
    pub fn make_room(&mut self) -> Option<C> {
        let full = self.idle.len() + self.in_use > self.policy.connections();
        (full && !self.idle.is_empty()).then(|| self.idle.remove(0).connection)
    }

    /// Keeps a connection. What is returned is to be closed: that which was kept
    /// for too long, and perhaps this one.
    #[must_use]
    pub fn keep(&mut self, connection: C, now: Instant) -> Vec<C> {
        let most = self.policy.idle_time();
        let too_long = |idle: &mut Idle<C>| now.saturating_since(idle.since) >= most;
        let mut left: Vec<C> = self
            .idle
            .extract_if(.., too_long)
            .map(|idle| idle.connection)
            .collect();
        if self.idle.len() < self.policy.connections() {
            let since = now;
            self.idle.push(Idle { connection, since });
        } else {
            left.push(connection);
        }
        left
    }

    /// All that is kept, and is not any more.
    #[must_use]
    pub fn clear(&mut self) -> Vec<C> {
        let idle = mem::take(&mut self.idle);
        idle.into_iter().map(|idle| idle.connection).collect()
    }
}

/// Shows how many there are.
impl<C> fmt::Debug for Stock<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stock")
            .field("idle", &self.idle.len())
            .field("in_use", &self.in_use)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ORIGIN;

    #[test]
    fn no_more_than_the_policy_allows() {
        let mut stock = Stock::new(PoolPolicy::default().max_connections(2));
        assert!(stock.admit() && stock.admit() && !stock.admit());
        assert_eq!(stock.keep('a', NOW), []);
        stock.give_back();
        assert!(stock.admit());
        // Somebody was admitted who does without the one that is kept.
        assert_eq!((stock.make_room(), stock.make_room()), (Some('a'), None));
        assert_eq!(stock.keep('b', NOW), []);
        stock.give_back();
        assert_eq!(stock.keep('c', NOW), []);
        stock.give_back();
        assert_eq!(stock.keep('d', NOW), ['d']);
        assert_eq!(stock.make_room(), None);
        assert_eq!(stock.take(NOW), Some(('c', Duration::ZERO)));
        assert_eq!(stock.clear(), ['b']);
        assert_eq!(stock.take(NOW), None);
    }

    #[test]
    fn what_was_kept_for_too_long_is_not_kept_any_more() {
        let time = Duration::from_secs(10);
        let mut stock = Stock::new(PoolPolicy::default().max_idle(time));
        let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
        assert_eq!(stock.keep('a', at(1)), []);
        assert_eq!(stock.keep('b', at(10)), []);
        assert_eq!(stock.keep('c', at(11)), ['a']);
        assert_eq!(stock.take(at(15)), Some(('c', Duration::from_secs(4))));
        assert_eq!(stock.clear(), ['b']);
    }
}
