//! Octets and time, between a session and a stream.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_io::Timer;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future;
use smtp_proto::{
    Instant,
    driver::{Machine, with_slices},
};

use crate::{alarm::Alarm, channel::Channel};

/// How much is read at once, in octets.
const READ_LEN: usize = 16 * 1024;

/// How long a peer that was told the end may take to close.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// After this many octets were written without a read, one is tried: the peer
/// may have had enough long ago.
const LISTEN_EVERY: usize = 512 * 1024;

/// After this many steps without a wait, the other tasks of the thread have
/// their turn: a fast peer must not keep it for itself.
const STEPS_AT_ONCE: usize = 64;

/// How often a peer is read from, as long as it has something to say, when its
/// time is over.
const LATE_READS: usize = 16;

thread_local! {
    /// What is read into, lent to one read at a time: connections that wait are
    /// many, and those that read are one.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stream, a clock, and an alarm.
///
/// All that is going on is kept here and in the session, and nothing in a
/// future: one that is dropped loses nothing, and the next goes on where it was.
/// But for the handshake: whoever drops that drops the stream, too.
pub(crate) struct Transport<S> {
    channel: Channel<S>,
    opened: std::time::Instant,
    alarm: Alarm,
    /// What time it was after the last read or write. What the caller has done
    /// since then cannot have taken any of the peer's time.
    last: Instant,
    /// The last deadline that was found to have passed.
    missed: Option<Instant>,
    /// Reads since then.
    late_reads: usize,
    /// Octets written since the last read.
    unheard: usize,
    /// What was written may still be in a buffer of the stream's.
    unflushed: bool,
    /// Steps since the last wait.
    steps: usize,
    /// What broke the connection.
    error: Option<io::Error>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// The clock begins now.
    pub(crate) fn new(stream: S) -> Self {
        Self::over(Channel::Plain(stream), std::time::Instant::now())
    }

    /// The clock began then.
    pub(crate) fn over(channel: Channel<S>, opened: std::time::Instant) -> Self {
        Self {
            channel,
            opened,
            alarm: Alarm::new(opened),
            last: Instant::ORIGIN,
            missed: None,
            late_reads: 0,
            unheard: 0,
            unflushed: false,
            steps: 0,
            error: None,
        }
    }

    /// What [`over`](Self::over) makes one of.
    pub(crate) fn into_parts(self) -> (Channel<S>, std::time::Instant) {
        (self.channel, self.opened)
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

    /// Writes and reads, whichever can be done first, or waits for the deadline.
    /// Whatever happens, the session is told.
    pub(crate) fn poll_step(
        &mut self,
        session: &mut impl Machine,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if self.steps >= STEPS_AT_ONCE {
            self.steps = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let step = self.poll_once(session, context);
        self.steps = if step.is_ready() { self.steps + 1 } else { 0 };
        step
    }

    fn poll_once(&mut self, session: &mut impl Machine, context: &mut Context<'_>) -> Poll<()> {
        let deadline = session.poll_timeout();
        if let Some(deadline) = deadline.filter(|&deadline| deadline <= self.last) {
            return self.poll_late(session, context, deadline);
        }
        let written = self.poll_write(session, context);
        if written.is_ready() && self.unheard < LISTEN_EVERY {
            return Poll::Ready(());
        }
        let read = self.poll_read(session, context);
        if written.is_ready() || read.is_ready() {
            return Poll::Ready(());
        }
        self.poll_time(session, context)
    }

    /// Reads what has come.
    pub(crate) fn look(&mut self, session: &mut impl Machine, context: &mut Context<'_>) {
        let _ = self.poll_read(session, context);
    }

    /// The deadline has passed. What the peer said in time may wait to be read,
    /// if nobody has polled for long.
    fn poll_late(
        &mut self,
        session: &mut impl Machine,
        context: &mut Context<'_>,
        deadline: Instant,
    ) -> Poll<()> {
        if self.missed != Some(deadline) {
            self.missed = Some(deadline);
            self.late_reads = 0;
        }
        self.late_reads += 1;
        if self.late_reads > LATE_READS || self.poll_read(session, context).is_pending() {
            session.handle_timeout(self.tick());
        }
        Poll::Ready(())
    }

    /// Writes what the session still has to say, if the peer takes it at once.
    pub(crate) fn farewell(&mut self, session: &mut impl Machine, context: &mut Context<'_>) {
        while session.poll_transmit().is_some()
            && self.error.is_none()
            && self.poll_write(session, context).is_ready()
        {}
        // What a stream keeps in a buffer, it may send now.
        let _ = self.poll_write(session, context);
        if self.channel.has_farewell() {
            let _ = Pin::new(&mut self.channel).poll_close(context);
        }
    }

    /// Waits a little for the peer to close first: a connection that is closed
    /// while something unread has come is reset, and takes with it what the
    /// peer has not read yet, such as the last reply.
    pub(crate) async fn linger(&mut self) {
        if self.error.is_some() {
            return;
        }
        let closed = async {
            if self.shut_down().await.is_err() {
                return;
            }
            let channel = &mut self.channel;
            loop {
                let read = poll_fn(|context| {
                    let read =
                        |buffer: &mut [u8]| Pin::new(&mut *channel).poll_read(context, buffer);
                    with_buffer(read)
                });
                match read.await {
                    Ok(n) if n > 0 => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => return,
                }
            }
        };
        bounded(closed).await;
    }

    /// Announces the end, if the peer listens.
    pub(crate) async fn close(&mut self) {
        bounded(async {
            let _ = self.shut_down().await;
        })
        .await;
    }

    async fn shut_down(&mut self) -> io::Result<()> {
        poll_fn(|context| Pin::new(&mut self.channel).poll_close(context)).await
    }

    /// Writes, or sends what the stream has in a buffer. Ready if the session
    /// was told something.
    fn poll_write(&mut self, session: &mut impl Machine, context: &mut Context<'_>) -> Poll<()> {
        let Some(out) = session.poll_transmit() else {
            return self.poll_flush(session, context);
        };
        let channel = Pin::new(&mut self.channel);
        let written = with_slices(out, |slices| channel.poll_write_vectored(context, slices));
        let Poll::Ready(written) = written else {
            return Poll::Pending;
        };
        let now = self.tick();
        match written {
            Ok(0) => self.write_failed(session, ErrorKind::WriteZero.into()),
            Ok(n) => {
                self.unheard += n;
                self.unflushed = true;
                session.handle_transmitted(n, now);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.write_failed(session, error),
        }
        Poll::Ready(())
    }

    fn poll_flush(&mut self, session: &mut impl Machine, context: &mut Context<'_>) -> Poll<()> {
        if !self.unflushed {
            return Poll::Pending;
        }
        let flushed = Pin::new(&mut self.channel).poll_flush(context);
        self.tick();
        match flushed {
            Poll::Ready(Err(error)) if error.kind() != ErrorKind::Interrupted => {
                self.unflushed = false;
                self.write_failed(session, error);
                Poll::Ready(())
            }
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                Poll::Pending
            }
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn write_failed(&mut self, session: &mut impl Machine, error: io::Error) {
        self.error.get_or_insert(error);
        session.handle_write_closed(self.last);
    }

    fn poll_read(&mut self, session: &mut impl Machine, context: &mut Context<'_>) -> Poll<()> {
        self.unheard = 0;
        if !session.wants_input() {
            return Poll::Pending;
        }
        with_buffer(|buffer| {
            let channel = Pin::new(&mut self.channel);
            let Poll::Ready(read) = channel.poll_read(context, buffer) else {
                return Poll::Pending;
            };
            let now = self.tick();
            match read {
                Ok(n) => {
                    let input = buffer.get_mut(..n).unwrap_or_default();
                    let secret = session.expects_secrets();
                    session.handle_input(input, now);
                    if secret {
                        input.fill(0);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error.get_or_insert(error);
                    session.handle_input(&[], now);
                }
            }
            Poll::Ready(())
        })
    }

    /// Waits for the deadline.
    fn poll_time(&mut self, session: &mut impl Machine, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = session.poll_timeout() else {
            return Poll::Pending;
        };
        let now = ready!(self.alarm.poll(deadline, context));
        self.last = now;
        session.handle_timeout(now);
        Poll::Ready(())
    }
}

/// Lends the buffer of this thread. What is in it is of no use to anybody.
fn with_buffer<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    // A stream may itself be made of one of these: it has a buffer of its own.
    let mut buffer = BUFFER.take();
    buffer.resize(READ_LEN, 0);
    let done = read(&mut buffer);
    BUFFER.set(buffer);
    done
}

/// Waits, but not for long.
async fn bounded(work: impl Future<Output = ()>) {
    let too_long = async {
        Timer::after(LINGER).await;
    };
    // The timer first: a peer that does not stop sending is cut off, too.
    future::or(too_long, work).await;
}

/// What nobody can guess, for a session. `None` on a system that has no such
/// thing: what needs it is not used then.
pub(crate) fn seed() -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).ok()?;
    Some(seed)
}
