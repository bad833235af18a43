//! What a session waits for, and until when.

use core::time::Duration;

use super::config::Timeouts;
use crate::Instant;

/// What a session waits for. The number counts progress: a wait begins anew
/// when it changes, and does not otherwise, however many single octets trickle
/// in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// For the application, which may take its time, or for nothing.
    Nothing,
    /// For the command after so many.
    Command(u64),
    /// For the content after so many octets.
    Content(u64),
    /// For the client to read replies, of which so many octets were sent.
    Output(u64),
    /// For the handshake of TLS.
    Handshake,
    /// For the last reply to leave.
    Closing,
}

impl Wait {
    /// Rounds progress down to what counts.
    const fn in_blocks(self) -> Self {
        match self {
            Self::Content(octets) => Self::Content(octets / Timeouts::CONTENT_BLOCK),
            Self::Output(octets) => Self::Output(octets / Timeouts::OUTPUT_BLOCK),
            other => other,
        }
    }
}

/// Knows the time as far as it was told.
#[derive(Debug)]
pub(super) struct Clock {
    timeouts: Timeouts,
    now: Instant,
    wait: Wait,
    since: Instant,
    /// The application was at work since the time was told last, for who knows
    /// how long.
    stale: bool,
}

impl Clock {
    pub(super) fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self {
            timeouts,
            now,
            wait: Wait::Nothing,
            since: now,
            stale: false,
        }
    }

    /// The driver says what time it is, and the session what it waits for.
    pub(super) fn tell(&mut self, now: Instant, wait: Wait) {
        // A clock that runs backwards must not postpone a deadline.
        self.now = self.now.max(now);
        if core::mem::take(&mut self.stale) {
            self.since = self.now;
        }
        self.wait_for(wait);
    }

    /// The session says what it waits for. If that is new, the wait began when
    /// the time was told last, which is when the input came that led to it.
    pub(super) fn wait_for(&mut self, wait: Wait) {
        let wait = wait.in_blocks();
        if wait != self.wait {
            self.wait = wait;
            self.since = self.now;
        }
    }

    /// The application has answered. The time that it took is not the client's
    /// to lose: the wait begins when the time is told next.
    pub(super) fn mark_stale(&mut self) {
        self.stale = true;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let timeout = match self.wait {
            Wait::Nothing => return None,
            Wait::Command(_) => self.timeouts.command,
            Wait::Content(_) => self.timeouts.content,
            Wait::Output(_) => self.timeouts.output,
            Wait::Handshake => self.timeouts.tls_handshake,
            Wait::Closing => self.timeouts.closing,
        };
        (timeout != Duration::MAX).then(|| self.since + timeout)
    }

    /// Whether the deadline has passed, as far as the time was told.
    pub(super) fn has_expired(&self) -> bool {
        self.deadline().is_some_and(|deadline| self.now >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn a_wait_begins_anew_with_progress_only() {
        let mut clock = Clock::new(Timeouts::default(), at(0));
        clock.tell(at(0), Wait::Command(0));
        clock.tell(at(100), Wait::Command(0));
        assert_eq!(clock.deadline(), Some(at(300)));
        clock.tell(at(100), Wait::Command(1));
        assert_eq!(clock.deadline(), Some(at(400)));
        clock.tell(at(200), Wait::Content(0));
        clock.tell(at(300), Wait::Content(Timeouts::CONTENT_BLOCK - 1));
        assert_eq!(clock.deadline(), Some(at(500)));
        clock.tell(at(300), Wait::Content(Timeouts::CONTENT_BLOCK));
        assert_eq!(clock.deadline(), Some(at(600)));
    }

    #[test]
    fn the_time_that_the_application_takes_is_not_the_clients() {
        let mut clock = Clock::new(Timeouts::default(), at(0));
        clock.tell(at(10), Wait::Nothing);
        clock.mark_stale();
        clock.wait_for(Wait::Command(1));
        clock.tell(at(5000), Wait::Command(1));
        assert!(!clock.has_expired());
        assert_eq!(clock.deadline(), Some(at(5300)));
        clock.tell(at(5300), Wait::Command(1));
        assert!(clock.has_expired());
    }

    #[test]
    fn for_ever_and_backwards() {
        let timeouts = Timeouts {
            command: Duration::MAX,
            ..Timeouts::default()
        };
        let mut clock = Clock::new(timeouts, at(10));
        clock.tell(at(10), Wait::Command(0));
        assert_eq!(clock.deadline(), None);
        clock.tell(at(20), Wait::Closing);
        clock.tell(at(0), Wait::Output(0));
        assert_eq!(clock.deadline(), Some(at(320)));
    }
}
