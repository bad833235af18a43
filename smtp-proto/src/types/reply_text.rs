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

    #[inline]
    pub(super) fn new(text: &[u8]) -> Self {
        let mut octets = [0; INLINE_LEN];
        match (octets.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text);
                Self::Inline { len, octets }
            }
            _ => Self::Shared(Arc::from(text)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let text = ReplyText::new(&octets);
            assert_eq!(text.as_slice(), octets);
            assert_eq!(matches!(text, ReplyText::Shared(_)), len > INLINE_LEN);
            let clone = text.clone();
            assert!(clone == text);
            if len > INLINE_LEN {
                assert_eq!(clone.as_slice().as_ptr(), text.as_slice().as_ptr());
            }
            let mut other = octets.clone();
            other.push(0);
            assert!(ReplyText::new(&other) != text);
        }
        assert!(ReplyText::EMPTY == ReplyText::new(b""));
    }

    #[test]
    fn a_reply_is_small() {
        use crate::types::Reply;
        assert_eq!(size_of::<Option<Reply>>(), 112);
    }
}
