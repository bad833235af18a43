//! Short texts, which need no allocation.

use alloc::sync::Arc;
use core::{
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

use arrayvec::ArrayString;

/// Nearly every local part, domain and parameter is shorter.
const SHORT: usize = 40;

/// A text that does not change. A short one stands where it is kept, and a long
/// one is shared, so that no clone allocates.
#[derive(Clone)]
pub(crate) enum Text {
    Short(ArrayString<SHORT>),
    Long(Arc<str>),
}

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        match ArrayString::from(text) {
            Ok(short) => Self::Short(short),
            Err(_) => Self::Long(text.into()),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(text) => text,
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ones_are_texts() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 255] {
            let text = "x".repeat(length);
            assert_eq!(&*Text::new(&text), text);
            assert_eq!(Text::new(&text), Text::new(&text).clone());
            assert_ne!(Text::new(&text), Text::new("y"));
            assert_eq!(format!("{:?}", Text::new(&text)), format!("{text:?}"));
        }
    }
}
