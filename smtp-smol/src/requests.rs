//! Everything that is asked of a server besides sending a message.

use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    client::{Authentication, CommandError, Event, RequestId, Session},
    types::{Argument, RawCommand, Reply},
};

use crate::{Connection, Error};

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Tells the server who the client is, for a client that asks its user once
    /// the session is open; others put it into the configuration.
    ///
    /// If the future is dropped, the next request waits for the answer, and is
    /// made whatever that is; [`Session::authenticated`] tells.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] if the server, or a mechanism, says no; or any
    /// other [`Error`].
    pub async fn authenticate(&mut self, authentication: Authentication) -> Result<(), Error> {
        self.check_session().await?;
        let id = self.session.authenticate(authentication)?;
        let answer = self.wait_for(|event| event.authenticated_by(id)).await?;
        answer.map_err(Error::NotAuthenticated)
    }

    /// Waits for an answer that nobody waits for any more: until then, the session
    /// takes no request.
    pub(crate) async fn end_authentication(&mut self) -> Result<(), Error> {
        if !self.session.is_authenticating() {
            return Ok(());
        }
        self.wait_for(|event| match event {
            Event::Authenticated { .. } | Event::AuthenticationFailed { .. } => Some(()),
            _ => None,
        })
        .await
    }

    /// Asks whether this is a user (VRFY).
    ///
    /// # Errors
    /// [`Error`] if there is no answer; so for the next four.
    pub async fn verify(&mut self, user: Argument) -> Result<Reply, Error> {
        self.request(|session| session.verify(user)).await
    }

    /// Asks who is on a list (EXPN).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn expand(&mut self, list: Argument) -> Result<Reply, Error> {
        self.request(|session| session.expand(list)).await
    }

    /// Asks for help (HELP).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn help(&mut self, on: Option<Argument>) -> Result<Reply, Error> {
        self.request(|session| session.help(on)).await
    }

    /// Asks for nothing (NOOP), to see that the server is there.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn noop(&mut self) -> Result<Reply, Error> {
        self.request(Session::noop).await
    }

    /// Sends a command of an extension.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn command(&mut self, command: RawCommand) -> Result<Reply, Error> {
        self.request(|session| session.command(command)).await
    }

    async fn request(
        &mut self,
        make: impl FnOnce(&mut Session) -> Result<RequestId, CommandError>,
    ) -> Result<Reply, Error> {
        self.check_session().await?;
        let id = make(&mut self.session)?;
        self.wait_for(|event| event.reply_to(id)).await
    }
}
