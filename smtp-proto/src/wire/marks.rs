//! Where content and what stands for it on the wire may differ.
//!
//! That depends on an octet and the one before it alone, so that whole blocks
//! can be looked at at once: the loops here are such as compilers turn into
//! vector instructions.

/// How many octets are looked at at once.
pub(super) const BLOCK: usize = 64;

/// Whether one of two neighbouring octets is half of a line end that lacks the
/// other half.
#[inline]
pub(crate) const fn is_lone(before: u8, octet: u8) -> bool {
    (before == b'\r') != (octet == b'\n')
}

/// Whether an octet is a dot at the start of a line.
#[inline]
pub(crate) const fn is_first_dot(before: u8, octet: u8) -> bool {
    before == b'\n' && octet == b'.'
}

#[inline]
const fn is_mark(before: u8, octet: u8) -> bool {
    // Without a branch, for all of a block at once.
    is_lone(before, octet) | is_first_dot(before, octet)
}

/// The octets that together with the one before are either of the two: the
/// place of each, counted from 0, the octet before, and the octet itself.
#[derive(Clone, Debug)]
pub(crate) struct Marks<'a> {
    /// What is before the text.
    before: u8,
    text: &'a [u8],
    /// How far the text was looked at.
    seen: usize,
    /// What was found in a block, a bit for each of its octets.
    found: u64,
    /// Where that block begins.
    block: usize,
}

impl<'a> Marks<'a> {
    /// Those in `text`, which stands behind `before`.
    #[inline]
    pub(crate) fn new(before: u8, text: &'a [u8]) -> Self {
        let first = text.first().is_some_and(|&first| is_mark(before, first));
        Self {
            before,
            text,
            seen: 1,
            found: u64::from(first),
            block: 0,
        }
    }

    /// Those in `text` behind its first octet and `skipped` more.
    #[inline]
    pub(crate) const fn behind(text: &'a [u8], skipped: usize) -> Self {
        Self {
            before: 0,
            text,
            seen: 1 + skipped,
            found: 0,
            block: 0,
        }
    }

    /// Goes on at `place`, which has to be behind the last that was told.
    #[inline]
    pub(super) const fn skip_to(&mut self, place: usize) {
        self.found = 0;
        self.seen = place;
    }

    /// Looks on, up to the first block with something in it.
    fn search(&mut self) -> Option<()> {
        while let Some((before, block)) = blocks(self.text, self.seen) {
            if has_mark(before, block) {
                self.found = marks(before, block);
                self.block = self.seen;
                self.seen += BLOCK;
                return Some(());
            }
            self.seen += BLOCK;
        }
        let rest = self.text.get(self.seen..).filter(|rest| !rest.is_empty())?;
        let skipped = BLOCK - rest.len();
        // The last block may overlap with the one before.
        if let Some(start) = self.seen.checked_sub(skipped)
            && let Some((before, block)) = blocks(self.text, start)
        {
            self.found = if has_mark(before, block) {
                marks(before, block) & u64::MAX << skipped
            } else {
                0
            };
            self.block = start;
        } else {
            let (mut before, mut block) = ([0; BLOCK], [0; BLOCK]);
            let start = self.text.get(self.seen.checked_sub(1)?..)?;
            before
                .get_mut(..rest.len())?
                .copy_from_slice(start.get(..rest.len())?);
            block.get_mut(..rest.len())?.copy_from_slice(rest);
            self.found = marks(&before, &block);
            self.block = self.seen;
        }
        self.seen = self.text.len() + 1;
        (self.found != 0).then_some(())
    }
}

impl Iterator for Marks<'_> {
    type Item = (usize, u8, u8);

    #[inline]
    fn next(&mut self) -> Option<(usize, u8, u8)> {
        if self.found == 0 {
            self.search()?;
        }
        let place = self.block + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        let before = match place.checked_sub(1) {
            Some(before) => *self.text.get(before)?,
            None => self.before,
        };
        Some((place, before, *self.text.get(place)?))
    }
}

/// How far [`near_mark`] looks.
pub(super) const NEAR: usize = 16;

/// The first of them in `text` among the [`NEAR`] octets behind its first one,
/// which is to be taken for `first`: where there are many, blocks do not pay.
#[inline]
pub(super) fn near_mark(first: u8, text: &[u8]) -> Option<(usize, u8, u8)> {
    let near = text.get(1..text.len().min(1 + NEAR))?;
    let (words, rest) = near.as_chunks();
    let mut before = first;
    for (index, word) in words.iter().enumerate() {
        let octets = u64::from_le_bytes(*word);
        let marks = word_marks(octets << 8 | u64::from(before), octets);
        if marks != 0 {
            let at = index * 8 + marks.trailing_zeros() as usize / 8;
            let before = at.checked_sub(1).map_or(Some(&first), |at| near.get(at))?;
            return Some((at + 1, *before, *near.get(at)?));
        }
        [.., before] = *word;
    }
    for (at, &octet) in rest.iter().enumerate() {
        if is_mark(before, octet) {
            return Some((words.len() * 8 + at + 1, before, octet));
        }
        before = octet;
    }
    None
}

/// The highest bit of each octet of `octets` that is one of them.
#[inline]
const fn word_marks(before: u64, octets: u64) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    /// The highest bit of each octet that is `value`.
    const fn equal(octets: u64, value: u8) -> u64 {
        let octets = octets ^ u64::from_le_bytes([value; 8]);
        !(((octets & LOW) + LOW) | octets | LOW)
    }
    let lone = equal(before, b'\r') ^ equal(octets, b'\n');
    lone | equal(before, b'\n') & equal(octets, b'.')
}

/// The block of `text` from `at`, and its octets' predecessors.
#[inline]
pub(super) fn blocks<const N: usize>(text: &[u8], at: usize) -> Option<(&[u8; N], &[u8; N])> {
    let before = text.get(at.checked_sub(1)?..)?;
    Some((before.first_chunk()?, before.get(1..)?.first_chunk()?))
}

#[inline]
fn has_mark(before: &[u8; BLOCK], block: &[u8; BLOCK]) -> bool {
    let mut found = false;
    for (&before, &octet) in before.iter().zip(block) {
        found |= is_mark(before, octet);
    }
    found
}

/// A bit for each octet of the block, the lowest for the first.
#[inline]
fn marks(before: &[u8; BLOCK], block: &[u8; BLOCK]) -> u64 {
    /// Moves the lowest bits of eight octets into the highest octet.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut flags = [0; BLOCK];
    for ((flag, &before), &octet) in flags.iter_mut().zip(before).zip(block) {
        *flag = u8::from(is_mark(before, octet));
    }
    let (words, _) = flags.as_chunks();
    words.iter().rev().fold(0, |marks, word| {
        marks << 8 | u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56
    })
}
