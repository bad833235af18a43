//! Everything that is asked of a server besides sending a message.

use smtp_proto::{
    client::{Authentication, CommandError, RequestId, Session},
    types::{Argument, RawCommand, Reply},
};

use crate::{Connection, Error, Stream};

impl<S: Stream> Connection<S> {
    /// Tells the server who the client is, for a client that asks its user once
    /// the session is open; others put it into the configuration.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] if the server, or a mechanism, says no; or any
    /// other [`Error`].
    pub fn authenticate(&mut self, authentication: Authentication) -> Result<(), Error> {
        self.check_session()?;
        let id = self.session.authenticate(authentication)?;
        let answer = self.wait_for(|event| event.authenticated_by(id))?;
        answer.map_err(Error::NotAuthenticated)
    }

    /// Asks whether this is a user (VRFY).
    ///
    /// # Errors
    /// [`Error`] if there is no answer; so for the next four.
    pub fn verify(&mut self, user: Argument) -> Result<Reply, Error> {
        self.request(|session| session.verify(user))
    }

    /// Asks who is on a list (EXPN).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn expand(&mut self, list: Argument) -> Result<Reply, Error> {
        self.request(|session| session.expand(list))
    }

    /// Asks for help (HELP).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn help(&mut self, on: Option<Argument>) -> Result<Reply, Error> {
        self.request(|session| session.help(on))
    }

    /// Asks for nothing (NOOP), to see that the server is there.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn noop(&mut self) -> Result<Reply, Error> {
        self.request(Session::noop)
    }

    /// Sends a command of an extension.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn command(&mut self, command: RawCommand) -> Result<Reply, Error> {
        self.request(|session| session.command(command))
    }

    fn request(
        &mut self,
        make: impl FnOnce(&mut Session) -> Result<RequestId, CommandError>,
    ) -> Result<Reply, Error> {
        self.check_session()?;
        let id = make(&mut self.session)?;
        self.wait_for(|event| event.reply_to(id))
    }
}
