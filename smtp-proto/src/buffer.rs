//! The send buffer, which both sides have.

use alloc::{collections::VecDeque, vec::Vec};
use core::{fmt, ops::Deref};

use bytes::{Buf, Bytes, BytesMut};
use zeroize::Zeroizing;

use crate::types::Print;

/// A slice shorter than this is cheaper to copy than to keep.
const GATHER_LEN: usize = 512;

/// How many octets of room a session at rest keeps: those of a full group of
/// commands.
const KEPT_ROOM: usize = 4096;

/// How many places for pieces a session at rest keeps.
const KEPT_PIECES: usize = 16;

/// Octets on their way out: command lines and replies, which are written one
/// behind another into room that is used again and again, and between them
/// pieces of content and secrets, which are kept as they are.
#[derive(Default)]
pub(crate) struct SendBuffer {
    pieces: VecDeque<Piece>,
    written: BytesMut,
    /// How many of the written octets stand in front of a piece.
    placed: usize,
    /// How many octets of the first piece were sent.
    piece_sent: usize,
    /// Octets that were ever put in.
    queued: u64,
    /// Octets that were ever taken out.
    sent: u64,
}

impl SendBuffer {
    /// Appends a line and its CRLF, unless that would be more than `room`
    /// octets. Returns the line.
    #[expect(clippy::needless_pass_by_value, reason = "lines are made for this")]
    pub(crate) fn line(&mut self, line: impl Print, room: usize) -> Option<&[u8]> {
        let before = self.written.len();
        // Writing to a buffer that grows cannot fail.
        let _ = line.print(&mut self.written);
        self.written.extend_from_slice(b"\r\n");
        let length = self.written.len() - before;
        if length > room {
            self.written.truncate(before);
            return None;
        }
        self.queued += length as u64;
        self.written.get(before..before + length - 2)
    }

    /// Lets `write` append octets.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let before = self.written.len();
        write(&mut self.written);
        self.queued += self.written.len().saturating_sub(before) as u64;
    }

    /// Appends a line that has a secret in it, given with its CRLF. It is wiped
    /// once it was sent.
    pub(crate) fn secret(&mut self, octets: Zeroizing<Vec<u8>>) {
        self.place(Octets::Secret(octets));
    }

    /// Appends a slice of `content`, without a copy unless it is a short one.
    pub(crate) fn push(&mut self, content: &Bytes, slice: &[u8]) {
        if slice.len() < GATHER_LEN {
            self.extend(slice);
        } else {
            self.place(Octets::Shared(content.slice_ref(slice)));
        }
    }

    fn place(&mut self, octets: Octets) {
        if octets.is_empty() {
            return;
        }
        self.queued += octets.len() as u64;
        let lead = self.written.len() - self.placed;
        self.placed += lead;
        self.pieces.push_back(Piece { lead, octets });
    }

    /// Appends a few octets.
    pub(crate) fn extend(&mut self, octets: &[u8]) {
        self.queued += octets.len() as u64;
        self.written.extend_from_slice(octets);
    }

    /// The position behind everything that was ever put in.
    pub(crate) const fn queued(&self) -> u64 {
        self.queued
    }

    /// The position behind everything that was ever taken out.
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many octets wait.
    pub(crate) const fn pending(&self) -> u64 {
        self.queued - self.sent
    }

    pub(crate) fn transmit(&self) -> Option<Transmit<'_>> {
        (self.pending() > 0).then_some(Transmit { buffer: self })
    }

    /// Takes out the first `n` octets, or all of them if there are fewer.
    pub(crate) fn advance(&mut self, n: usize) {
        if n as u64 >= self.pending() {
            self.sent = self.queued;
            self.forget();
            return;
        }
        self.sent += n as u64;
        let mut left = n;
        while let Some(piece) = self.pieces.front_mut() {
            let step = left.min(piece.lead);
            piece.lead -= step;
            self.placed -= step;
            self.written.advance(step);
            left -= step;
            let step = left.min(piece.octets.len() - self.piece_sent);
            self.piece_sent += step;
            left -= step;
            if self.piece_sent < piece.octets.len() {
                return;
            }
            self.piece_sent = 0;
            self.pieces.pop_front();
        }
        self.written.advance(left);
    }

    /// Drops whatever waits. Positions go on as if it had never been put in.
    pub(crate) fn clear(&mut self) {
        self.queued = self.sent;
        self.forget();
    }

    /// Empties the buffer, and keeps the room.
    fn forget(&mut self) {
        self.pieces.clear();
        self.written.clear();
        self.placed = 0;
        self.piece_sent = 0;
    }

    /// Gives back what is more room than a session at rest should hold, if
    /// nothing waits.
    pub(crate) fn rest(&mut self) {
        if self.pending() > 0 {
            return;
        }
        // All of the room counts, also that in front of what was sent last.
        if self.written.try_reclaim(KEPT_ROOM + 1) {
            self.written = BytesMut::new();
        }
        if self.pieces.capacity() > KEPT_PIECES {
            self.pieces = VecDeque::new();
        }
    }
}

/// Octets that are kept as they came.
struct Piece {
    /// How many written octets go out between the piece before and this one.
    lead: usize,
    octets: Octets,
}

enum Octets {
    Shared(Bytes),
    Secret(Zeroizing<Vec<u8>>),
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shared(octets) => octets,
            Self::Secret(octets) => octets,
        }
    }
}

/// Octets that wait to be sent, as slices for `write_vectored`.
///
/// Looking at them changes nothing: tell the session with `handle_transmitted`
/// how many of them the transport took.
#[derive(Clone, Copy)]
#[must_use = "a session waits until its output was sent"]
pub struct Transmit<'a> {
    buffer: &'a SendBuffer,
}

impl<'a> Transmit<'a> {
    /// The slices, in order. None is empty.
    pub fn slices(self) -> impl Iterator<Item = &'a [u8]> {
        let mut written = &self.buffer.written[..];
        let mut sent = self.buffer.piece_sent;
        let mut pieces = self.buffer.pieces.iter();
        let mut piece = None;
        core::iter::from_fn(move || {
            if let Some(octets) = piece.take() {
                return Some(octets);
            }
            let Some(next) = pieces.next() else {
                return Some(core::mem::take(&mut written)).filter(|rest| !rest.is_empty());
            };
            let octets = next.octets.get(core::mem::take(&mut sent)..)?;
            let lead = written.split_off(..next.lead)?;
            if lead.is_empty() {
                return Some(octets);
            }
            piece = Some(octets);
            Some(lead)
        })
    }

    /// The first slice, for a driver that writes one at a time.
    #[must_use]
    pub fn first(self) -> &'a [u8] {
        self.slices().next().unwrap_or_default()
    }

    /// How many octets there are in all.
    #[must_use]
    pub const fn octets(self) -> u64 {
        self.buffer.pending()
    }
}

impl fmt::Debug for Transmit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No octets: they may be secret.
        write!(f, "Transmit({} octets)", self.octets())
    }
}

impl fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendBuffer({} octets)", self.pending())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(buffer: &SendBuffer) -> Vec<u8> {
        buffer
            .transmit()
            .map(|transmit| transmit.slices().collect::<Vec<_>>().concat())
            .unwrap_or_default()
    }

    #[test]
    fn order_is_kept_over_every_partial_write() {
        let content = Bytes::from(vec![b'x'; GATHER_LEN]);
        for step in 1..600 {
            let mut buffer = SendBuffer::default();
            buffer.extend(b"MAIL\r\n");
            buffer.push(&content, &content);
            buffer.secret(Zeroizing::new(b"AUTH PLAIN AGEAYg==\r\n".to_vec()));
            buffer.extend(b"short");
            buffer.extend(b".\r\n");
            let mut out = Vec::new();
            while buffer.pending() > 0 {
                out.extend(octets(&buffer).into_iter().take(step));
                buffer.advance(step);
            }
            let secret = &b"AUTH PLAIN AGEAYg==\r\n"[..];
            assert_eq!(
                out,
                [b"MAIL\r\n", &content[..], secret, b"short.\r\n"].concat()
            );
            assert_eq!(buffer.sent(), buffer.queued());
        }
    }

    /// The lengths of the slices.
    fn lengths(buffer: &SendBuffer) -> Vec<usize> {
        let transmit = buffer.transmit();
        let slices = transmit.into_iter().flat_map(Transmit::slices);
        slices.map(<[u8]>::len).collect()
    }

    #[test]
    fn what_is_written_is_one_slice() {
        let content = Bytes::from(vec![b'x'; GATHER_LEN]);
        let mut buffer = SendBuffer::default();
        buffer.line("NOOP", usize::MAX);
        buffer.extend(b"a");
        buffer.push(&content, &content[..GATHER_LEN - 1]);
        assert_eq!(lengths(&buffer), [6 + 1 + GATHER_LEN - 1]);
        buffer.push(&content, &content);
        buffer.push(&content, &content);
        buffer.push(&content, b"");
        buffer.secret(Zeroizing::new(Vec::new()));
        buffer.extend(b".\r\n");
        assert_eq!(
            lengths(&buffer),
            [6 + GATHER_LEN, GATHER_LEN, GATHER_LEN, 3]
        );
        buffer.advance(5 + 2 * GATHER_LEN);
        assert_eq!(lengths(&buffer), [1, GATHER_LEN, 3]);
    }

    #[test]
    fn a_line_that_has_no_room_leaves_nothing() {
        let mut buffer = SendBuffer::default();
        buffer.extend(b"a");
        assert_eq!(buffer.line("NOOP", 5), None);
        assert_eq!(buffer.line("NOOP", 6), Some(&b"NOOP"[..]));
        assert_eq!(octets(&buffer), b"aNOOP\r\n");
        assert_eq!(buffer.queued(), 7);
    }

    #[test]
    fn room_is_used_again_whatever_was_sent_of_it() {
        let content = Bytes::from(vec![b'x'; GATHER_LEN]);
        let mut buffer = SendBuffer::default();
        let round = |buffer: &mut SendBuffer, n: usize| {
            buffer.extend(&[b'a'; 100]);
            buffer.push(&content, &content);
            buffer.extend(&[b'b'; 100]);
            buffer.advance(n);
        };
        // Never empty.
        buffer.extend(&[b'c'; 100]);
        for _ in 0..1000 {
            round(&mut buffer, GATHER_LEN + 200);
            assert_eq!(buffer.pending(), 100);
        }
        assert!(buffer.pieces.capacity() <= 8);
        assert!(buffer.written.capacity() <= 1024);
    }

    #[test]
    fn a_buffer_at_rest_gives_back_what_it_needed_once() {
        let mut buffer = SendBuffer::default();
        let content = Bytes::from(vec![b'x'; GATHER_LEN]);
        for _ in 0..100 {
            buffer.extend(&[b'a'; 1000]);
            buffer.push(&content, &content);
        }
        buffer.rest();
        assert_eq!(lengths(&buffer).len(), 200);
        // What is left of the room is little, but not the room.
        buffer.advance(100 * (1000 + GATHER_LEN) - 1);
        buffer.advance(1);
        buffer.rest();
        assert!(!buffer.written.try_reclaim(KEPT_ROOM + 1));
        assert!(buffer.pieces.capacity() <= KEPT_PIECES);
        buffer.extend(&[b'a'; KEPT_ROOM]);
        buffer.advance(KEPT_ROOM);
        buffer.rest();
        assert!(buffer.written.try_reclaim(KEPT_ROOM));
    }

    #[test]
    fn long_slices_are_not_copied() {
        let content = Bytes::from(vec![b'x'; GATHER_LEN]);
        let mut buffer = SendBuffer::default();
        buffer.push(&content, &content);
        let slice = buffer.transmit().unwrap().slices().next().unwrap();
        assert_eq!(slice.as_ptr(), content.as_ptr());
    }
}
