//! OAUTHBEARER (RFC 7628) and XOAUTH2, which it came from: an access token.

use alloc::{
    format,
    string::{String, ToString},
};

use super::{
    claim::{Claim, Shown, Verdict},
    credential::{Decoy, judge},
    error::Error,
    mechanism::{Challenge, Mechanism},
    prepare,
    saslname::{escaped, unescaped},
    server::{Failure, Half, Next, ServerMechanism, text},
};
use crate::types::Secret;

/// Between the fields of a message, and two of them at its end.
const SEPARATOR: &str = "\u{1}";

/// Octets of what the server says about a refusal that are kept.
const MAX_REFUSAL: usize = 4096;

/// The client's half of OAUTHBEARER.
#[derive(Debug)]
pub(super) struct OauthBearer {
    identity: String,
    token: Secret,
    host: Option<String>,
    port: Option<u16>,
    asked: Asked,
}

impl OauthBearer {
    pub(super) fn new(
        identity: &str,
        token: &Secret,
        host: Option<&str>,
        port: Option<u16>,
    ) -> Self {
        Self {
            identity: prepare::name(identity),
            token: token.clone(),
            host: host.map(ToString::to_string),
            port,
            asked: Asked::default(),
        }
    }

    fn message(&self) -> Result<Secret, Error> {
        checked(&self.identity, &self.token)?;
        let mut header = match self.identity.as_str() {
            "" => String::from("n,,"),
            identity => format!("n,a={},", escaped(identity)),
        };
        if let Some(host) = &self.host {
            one_field(host)?;
            header = header + SEPARATOR + "host=" + host;
        }
        if let Some(port) = self.port {
            header = header + SEPARATOR + "port=" + &port.to_string();
        }
        Ok(message(&header, &self.token))
    }
}

impl Mechanism for OauthBearer {
    fn name(&self) -> &str {
        "OAUTHBEARER"
    }

    fn exposes_credentials(&self) -> bool {
        true
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        self.message().map(Some)
    }

    /// After a refusal the server waits for a message that means nothing
    /// (section 3.2.3).
    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, Error> {
        if self.asked.again(challenge)? {
            return self.message();
        }
        Ok(Secret::from(SEPARATOR))
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.asked.finish()
    }

    fn refusal(&self) -> Option<&str> {
        self.asked.refusal.as_deref()
    }
}

/// The client's half of XOAUTH2.
#[derive(Debug)]
pub(super) struct Xoauth2 {
    user: String,
    token: Secret,
    asked: Asked,
}

impl Xoauth2 {
    pub(super) fn new(user: &str, token: &Secret) -> Self {
        Self {
            user: user.into(),
            token: token.clone(),
            asked: Asked::default(),
        }
    }

    fn message(&self) -> Result<Secret, Error> {
        checked(&self.user, &self.token)?;
        Ok(message(&format!("user={}", self.user), &self.token))
    }
}

impl Mechanism for Xoauth2 {
    fn name(&self) -> &str {
        "XOAUTH2"
    }

    fn exposes_credentials(&self) -> bool {
        true
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        self.message().map(Some)
    }

    /// After a refusal the server waits for an empty message.
    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, Error> {
        if self.asked.again(challenge)? {
            return self.message();
        }
        Ok(Secret::default())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.asked.finish()
    }

    fn refusal(&self) -> Option<&str> {
        self.asked.refusal.as_deref()
    }
}

/// The challenges that came.
#[derive(Debug, Default)]
struct Asked {
    repeated: bool,
    refusal: Option<String>,
}

impl Asked {
    /// Whether the server asks for the message, because it does not take initial
    /// responses. A challenge with anything in it says why it refuses, and is
    /// kept.
    fn again(&mut self, challenge: Challenge<'_>) -> Result<bool, Error> {
        if self.refusal.is_some() {
            return Err(Error::Challenge("one refusal is enough"));
        }
        let octets = challenge.decode()?;
        if octets.is_empty() && !self.repeated {
            self.repeated = true;
            return Ok(true);
        }
        let octets = octets.get(..MAX_REFUSAL).unwrap_or(&octets);
        self.refusal = Some(String::from_utf8_lossy(octets).into_owned());
        Ok(false)
    }

    fn finish(&self) -> Result<(), Error> {
        if self.refusal.is_some() {
            return Err(Error::Challenge("refused, and then accepted"));
        }
        Ok(())
    }
}

fn message(header: &str, token: &Secret) -> Secret {
    Secret::join(&[
        header.as_bytes(),
        b"\x01auth=Bearer ",
        token.expose(),
        b"\x01\x01",
    ])
}

/// Names and tokens that would end the field they are in are not sent.
fn checked(name: &str, token: &Secret) -> Result<(), Error> {
    one_field(name)?;
    let token = token.expose();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(Error::Credentials(
            "a token is printable ASCII without spaces",
        ));
    }
    Ok(())
}

fn one_field(text: &str) -> Result<(), Error> {
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err(Error::Credentials("a control character in a name"));
    }
    Ok(())
}

/// What the server says about a refusal (RFC 7628 section 3.2.2); XOAUTH2 has
/// the same.
const INVALID_TOKEN: &str = r#"{"status":"invalid_token"}"#;

/// The server's half, of both.
#[derive(Debug)]
pub(super) struct Server {
    mechanism: ServerMechanism,
    refused: bool,
}

impl Server {
    pub(super) const fn oauthbearer() -> Self {
        Self {
            mechanism: ServerMechanism::OauthBearer,
            refused: false,
        }
    }

    pub(super) const fn xoauth2() -> Self {
        Self {
            mechanism: ServerMechanism::Xoauth2,
            refused: false,
        }
    }

    /// The name in the header of a message, and its fields.
    fn header<'a>(&self, message: &'a str) -> Option<(String, &'a str)> {
        if self.mechanism == ServerMechanism::Xoauth2 {
            let (user, fields) = message.strip_prefix("user=")?.split_once(SEPARATOR)?;
            return Some((user.into(), fields));
        }
        let header = message.strip_prefix("n,").or(message.strip_prefix("y,"))?;
        let (name, fields) = header.split_once(',')?;
        let name = match name {
            "" => String::new(),
            name => unescaped(name.strip_prefix("a=")?)?,
        };
        Some((name, fields.strip_prefix(SEPARATOR)?))
    }
}

impl Half for Server {
    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure> {
        if self.refused {
            return Err(Failure::Credentials);
        }
        let (user, fields) = self.header(text(response)?).ok_or(Failure::Syntax)?;
        let token = token(fields).ok_or(Failure::Syntax)?;
        Ok(Next::Ask(Claim {
            mechanism: self.mechanism,
            authentication: prepare::name(&user),
            authorization: None,
            shown: Shown::Token(token),
        }))
    }

    fn answer(&mut self, claim: &Claim, verdict: &Verdict, decoy: &Decoy) -> Result<Next, Failure> {
        match judge(claim, verdict, decoy) {
            Ok(()) => Ok(Next::Accepted),
            Err(Failure::Credentials) => {
                self.refused = true;
                Ok(Next::Challenge(INVALID_TOKEN.into()))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// The token in the fields of a message, which end with an empty one.
fn token(fields: &str) -> Option<Secret> {
    const SCHEME: &str = "Bearer ";

    let fields = fields.strip_suffix("\u{1}\u{1}")?;
    let mut tokens = fields
        .split(SEPARATOR)
        .filter_map(|field| field.strip_prefix("auth="));
    let (value, None) = (tokens.next()?, tokens.next()) else {
        return None;
    };
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    let fits = scheme.eq_ignore_ascii_case(SCHEME)
        && !token.is_empty()
        && token.bytes().all(|octet| octet.is_ascii_graphic());
    fits.then(|| Secret::from(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=";

    #[test]
    fn c_210_oauthbearer() {
        let name = "alice@example.org";
        let host = Some("mx.example.net");
        let mut bearer = OauthBearer::new(name, &"tok123".into(), host, Some(587));
        let message = "n,a=alice@example.org,\x01host=mx.example.net\x01port=587\
                       \x01auth=Bearer tok123\x01\x01";
        assert_eq!(bearer.start(), Ok(Some(message.into())));
        assert_eq!(bearer.refusal(), None);
        assert_eq!(bearer.respond(Challenge::new(JSON)), Ok("\x01".into()));
        assert_eq!(bearer.refusal(), Some("{\"status\":\"invalid_token\"}"));
        assert!(bearer.finish().is_err());
        assert!(bearer.respond(Challenge::new(JSON)).is_err());
    }

    #[test]
    fn oauthbearer_escapes_the_name_and_leaves_out_what_is_not_known() {
        let message = |name: &str| OauthBearer::new(name, &"t".into(), None, None).start();
        let expected = "n,a=a=2Cb=3Dc,\x01auth=Bearer t\x01\x01";
        assert_eq!(message("a,b=c"), Ok(Some(expected.into())));
        assert_eq!(message(""), Ok(Some("n,,\x01auth=Bearer t\x01\x01".into())));
    }

    #[test]
    fn c_211_xoauth2() {
        let mut bearer = Xoauth2::new("alice@example.org", &"tok123".into());
        let message = "user=alice@example.org\x01auth=Bearer tok123\x01\x01";
        assert_eq!(bearer.start(), Ok(Some(message.into())));
        assert_eq!(bearer.finish(), Ok(()));
        assert_eq!(bearer.respond(Challenge::new(JSON)), Ok(Secret::default()));
        assert_eq!(bearer.refusal(), Some("{\"status\":\"invalid_token\"}"));
        assert!(bearer.respond(Challenge::new(b"")).is_err());
    }

    #[test]
    fn a_refusal_is_bounded_and_may_be_any_octets() {
        use base64::{Engine, engine::general_purpose::STANDARD};

        let long = STANDARD.encode([0xff; 10_000]);
        let mut bearer = Xoauth2::new("alice", &"t".into());
        bearer.respond(Challenge::new(long.as_bytes())).unwrap();
        assert_eq!(bearer.refusal().unwrap().chars().count(), MAX_REFUSAL);
    }

    #[test]
    fn a_server_that_takes_no_initial_response_asks_for_it_once() {
        let mut bearer = Xoauth2::new("alice", &"t".into());
        let first = bearer.start().unwrap().unwrap();
        assert_eq!(bearer.respond(Challenge::new(b"")), Ok(first));
        assert_eq!(bearer.finish(), Ok(()));
        assert_eq!(bearer.respond(Challenge::new(b"")), Ok(Secret::default()));
        assert!(bearer.respond(Challenge::new(b"")).is_err());
    }

    #[test]
    fn no_field_ends_early() {
        for (user, token) in [
            ("a\x01b", "t"),
            ("a", "t\x01"),
            ("a", ""),
            ("a\r", "t"),
            ("a", "t t"),
        ] {
            assert!(Xoauth2::new(user, &token.into()).start().is_err());
            assert!(
                OauthBearer::new(user, &token.into(), None, None)
                    .start()
                    .is_err()
            );
        }
        let host = Some("a\x01b");
        assert!(
            OauthBearer::new("a", &"t".into(), host, None)
                .start()
                .is_err()
        );
    }

    fn claim(mut server: Server, response: &str) -> Option<(String, Secret)> {
        match server.respond(response.as_bytes()) {
            Ok(Next::Ask(Claim {
                authentication,
                shown: Shown::Token(token),
                ..
            })) => Some((authentication, token)),
            Err(Failure::Syntax) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_messages_that_a_server_takes() {
        let yes = |name: &str| Some((name.into(), "t".into()));
        for (message, found) in [
            ("user=a\x01auth=Bearer t\x01\x01", yes("a")),
            ("user=a\x01auth=bearer t\x01\x01", yes("a")),
            ("user=a\x01auth=Bearer t\x01", None),
            ("user=a\x01auth=Bearer \x01\x01", None),
            ("user=a\x01auth=Basic t\x01\x01", None),
            ("user=a\x01auth=Bearer t\x01auth=Bearer u\x01\x01", None),
            ("auth=Bearer t\x01\x01", None),
            ("", None),
            ("\x01", None),
        ] {
            assert_eq!(claim(Server::xoauth2(), message), found, "{message:?}");
        }
        for (message, found) in [
            (
                "n,a=a=2Cb,\x01host=x\x01port=1\x01auth=Bearer t\x01\x01",
                yes("a,b"),
            ),
            ("n,,\x01auth=Bearer t\x01\x01", yes("")),
            ("y,,\x01auth=Bearer t\x01\x01", yes("")),
            ("p=x,,\x01auth=Bearer t\x01\x01", None),
            ("n,b=c,\x01auth=Bearer t\x01\x01", None),
            ("n,a=,\x01auth=Bearer t\x01\x01", None),
            ("n,,\x01\x01", None),
            ("n,,", None),
        ] {
            assert_eq!(claim(Server::oauthbearer(), message), found, "{message:?}");
        }
    }
}
