//! What is in content, of all that has to be known before it is sent.

use super::marks::{BLOCK, blocks, is_first_dot, is_lone};

/// How many octets [`Survey`] looks at at once, and within which it wants an LF.
pub(crate) const WINDOW: usize = 256;

/// What there is in a chunk of content, of all that anybody may have to know
/// about before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// A CR without an LF behind it, or an LF without a CR in front.
    pub(crate) lone: bool,
    /// A dot at the start of a line.
    pub(crate) first_dot: bool,
    pub(crate) nul: bool,
    /// An octet above 127.
    pub(crate) eight_bit: bool,
    /// Two LFs may be 2 [`WINDOW`]s or more apart, or as many octets stand
    /// before the first one.
    pub(crate) long_line: bool,
}

impl Survey {
    /// Looks at a chunk, and at the octet before it.
    pub(crate) fn of(before: u8, chunk: &[u8]) -> Self {
        let mut all = Self::default();
        let Some(&first) = chunk.first() else {
            return all;
        };
        all.add(&[before], &[first]);
        let mut at = 1;
        while let Some((before, window)) = blocks::<WINDOW>(chunk, at) {
            all.long_line |= !all.add(before, window);
            at += WINDOW;
        }
        while let Some((before, block)) = blocks::<BLOCK>(chunk, at) {
            all.add(before, block);
            at += BLOCK;
        }
        if let Some((before, block)) = chunk
            .len()
            .checked_sub(BLOCK)
            .and_then(|start| blocks(chunk, start))
        {
            // What is looked at twice stays what it is.
            all.add::<BLOCK>(before, block);
        } else {
            while let Some((before, block)) = blocks::<1>(chunk, at) {
                all.add(before, block);
                at += 1;
            }
        }
        all
    }

    /// Returns whether there is an LF.
    #[inline]
    fn add<const N: usize>(&mut self, before: &[u8; N], block: &[u8; N]) -> bool {
        let (mut lone, mut first_dot, mut lf) = (false, false, false);
        let (mut lowest, mut bits) = (u8::MAX, 0);
        for (&before, &octet) in before.iter().zip(block) {
            lone |= is_lone(before, octet);
            first_dot |= is_first_dot(before, octet);
            lf |= octet == b'\n';
            lowest = lowest.min(octet);
            bits |= octet;
        }
        let (nul, eight_bit) = (lowest == 0, !bits.is_ascii());
        self.lone |= lone;
        self.first_dot |= first_dot;
        self.nul |= nul;
        self.eight_bit |= eight_bit;
        lf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks overlap at the end, and windows do not: each place of each length
    /// has to be in one of them.
    #[test]
    fn c_074_every_place_of_every_length_is_looked_at() {
        for length in (1..200).chain(WINDOW - 3..2 * WINDOW + 200) {
            let mut chunk = vec![b'x'; length];
            assert!(!Survey::of(b' ', &chunk).lone);
            for place in 0..length {
                for octet in [b'\n', 0, 0x80] {
                    chunk[place] = octet;
                    let found = Survey::of(b' ', &chunk);
                    let has = (found.lone, found.nul, found.eight_bit);
                    let expected = (octet == b'\n', octet == 0, octet == 0x80);
                    assert_eq!(has, expected, "{place} of {length}");
                }
                chunk[place] = b'x';
            }
        }
    }
}
