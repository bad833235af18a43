//! A client's connection.

use std::fmt;

use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    Instant,
    client::{Config, Event, Outcome, Session, Transaction},
};

use crate::{Error, transport::Transport};

/// A session with a server, over a stream.
///
/// A future of a method may be dropped: the session goes on with what it was
/// doing when the next is polled, and the answer to what was dropped is not
/// taken for that to another request.
pub struct Connection<S> {
    session: Session,
    transport: Transport<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Opens a session over a stream that was connected just now: waits for the
    /// greeting, and says hello.
    ///
    /// # Errors
    /// [`Error::Session`] if the server refuses the session.
    pub async fn open(stream: S, config: Config) -> Result<Self, Error> {
        let mut connection = Self {
            session: Session::new(config, Instant::ORIGIN),
            transport: Transport::new(stream),
        };
        connection
            .wait_for(|event| matches!(event, Event::Ready).then_some(()))
            .await?;
        Ok(connection)
    }

    /// Sends a message whose content was given with the transaction.
    ///
    /// If the session ends on the way, the outcome tells what became of the
    /// message, and the next request fails.
    ///
    /// # Errors
    /// [`Error`] if the message could not even be tried.
    pub async fn send(&mut self, transaction: Transaction) -> Result<Outcome, Error> {
        if !transaction.has_content() {
            return Err(Error::NoContent);
        }
        while self.session.poll_event()?.is_some() {}
        let id = self.session.send(transaction)?;
        self.wait_for(|event| match event {
            Event::Finished {
                transaction,
                outcome,
            } if transaction == id => Some(outcome),
            _ => None,
        })
        .await
    }

    /// Ends the session with QUIT. Whatever the server answers, or whether it
    /// does, changes nothing.
    ///
    /// # Errors
    /// [`Error::Session`] if the session had ended before.
    pub async fn quit(mut self) -> Result<(), Error> {
        while self.session.poll_event()?.is_some() {}
        self.session.quit()?;
        self.wait_for(|event| matches!(event, Event::Closed).then_some(()))
            .await
    }

    /// The session, to look at.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Waits for an event of which `take` makes something. Others are dropped.
    async fn wait_for<T>(&mut self, mut take: impl FnMut(Event) -> Option<T>) -> Result<T, Error> {
        loop {
            while let Some(event) = self.session.poll_event()? {
                if let Some(taken) = take(event) {
                    return Ok(taken);
                }
            }
            self.transport.step(&mut self.session).await;
        }
    }
}

/// Shows the session, which shows no content.
impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
