//! What an application can ask of a session.

use alloc::boxed::Box;

use super::{
    authentication::Authentication,
    body::Body,
    error::{CommandError, ErrorKind},
    event::{RequestId, TransactionId},
    session::Session,
    transaction::{Recipient, Transaction},
    work::{Job, in_stages},
};
use crate::types::{Argument, Command, RawCommand};

/// Requests. An `Err` leaves the session as it was.
impl Session {
    /// Queues a whole transaction. Ends in one
    /// [`Event::Finished`](super::Event::Finished). Several may be queued, and have
    /// to be if they are to [share a group](super::Pipelining::AcrossTransactions);
    /// whoever has many asks [`wants_transaction`](Self::wants_transaction).
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be sent to any server, or nothing more can
    /// be queued ([`Config::max_queued`](super::Config::max_queued)).
    pub fn send(&mut self, transaction: Transaction) -> Result<TransactionId, CommandError> {
        if transaction.recipients.is_empty() {
            return Err(CommandError::NoRecipients);
        }
        self.enqueue_transaction(transaction, false)
    }

    /// Begins a transaction in stages: MAIL now, then [`rcpt`](Self::rcpt) for
    /// each recipient, then [`data`](Self::data). Each stage has its own event,
    /// and the last is one [`Event::Finished`](super::Event::Finished). Recipients
    /// that are refused for being too many stay refused.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be sent to any server, another is still in
    /// stages, or nothing more can be queued.
    pub fn mail(&mut self, transaction: Transaction) -> Result<TransactionId, CommandError> {
        self.enqueue_transaction(transaction.in_one(), true)
    }

    /// Adds a recipient to the transaction in stages, and returns its index.
    /// One that is not ASCII can be added later only if the transaction began
    /// with [`Transaction::smtputf8`].
    ///
    /// # Errors
    /// [`CommandError`] if no transaction is in stages, or this one cannot have
    /// the recipient.
    pub fn rcpt(&mut self, recipient: impl Into<Recipient>) -> Result<usize, CommandError> {
        let recipient = recipient.into();
        recipient.check(&self.config)?;
        let delivery =
            in_stages(&mut self.active, &mut self.queue).ok_or(CommandError::NoTransaction)?;
        let index = delivery
            .add(recipient, &self.capabilities)
            .map_err(CommandError::Recipient)?;
        self.pump();
        Ok(index)
    }

    /// Says that the transaction in stages has all its recipients, and asks for
    /// its content to be taken.
    ///
    /// # Errors
    /// [`CommandError`] if no transaction is in stages, or it has no recipient.
    pub fn data(&mut self) -> Result<(), CommandError> {
        let delivery =
            in_stages(&mut self.active, &mut self.queue).ok_or(CommandError::NoTransaction)?;
        if !delivery.has_recipients() {
            return Err(CommandError::NoRecipients);
        }
        delivery.open = false;
        self.pump();
        Ok(())
    }

    /// Abandons the transaction in stages.
    ///
    /// # Errors
    /// [`CommandError::NoTransaction`] if there is none.
    pub fn reset(&mut self) -> Result<(), CommandError> {
        in_stages(&mut self.active, &mut self.queue)
            .ok_or(CommandError::NoTransaction)?
            .abandon();
        self.pump();
        Ok(())
    }

    /// Abandons what nobody attends to any more, for a driver that is asked for
    /// something else: a transaction in stages, as [`reset`](Self::reset) does, and
    /// with it the session, as [`abort`](Self::abort) does, if the server waits for
    /// content that nobody will supply. Everything else goes on.
    pub fn abandon(&mut self) {
        if self.wants_content() {
            self.abort();
        } else {
            // It is an error if there is nothing in stages, and none here.
            let _ = self.reset();
        }
    }

    /// Permission to supply content: `Some` exactly while the session can take
    /// a piece, which is from [`Event::BodyWanted`](super::Event::BodyWanted) to the
    /// end of the content, except while much of it still waits to be sent.
    pub fn body(&mut self) -> Option<Body<'_>> {
        let transaction = self.active.back()?.id;
        self.takes_content().then(|| Body::new(self, transaction))
    }

    /// Authenticates, after everything that was queued before. Ends in one
    /// [`Event::Authenticated`](super::Event::Authenticated) or
    /// [`Event::AuthenticationFailed`](super::Event::AuthenticationFailed), and until
    /// then nothing else can be requested. For a client that asks its user once
    /// the session is open; others configure it
    /// ([`Config::authentication`](super::Config::authentication)).
    ///
    /// # Errors
    /// [`CommandError`] if the session is authenticated already, or a
    /// transaction is in stages, or nothing more can be queued.
    pub fn authenticate(
        &mut self,
        authentication: Authentication,
    ) -> Result<RequestId, CommandError> {
        if self.authenticated.is_some() || (!self.is_open && self.config.authentication.is_some()) {
            return Err(CommandError::Authenticated);
        }
        self.check_room()?;
        let id = RequestId(self.id());
        self.authenticating = true;
        let job = Job::Authenticate(id, Box::new(authentication));
        self.queue.push_back(job);
        self.pump();
        Ok(id)
    }

    /// Gives up everything, at once: the session has ended, with an error of kind
    /// [`Aborted`](ErrorKind::Aborted), and every transaction has its fate.
    /// Nothing happens if it had ended before.
    pub fn abort(&mut self) {
        self.fail(ErrorKind::Aborted, None);
    }

    /// Asks whether this is a user (VRFY). A reply 252 says that the server
    /// would not tell.
    ///
    /// # Errors
    /// [`CommandError`] if nothing more can be queued, a transaction is in
    /// stages, or the text is not US-ASCII; so for the next four.
    pub fn verify(&mut self, user: Argument) -> Result<RequestId, CommandError> {
        self.request(Command::Vrfy(user))
    }

    /// Asks who is on a list (EXPN).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn expand(&mut self, list: Argument) -> Result<RequestId, CommandError> {
        self.request(Command::Expn(list))
    }

    /// Asks for help, on everything or on one thing (HELP).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn help(&mut self, on: Option<Argument>) -> Result<RequestId, CommandError> {
        self.request(Command::Help(on))
    }

    /// Asks for nothing (NOOP), to see that the server is there.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn noop(&mut self) -> Result<RequestId, CommandError> {
        self.request(Command::Noop(None))
    }

    /// Sends a command of an extension.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn command(&mut self, command: RawCommand) -> Result<RequestId, CommandError> {
        self.request(Command::Extension(command))
    }

    /// Ends the session, after everything that was queued before. A transaction
    /// that is still in stages is abandoned.
    ///
    /// # Errors
    /// [`CommandError::Closed`] if it has ended, or will.
    pub fn quit(&mut self) -> Result<(), CommandError> {
        self.check_open()?;
        if let Some(delivery) = in_stages(&mut self.active, &mut self.queue) {
            delivery.abandon();
        }
        self.quitting = true;
        self.queue.push_back(Job::Quit);
        self.pump();
        Ok(())
    }
}
