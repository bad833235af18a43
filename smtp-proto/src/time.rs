//! Points in time, given by the driver.

use core::{fmt, ops::Add, time::Duration};

/// A point in time: the time that has passed since an origin which the driver
/// chose.
///
/// The crate reads no clock. A driver takes one origin for each session (the
/// moment it opened the connection, say), and passes the time since then to
/// every `handle_*` method; a test passes whatever it likes.
///
/// ```
/// use core::time::Duration;
/// use smtp_proto::Instant;
///
/// let opened = std::time::Instant::now();
/// let now = Instant::from_origin(opened.elapsed());
/// let deadline = now + Duration::from_secs(300);
/// assert_eq!(deadline.saturating_since(now), Duration::from_secs(300));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The origin itself.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The instant that lies `elapsed` after the origin.
    #[must_use]
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time from the origin to this instant.
    #[must_use]
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates at the end of time, so that a timeout of [`Duration::MAX`] means
/// “never”.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?}", self.0)
    }
}
