//! Sending messages whose content is there, or is written when it is wanted.

use std::io;

use smtp_proto::{
    client::{Outcome, Transaction, TransactionId},
    driver::Batch,
};

use crate::{Connection, Error, Stream, content::ContentWriter};

impl<S: Stream> Connection<S> {
    /// Sends a message whose content was given with the transaction.
    ///
    /// If the session ends on the way, the outcome tells what became of the
    /// message, and the next request fails.
    ///
    /// # Errors
    /// [`Error`] if the message could not even be tried.
    pub fn send(&mut self, transaction: Transaction) -> Result<Outcome, Error> {
        self.check_session()?;
        let id = self.hand_over(transaction)?;
        self.wait_for(|event| event.outcome_of(id))
    }

    /// Sends a message whose content was given with the transaction, ends the
    /// session with QUIT, and closes the connection. QUIT is queued together with
    /// the message, so that it can leave with the end of the content where the
    /// configuration [says so](smtp_proto::client::Config::quit_with_content). What the server answers to it changes nothing.
    ///
    /// # Errors
    /// [`Error`] if the message could not even be tried. The connection is closed
    /// all the same.
    pub fn send_and_quit(mut self, transaction: Transaction) -> Result<Outcome, Error> {
        self.check_session()?;
        let id = match self.hand_over(transaction) {
            Ok(id) => id,
            Err(error) => {
                // Why nothing was sent is what there is to tell.
                let _ = self.quit();
                return Err(error);
            }
        };
        // It is an error if the session has ended, which the outcome tells.
        let _ = self.session.quit();
        let outcome = self.wait_for(|event| event.outcome_of(id))?;
        let _ = self.close();
        Ok(outcome)
    }

    /// Sends messages whose content was given with their transactions. Each comes
    /// with whatever the caller knows it by, and what became of it is told to
    /// `each` under that name, as soon as it is known, in the order of the
    /// messages: `enumerate` makes names.
    ///
    /// How far ahead of the replies they are sent,
    /// [`Config::pipelining`](smtp_proto::client::Config::pipelining) and
    /// [`Config::chunking`](smtp_proto::client::Config::chunking) say. A message is
    /// taken from `messages` only when it is of use, which is shortly before it goes
    /// out: no more are held than two, or across transactions one more than twice
    /// [`max_unanswered_messages`](smtp_proto::client::Config::max_unanswered_messages).
    /// What became of each that was taken is told exactly once, also if the session
    /// ends on the way. Those that were not taken are left with the caller, who
    /// gives `by_ref` of an iterator to see them.
    ///
    /// `Ok` says that everything was told, and not that it was accepted. The session
    /// may have ended with the last of the messages: then they have outcomes that
    /// [may be sent again](Outcome::may_be_sent_again), or are in doubt, and the next
    /// request, [`quit`](Self::quit) among them, gives the error.
    ///
    /// ```no_run
    /// # use smtp_blocking::Connection;
    /// # use smtp_proto::client::Transaction;
    /// # fn example(connection: &mut Connection, queue: Vec<(u64, Transaction)>) {
    /// let mut queue = queue.into_iter();
    /// let sent = connection.send_all(queue.by_ref(), |number, sent| match sent {
    ///     Ok(outcome) => println!("message {number}: {}", outcome.fate()),
    ///     Err(error) => println!("message {number} cannot be sent: {error}"),
    /// });
    /// if let Err(error) = sent {
    ///     println!("{error}; {} were not tried", queue.len());
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Session`] if the session has ended, and `messages` perhaps has
    /// more; [`Config::after`](smtp_proto::client::Config::after) may say how to go
    /// on, over another connection. That one message could not even be tried, as
    /// [`send`](Self::send) would say, is told to `each`.
    pub fn send_all<T>(
        &mut self,
        messages: impl IntoIterator<Item = (T, Transaction)>,
        mut each: impl FnMut(T, Result<Outcome, Error>),
    ) -> Result<(), Error> {
        self.check_session()?;
        let mut messages = messages.into_iter();
        let mut has_more = true;
        let mut batch = Batch::new();
        loop {
            if let Some((name, sent)) = batch.pop() {
                each(name, sent);
            } else if batch.is_empty() && !has_more {
                return Ok(());
            } else if let Some(event) = self.next_event()? {
                batch.take(event);
            } else if has_more && (batch.is_empty() || self.session.wants_transaction()) {
                match messages.next() {
                    Some((name, transaction)) => batch.push(name, self.hand_over(transaction)),
                    None => has_more = false,
                }
            } else {
                self.step();
            }
        }
    }

    /// Sends a message whose content `write` writes when the server wants it:
    /// not at all if nobody is to get it (but with
    /// [`Chunking::AtOnce`](smtp_proto::client::Chunking::AtOnce), before that is
    /// known), and again from its beginning if the server takes the recipients in
    /// more than one transaction. Memory does not
    /// grow with the content: 32 KiB are gathered, and where it goes in chunks,
    /// up to [a chunk](smtp_proto::client::Config::chunk_size).
    ///
    /// # Errors
    /// [`Error::HasContent`] if the transaction was given content,
    /// [`Error::Content`] if `write` fails, or any other [`Error`] if the
    /// message could not even be tried.
    pub fn send_with(
        &mut self,
        transaction: Transaction,
        mut write: impl FnMut(&mut ContentWriter<'_, S>) -> io::Result<()>,
    ) -> Result<Outcome, Error> {
        if transaction.has_content() {
            return Err(Error::HasContent);
        }
        self.check_session()?;
        let id = self.session.send(transaction.outcome_only())?;
        loop {
            let wanted = self.wait_for(|event| event.wants_body_of(id))?;
            if let Err(outcome) = wanted {
                return Ok(outcome);
            }
            let mut writer = ContentWriter::new(self, id);
            let written = write(&mut writer).and_then(|()| writer.end());
            match written {
                Err(error) => return Err(writer.give_up(error)),
                Ok(()) => {
                    if let Some(outcome) = writer.decided() {
                        return Ok(outcome);
                    }
                }
            }
        }
    }

    /// Queues a message whose content was given with the transaction.
    fn hand_over(&mut self, transaction: Transaction) -> Result<TransactionId, Error> {
        if !transaction.has_content() {
            return Err(Error::NoContent);
        }
        Ok(self.session.send(transaction.outcome_only())?)
    }
}
