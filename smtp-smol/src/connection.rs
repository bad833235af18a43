//! A client's connection.

use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll, Waker, ready},
};

use async_net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    client::{CommandError, Event, Phase, Session, Transaction},
    driver::Error,
    types::Capabilities,
};

use crate::{message::Message, transport::Transport};

/// A session with a server, over a stream.
///
/// Each method does one thing and waits for its end. An [`Error::Session`] is
/// the end of the connection; after any other error, and after a refusal, the
/// connection can be used again.
///
/// The future of any method may be dropped. What it had begun goes on when the
/// next request waits: a message whose content was given is sent, a command is
/// answered, and neither answer is taken for that to another request. What
/// cannot go on, since nobody supplies the content any more, ends the session,
/// and the next request says so.
pub struct Connection<S = TcpStream> {
    pub(crate) session: Session,
    pub(crate) transport: Transport<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Begins a message in stages: sends MAIL, and waits for the answer. The
    /// transaction may have recipients already; their answers are in the
    /// outcome.
    ///
    /// # Errors
    /// [`Error::HasContent`] if the transaction was given content,
    /// [`Error::Refused`] if the server refuses the sender, or any other
    /// [`Error`].
    pub async fn begin(&mut self, transaction: Transaction) -> Result<Message<'_, S>, Error> {
        if transaction.has_content() {
            return Err(Error::HasContent);
        }
        self.check_session().await?;
        let id = self.session.mail(transaction)?;
        Message::begin(self, id).await
    }

    /// Ends the session with QUIT, and closes the connection. Whatever the
    /// server answers, or whether it does, changes nothing.
    ///
    /// # Errors
    /// [`Error::Session`] if the session had ended before.
    pub async fn quit(mut self) -> Result<(), Error> {
        // QUIT abandons what was left in stages, without RSET; but in content it
        // would not be one, and nobody supplies the rest.
        if self.session.wants_content() {
            self.session.abort();
        }
        self.check_open().await?;
        self.session.quit()?;
        self.close().await
    }

    /// Waits for the end of a session that was told to end.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        self.wait_for(|event| matches!(event, Event::Closed).then_some(()))
            .await?;
        self.transport.close().await;
        Ok(())
    }

    /// What the server offers.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// The session, to look at.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The stream, to look at.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transport.stream()
    }

    /// Reads what has come, without waiting for more. An error is there to be
    /// seen in the session.
    pub(crate) fn look(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        self.transport.look(&mut self.session, &mut context);
        while let Ok(Some(event)) = self.session.poll_event() {
            self.not_taken(wants_body(&event));
        }
    }

    /// Says QUIT, if the server takes it at once, and closes the connection.
    pub(crate) fn leave(mut self) {
        if self.session.phase() == Phase::Content {
            // Nobody waits for this message any more: it does not go on.
            return;
        }
        // It is an error if the session has ended, and none here.
        let _ = self.session.quit();
        let mut context = Context::from_waker(Waker::noop());
        self.transport.farewell(&mut self.session, &mut context);
    }

    /// Abandons what was left in stages, waits for the answer to authentication
    /// that was left, and tells of a session that has ended.
    pub(crate) async fn check_session(&mut self) -> Result<(), Error> {
        self.session.abandon();
        self.check_open().await?;
        self.end_authentication().await
    }

    /// Tells of a session that has ended since it was last used. Does not wait.
    pub(crate) async fn check_open(&mut self) -> Result<(), Error> {
        while let Some(event) = self.next_event().await? {
            self.not_taken(wants_body(&event));
        }
        Ok(())
    }

    /// The next event, if there is one. Does not wait.
    pub(crate) async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|context| {
            let event = self.session.poll_event();
            Poll::Ready(event.map_err(|error| self.ended(error, context)))
        })
        .await
    }

    /// Why a request cannot be made: the end of the session, if that is why.
    pub(crate) async fn explain(&mut self, error: CommandError) -> Error {
        self.check_open()
            .await
            .err()
            .unwrap_or(Error::Command(error))
    }

    /// Waits for an event of which `take` makes something. Others are dropped.
    pub(crate) async fn wait_for<T>(
        &mut self,
        mut take: impl FnMut(Event) -> Option<T>,
    ) -> Result<T, Error> {
        poll_fn(|context| {
            loop {
                let event = ready!(self.poll_event(context))?;
                let wants_body = wants_body(&event);
                match take(event) {
                    Some(taken) => return Poll::Ready(Ok(taken)),
                    None => self.not_taken(wants_body),
                }
            }
        })
        .await
    }

    /// What to do about an event that nobody waits for any more.
    pub(crate) fn not_taken(&mut self, wants_body: bool) {
        if wants_body {
            // The content of a message whose future was dropped. Without it the
            // server would wait, and so would every request.
            self.session.abort();
        }
    }

    /// Waits for the next event.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Error>> {
        loop {
            match self.session.poll_event() {
                Ok(Some(event)) => return Poll::Ready(Ok(event)),
                Ok(None) => ready!(self.poll_step(context)),
                Err(error) => return Poll::Ready(Err(self.ended(error, context))),
            }
        }
    }

    /// Moves octets once.
    pub(crate) fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.transport.poll_step(&mut self.session, context)
    }

    /// The session has ended. Says so to the server, if it listens.
    pub(crate) fn ended(
        &mut self,
        error: smtp_proto::client::Error,
        context: &mut Context<'_>,
    ) -> Error {
        self.transport.farewell(&mut self.session, context);
        let cause = self.transport.take_error();
        Error::Session { error, cause }
    }
}

pub(crate) fn wants_body(event: &Event) -> bool {
    matches!(event, Event::BodyWanted { .. })
}

/// Shows the session, which shows no content.
impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
