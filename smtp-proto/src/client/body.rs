//! The content on its way out.

use bytes::Bytes;

use super::{
    content::{ContentCheck, ContentError, ContentPolicy},
    event::TransactionId,
    session::Session,
};
use crate::{
    buffer::SendBuffer,
    wire::{Stuffed, Stuffer},
};

/// Permission to supply one chunk of content, or to end it.
///
/// Have one from [`Session::body`]. It takes a chunk of any size, without
/// copying it; but progress can be told, and a refusal be heeded, only between
/// chunks.
#[derive(Debug)]
#[must_use = "the server waits for content"]
pub struct Body<'a> {
    session: &'a mut Session,
    transaction: TransactionId,
}

impl<'a> Body<'a> {
    pub(super) fn new(session: &'a mut Session, transaction: TransactionId) -> Self {
        Self {
            session,
            transaction,
        }
    }

    /// Which transaction the content belongs to.
    #[must_use]
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// Appends a chunk, which the session keeps until it is sent: a borrowed one
    /// has to be copied ([`Bytes::copy_from_slice`]). Dots, and lone line ends if the policy is to repair
    /// them, are seen to, across chunks.
    ///
    /// # Errors
    /// [`ContentError`] if the chunk is not such as can be sent. None of it was
    /// taken, and the session is as it was: go on with another chunk, or
    /// [`abort`](Self::abort).
    pub fn write(self, chunk: impl Into<Bytes>) -> Result<(), ContentError> {
        self.session.body_chunk(&chunk.into())
    }

    /// Ends the content. A last line without CRLF gets one.
    ///
    /// # Errors
    /// [`ContentError`] if the content ends with a CR without LF, and the
    /// policy is to refuse that. The session is as it was.
    pub fn finish(self) -> Result<(), ContentError> {
        self.session.body_end()
    }

    /// Gives up. Nothing but the end of the connection can tell that to the
    /// server (RFC 5321 has no other way, and ending the content would deliver
    /// half of it), so that the session ends here: the transaction is not sent.
    pub fn abort(self) {
        self.session.abort();
    }
}

/// Turns content into what goes over the wire.
#[derive(Debug, Default)]
pub(super) struct BodyEncoder {
    check: ContentCheck,
    stuffer: Stuffer,
}

impl BodyEncoder {
    /// Encodes a chunk that has not been looked at.
    pub(super) fn check(
        &mut self,
        chunk: &[u8],
        policy: &ContentPolicy,
        eight_bit: bool,
    ) -> Result<(), ContentError> {
        if !eight_bit && !chunk.is_ascii() {
            return Err(ContentError::EightBit);
        }
        self.check.chunk(chunk, policy)
    }

    /// Looks at the end of content that was looked at.
    pub(super) fn check_end(&self, policy: &ContentPolicy) -> Result<(), ContentError> {
        self.check.clone().finish(policy)
    }

    /// Puts a chunk into the output.
    pub(super) fn encode(&mut self, chunk: &Bytes, out: &mut SendBuffer) {
        self.stuffer.stuff(chunk, |piece| match piece {
            Stuffed::Content(slice) => out.push(chunk, slice),
            mark => out.extend(mark.octets()),
        });
    }

    /// Puts the end of the content into the output.
    pub(super) fn finish(&mut self, out: &mut SendBuffer) {
        out.extend(self.stuffer.finish());
    }
}
