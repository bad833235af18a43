//! The client's half.

use alloc::{format, string::String, vec::Vec};

use super::{
    MIN_ITERATIONS,
    keys::{Salted, ScramHash, xor},
    message, name_of, named,
};
use crate::{
    sasl::{
        client::{Context, without_nul},
        error::Error,
        mechanism::{Challenge, Mechanism},
        prepare,
        saslname::escaped,
    },
    types::Secret,
};

/// One exchange.
#[derive(Debug)]
pub(in crate::sasl) struct Scram {
    name: &'static str,
    hash: ScramHash,
    /// `gs2-header` of the first message.
    header: String,
    /// What the header promises to bind to; empty without a binding.
    binding: Vec<u8>,
    user: String,
    authorization: Option<String>,
    password: Secret,
    nonce: String,
    max_iterations: u32,
    repeated: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// The first message has gone; this is its part behind the header.
    First {
        bare: String,
    },
    /// The proof has gone; only who knows the keys has this signature.
    Proved {
        signature: Secret,
    },
    /// The server has proved who it is.
    Verified,
    Failed,
}

impl Scram {
    /// `None` if there is no such mechanism, no nonce, or nothing to bind to.
    pub(in crate::sasl) fn new(
        name: &str,
        authorization: Option<&str>,
        user: &str,
        password: &Secret,
        context: &Context,
    ) -> Option<Self> {
        let (hash, plus) = named(name)?;
        let nonce = context
            .nonce
            .clone()
            .filter(|nonce| !nonce.is_empty() && message::is_printable(nonce))?;
        let (flag, binding) = match (&context.binding, plus) {
            (Some(binding), true) => {
                let flag = format!("p={}", binding.kind.name());
                (flag, binding.octets.clone())
            }
            (None, true) => return None,
            // The client could, and thinks that the server could not: if the
            // server could, somebody has changed its list (section 6).
            (Some(_), false) if !context.plus_offered => (String::from("y"), Vec::new()),
            (_, false) => (String::from("n"), Vec::new()),
        };
        let authorization = authorization.map(prepare::name);
        Some(Self {
            name: name_of(hash, plus),
            hash,
            header: message::gs2_header(&flag, authorization.as_deref()),
            binding,
            user: prepare::name(user),
            authorization,
            password: prepare::password(password),
            nonce,
            max_iterations: context.max_iterations,
            repeated: false,
            state: State::New,
        })
    }

    /// `client-final-message`, in answer to `server-first-message`.
    fn prove(&mut self, bare: &str, first: &str) -> Result<Secret, Error> {
        let Parameters {
            nonce,
            salt,
            iterations,
        } = self.parameters(first)?;
        let salted = Salted::new(self.hash, self.password.expose(), &salt, iterations);
        let bound = [self.header.as_bytes(), &self.binding].concat();
        let without_proof = format!("c={},r={nonce}", message::to_base64(&bound));
        let whole = format!("{bare},{first},{without_proof}");

        let signature = self
            .hash
            .mac(salted.stored_key().expose(), whole.as_bytes());
        let proof = xor(&salted.client_key(), &signature);
        self.state = State::Proved {
            signature: self
                .hash
                .mac(salted.server_key().expose(), whole.as_bytes()),
        };
        let proof = message::to_base64(proof.expose());
        Ok(Secret::from(format!("{without_proof},p={proof}")))
    }

    fn parameters<'a>(&self, first: &'a str) -> Result<Parameters<'a>, Error> {
        const FORM: Error = Error::Challenge("not the first message of a SCRAM server");

        refused(first)?;
        if message::is_mandatory_extension(first) {
            return Err(Error::Challenge("a mandatory extension of SCRAM"));
        }
        let (nonce, rest) = message::attribute('r', first).ok_or(FORM)?;
        let (salt, rest) = message::attribute('s', rest.ok_or(FORM)?).ok_or(FORM)?;
        let (iterations, rest) = message::attribute('i', rest.ok_or(FORM)?).ok_or(FORM)?;
        if !message::are_extensions(rest) || !message::is_printable(nonce) {
            return Err(FORM);
        }
        if nonce.strip_prefix(&self.nonce).is_none_or(str::is_empty) {
            return Err(Error::Server("its nonce does not begin with ours"));
        }
        let salt = message::base64(salt).ok_or(FORM)?;
        let iterations = message::number(iterations).ok_or(FORM)?;
        if iterations < MIN_ITERATIONS {
            return Err(Error::TooWeak("iterations of SCRAM"));
        }
        if iterations > self.max_iterations {
            return Err(Error::Excessive("iterations of SCRAM"));
        }
        Ok(Parameters {
            nonce,
            salt,
            iterations,
        })
    }
}

/// What `server-first-message` has.
struct Parameters<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl Mechanism for Scram {
    fn name(&self) -> &str {
        self.name
    }

    fn exposes_credentials(&self) -> bool {
        false
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        if self.user.is_empty() || self.password.expose().is_empty() {
            return Err(Error::Credentials("no user name, or no password"));
        }
        without_nul(self.user.as_bytes(), "a NUL in the user name")?;
        if let Some(name) = &self.authorization {
            without_nul(name.as_bytes(), "a NUL in the authorization identity")?;
        }
        let user = escaped(&self.user);
        let bare = format!("n={user},r={}", self.nonce);
        let first = Secret::join(&[self.header.as_bytes(), bare.as_bytes()]);
        self.state = State::First { bare };
        Ok(Some(first))
    }

    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, Error> {
        let octets = challenge.decode()?;
        let text = core::str::from_utf8(&octets);
        let text = text.map_err(|_| Error::Challenge("not UTF-8"))?;
        match core::mem::replace(&mut self.state, State::Failed) {
            // The server does not take initial responses, and asks for it.
            State::First { bare } if text.is_empty() && !self.repeated => {
                self.repeated = true;
                let first = Secret::join(&[self.header.as_bytes(), bare.as_bytes()]);
                self.state = State::First { bare };
                Ok(first)
            }
            State::First { bare } => self.prove(&bare, text),
            State::Proved { signature } => {
                verify(&signature, text)?;
                self.state = State::Verified;
                Ok(Secret::default())
            }
            State::New | State::Verified | State::Failed => {
                Err(Error::Challenge("SCRAM has said everything"))
            }
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.state {
            State::Verified => Ok(()),
            _ => Err(Error::TooEarly),
        }
    }
}

/// `server-final-message`: only who knows the keys has the signature.
fn verify(signature: &Secret, last: &str) -> Result<(), Error> {
    refused(last)?;
    let (value, rest) =
        message::attribute('v', last).ok_or(Error::Challenge("no signature of the server"))?;
    if !message::are_extensions(rest) {
        return Err(Error::Challenge("not the last message of a SCRAM server"));
    }
    let value = message::base64(value).map(Secret::from);
    if value.as_ref() != Some(signature) {
        return Err(Error::Server("its signature is wrong"));
    }
    Ok(())
}

fn refused(text: &str) -> Result<(), Error> {
    match message::attribute('e', text) {
        Some((reason, _)) => Err(Error::Refused(message::server_error(reason))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;
    use crate::{
        TlsInfo,
        sasl::{Binding, ChannelBinding, Credentials, client},
    };

    /// An exchange whose answers are octets, not base64.
    fn respond(scram: &mut Box<dyn Mechanism>, challenge: &str) -> Result<String, Error> {
        let encoded = message::to_base64(challenge.as_bytes());
        let response = scram.respond(Challenge::new(encoded.as_bytes()))?;
        Ok(response.expose_str().unwrap().into())
    }

    fn begun(name: &str, context: &Context) -> (Box<dyn Mechanism>, String) {
        let credentials = Credentials::password("user", "pencil");
        let mut scram = client(name, &credentials, context).unwrap();
        assert_eq!(scram.name(), name);
        assert!(!scram.exposes_credentials());
        let first = scram.start().unwrap().unwrap();
        (scram, first.expose_str().unwrap().into())
    }

    fn context(nonce: &str) -> Context {
        Context {
            nonce: Some(nonce.into()),
            max_iterations: 1_000_000,
            ..Context::default()
        }
    }

    const NONCE_1: &str = "fyko+d2lbbFgONRv9qkxdawL";
    const NONCE_256: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST_256: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const LAST_256: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn c_204_the_example_of_rfc_5802_section_5() {
        let (mut scram, first) = begun("SCRAM-SHA-1", &context(NONCE_1));
        assert_eq!(first, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(
            respond(
                &mut scram,
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
            )
            .unwrap(),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        let last = respond(&mut scram, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
        assert_eq!(last.unwrap(), "");
        assert_eq!(scram.finish(), Ok(()));
    }

    #[test]
    fn c_203_c_204_the_example_of_rfc_7677_section_3() {
        let (mut scram, first) = begun("SCRAM-SHA-256", &context(NONCE_256));
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.finish(), Err(Error::TooEarly));
        assert_eq!(
            respond(&mut scram, FIRST_256).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(scram.finish(), Err(Error::TooEarly));
        assert_eq!(respond(&mut scram, LAST_256).unwrap(), "");
        assert_eq!(scram.finish(), Ok(()));
        assert!(respond(&mut scram, "").is_err());
        assert_eq!(scram.finish(), Err(Error::TooEarly));
    }

    #[test]
    fn c_205_the_header_says_what_the_client_binds_to() {
        let tls = TlsInfo::new().exporter([7; 32]);
        let binding = Binding::new(&tls, None).unwrap();
        assert_eq!(binding.kind, ChannelBinding::Exporter);
        let bound = Context {
            binding: Some(binding),
            plus_offered: true,
            ..context(NONCE_256)
        };
        let (mut scram, first) = begun("SCRAM-SHA-256-PLUS", &bound);
        assert!(first.starts_with("p=tls-exporter,,n=user,"), "{first}");
        let mut expected = b"p=tls-exporter,,".to_vec();
        expected.extend([7; 32]);
        let expected = format!("c={},", message::to_base64(&expected));
        let last = respond(&mut scram, FIRST_256).unwrap();
        assert!(last.starts_with(&expected), "{last}");

        // -PLUS is offered, and the application has chosen not to use it.
        let (_, first) = begun("SCRAM-SHA-256", &bound);
        assert!(first.starts_with("n,,"), "{first}");

        let not_offered = Context {
            plus_offered: false,
            ..bound
        };
        let (mut scram, first) = begun("SCRAM-SHA-256", &not_offered);
        assert!(first.starts_with("y,,"), "{first}");
        let last = respond(&mut scram, FIRST_256).unwrap();
        assert!(last.starts_with("c=eSws,"), "{last}");
    }

    #[test]
    fn without_a_nonce_or_a_binding_there_is_none() {
        let credentials = Credentials::password("user", "pencil");
        let none = |name: &str, context: &Context| client(name, &credentials, context).is_none();
        assert!(none("SCRAM-SHA-256", &Context::default()));
        assert!(none("SCRAM-SHA-256", &context("a,b")));
        assert!(none("SCRAM-SHA-256-PLUS", &context("abc")));
        assert!(none("SCRAM-SHA-512", &context("abc")));
        assert!(none("scram-sha-256", &context("abc")));
    }

    #[test]
    fn names_are_prepared_and_escaped() {
        let credentials = Credentials::password("a=b,\u{2168}", "x").authorization_identity("c,d");
        let mut scram = client("SCRAM-SHA-1", &credentials, &context("N")).unwrap();
        let first = scram.start().unwrap().unwrap();
        assert_eq!(first.expose_str(), Some("n,a=c=2Cd,n=a=3Db=2CIX,r=N"));

        for (user, password) in [("", "x"), ("x", ""), ("a\0b", "x")] {
            let credentials = Credentials::password(user, password);
            let mut scram = client("SCRAM-SHA-1", &credentials, &context("N")).unwrap();
            assert!(matches!(scram.start(), Err(Error::Credentials(_))));
        }
    }

    #[test]
    fn c_204_a_first_message_that_cannot_be_is_refused() {
        for (first, error) in [
            (
                "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
                "does not begin with ours",
            ),
            (
                "r=rOprNGfwEbeRWgbNEkqo123,s=W22Z,i=4096",
                "does not begin with ours",
            ),
            ("r=,s=W22Z,i=4096", "does not begin with ours"),
            ("m=x,r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=4096", "mandatory"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=4096,m=x", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=,i=4096", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=!,i=4096", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=4095", "too little"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=0", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=04096", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=+4096", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=", "first message"),
            (
                "r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=99999999999999999999",
                "first message",
            ),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=1000001", "too much"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=4294967295", "too much"),
            ("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z", "first message"),
            ("r=rOprNGfwEbeRWgbNEkqO1,i=4096,s=W22Z", "first message"),
            ("s=W22Z,i=4096,r=rOprNGfwEbeRWgbNEkqO1", "first message"),
            (
                "r=rOprNGfwEbeRWgbNEkqO\u{e9},s=W22Z,i=4096",
                "first message",
            ),
            ("e=unknown-user", "refuses: unknown-user"),
            ("e=anything", "refuses: other-error"),
            ("hello", "first message"),
        ] {
            let (mut scram, _) = begun("SCRAM-SHA-256", &context(NONCE_256));
            let refusal = respond(&mut scram, first).unwrap_err();
            assert!(format!("{refusal}").contains(error), "{first}: {refusal}");
            assert_eq!(scram.finish(), Err(Error::TooEarly));
            assert!(respond(&mut scram, FIRST_256).is_err(), "failed is failed");
        }
        let (mut scram, _) = begun("SCRAM-SHA-256", &context(NONCE_256));
        assert_eq!(scram.respond(Challenge::new(b"!!!")), Err(Error::NotBase64));
        // Extensions that nobody has to understand.
        let (mut scram, _) = begun("SCRAM-SHA-256", &context(NONCE_256));
        respond(&mut scram, &(String::from(FIRST_256) + ",x=y,z=1")).unwrap();
    }

    #[test]
    fn c_203_the_signature_of_the_server_has_to_be_right() {
        for last in [
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
            "v=rrriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            "v=",
            "v=6rri",
            "",
            "w=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            "e=invalid-proof",
        ] {
            let (mut scram, _) = begun("SCRAM-SHA-256", &context(NONCE_256));
            respond(&mut scram, FIRST_256).unwrap();
            assert!(respond(&mut scram, last).is_err(), "{last}");
            assert_eq!(scram.finish(), Err(Error::TooEarly), "{last}");
        }
    }

    #[test]
    fn a_server_that_takes_no_initial_response_asks_for_it_once() {
        let (mut scram, first) = begun("SCRAM-SHA-256", &context(NONCE_256));
        assert_eq!(respond(&mut scram, "").unwrap(), first);
        assert!(respond(&mut scram, "").is_err());
    }
}
