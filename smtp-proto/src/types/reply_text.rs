//! The text of a reply, which is short as a rule and passed around a lot.

use alloc::sync::Arc;

/// How much text is kept in place, in octets: more than nearly all replies
/// have, and such that a reply, which is moved through queues and events, has
/// 112 octets.
const INLINE_LEN: usize = 94;

/// Octets that never change: a few in place, more of them shared, so that
/// cloning never allocates.
#[derive(Clone)]
pub(super) enum ReplyText {
    Inline { len: u8, octets: [u8; INLINE_LEN] },
    Shared(Arc<[u8]>),
}

impl ReplyText {
    pub(super) const EMPTY: Self = Self::Inline {
        len: 0,
        octets: [0; INLINE_LEN],
    };

    /// Inlined, as it would be copied twice otherwise.
    #[inline(always)]
    pub(super) fn set(&mut self, text: &[u8]) {
        if let (Self::Inline { len, octets }, Ok(of_text)) = (&mut *self, u8::try_from(text.len()))
            && let Some(place) = octets.get_mut(..text.len())
        {
            *len = of_text;
            place.copy_from_slice(text);
        } else {
            *self = Self::shared(text);
        }
    }

    #[inline(never)]
    fn shared(text: &[u8]) -> Self {
        Self::Shared(Arc::from(text))
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, octets } => octets.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(octets) => octets,
        }
    }
}

/// Of the octets, wherever they are.
impl PartialEq for ReplyText {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for ReplyText {}

/// Where the first LF is. Lines of replies are short, so that to call a search
/// that is made for long ones takes longer than to look.
#[inline]
pub(crate) fn line_end(input: &[u8]) -> Option<usize> {
    let (words, last) = input.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = lf_in(word) {
            return Some(index * 8 + at);
        }
    }
    match input.last_chunk() {
        // Some of it was looked at, and is no LF.
        Some(word) => lf_in(word).map(|at| input.len() - 8 + at),
        None => last.iter().position(|&octet| octet == b'\n'),
    }
}

/// Where the first LF is, without a branch for each octet.
#[inline]
fn lf_in(word: &[u8; 8]) -> Option<usize> {
    const LF: u64 = u64::from_le_bytes([b'\n'; 8]);
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(*word) ^ LF;
    // The lowest octet that is flagged is the first LF.
    let flags = word.wrapping_sub(LOW) & !word & HIGH;
    (flags != 0).then_some(flags.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(octets: &[u8]) -> ReplyText {
        let mut text = ReplyText::EMPTY;
        text.set(octets);
        text
    }

    #[test]
    fn the_first_lf_wherever_it_is() {
        for length in 0..150 {
            let mut octets: Vec<u8> = (0..length).map(|at| [9, 11, 138, 0, 255][at % 5]).collect();
            assert_eq!(line_end(&octets), None);
            for at in (0..octets.len()).rev() {
                octets[at] = b'\n';
                assert_eq!(line_end(&octets), Some(at));
            }
        }
    }

    #[test]
    fn octets_are_kept_in_place_or_shared() {
        for len in [
            0,
            1,
            INLINE_LEN - 1,
            INLINE_LEN,
            INLINE_LEN + 1,
            300,
            70_000,
        ] {
            let octets: Vec<u8> = (0_u8..=255).cycle().take(len).collect();
            let text = kept(&octets);
            assert_eq!(text.as_slice(), octets);
            assert_eq!(matches!(text, ReplyText::Shared(_)), len > INLINE_LEN);
            let clone = text.clone();
            assert!(clone == text);
            if len > INLINE_LEN {
                assert_eq!(clone.as_slice().as_ptr(), text.as_slice().as_ptr());
            }
            let mut other = octets.clone();
            other.push(0);
            assert!(kept(&other) != text);
        }
        assert!(ReplyText::EMPTY == kept(b""));
    }

    #[test]
    fn a_reply_is_small() {
        use crate::types::Reply;
        assert_eq!(size_of::<Option<Reply>>(), 112);
    }
}
