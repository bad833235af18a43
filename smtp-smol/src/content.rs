//! Writing content.

use std::{
    fmt,
    future::poll_fn,
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    client::{ContentError, Outcome, TransactionId},
    driver::Error,
};

use crate::connection::Connection;

/// How much is gathered before it is handed to the session, in octets.
const CHUNK_LEN: usize = 32 * 1024;

/// Where the content of a message is written to.
///
/// Line ends are as the [`Config`] wants them; dots need no care, and binary
/// content none at all. Content that does not follow the policy makes a write
/// fail, with a [`ContentError`] inside the error; the message can then not be
/// sent.
///
/// What was written may wait for the next write, for a flush, or for
/// [`finish`](Self::finish) before it is sent; where content goes in chunks (BDAT),
/// what does not fill one waits beyond a flush. Closing is no more than a flush.
///
/// A server may have enough before the end, or want none of it at all. The rest
/// is then dropped, and [`finish`](Self::finish) tells what the server said;
/// [`is_wanted`](Self::is_wanted) tells whether to go on reading a large file.
///
/// Dropping it before it is finished ends the session: nothing else keeps the
/// server from delivering half of a message.
///
/// [`Config`]: smtp_proto::client::Config
pub struct ContentWriter<'a, S: AsyncRead + AsyncWrite + Unpin> {
    connection: &'a mut Connection<S>,
    id: TransactionId,
    gathered: BytesMut,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// The server has decided.
    Unwanted(Outcome),
    /// The content is complete, or the session has ended.
    Ended,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> ContentWriter<'a, S> {
    /// A writer for content that the server waits for.
    pub(crate) fn new(connection: &'a mut Connection<S>, id: TransactionId) -> Self {
        Self {
            connection,
            id,
            gathered: BytesMut::new(),
            state: State::Open,
        }
    }

    /// A writer for content that nobody wants.
    pub(crate) fn unwanted(
        connection: &'a mut Connection<S>,
        id: TransactionId,
        outcome: Outcome,
    ) -> Self {
        Self {
            connection,
            id,
            gathered: BytesMut::new(),
            state: State::Unwanted(outcome),
        }
    }

    /// Whether the server still takes content.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Writes a chunk of any size, without copying it. If the future is dropped
    /// before its end, nothing of the chunk was written.
    ///
    /// # Errors
    /// As any other write.
    pub async fn write_chunk(&mut self, chunk: impl Into<Bytes>) -> io::Result<()> {
        let chunk = chunk.into();
        self.check_open()?;
        poll_fn(|context| self.poll_send(context)).await?;
        poll_fn(|context| self.poll_body(context)).await?;
        match self.connection.session.body() {
            Some(body) => body.write(chunk).map_err(|error| self.fail(error)),
            None => Ok(()),
        }
    }

    /// Ends the content, and waits for what the server says. If the future is
    /// dropped, the message is abandoned, or may be delivered, as far as that
    /// had come.
    ///
    /// # Errors
    /// [`Error::Content`] if the content ends against the policy, or
    /// [`Error::Session`] if the session has ended without an outcome.
    pub async fn finish(mut self) -> Result<Outcome, Error> {
        match self.end().await {
            Ok(()) => self.outcome().await,
            Err(error) => Err(self.give_up(error).await),
        }
    }

    /// Ends the content, which goes out with the next step: a short one in one
    /// write with its end.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_hand_over(context)).await?;
        poll_fn(|context| self.poll_body(context)).await?;
        let Some(body) = self.connection.session.body() else {
            return Ok(());
        };
        body.finish().map_err(|error| self.fail(error))?;
        self.state = State::Ended;
        Ok(())
    }

    /// Ends the session in the middle of the content, for which `error` is the
    /// reason, and tells what became of the message all the same.
    pub(crate) async fn give_up(mut self, error: io::Error) -> Error {
        self.connection.session.abort();
        match self.outcome().await {
            Ok(outcome) => Error::Content {
                error,
                outcome: outcome.into(),
            },
            Err(error) => error,
        }
    }

    /// What became of the message, if the server decided before the end of the
    /// content.
    pub(crate) fn decided(&mut self) -> Option<Outcome> {
        match mem::replace(&mut self.state, State::Ended) {
            State::Unwanted(outcome) => Some(outcome),
            _ => None,
        }
    }

    async fn outcome(&mut self) -> Result<Outcome, Error> {
        if let Some(outcome) = self.decided() {
            return Ok(outcome);
        }
        let id = self.id;
        self.connection.wait_for(|event| event.outcome_of(id)).await
    }

    /// Sends what was gathered, and what the session has of it.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_hand_over(context))?;
        self.poll_drain(context)
    }

    /// Sends what the session has. Left there it would wait until the caller has
    /// more, and the server would be blamed for the time that takes.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_wanted() && self.connection.session.poll_transmit().is_some() {
            ready!(self.poll_wait(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Hands what was gathered to the session.
    fn poll_hand_over(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_body(context))?;
        let Some(body) = self.connection.session.body() else {
            self.gathered.clear();
            return Poll::Ready(Ok(()));
        };
        let written = body.write(self.gathered.split().freeze());
        Poll::Ready(written.map_err(|error| self.fail(error)))
    }

    /// Waits until the session takes a chunk, or the server has decided.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_wanted() && self.connection.session.body().is_none() {
            ready!(self.poll_wait(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Moves octets once, or looks at one event.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.connection.session.poll_event() {
            Ok(None) => self.connection.poll_step(context).map(Ok),
            Ok(Some(event)) => {
                if let Some(outcome) = event.outcome_of(self.id) {
                    self.gathered.clear();
                    self.state = State::Unwanted(outcome);
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.state = State::Ended;
                let error = self.connection.ended(error, context);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, error)))
            }
        }
    }

    fn check_open(&self) -> io::Result<()> {
        match self.state {
            State::Open | State::Unwanted(_) => Ok(()),
            State::Ended => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The content cannot be sent, and the server cannot be told.
    fn fail(&mut self, error: ContentError) -> io::Error {
        self.connection.session.abort();
        self.state = State::Ended;
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ContentWriter<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= CHUNK_LEN {
            ready!(self.poll_hand_over(context))?;
        }
        ready!(self.poll_drain(context))?;
        self.check_open()?;
        if !self.is_wanted() {
            return Poll::Ready(Ok(octets.len()));
        }
        let room = CHUNK_LEN.saturating_sub(self.gathered.len());
        let taken = octets.get(..room).unwrap_or(octets);
        if self.gathered.capacity() == 0 {
            self.gathered.reserve(CHUNK_LEN);
        }
        self.gathered.extend_from_slice(taken);
        Poll::Ready(Ok(taken.len()))
    }

    /// Sends what was written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(context)
    }
}

/// Shows how much content waits, and none of it.
impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for ContentWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentWriter")
            .field("gathered", &self.gathered.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for ContentWriter<'_, S> {
    fn drop(&mut self) {
        if self.is_wanted() {
            self.connection.session.abort();
        }
    }
}
