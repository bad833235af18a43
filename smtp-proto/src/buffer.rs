//! The send buffer, which both sides have.

use alloc::{collections::VecDeque, vec::Vec};
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};
use zeroize::Zeroizing;

/// A slice shorter than this is cheaper to copy than to keep.
const GATHER_LEN: usize = 512;

/// Octets on their way out: command lines and replies, which are written into
/// the tail, and slices of content and secrets, which are kept as they are.
#[derive(Default)]
pub(crate) struct SendBuffer {
    segments: VecDeque<Segment>,
    tail: BytesMut,
    /// Octets that were ever put in.
    queued: u64,
    /// Octets that were ever taken out.
    sent: u64,
}

impl SendBuffer {
    /// Appends a line and its CRLF, unless that would be more than `room`
    /// octets. Returns the line.
    pub(crate) fn line(&mut self, line: impl fmt::Display, room: usize) -> Option<&[u8]> {
        let before = self.tail.len();
        // Writing to a buffer that grows cannot fail.
        let _ = fmt::write(&mut self.tail, format_args!("{line}\r\n"));
        let written = self.tail.len() - before;
        if written > room {
            self.tail.truncate(before);
            return None;
        }
        self.queued += written as u64;
        self.tail.get(before..before + written - 2)
    }

    /// Lets `write` append octets.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let before = self.tail.len();
        write(&mut self.tail);
        self.queued += self.tail.len().saturating_sub(before) as u64;
    }

    /// Appends a line that has a secret in it, given with its CRLF. It is wiped
    /// once it was sent.
    pub(crate) fn secret(&mut self, octets: Zeroizing<Vec<u8>>) {
        self.close_tail();
        self.queued += octets.len() as u64;
        self.segments.push_back(Segment::Secret { octets, sent: 0 });
    }

    /// Appends a slice of `content`, without a copy unless it is a short one.
    pub(crate) fn push(&mut self, content: &Bytes, slice: &[u8]) {
        if slice.len() < GATHER_LEN {
            self.extend(slice);
            return;
        }
        self.close_tail();
        self.queued += slice.len() as u64;
        self.segments
            .push_back(Segment::Shared(content.slice_ref(slice)));
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.segments
                .push_back(Segment::Shared(self.tail.split().freeze()));
        }
    }

    /// Appends a few octets.
    pub(crate) fn extend(&mut self, octets: &[u8]) {
        self.queued += octets.len() as u64;
        self.tail.extend_from_slice(octets);
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
        let mut left = n;
        while left > 0 {
            let Some(front) = self.segments.front_mut() else {
                let step = left.min(self.tail.len());
                self.tail.advance(step);
                self.sent += step as u64;
                return;
            };
            let step = left.min(front.octets().len());
            front.advance(step);
            self.sent += step as u64;
            left -= step;
            if front.octets().is_empty() {
                self.segments.pop_front();
            }
        }
    }

    /// Drops whatever waits. Positions go on as if it had never been put in.
    pub(crate) fn clear(&mut self) {
        self.segments.clear();
        self.tail.clear();
        self.queued = self.sent;
    }
}

/// Octets that were complete when they were put in.
enum Segment {
    Shared(Bytes),
    Secret {
        octets: Zeroizing<Vec<u8>>,
        sent: usize,
    },
}

impl Segment {
    fn octets(&self) -> &[u8] {
        match self {
            Self::Shared(octets) => octets,
            Self::Secret { octets, sent } => octets.get(*sent..).unwrap_or_default(),
        }
    }

    fn advance(&mut self, n: usize) {
        match self {
            Self::Shared(octets) => octets.advance(n),
            Self::Secret { sent, .. } => *sent += n,
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
        let segments = self.buffer.segments.iter().map(Segment::octets);
        let tail = (!self.buffer.tail.is_empty()).then_some(&self.buffer.tail[..]);
        segments.chain(tail)
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

    #[test]
    fn long_slices_are_not_copied() {
        let content = Bytes::from(vec![b'x'; GATHER_LEN]);
        let mut buffer = SendBuffer::default();
        buffer.push(&content, &content);
        let slice = buffer.transmit().unwrap().slices().next().unwrap();
        assert_eq!(slice.as_ptr(), content.as_ptr());
    }
}
