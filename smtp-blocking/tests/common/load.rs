//! What this process holds of the system.

use std::{
    fs,
    time::{Duration, Instant},
};

/// How long what is on its way out may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long nothing changes where all is quiet.
const QUIET: Duration = Duration::from_millis(300);

/// How many descriptors and threads there are, and how many octets of the heap
/// are in use, if somebody counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) heap: usize,
}

impl Load {
    pub(crate) fn now() -> Self {
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            heap: 0,
        }
    }

    /// A thread of an earlier test may have ended meanwhile.
    pub(crate) fn is_no_more_than(self, other: Self) -> bool {
        self.descriptors <= other.descriptors
            && self.threads <= other.threads
            && self.heap <= other.heap
    }

    /// What there is when it is no more than expected, or has not become so for
    /// a while. Threads take a moment to go.
    pub(crate) fn settled(measure: impl Fn() -> Self, expected: Option<Self>) -> Self {
        let mut last = Self::default();
        let mut since = Instant::now();
        loop {
            let now = measure();
            if expected.is_some_and(|expected| now.is_no_more_than(expected)) {
                return now;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            if since.elapsed() > if expected.is_some() { PATIENCE } else { QUIET } {
                return now;
            }
            std::thread::yield_now();
        }
    }
}

fn count(what: &str) -> usize {
    fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}
