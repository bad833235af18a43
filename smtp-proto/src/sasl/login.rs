//! LOGIN: the name, then the password, each when asked
//! (draft-murchison-sasl-login).

use alloc::{string::String, vec::Vec};

use super::{
    claim::{Claim, Shown},
    error::Error,
    mechanism::{Challenge, Mechanism},
    prepare,
    server::{Failure, Half, Next, ServerMechanism, text},
};
use crate::types::Secret;

/// The client's half.
///
/// The challenges only say whose turn it is. Servers word them as they like, and
/// some forget to encode them.
#[derive(Debug)]
pub(super) struct Login {
    user: String,
    password: Secret,
    asked: u8,
}

impl Login {
    pub(super) fn new(user: &str, password: &Secret) -> Self {
        Self {
            user: user.into(),
            password: password.clone(),
            asked: 0,
        }
    }
}

impl Mechanism for Login {
    fn name(&self) -> &str {
        "LOGIN"
    }

    fn exposes_credentials(&self) -> bool {
        true
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        if self.user.is_empty() || self.password.expose().is_empty() {
            return Err(Error::Credentials("no user name, or no password"));
        }
        Ok(None)
    }

    fn respond(&mut self, _: Challenge<'_>) -> Result<Secret, Error> {
        self.asked = self.asked.saturating_add(1);
        match self.asked {
            1 => Ok(Secret::from(self.user.as_str())),
            2 => Ok(self.password.clone()),
            _ => Err(Error::Challenge("LOGIN has said everything")),
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        if self.asked < 2 { Err(Error::TooEarly) } else { Ok(()) }
    }
}

/// The server's half.
#[derive(Debug, Default)]
pub(super) struct Server {
    user: Option<String>,
}

impl Half for Server {
    fn challenge(&mut self) -> Vec<u8> {
        b"Username:".to_vec()
    }

    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure> {
        let Some(user) = &self.user else {
            self.user = Some(prepare::name(text(response)?));
            return Ok(Next::Challenge(b"Password:".to_vec()));
        };
        if user.is_empty() || response.is_empty() {
            return Err(Failure::Credentials);
        }
        Ok(Next::Ask(Claim {
            mechanism: ServerMechanism::Login,
            authentication: user.clone(),
            authorization: None,
            shown: Shown::Password(Secret::new(response)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_197_c_199_any_challenge_asks_for_the_next() {
        let mut login = Login::new("alice", &"queen".into());
        assert_eq!(login.start(), Ok(None));
        let name = login.respond(Challenge::new(b"Username:"));
        assert_eq!(name, Ok("alice".into()));
        assert_eq!(login.respond(Challenge::new(b"")), Ok("queen".into()));
        assert!(login.respond(Challenge::new(b"UGFzc3dvcmQ6")).is_err());
    }
}
