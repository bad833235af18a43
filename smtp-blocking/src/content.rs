//! Writing content.

use std::{
    fmt,
    io::{self, Write},
    mem,
};

use bytes::BytesMut;
use smtp_proto::client::{ContentError, Outcome, TransactionId};

use crate::{Error, Stream, connection::Connection};

/// How much is gathered before it is handed to the session, in octets.
const CHUNK_LEN: usize = 32 * 1024;

/// Where the content of a message is written to.
///
/// Line ends are as the [`Config`] wants them; dots need no care, and binary
/// content none at all. Content that does not follow the policy makes a write
/// fail, with a [`ContentError`] inside the error; the message can then not be
/// sent.
///
/// A server may have enough before the end, or want none of it at all. The rest
/// is then dropped, and [`finish`](Self::finish) tells what the server said;
/// [`is_wanted`](Self::is_wanted) tells whether to go on reading a large file.
///
/// Dropping it before it is finished ends the connection: nothing else keeps
/// the server from delivering half of a message.
///
/// [`Config`]: smtp_proto::client::Config
pub struct ContentWriter<'a, S: Stream> {
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
    /// The session has ended, or is to wait for the answer.
    Ended,
}

impl<'a, S: Stream> ContentWriter<'a, S> {
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

    /// Ends the content, and waits for what the server says.
    ///
    /// # Errors
    /// [`Error::Content`] if the content ends against the policy, or
    /// [`Error::Session`] if the session has ended without an outcome.
    pub fn finish(mut self) -> Result<Outcome, Error> {
        match self.end() {
            Ok(()) => self.outcome(),
            Err(error) => Err(self.give_up(error)),
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

    /// Ends the session in the middle of the content, for which `error` is the
    /// reason, and tells what became of the message all the same.
    pub(crate) fn give_up(mut self, error: io::Error) -> Error {
        self.connection.session.abort();
        match self.outcome() {
            Ok(outcome) => Error::Content {
                error,
                outcome: outcome.into(),
            },
            Err(error) => error,
        }
    }

    fn outcome(&mut self) -> Result<Outcome, Error> {
        if let Some(outcome) = self.decided() {
            return Ok(outcome);
        }
        let id = self.id;
        self.connection.wait_for(|event| event.outcome_of(id))
    }

    /// Ends the content, which goes out with the next step: a short one in one
    /// write with its end.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.hand_over()?;
        while self.is_wanted() {
            if let Some(body) = self.connection.session.body() {
                body.finish().map_err(|error| self.fail(error))?;
                self.state = State::Ended;
            } else {
                self.wait()?;
            }
        }
        Ok(())
    }

    /// Hands what was gathered to the session.
    fn hand_over(&mut self) -> io::Result<()> {
        while self.is_wanted() && !self.gathered.is_empty() {
            if let Some(body) = self.connection.session.body() {
                let chunk = self.gathered.split().freeze();
                body.write(chunk).map_err(|error| self.fail(error))?;
            } else {
                self.wait()?;
            }
        }
        Ok(())
    }

    /// Sends what was gathered. Left in the session it would wait until the
    /// caller has more, and the server would be blamed for the time that takes.
    fn send(&mut self) -> io::Result<()> {
        self.hand_over()?;
        while self.is_wanted() && self.connection.session.poll_transmit().is_some() {
            self.wait()?;
        }
        Ok(())
    }

    /// Waits until the session takes more, or the server has decided.
    fn wait(&mut self) -> io::Result<()> {
        let id = self.id;
        match self.connection.next_event() {
            Ok(None) => self.connection.step(),
            Ok(Some(event)) => {
                if let Some(outcome) = event.outcome_of(id) {
                    self.gathered.clear();
                    self.state = State::Unwanted(outcome);
                }
            }
            Err(error) => {
                self.state = State::Ended;
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, error));
            }
        }
        Ok(())
    }

    /// The content cannot be sent, and the server cannot be told.
    fn fail(&mut self, error: ContentError) -> io::Error {
        self.connection.session.abort();
        self.state = State::Ended;
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl<S: Stream> Write for ContentWriter<'_, S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self.state {
            State::Open => {}
            State::Unwanted(_) => return Ok(octets.len()),
            State::Ended => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        let room = CHUNK_LEN.saturating_sub(self.gathered.len());
        let taken = octets.get(..room).unwrap_or(octets);
        if self.gathered.capacity() == 0 {
            // What was gathered before has left: it is the same memory again.
            self.gathered.reserve(CHUNK_LEN);
        }
        self.gathered.extend_from_slice(taken);
        if self.gathered.len() >= CHUNK_LEN {
            self.send()?;
        }
        Ok(taken.len())
    }

    /// Sends what was written; where content goes in chunks (BDAT), all but what
    /// waits for a chunk to be full.
    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Shows how much content waits, and none of it.
impl<S: Stream> fmt::Debug for ContentWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentWriter")
            .field("gathered", &self.gathered.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<S: Stream> Drop for ContentWriter<'_, S> {
    fn drop(&mut self) {
        if self.is_wanted() {
            self.connection.session.abort();
        }
    }
}
