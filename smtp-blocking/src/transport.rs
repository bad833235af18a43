//! Octets and time, between a session and a stream.

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    time::Duration,
};

use smtp_proto::{
    Instant, TlsFailure, TlsInfo,
    driver::{Machine, with_slices},
};

use crate::{
    Stream,
    channel::{Channel, GLANCE},
    tls::{self, Tls},
};

/// How much is read at once, in octets.
const READ_LEN: usize = 16 * 1024;

/// The longest that one read or write waits. A wait until a deadline is made of
/// as many of these as it takes, so that the socket need not be told of each
/// deadline anew; and a peer that takes nothing is listened to this often.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a peer that was told the end may take to close.
const LINGER: Duration = Duration::from_secs(1);

/// How long a peer may take to accept that a connection is closed.
const LAST_WORD: Duration = Duration::from_millis(20);

/// After writing for so long, or so many octets, without a read, one is tried:
/// the peer may have had enough long ago. That may cost a moment's wait, so that
/// a fast peer is to have taken much in between.
const LISTEN_AFTER: Duration = Duration::from_millis(100);
const LISTEN_EVERY: usize = 8 * 1024 * 1024;

/// What came of a write.
enum Taken {
    /// The peer took something, or might have but for an interruption.
    Some,
    Nothing,
}

/// What came of a handshake.
pub(crate) enum Handshake {
    Established(TlsInfo),
    Failed(TlsFailure),
    /// The session knows.
    TimedOut,
    /// The caller said so.
    Stopped,
}

/// A stream, a clock, and what it takes to wait on the one by the other.
pub(crate) struct Transport<S> {
    channel: Channel<S>,
    opened: std::time::Instant,
    buffer: Box<[u8]>,
    /// What time it was after the last read or write. What the caller has done
    /// since then cannot have taken any of the peer's time.
    last: Instant,
    /// Octets written since the last read.
    unheard: usize,
    /// When the first of them were.
    unheard_since: Instant,
    /// What broke the connection.
    error: Option<io::Error>,
}

impl Transport<TcpStream> {
    /// Reads what has come, without waiting for more.
    pub(crate) fn look(&mut self, session: &mut impl Machine) {
        if has_news(self.stream()) {
            self.read(session, GLANCE);
        }
    }
}

/// Whether a read would return at once.
fn has_news(stream: &TcpStream) -> bool {
    let peeked = stream
        .set_nonblocking(true)
        .and_then(|()| stream.peek(&mut [0]));
    let restored = stream.set_nonblocking(false);
    restored.is_err() || !peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

impl<S: Stream> Transport<S> {
    /// The clock begins now.
    pub(crate) fn new(stream: S) -> Self {
        Self {
            channel: Channel::new(stream),
            opened: std::time::Instant::now(),
            buffer: vec![0; READ_LEN].into_boxed_slice(),
            last: Instant::ORIGIN,
            unheard: 0,
            unheard_since: Instant::ORIGIN,
            error: None,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_origin(self.opened.elapsed())
    }

    fn tick(&mut self) -> Instant {
        self.last = self.now();
        self.last
    }

    pub(crate) fn stream(&self) -> &S {
        self.channel.stream()
    }

    /// What broke the connection, if something did.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Moves octets once: writes if there is something to write, else reads
    /// until something comes or the deadline has passed. Whatever happens, the
    /// session is told.
    pub(crate) fn step(&mut self, session: &mut impl Machine) {
        let left = session
            .poll_timeout()
            .map_or(PATIENCE, |deadline| deadline.saturating_since(self.last));
        if left.is_zero() {
            session.handle_timeout(self.tick());
        } else if session.poll_transmit().is_none() {
            self.read(session, left);
        } else if self.has_long_been_deaf() {
            self.read(session, GLANCE);
        } else {
            self.write(session, left);
        }
    }

    fn has_long_been_deaf(&self) -> bool {
        self.unheard > 0
            && (self.unheard >= LISTEN_EVERY
                || self.last.saturating_since(self.unheard_since) >= LISTEN_AFTER)
    }

    /// Makes the handshake, unless the deadline of the session passes before, or
    /// `go_on` says no. The session is yet to be told what came of it.
    pub(crate) fn shake_hands(
        &mut self,
        session: &mut impl Machine,
        tls: Tls,
        mut go_on: impl FnMut() -> bool,
    ) -> Handshake {
        self.channel.secure(tls);
        while go_on() {
            let left = session
                .poll_timeout()
                .map_or(PATIENCE, |deadline| deadline.saturating_since(self.now()));
            if left.is_zero() {
                session.handle_timeout(self.now());
                return Handshake::TimedOut;
            }
            match self.channel.shake_hands(left.clamp(GLANCE, PATIENCE)) {
                Ok(Some(info)) => return Handshake::Established(info),
                Ok(None) => {}
                Err(error) if is_for_later(&error) => {}
                Err(error) => return Handshake::Failed(tls::failure(&error)),
            }
        }
        Handshake::Stopped
    }

    /// Writes what the session still has to say, if the peer takes it at once.
    pub(crate) fn farewell(&mut self, session: &mut impl Machine) {
        let until = std::time::Instant::now() + LINGER;
        while session.poll_transmit().is_some()
            && self.error.is_none()
            && std::time::Instant::now() < until
        {
            if let Taken::Nothing = self.write(session, GLANCE) {
                break;
            }
        }
        self.channel.close(LAST_WORD);
    }

    /// Waits a little for the peer to close first: a connection that is closed
    /// while something unread has come is reset, and takes with it what the
    /// peer has not read yet, such as the last reply.
    pub(crate) fn linger(&mut self) {
        let until = std::time::Instant::now() + LINGER;
        if self.error.is_some() {
            return;
        }
        self.channel.close(LINGER);
        if self.channel.shutdown_write().is_err() {
            return;
        }
        while std::time::Instant::now() < until {
            match self.channel.read(&mut self.buffer, LINGER) {
                Ok(n) if n > 0 => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }

    fn write(&mut self, session: &mut impl Machine, left: Duration) -> Taken {
        let Some(out) = session.poll_transmit() else {
            return Taken::Nothing;
        };
        let limit = left.clamp(GLANCE, PATIENCE);
        let channel = &mut self.channel;
        let written = with_slices(out, |slices| channel.write_vectored(slices, limit));
        let now = self.tick();
        match written {
            Ok(0) => self.write_failed(session, ErrorKind::WriteZero.into()),
            Ok(n) => {
                if self.unheard == 0 {
                    self.unheard_since = now;
                }
                self.unheard += n;
                session.handle_transmitted(n, now);
                return Taken::Some;
            }
            // The peer takes nothing: has it something to say?
            Err(error) if is_timeout(&error) => self.read(session, GLANCE),
            // Not tried again here: whoever is interrupted all the time has a
            // deadline, too.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Taken::Some,
            Err(error) => self.write_failed(session, error),
        }
        Taken::Nothing
    }

    fn write_failed(&mut self, session: &mut impl Machine, error: io::Error) {
        self.error.get_or_insert(error);
        session.handle_write_closed(self.last);
    }

    fn read(&mut self, session: &mut impl Machine, left: Duration) {
        self.unheard = 0;
        if !session.wants_input() {
            session.handle_timeout(self.tick());
            return;
        }
        let limit = left.clamp(GLANCE, PATIENCE);
        let read = self.channel.read(&mut self.buffer, limit);
        let now = self.tick();
        match read {
            Ok(n) => {
                let input = self.buffer.get_mut(..n).unwrap_or_default();
                let secret = session.expects_secrets();
                session.handle_input(input, now);
                if secret {
                    input.fill(0);
                }
            }
            Err(error) if is_timeout(&error) => session.handle_timeout(now),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.error.get_or_insert(error);
                session.handle_input(&[], now);
            }
        }
    }
}

/// What nobody can guess, for a session. `None` on a system that has no such
/// thing: what needs it is not used then.
pub(crate) fn seed() -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).ok()?;
    Some(seed)
}

/// Whether the same may succeed later.
pub(crate) fn is_for_later(error: &io::Error) -> bool {
    is_timeout(error) || error.kind() == ErrorKind::Interrupted
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
