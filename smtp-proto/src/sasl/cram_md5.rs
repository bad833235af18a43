//! CRAM-MD5: a digest of a challenge, keyed with the password (RFC 2195).

use alloc::{format, string::String, vec::Vec};

use super::{
    claim::{Claim, Shown, Verdict},
    client::without_nul,
    credential::Decoy,
    digest,
    error::Error,
    mechanism::{Challenge, Mechanism},
    prepare,
    server::{Failure, Half, Next, ServerMechanism, Setting, text},
};
use crate::types::Secret;

/// The client's half.
#[derive(Debug)]
pub(super) struct CramMd5 {
    user: String,
    password: Secret,
    answered: bool,
}

impl CramMd5 {
    pub(super) fn new(user: &str, password: &Secret) -> Self {
        Self {
            user: user.into(),
            password: password.clone(),
            answered: false,
        }
    }
}

impl Mechanism for CramMd5 {
    fn name(&self) -> &str {
        "CRAM-MD5"
    }

    fn exposes_credentials(&self) -> bool {
        false
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        without_nul(self.user.as_bytes(), "a NUL in the user name")?;
        if self.user.is_empty() || self.password.expose().is_empty() {
            return Err(Error::Credentials("no user name, or no password"));
        }
        Ok(None)
    }

    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, Error> {
        if core::mem::replace(&mut self.answered, true) {
            return Err(Error::Challenge("CRAM-MD5 has one challenge"));
        }
        let digest = digest::cram_md5(&self.password, &challenge.decode()?);
        let user = self.user.as_bytes();
        Ok(Secret::join(&[user, b" ", digest.as_bytes()]))
    }

    fn finish(&mut self) -> Result<(), Error> {
        if !self.answered {
            return Err(Error::TooEarly);
        }
        Ok(())
    }
}

/// The server's half.
#[derive(Debug)]
pub(super) struct Server {
    challenge: String,
    digest: Secret,
}

impl Server {
    /// `None` without a nonce.
    pub(super) fn new(setting: &Setting<'_>) -> Option<Self> {
        let nonce = setting.nonce.as_deref()?;
        Some(Self {
            challenge: format!("<{nonce}@{}>", setting.host),
            digest: Secret::default(),
        })
    }
}

impl Half for Server {
    fn takes_initial_response(&self) -> bool {
        false
    }

    fn challenge(&mut self) -> Vec<u8> {
        self.challenge.clone().into_bytes()
    }

    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure> {
        let (user, digest) = text(response)?.rsplit_once(' ').ok_or(Failure::Syntax)?;
        if user.is_empty() || user.contains('\0') {
            return Err(Failure::Syntax);
        }
        self.digest = Secret::from(digest.to_ascii_lowercase());
        Ok(Next::Ask(Claim {
            mechanism: ServerMechanism::CramMd5,
            authentication: prepare::name(user),
            authorization: None,
            shown: Shown::Digest,
        }))
    }

    fn answer(&mut self, _: &Claim, verdict: &Verdict, decoy: &Decoy) -> Result<Next, Failure> {
        let stored = match verdict {
            Verdict::Unavailable => return Err(Failure::Temporary),
            Verdict::Accept | Verdict::AcceptAs(_) | Verdict::Refuse => {
                return Err(Failure::Credentials);
            }
            Verdict::Check(stored) => stored.password.as_ref(),
            Verdict::UnknownUser => None,
        };
        // Without a password the work is the same.
        let password = stored.unwrap_or(&decoy.key);
        let digest = digest::cram_md5(password, self.challenge.as_bytes());
        let fits = Secret::from(digest) == self.digest;
        if fits && stored.is_some() {
            return Ok(Next::Accepted);
        }
        Err(Failure::Credentials)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    fn answer(user: &str, password: &str, challenge: &str) -> Result<Secret, Error> {
        let mut cram = CramMd5::new(user, &password.into());
        assert_eq!(cram.start(), Ok(None));
        assert_eq!(cram.finish(), Err(Error::TooEarly));
        let response = cram.respond(Challenge::new(STANDARD.encode(challenge).as_bytes()));
        assert!(cram.respond(Challenge::new(b"")).is_err());
        response
    }

    #[test]
    fn the_example_of_rfc_2195_section_2_and_another() {
        assert_eq!(
            answer(
                "tim",
                "tanstaaftanstaaf",
                "<1896.697170952@postoffice.reston.mci.net>"
            ),
            Ok("tim b913a602c7eda7a495b4e6e7334d3890".into())
        );
        assert_eq!(
            answer("alice", "wonderland", "<17893.1320671@mx.example.net>"),
            Ok("alice 0b4e7c6f821d66d2602c9379cd44192d".into())
        );
    }

    #[test]
    fn c_194_a_challenge_that_is_not_base64_is_not_answered() {
        let mut cram = CramMd5::new("alice", &"wonderland".into());
        let response = cram.respond(Challenge::new(b"<1@example.net>"));
        assert_eq!(response, Err(Error::NotBase64));
    }
}
