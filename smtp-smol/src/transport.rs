//! Octets and time, between a session and a stream.

use std::{
    future::{Future, poll_fn},
    io::{ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use async_io::Timer;
use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{Instant, client::Session};

/// How much is read at once, in octets.
const READ_LEN: usize = 16 * 1024;

/// How many slices are written at once.
const SLICES: usize = 32;

/// A stream, a clock, and a timer.
pub(crate) struct Transport<S> {
    stream: S,
    opened: std::time::Instant,
    buffer: Box<[u8]>,
    timer: Timer,
    /// What the timer is set to.
    deadline: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// The clock begins now.
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            opened: std::time::Instant::now(),
            buffer: vec![0; READ_LEN].into_boxed_slice(),
            timer: Timer::never(),
            deadline: None,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_origin(self.opened.elapsed())
    }

    /// Writes and reads, whichever can be done first, or waits for the deadline.
    /// Nothing is lost when the future is dropped: what was done, the session
    /// knows.
    pub(crate) async fn step(&mut self, session: &mut Session) {
        poll_fn(|context| self.poll_step(session, context)).await;
    }

    fn poll_step(&mut self, session: &mut Session, context: &mut Context<'_>) -> Poll<()> {
        let written = self.poll_write(session, context);
        let read = self.poll_read(session, context);
        if written.is_ready() || read.is_ready() {
            return Poll::Ready(());
        }
        self.poll_time(session, context)
    }

    fn poll_write(&mut self, session: &mut Session, context: &mut Context<'_>) -> Poll<()> {
        let Some(out) = session.poll_transmit() else {
            return Poll::Pending;
        };
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (to, from) in slices.iter_mut().zip(out.slices()) {
            *to = IoSlice::new(from);
            used += 1;
        }
        let slices = slices.get(..used).unwrap_or_default();
        let result = match Pin::new(&mut self.stream).poll_write_vectored(context, slices) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(result) => result,
        };
        match result {
            Ok(n) if n > 0 => session.handle_transmitted(n, self.now()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => session.handle_write_closed(self.now()),
        }
        Poll::Ready(())
    }

    fn poll_read(&mut self, session: &mut Session, context: &mut Context<'_>) -> Poll<()> {
        let result = match Pin::new(&mut self.stream).poll_read(context, &mut self.buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(result) => result,
        };
        let now = self.now();
        match result {
            Ok(n) => session.handle_input(self.buffer.get(..n).unwrap_or_default(), now),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => session.handle_input(&[], now),
        }
        Poll::Ready(())
    }

    fn poll_time(&mut self, session: &mut Session, context: &mut Context<'_>) -> Poll<()> {
        let deadline = session.poll_timeout();
        if deadline != self.deadline {
            self.deadline = deadline;
            let at = deadline.and_then(|at| self.opened.checked_add(at.since_origin()));
            match at {
                Some(at) => self.timer.set_at(at),
                None => self.timer = Timer::never(),
            }
        }
        match Pin::new(&mut self.timer).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                // A timer that has fired has to be set anew.
                self.deadline = None;
                session.handle_timeout(self.now());
                Poll::Ready(())
            }
        }
    }
}
