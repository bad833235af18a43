//! The receive buffer.

use bytes::{Buf, BytesMut};
use zeroize::Zeroize;

/// Octets that came in and were not dealt with yet. What an event borrows stays
/// in front until the next one is asked for.
#[derive(Default)]
pub(super) struct Input {
    buffer: BytesMut,
    lent: usize,
    ended: bool,
}

impl Input {
    /// Adds what came in; nothing at all is the end of the input. What may be
    /// part of a password is not left behind where the buffer moves.
    pub(super) fn extend(&mut self, octets: &[u8], may_be_secret: bool) {
        if octets.is_empty() {
            self.ended = true;
        }
        let whole = self.buffer.len() + octets.len();
        if may_be_secret && !self.buffer.is_empty() && self.buffer.capacity() < whole {
            self.move_to(whole.saturating_mul(2));
        }
        self.buffer.extend_from_slice(octets);
    }

    /// Takes back what was lent.
    pub(super) fn release(&mut self) {
        let lent = core::mem::take(&mut self.lent);
        self.advance(lent);
    }

    /// Lends the first `length` octets, which are dealt with thereby.
    pub(super) fn lend(&mut self, length: usize) -> &[u8] {
        self.lent = length.min(self.buffer.len());
        self.buffer.get(..self.lent).unwrap_or_default()
    }

    /// What was not dealt with.
    pub(super) fn unread(&self) -> &[u8] {
        self.buffer.get(self.lent..).unwrap_or_default()
    }

    /// Drops the first `n` octets. No octet is moved; the buffer makes room
    /// when it has to grow.
    pub(super) fn advance(&mut self, n: usize) {
        self.buffer.advance(n.min(self.buffer.len()));
    }

    /// As [`advance`](Self::advance); but nothing is left of them, because they
    /// may have been a password.
    pub(super) fn wipe(&mut self, n: usize) {
        let n = n.min(self.buffer.len());
        self.buffer.get_mut(..n).unwrap_or_default().zeroize();
        self.buffer.advance(n);
    }

    /// Makes room, so that what comes next is not copied about.
    pub(super) fn reserve(&mut self, octets: usize) {
        let whole = self.buffer.len().saturating_add(octets);
        if self.buffer.capacity() < whole {
            self.move_to(whole);
        }
    }

    /// Moves to a buffer of this size, and leaves nothing behind.
    fn move_to(&mut self, capacity: usize) {
        let mut grown = BytesMut::with_capacity(capacity);
        grown.extend_from_slice(&self.buffer);
        self.wipe(self.buffer.len());
        self.buffer = grown;
    }

    pub(super) fn clear(&mut self) {
        self.wipe(self.buffer.len());
        self.lent = 0;
    }

    /// Whether the input has ended, though some of it may not be dealt with.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }
}

/// Half a response may be among what was not dealt with.
impl Drop for Input {
    fn drop(&mut self) {
        self.clear();
    }
}

impl core::fmt::Debug for Input {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // No octets: they may be content.
        write!(f, "Input({} octets)", self.unread().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_the_same_where_it_may_be_secret() {
        for step in 1..50 {
            let (mut open, mut secret) = (Input::default(), Input::default());
            let octets: Vec<u8> = (0..=255).cycle().take(2000).collect();
            for (index, piece) in octets.chunks(step).enumerate() {
                open.extend(piece, false);
                secret.extend(piece, true);
                if index % 3 == 2 {
                    open.advance(step);
                    secret.wipe(step);
                }
                assert_eq!(open.unread(), secret.unread());
            }
        }
    }
}
