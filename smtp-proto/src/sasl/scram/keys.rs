//! What both sides derive from a password.

use alloc::vec::Vec;

use crate::types::Secret;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// SCRAM-SHA-1 (RFC 5802).
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
}

impl ScramHash {
    /// Octets in a digest.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// `SaltedPassword` of RFC 5802 section 3, from which everything else comes.
pub(super) struct Salted {
    hash: ScramHash,
    password: Secret,
}

impl Salted {
    pub(super) fn new(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        Self {
            hash,
            password: hash.derive(password, salt, iterations),
        }
    }

    pub(super) fn client_key(&self) -> Secret {
        self.hash.mac(self.password.expose(), b"Client Key")
    }

    pub(super) fn stored_key(&self) -> Secret {
        self.hash.digest(self.client_key().expose())
    }

    pub(super) fn server_key(&self) -> Secret {
        self.hash.mac(self.password.expose(), b"Server Key")
    }
}

/// `one XOR other`.
pub(super) fn xor(one: &Secret, other: &Secret) -> Secret {
    let octets = one.expose().iter().zip(other.expose());
    Secret::new(octets.map(|(a, b)| a ^ b).collect::<Vec<u8>>())
}
