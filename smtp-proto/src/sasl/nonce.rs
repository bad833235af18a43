//! Numbers that nobody can guess, and that are used once.

use alloc::string::String;

use crate::types::Secret;

/// Where the nonces of a session come from: 32 octets that nobody can guess.
///
/// Without feature `digest` no mechanism has a use for nonces, and there are
/// none.
#[derive(Debug)]
pub(crate) struct Nonces {
    seed: Secret,
    used: u64,
}

/// Octets behind a nonce; as text they have no padding.
#[cfg(feature = "digest")]
const LENGTH: usize = 24;

impl Nonces {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed: Secret::new(seed),
            used: 0,
        }
    }

    /// The next one: 32 letters, digits, `+` and `/`.
    #[cfg(feature = "digest")]
    pub(crate) fn next(&mut self) -> Option<String> {
        use base64::{Engine, engine::general_purpose::STANDARD};

        let number = self.used;
        self.used = number.checked_add(1)?;
        let octets = self.derive(&[b"nonce ", number.to_be_bytes().as_slice()].concat());
        Some(STANDARD.encode(octets.expose().get(..LENGTH)?))
    }

    /// None, without digests.
    #[cfg(not(feature = "digest"))]
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_ref_mut,
        reason = "as with digests"
    )]
    pub(crate) fn next(&mut self) -> Option<String> {
        None
    }

    /// A key for the exchanges with users that do not exist, where the server
    /// keeps none.
    pub(crate) fn decoy_key(&self) -> Secret {
        #[cfg(feature = "digest")]
        return self.derive(b"decoy");
        #[cfg(not(feature = "digest"))]
        self.seed.clone()
    }

    #[cfg(feature = "digest")]
    fn derive(&self, label: &[u8]) -> Secret {
        super::scram::ScramHash::Sha256.mac(self.seed.expose(), label)
    }
}

#[cfg(all(test, feature = "digest"))]
mod tests {
    use super::*;

    #[test]
    fn s_155_nobody_else_knows_the_key_of_decoys() {
        let key = |seed: u8| Nonces::new([seed; 32]).decoy_key();
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
        assert_ne!(key(1), Secret::new([1; 32]));
        assert_eq!(key(1).expose().len(), 32);
    }

    #[test]
    fn no_nonce_comes_twice_and_none_has_a_comma() {
        let mut all = alloc::collections::BTreeSet::new();
        for seed in 0..10 {
            let mut nonces = Nonces::new([seed; 32]);
            for _ in 0..100 {
                let nonce = nonces.next().unwrap();
                assert_eq!(nonce.len(), 32);
                assert!(
                    nonce
                        .bytes()
                        .all(|octet| octet.is_ascii_graphic() && octet != b',')
                );
                assert!(all.insert(nonce));
            }
        }
    }
}
