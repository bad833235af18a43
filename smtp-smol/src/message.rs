//! A message in stages.

use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    client::{Phase, Recipient, TransactionId},
    driver::Error,
    types::Reply,
};

use crate::{connection::Connection, content::ContentWriter};

/// A message whose sender the server has accepted: add recipients, then write
/// the content.
///
/// ```no_run
/// use futures_lite::AsyncWriteExt;
/// use smtp_proto::{client::{Config, Transaction}, types::Mailbox};
/// use smtp_smol::Connection;
///
/// # futures_lite::future::block_on(async {
/// # let config = Config::new(&"client.example.org".parse()?)?;
/// # let mut connection = Connection::connect("mx.example.net", 25, config).await?;
/// let sender: Mailbox = "alice@example.org".parse()?;
/// let mut message = connection.begin(Transaction::new(sender).size(1000)).await?;
/// for address in ["bob@example.net", "carol@example.net"] {
///     let reply = message.rcpt(address.parse::<Mailbox>()?).await?;
///     println!("{address}: {reply}");
/// }
/// let mut content = message.content().await?;
/// content.write_all(b"Subject: hello\r\n\r\nHello.\r\n").await?;
/// println!("{:?}", content.finish().await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # });
/// ```
///
/// Dropping it abandons the message: the next request tells the server.
#[derive(Debug)]
#[must_use = "a message that is dropped is abandoned"]
pub struct Message<'a, S: AsyncRead + AsyncWrite + Unpin> {
    connection: &'a mut Connection<S>,
    id: TransactionId,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Message<'a, S> {
    pub(crate) async fn begin(
        connection: &'a mut Connection<S>,
        id: TransactionId,
    ) -> Result<Self, Error> {
        match connection.wait_for(|event| event.sender_of(id)).await? {
            Ok(reply) if reply.code().is_positive() => Ok(Self { connection, id }),
            Ok(reply) => Err(Error::Refused {
                phase: Phase::Mail,
                reply: reply.into(),
            }),
            // It cannot be sent, or could not because the session has ended.
            Err(outcome) => {
                connection.check_open().await?;
                Err(Error::NotSent(outcome.into()))
            }
        }
    }

    /// Adds a recipient, and waits for the answer. A refused one does not end
    /// the message. If the future is dropped, the message may have the recipient
    /// all the same; the outcome tells.
    ///
    /// # Errors
    /// [`Error`] if there is no answer.
    pub async fn rcpt(&mut self, recipient: impl Into<Recipient>) -> Result<Reply, Error> {
        let added = match self.connection.session.rcpt(recipient) {
            Ok(added) => added,
            Err(error) => return Err(self.connection.explain(error).await),
        };
        let id = self.id;
        self.connection
            .wait_for(|event| event.recipient_of(id, added))
            .await
    }

    /// Asks the server to take the content. If it does not, or if every
    /// recipient was refused, what is written is dropped, and
    /// [`ContentWriter::finish`] tells why.
    ///
    /// # Errors
    /// [`Error`] if there is no recipient, or the session has ended.
    pub async fn content(self) -> Result<ContentWriter<'a, S>, Error> {
        if let Err(error) = self.connection.session.data() {
            return Err(self.connection.explain(error).await);
        }
        let id = self.id;
        let wanted = self
            .connection
            .wait_for(|event| event.wants_body_of(id))
            .await?;
        Ok(match wanted {
            Ok(()) => ContentWriter::new(self.connection, id),
            Err(outcome) => ContentWriter::unwanted(self.connection, id, outcome),
        })
    }
}
