//! PLAIN: name and password in one message (RFC 4616).

use alloc::string::String;

use super::{
    claim::{Claim, Shown},
    client::without_nul,
    error::Error,
    mechanism::{Challenge, Mechanism},
    prepare,
    server::{Failure, Half, Next, ServerMechanism, text},
};
use crate::types::Secret;

/// The client's half.
#[derive(Debug)]
pub(super) struct Plain {
    authorization: String,
    user: String,
    password: Secret,
    repeated: bool,
}

impl Plain {
    /// The names are prepared, the password goes out as it is: to prepare it is
    /// the server's (RFC 4616 section 2), and many do not.
    pub(super) fn new(authorization: Option<&str>, user: &str, password: &Secret) -> Self {
        Self {
            authorization: authorization.map(prepare::name).unwrap_or_default(),
            user: prepare::name(user),
            password: password.clone(),
            repeated: false,
        }
    }

    fn message(&self) -> Result<Secret, Error> {
        let (authorization, user) = (self.authorization.as_bytes(), self.user.as_bytes());
        without_nul(authorization, "a NUL in the authorization identity")?;
        without_nul(user, "a NUL in the user name")?;
        without_nul(self.password.expose(), "a NUL in the password")?;
        if user.is_empty() || self.password.expose().is_empty() {
            return Err(Error::Credentials("no user name, or no password"));
        }
        let password = self.password.expose();
        Ok(Secret::join(&[authorization, b"\0", user, b"\0", password]))
    }
}

impl Mechanism for Plain {
    fn name(&self) -> &str {
        "PLAIN"
    }

    fn exposes_credentials(&self) -> bool {
        true
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        self.message().map(Some)
    }

    /// A server that does not take initial responses asks for it, in words of
    /// its own.
    fn respond(&mut self, _: Challenge<'_>) -> Result<Secret, Error> {
        if core::mem::replace(&mut self.repeated, true) {
            return Err(Error::Challenge("PLAIN has said everything"));
        }
        self.message()
    }
}

/// The server's half.
#[derive(Debug)]
pub(super) struct Server;

impl Half for Server {
    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure> {
        let mut fields = response.split(|octet| *octet == 0);
        let (Some(authorization), Some(user), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(Failure::Syntax);
        };
        let authorization = Some(text(authorization)?).filter(|name| !name.is_empty());
        let (user, password) = (text(user)?, Secret::new(password));
        if user.is_empty() || password.expose().is_empty() {
            return Err(Failure::Credentials);
        }
        Ok(Next::Ask(Claim {
            mechanism: ServerMechanism::Plain,
            authentication: prepare::name(user),
            authorization: authorization.map(prepare::name),
            shown: Shown::Password(password),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(authorization: Option<&str>, user: &str, password: &str) -> Result<Secret, Error> {
        let mut plain = Plain::new(authorization, user, &password.into());
        Ok(plain.start()?.unwrap())
    }

    #[test]
    fn the_examples_of_rfc_4616_section_4() {
        assert_eq!(
            start(None, "tim", "tanstaaftanstaaf"),
            Ok("\0tim\0tanstaaftanstaaf".into())
        );
        assert_eq!(
            start(Some("Ursel"), "Kurt", "xipj3plmq"),
            Ok("Ursel\0Kurt\0xipj3plmq".into())
        );
    }

    #[test]
    fn c_208_no_field_ends_early() {
        for (authorization, user, password) in [
            (Some("a\0"), "b", "c"),
            (None, "\0b", "c"),
            (None, "b", "c\0d"),
            (None, "", "c"),
            (None, "b", ""),
        ] {
            let message = start(authorization, user, password);
            assert!(matches!(message, Err(Error::Credentials(_))));
        }
    }

    #[test]
    fn c_207_the_names_are_prepared() {
        let message = start(Some("\u{2168}"), "a\u{ad}b", "c\u{ad}d");
        assert_eq!(message, Ok("IX\0ab\0c\u{ad}d".into()));
    }

    #[test]
    fn a_challenge_of_any_form_asks_again_but_once() {
        let mut plain = Plain::new(None, "tim", &"tan".into());
        plain.start().unwrap();
        let message = plain.respond(Challenge::new(b"go on!")).unwrap();
        assert_eq!(message, "\0tim\0tan".into());
        assert!(plain.respond(Challenge::new(b"")).is_err());
    }

    fn claim(response: &[u8]) -> Result<Claim, Failure> {
        match Server.respond(response)? {
            Next::Ask(claim) => Ok(claim),
            next => panic!("{next:?}"),
        }
    }

    #[test]
    fn s_152_exactly_two_nuls_and_fields_of_any_length() {
        let long = "x".repeat(255);
        let message = format!("{long}\0{long}\0{long}");
        let claim_of = claim(message.as_bytes()).unwrap();
        assert_eq!(claim_of.authorization_identity(), Some(long.as_str()));
        assert_eq!(claim_of.authentication_identity(), long);
        assert_eq!(claim_of.shown, Shown::Password(long.as_str().into()));
        assert_eq!(claim(b"\0tim\0tan").unwrap().authorization_identity(), None);

        for (message, failure) in [
            (&b""[..], Failure::Syntax),
            (b"tim", Failure::Syntax),
            (b"tim\0tan", Failure::Syntax),
            (b"\0tim\0tan\0", Failure::Syntax),
            (b"\0\xff\0tan", Failure::Syntax),
            (b"\0\0tan", Failure::Credentials),
            (b"\0tim\0", Failure::Credentials),
            (b"a\0\0", Failure::Credentials),
        ] {
            assert_eq!(claim(message), Err(failure), "{message:?}");
        }
        // Passwords from before UTF-8 are octets.
        let octets = claim(b"\0tim\0\xff").unwrap();
        assert_eq!(octets.shown, Shown::Password(Secret::new([0xff])));
    }
}
