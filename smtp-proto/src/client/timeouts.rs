//! How long a client waits (RFC 5321 section 4.5.3.2).

use core::time::Duration;

use super::error::Phase;

const MINUTE: Duration = Duration::from_secs(60);

/// How long a client waits for each reply, and for the server to take content.
///
/// The time for a reply is that for all of it, however many lines it has and
/// however slowly they come. With several commands unanswered it runs for the
/// oldest, and starts again with each reply. [`Duration::MAX`] waits for ever.
///
/// ```
/// use core::time::Duration;
/// use smtp_proto::client::Timeouts;
///
/// let mut timeouts = Timeouts::default();
/// timeouts.crossing = Duration::from_secs(10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For the greeting. Five minutes.
    pub greeting: Duration,
    /// For the reply to EHLO or HELO. Five minutes.
    pub hello: Duration,
    /// For TLS to be established, once the server has agreed to it or with the
    /// first octet. One minute.
    pub handshake: Duration,
    /// For the reply to MAIL. Five minutes.
    pub mail: Duration,
    /// For the reply to RCPT. Five minutes.
    pub rcpt: Duration,
    /// For the reply to DATA. Two minutes.
    pub data: Duration,
    /// For the server to take each [`CONTENT_BLOCK`](Self::CONTENT_BLOCK) octets of
    /// content, and for the reply to each chunk but the last. Three minutes.
    pub content: Duration,
    /// For the reply to the end of the content, or to the last chunk. Ten minutes: a time-out here
    /// leaves the message in doubt, so that a short one makes duplicates.
    pub end_of_data: Duration,
    /// For the first reply behind that to the content, when the next transaction
    /// was sent in the same group
    /// ([`AcrossTransactions`](super::Pipelining::AcrossTransactions)); but no
    /// longer than for [`request`](Self::request). Thirty seconds: a server that
    /// drops such commands says nothing. Then the session ends with
    /// [`GroupDropped`](super::ErrorKind::GroupDropped).
    pub crossing: Duration,
    /// For the reply to anything else. Five minutes.
    pub request: Duration,
    /// For the reply to QUIT, and for the last words of a server that takes no
    /// more of what is sent. Thirty seconds.
    pub quit: Duration,
}

impl Timeouts {
    /// The stretch of content, in octets, that the time for content is for.
    pub const CONTENT_BLOCK: u64 = 32 * 1024;

    /// The same for every phase.
    #[must_use]
    pub const fn all(time: Duration) -> Self {
        Self {
            greeting: time,
            hello: time,
            handshake: time,
            mail: time,
            rcpt: time,
            data: time,
            content: time,
            end_of_data: time,
            crossing: time,
            request: time,
            quit: time,
        }
    }

    /// For the peer to do what it has to in this phase.
    pub(super) const fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Greeting => self.greeting,
            Phase::Ehlo | Phase::Helo => self.hello,
            Phase::Handshake => self.handshake,
            Phase::Mail => self.mail,
            Phase::Rcpt => self.rcpt,
            Phase::Data => self.data,
            Phase::Content => self.content,
            Phase::EndOfData => self.end_of_data,
            Phase::StartTls | Phase::Auth | Phase::Rset | Phase::Request | Phase::Idle => {
                self.request
            }
            Phase::Quit => self.quit,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: MINUTE,
            data: MINUTE.saturating_mul(2),
            content: MINUTE.saturating_mul(3),
            end_of_data: MINUTE.saturating_mul(10),
            crossing: Duration::from_secs(30),
            quit: Duration::from_secs(30),
            ..Self::all(MINUTE.saturating_mul(5))
        }
    }
}
