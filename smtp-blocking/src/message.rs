//! A message in stages.

use smtp_proto::{
    client::{Phase, Recipient, TransactionId},
    types::Reply,
};

use crate::{Error, Stream, connection::Connection, content::ContentWriter};

/// A message whose sender the server has accepted: add recipients, then write
/// the content.
///
/// ```no_run
/// use std::io::{self, Write};
/// use smtp_blocking::Connection;
/// use smtp_proto::{client::{Config, Transaction}, types::Mailbox};
///
/// # let config = Config::new(&"client.example.org".parse()?)?;
/// # let mut connection = Connection::connect("mx.example.net", 25, config)?;
/// let sender: Mailbox = "alice@example.org".parse()?;
/// let mut message = connection.begin(Transaction::new(sender).size(1000))?;
/// for address in ["bob@example.net", "carol@example.net"] {
///     let reply = message.rcpt(address.parse::<Mailbox>()?)?;
///     println!("{address}: {reply}");
/// }
/// let mut content = message.content()?;
/// content.write_all(b"Subject: hello\r\n\r\nHello.\r\n")?;
/// println!("{:?}", content.finish()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it abandons the message: the next request tells the server.
#[derive(Debug)]
#[must_use = "a message that is dropped is abandoned"]
pub struct Message<'a, S: Stream> {
    connection: &'a mut Connection<S>,
    id: TransactionId,
}

impl<'a, S: Stream> Message<'a, S> {
    pub(crate) fn begin(
        connection: &'a mut Connection<S>,
        id: TransactionId,
    ) -> Result<Self, Error> {
        let answer = connection.wait_for(|event| event.sender_of(id))?;
        match answer {
            Ok(reply) if reply.code().is_positive() => Ok(Self { connection, id }),
            Ok(reply) => Err(Error::Refused {
                phase: Phase::Mail,
                reply: reply.into(),
            }),
            // It cannot be sent, or could not because the session has ended.
            Err(outcome) => {
                connection.check_open()?;
                Err(Error::NotSent(outcome.into()))
            }
        }
    }

    /// Adds a recipient, and waits for the answer. A refused one does not end
    /// the message.
    ///
    /// # Errors
    /// [`Error`] if there is no answer.
    pub fn rcpt(&mut self, recipient: impl Into<Recipient>) -> Result<Reply, Error> {
        let added = self.connection.session.rcpt(recipient);
        let added = added.map_err(|error| self.connection.explain(error))?;
        let id = self.id;
        self.connection
            .wait_for(|event| event.recipient_of(id, added))
    }

    /// Asks the server to take the content. If it does not, or if every
    /// recipient was refused, what is written is dropped, and
    /// [`ContentWriter::finish`] tells why.
    ///
    /// # Errors
    /// [`Error`] if there is no recipient, or the session has ended.
    pub fn content(self) -> Result<ContentWriter<'a, S>, Error> {
        let asked = self.connection.session.data();
        asked.map_err(|error| self.connection.explain(error))?;
        let id = self.id;
        let wanted = self.connection.wait_for(|event| event.wants_body_of(id))?;
        Ok(match wanted {
            Ok(()) => ContentWriter::new(self.connection, id),
            Err(outcome) => ContentWriter::unwanted(self.connection, id, outcome),
        })
    }
}
