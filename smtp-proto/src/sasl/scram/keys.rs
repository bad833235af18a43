//! What both sides derive from a password.

use alloc::{string::ToString, vec::Vec};
use core::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{MIN_ITERATIONS, message};
use crate::{
    sasl::{error::Error, prepare},
    types::Secret,
};

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// SCRAM-SHA-1 (RFC 5802).
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
}

impl ScramHash {
    /// The name of the mechanism with this hash.
    #[must_use]
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    /// Octets in a digest.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What a server stores for a user of SCRAM: enough to tell whether a client
/// knows the password, and not enough to pass for the client.
///
/// ```
/// use smtp_proto::{sasl::{ScramHash, ScramKeys}, types::Secret};
///
/// let salt = *b"sixteen octets!!"; // random, and another for each user
/// let keys = ScramKeys::derive(ScramHash::Sha256, &Secret::from("pencil"), salt, 10_000)?;
/// let stored = keys.to_text(); // "SCRAM-SHA-256$10000:..."
/// assert_eq!(stored.expose_str().map(str::parse), Some(Ok(keys)));
/// # Ok::<(), smtp_proto::sasl::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramKeys {
    hash: ScramHash,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Secret,
    server_key: Secret,
}

impl ScramKeys {
    /// Keys that were derived before.
    ///
    /// # Errors
    /// [`Error::Credentials`] if there is no salt, if there are no iterations,
    /// or if a key does not have the length of the hash.
    pub fn new(
        hash: ScramHash,
        salt: impl Into<Vec<u8>>,
        iterations: u32,
        stored_key: impl Into<Secret>,
        server_key: impl Into<Secret>,
    ) -> Result<Self, Error> {
        let keys = Self {
            hash,
            salt: salt.into(),
            iterations,
            stored_key: stored_key.into(),
            server_key: server_key.into(),
        };
        let length = |key: &Secret| key.expose().len();
        if keys.salt.is_empty() || iterations == 0 {
            return Err(Error::Credentials("keys without salt or iterations"));
        }
        if length(&keys.stored_key) != hash.length() || length(&keys.server_key) != hash.length() {
            return Err(Error::Credentials("keys of another length than their hash"));
        }
        Ok(keys)
    }

    /// Derives the keys from a password, to be stored in its place. The salt is
    /// random, of 16 octets or more. The work grows with the iterations, here,
    /// for each client, and for somebody who has stolen the keys and guesses.
    ///
    /// # Errors
    /// [`Error::Credentials`] if there are fewer iterations than 4096 (RFC 5802
    /// section 5.1), or there is no salt.
    pub fn derive(
        hash: ScramHash,
        password: &Secret,
        salt: impl Into<Vec<u8>>,
        iterations: u32,
    ) -> Result<Self, Error> {
        let salt = salt.into();
        if iterations < MIN_ITERATIONS || salt.is_empty() {
            return Err(Error::Credentials("too few iterations, or no salt"));
        }
        Ok(Self::derived(
            hash,
            &prepare::password(password),
            salt,
            iterations,
        ))
    }

    /// The hash that they are for.
    #[must_use]
    pub const fn hash(&self) -> ScramHash {
        self.hash
    }

    /// The form for a directory (RFC 5803 section 3):
    /// `SCRAM-SHA-256$10000:salt$StoredKey:ServerKey`. It is what has to be kept
    /// from thieves.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::join(&[
            self.hash.mechanism().as_bytes(),
            b"$",
            self.iterations.to_string().as_bytes(),
            b":",
            encoded(&self.salt).expose(),
            b"$",
            encoded(self.stored_key.expose()).expose(),
            b":",
            encoded(self.server_key.expose()).expose(),
        ])
    }

    /// Keys that no proof fits, always the same for one name.
    pub(in crate::sasl) fn decoy(
        hash: ScramHash,
        key: &Secret,
        user: &str,
        iterations: u32,
    ) -> Self {
        let octets = |label: &str| hash.mac(key.expose(), [label, user].concat().as_bytes());
        Self {
            hash,
            salt: salt(key, user),
            iterations,
            stored_key: octets("stored "),
            server_key: octets("server "),
        }
    }

    /// Keys for a prepared password, for this exchange only.
    pub(super) fn derived(
        hash: ScramHash,
        password: &Secret,
        salt: Vec<u8>,
        iterations: u32,
    ) -> Self {
        let salted = Salted::new(hash, password.expose(), &salt, iterations);
        Self {
            hash,
            salt,
            iterations,
            stored_key: salted.stored_key(),
            server_key: salted.server_key(),
        }
    }

    /// Whether they come from this password, which is prepared.
    pub(in crate::sasl) fn fit(&self, password: &Secret) -> bool {
        let salted = Salted::new(self.hash, password.expose(), &self.salt, self.iterations);
        salted.stored_key() == self.stored_key
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(super) const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Whether the client has proved that it knows the password.
    pub(super) fn verify(&self, proof: &Secret, exchange: &str) -> bool {
        let signature = self.hash.mac(self.stored_key.expose(), exchange.as_bytes());
        self.hash.digest(xor(proof, &signature).expose()) == self.stored_key
    }

    /// By which the server proves that it has the keys.
    pub(super) fn signature(&self, exchange: &str) -> Secret {
        self.hash.mac(self.server_key.expose(), exchange.as_bytes())
    }
}

/// The form of [`ScramKeys::to_text`].
impl FromStr for ScramKeys {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let mut fields = text.split('$');
            let hash = match fields.next()? {
                "SCRAM-SHA-1" => ScramHash::Sha1,
                "SCRAM-SHA-256" => ScramHash::Sha256,
                _ => return None,
            };
            let (iterations, salt) = fields.next()?.split_once(':')?;
            let (stored_key, server_key) = fields.next()?.split_once(':')?;
            if fields.next().is_some() {
                return None;
            }
            let decoded = message::base64;
            let (stored_key, server_key) = (decoded(stored_key)?, decoded(server_key)?);
            let iterations = message::number(iterations)?;
            Self::new(hash, decoded(salt)?, iterations, stored_key, server_key).ok()
        };
        parse().ok_or(Error::Credentials("not the stored form of SCRAM"))
    }
}

/// A salt that is always the same for one name.
pub(super) fn salt(key: &Secret, user: &str) -> Vec<u8> {
    const LENGTH: usize = 16;

    let text = ["salt ", user].concat();
    let octets = ScramHash::Sha256.mac(key.expose(), text.as_bytes());
    octets.expose().iter().copied().take(LENGTH).collect()
}

fn encoded(octets: &[u8]) -> Secret {
    Secret::from(STANDARD.encode(octets))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_either_hash_come_back_from_their_text() {
        for hash in [ScramHash::Sha1, ScramHash::Sha256] {
            let keys = ScramKeys::derive(hash, &"pencil".into(), b"salt".to_vec(), 4096).unwrap();
            let text = keys.to_text();
            assert_eq!(text.expose_str().unwrap().parse(), Ok(keys));
        }
    }

    #[test]
    fn keys_have_a_text_form_and_nothing_else_has() {
        let salt = message::base64("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = ScramKeys::derive(ScramHash::Sha256, &"pencil".into(), salt, 4096).unwrap();
        let text = keys.to_text();
        let text = text.expose_str().unwrap();
        assert_eq!(
            text,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
             WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert_eq!(text.parse(), Ok(keys));
        for end in 0..text.len() {
            assert!(text[..end].parse::<ScramKeys>().is_err(), "{end}");
        }
        for wrong in [
            text.replace("4096", "0"),
            text.replace("SHA-256", "SHA-1"),
            text.replace("SHA-256", "SHA-512"),
            text.replace('$', ":"),
            format!("{text}$"),
        ] {
            assert!(wrong.parse::<ScramKeys>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        let new = |salt: &str, iterations, stored: &[u8], server: &[u8]| {
            ScramKeys::new(
                ScramHash::Sha1,
                salt,
                iterations,
                stored.to_vec(),
                server.to_vec(),
            )
        };
        assert!(new("s", 1, &[0; 20], &[0; 20]).is_ok());
        assert!(new("", 1, &[0; 20], &[0; 20]).is_err());
        assert!(new("s", 0, &[0; 20], &[0; 20]).is_err());
        assert!(new("s", 1, &[0; 19], &[0; 20]).is_err());
        assert!(new("s", 1, &[0; 20], &[0; 32]).is_err());
        let derive = |salt: &str, iterations| {
            ScramKeys::derive(ScramHash::Sha1, &"x".into(), salt, iterations)
        };
        assert!(derive("s", 4095).is_err());
        assert!(derive("", 4096).is_err());
    }
}
