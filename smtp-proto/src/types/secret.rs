//! What nobody else may see.

use alloc::{string::String, vec::Vec};
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password, a token, or a message that has one in it.
///
/// Its octets are wiped when it is dropped, it prints as `***`, and comparing
/// two takes the same time wherever they differ. (What it was made from, if it
/// was borrowed, is the caller's to wipe.)
///
/// ```
/// use smtp_proto::types::Secret;
///
/// let password = Secret::from("wonderland");
/// assert_eq!(format!("{password:?}"), "Secret(***)");
/// assert_eq!(password, Secret::from(String::from("wonderland")));
/// ```
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes octets over.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// One secret out of several pieces. Nothing grows, so no copy of a piece
    /// stays behind.
    pub(crate) fn join(pieces: &[&[u8]]) -> Self {
        Self::new(pieces.concat())
    }

    /// The octets.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The octets as text, if they are UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self::new(octets)
    }
}

impl<const N: usize> From<[u8; N]> for Secret {
    fn from(octets: [u8; N]) -> Self {
        Self::new(octets)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
