//! The digests: of SCRAM, of CRAM-MD5, and what nonces are made with.
//!
//! Every result is a [`Secret`], and has the length of its digest; never none.

use alloc::{string::String, vec};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::scram::ScramHash;
use crate::types::Secret;

impl ScramHash {
    /// `HMAC(key, text)` of RFC 5802 section 2.2.
    pub(super) fn mac(self, key: &[u8], text: &[u8]) -> Secret {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, text),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, text),
        }
    }

    /// `H(octets)`.
    pub(super) fn digest(self, octets: &[u8]) -> Secret {
        match self {
            Self::Sha1 => digest::<Sha1>(octets),
            Self::Sha256 => digest::<Sha256>(octets),
        }
    }

    /// `Hi(password, salt, iterations)`.
    pub(super) fn derive(self, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
        let mut derived = vec![0; self.length()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut derived),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut derived),
        }
        Secret::new(derived)
    }
}

/// The digest that a response of CRAM-MD5 has, in lower-case hexadecimal digits.
pub(super) fn cram_md5(password: &Secret, challenge: &[u8]) -> String {
    let digest = mac::<Hmac<Md5>>(password.expose(), challenge);
    digest
        .expose()
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Secret {
    // HMAC has no key that it does not take.
    let Ok(mut mac) = M::new_from_slice(key) else {
        return Secret::default();
    };
    mac.update(text);
    let mut octets = mac.finalize().into_bytes();
    let secret = Secret::new(octets.as_slice());
    octets.as_mut_slice().zeroize();
    secret
}

fn digest<D: Digest>(octets: &[u8]) -> Secret {
    let mut digest = D::digest(octets);
    let secret = Secret::new(digest.as_slice());
    digest.as_mut_slice().zeroize();
    secret
}
