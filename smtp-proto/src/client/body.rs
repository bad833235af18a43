//! The content on its way out.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::{
    content::{ContentCheck, ContentError, ContentPolicy},
    event::TransactionId,
    session::Session,
};
use crate::{
    buffer::SendBuffer,
    wire::{Stuffed, Stuffer},
};

/// Permission to supply one piece of content, or to end it.
///
/// Have one from [`Session::body`]. It takes a piece of any size, without
/// copying it; but progress can be told, and a refusal be heeded, only between
/// pieces. Where content goes in chunks (BDAT), pieces are held until there is
/// [a chunk](super::Config::chunk_size) of them, and a piece that is larger is a
/// chunk of its own.
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

    /// Appends a piece, which the session keeps until it is sent: a borrowed one
    /// has to be copied ([`Bytes::copy_from_slice`]). Dots, and lone line ends if
    /// the policy is to repair them, are seen to, across pieces. Nothing is looked
    /// at in a transaction of
    /// [`BinaryMime`](crate::types::BodyType::BinaryMime).
    ///
    /// # Errors
    /// [`ContentError`] if the piece is not such as can be sent. None of it was
    /// taken, and the session is as it was: go on with another piece, or
    /// [`abort`](Self::abort).
    pub fn write(self, chunk: impl Into<Bytes>) -> Result<(), ContentError> {
        self.session.body_chunk(&chunk.into())
    }

    /// Ends the content. A last line without CRLF gets one, unless the content is
    /// binary.
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

/// Turns content into what goes over the wire: dot-stuffed, or held until there
/// is a chunk of it.
#[derive(Debug, Default)]
pub(super) struct BodyEncoder {
    check: ContentCheck,
    stuffer: Stuffer,
    held: Held,
}

impl BodyEncoder {
    /// Begins with other content.
    pub(super) fn reset(&mut self) {
        self.check = ContentCheck::default();
        self.stuffer = Stuffer::new();
        self.held.clear();
    }

    /// Looks at a chunk that has not been looked at.
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

    /// Whether all that was looked at goes over the wire as it is.
    pub(super) const fn is_unaltered(&self) -> bool {
        self.check.is_unaltered()
    }

    /// Looks at the end of content that was looked at.
    pub(super) fn check_end(&self, policy: &ContentPolicy) -> Result<(), ContentError> {
        self.check.clone().finish(policy)
    }

    /// Puts content into the output, dot-stuffed. `is_unaltered` says that there
    /// is nothing to stuff.
    pub(super) fn encode(&mut self, chunk: &Bytes, is_unaltered: bool, out: &mut SendBuffer) {
        if is_unaltered {
            self.stuffer.pass(chunk);
            out.push(chunk, chunk);
            return;
        }
        self.stuffer.stuff(chunk, |piece| match piece {
            Stuffed::Content(slice) => out.push(chunk, slice),
            mark => out.extend(mark.octets()),
        });
    }

    /// Puts the end of dot-stuffed content into the output.
    pub(super) fn finish(&mut self, out: &mut SendBuffer) {
        out.extend(self.stuffer.finish());
    }

    /// Holds content for a chunk, as it is; or with its line ends repaired.
    pub(super) fn hold(&mut self, content: &Bytes, repair: bool) {
        if repair {
            let held = &mut self.held;
            self.stuffer.stuff(content, |piece| match piece {
                Stuffed::Content(slice) => held.push(content, slice),
                Stuffed::Dot => {}
                Stuffed::DotLines { content: lines, .. } => held.extend(lines),
                mark => held.extend(mark.octets()),
            });
        } else {
            self.held.push(content, content);
        }
    }

    /// Completes the last line of content that is held, since servers that pass
    /// it on with DATA have to (RFC 3030 section 2 asks for canonical text).
    pub(super) fn complete_line(&mut self) {
        self.held.extend(match self.held.tail {
            [b'\r', b'\n'] => b"",
            [_, b'\r'] => b"\n",
            _ => b"\r\n",
        });
    }

    /// How much content is held, in octets.
    pub(super) const fn held(&self) -> usize {
        self.held.octets
    }

    /// Puts what is held into the output.
    pub(super) fn release(&mut self, out: &mut SendBuffer) {
        self.held.release(out);
    }
}

/// Content that waits until it is known how long its chunk is.
#[derive(Debug)]
struct Held {
    /// Slices of content, and gathered octets.
    pieces: Vec<Bytes>,
    /// Octets of short slices, behind the pieces.
    gathered: BytesMut,
    octets: usize,
    /// The last two octets of the content so far.
    tail: [u8; 2],
}

/// A slice shorter than this is gathered with its neighbours, so that there are
/// not too many.
const GATHER_LEN: usize = 512;

impl Default for Held {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            gathered: BytesMut::new(),
            octets: 0,
            tail: *b"\r\n", // no content needs no line end
        }
    }
}

impl Held {
    fn push(&mut self, content: &Bytes, slice: &[u8]) {
        if slice.len() < GATHER_LEN {
            self.extend(slice);
            return;
        }
        self.close();
        self.pieces.push(content.slice_ref(slice));
        self.count(slice);
    }

    fn extend(&mut self, octets: &[u8]) {
        self.gathered.extend_from_slice(octets);
        self.count(octets);
    }

    fn count(&mut self, octets: &[u8]) {
        self.octets += octets.len();
        match octets {
            [.., before, last] => self.tail = [*before, *last],
            [last] => self.tail = [self.tail[1], *last],
            [] => {}
        }
    }

    fn close(&mut self) {
        if !self.gathered.is_empty() {
            self.pieces.push(self.gathered.split().freeze());
        }
    }

    fn release(&mut self, out: &mut SendBuffer) {
        for piece in self.pieces.drain(..) {
            out.push(&piece, &piece);
        }
        out.extend(&self.gathered);
        self.gathered.clear();
        self.octets = 0;
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.gathered.clear();
        self.octets = 0;
        self.tail = *b"\r\n";
    }
}
