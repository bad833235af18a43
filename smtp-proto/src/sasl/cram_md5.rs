//! CRAM-MD5: a digest of a challenge, keyed with the password (RFC 2195).

use alloc::string::String;

use super::{
    digest,
    error::Error,
    mechanism::{Challenge, Mechanism},
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
