//! What is stored for a user.

#[cfg(feature = "digest")]
use alloc::vec::Vec;

#[cfg(feature = "digest")]
use super::scram::{ScramHash, ScramKeys};
use super::{
    claim::{Claim, Shown, Verdict},
    prepare,
    server::Failure,
};
use crate::types::Secret;

/// What is stored for a user, and a proof is checked with.
///
/// A password serves every mechanism with passwords; keys of SCRAM serve SCRAM
/// with the same hash, PLAIN and LOGIN, and somebody who steals them does not
/// have the password. A mechanism that what is stored cannot serve fails as with
/// a wrong password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential {
    pub(super) password: Option<Secret>,
    #[cfg(feature = "digest")]
    pub(super) keys: Vec<ScramKeys>,
}

impl Credential {
    /// A password.
    #[must_use]
    pub fn password(password: impl Into<Secret>) -> Self {
        Self {
            password: Some(password.into()),
            #[cfg(feature = "digest")]
            keys: Vec::new(),
        }
    }

    /// Keys of SCRAM.
    #[cfg(feature = "digest")]
    #[must_use]
    pub fn scram(keys: ScramKeys) -> Self {
        Self::default().and_scram(keys)
    }

    /// More keys of SCRAM, for another hash.
    #[cfg(feature = "digest")]
    #[must_use]
    pub fn and_scram(mut self, keys: ScramKeys) -> Self {
        self.keys.push(keys);
        self
    }

    /// The keys for a hash.
    #[cfg(feature = "digest")]
    pub(super) fn keys(&self, hash: ScramHash) -> Option<&ScramKeys> {
        self.keys.iter().find(|keys| keys.hash() == hash)
    }

    /// Whether it is this password, in the form that SASLprep gives both.
    fn has_password(&self, password: &Secret) -> bool {
        let password = prepare::password(password);
        if let Some(stored) = &self.password {
            return prepare::password(stored) == password;
        }
        #[cfg(feature = "digest")]
        for hash in [ScramHash::Sha256, ScramHash::Sha1] {
            if let Some(keys) = self.keys(hash) {
                return keys.fit(&password);
            }
        }
        false
    }
}

/// What is done for a user that does not exist, so that nobody can tell.
#[derive(Clone, Debug)]
pub(crate) struct Decoy {
    /// Nobody knows it. A server that keeps it shows one salt for one name on
    /// all of its connections, as it does for users that exist.
    pub(crate) key: Secret,
    /// The iterations of the keys that are stored for the users; `None` if
    /// passwords are stored.
    pub(crate) iterations: Option<u32>,
}

impl Decoy {
    /// What could be stored for a user of this name. No proof fits.
    pub(super) fn credential(&self, user: &str) -> Credential {
        #[cfg(feature = "digest")]
        if let Some(iterations) = self.iterations {
            let keys = |hash| ScramKeys::decoy(hash, &self.key, user, iterations);
            return Credential::scram(keys(ScramHash::Sha256)).and_scram(keys(ScramHash::Sha1));
        }
        let _ = user;
        Credential::password(self.key.clone())
    }
}

/// Judges a claim whose proof has been shown. The work is the same whether the
/// user exists or not.
pub(super) fn judge(claim: &Claim, verdict: &Verdict, decoy: &Decoy) -> Result<(), Failure> {
    let decoy = match verdict {
        Verdict::UnknownUser => Some(decoy.credential(&claim.authentication)),
        _ => None,
    };
    let stored = match (verdict, &decoy) {
        (Verdict::Unavailable, _) => return Err(Failure::Temporary),
        (Verdict::Accept | Verdict::AcceptAs(_), _) if claim.shown != Shown::Digest => {
            return Ok(());
        }
        (Verdict::Check(stored), _) | (_, Some(stored)) => stored,
        _ => return Err(Failure::Credentials),
    };
    let Shown::Password(password) = &claim.shown else {
        return Err(Failure::Credentials);
    };
    let fits = stored.has_password(password);
    if fits && decoy.is_none() {
        return Ok(());
    }
    Err(Failure::Credentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ServerMechanism;

    #[test]
    fn what_has_been_shown_is_judged_and_nothing_else() {
        let judged = |shown: &Shown, verdict: &Verdict| {
            let claim = Claim {
                mechanism: ServerMechanism::Plain,
                authentication: "alice".into(),
                authorization: None,
                shown: shown.clone(),
            };
            let decoy = Decoy {
                key: "decoy".into(),
                iterations: Some(4096),
            };
            judge(&claim, verdict, &decoy)
        };
        let (yes, no) = (Ok(()), Err(Failure::Credentials));
        let password = Shown::Password("wonder\u{ad}land".into());
        let [token, certificate] = [Shown::Token("t".into()), Shown::Certificate(b"c".into())];
        let check = |password: &str| Verdict::Check(Credential::password(password));

        for shown in [&password, &token, &certificate] {
            assert_eq!(judged(shown, &Verdict::Accept), yes);
            assert_eq!(judged(shown, &Verdict::Refuse), no);
            assert_eq!(judged(shown, &Verdict::UnknownUser), no);
            assert_eq!(
                judged(shown, &Verdict::Unavailable),
                Err(Failure::Temporary)
            );
            assert_eq!(judged(shown, &Verdict::Check(Credential::default())), no);
        }
        assert_eq!(judged(&Shown::Digest, &Verdict::Accept), no);
        // Both in their prepared form.
        assert_eq!(judged(&password, &check("wonderland")), yes);
        assert_eq!(judged(&password, &check("wo\u{ad}nderland")), yes);
        assert_eq!(judged(&password, &check("Wonderland")), no);
        assert_eq!(judged(&password, &check("")), no);
        assert_eq!(judged(&token, &check("t")), no);
        assert_eq!(judged(&certificate, &check("c")), no);
    }
}
