//! The server's half.

use alloc::{format, string::String, vec::Vec};

use super::{
    SERVER_ITERATIONS,
    keys::{ScramHash, ScramKeys, salt},
    message, named,
};
use crate::{
    sasl::{
        channel_binding::{Binding, ChannelBinding},
        claim::{Claim, Shown, Verdict},
        credential::{Credential, Decoy},
        prepare,
        saslname::unescaped,
        server::{Failure, Half, Next, ServerMechanism, Setting, text},
    },
    types::Secret,
};

/// One exchange.
#[derive(Debug)]
pub(in crate::sasl) struct Server {
    mechanism: ServerMechanism,
    hash: ScramHash,
    plus_offered: bool,
    /// What the exchange may be bound to; nothing if the mechanism does not
    /// bind.
    bindings: Vec<Binding>,
    nonce: String,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// The application is asked about the user.
    Asked(First),
    /// The salt has gone.
    Salted {
        first: First,
        server_first: String,
        keys: ScramKeys,
        /// Whether there is such a user.
        exists: bool,
    },
    /// The signature has gone; the client has yet to say that it likes it.
    Signed,
    Over,
}

/// What the client's first message leaves behind.
#[derive(Debug)]
struct First {
    /// What `c=` has to say in the next: the header, and what it is bound to.
    bound: Vec<u8>,
    /// The message without its header.
    bare: String,
    /// The nonces of both sides.
    nonce: String,
}

impl Server {
    /// `None` without a nonce, or without anything to bind to where the
    /// mechanism binds.
    pub(in crate::sasl) fn new(mechanism: ServerMechanism, setting: &Setting<'_>) -> Option<Self> {
        let (hash, plus) = named(mechanism.name())?;
        let kinds = [ChannelBinding::Exporter, ChannelBinding::ServerEndPoint];
        let bindings: Vec<_> = match (plus, setting.tls) {
            (true, Some(tls)) => {
                let of = |kind| Binding::new(tls, Some(kind));
                kinds.into_iter().filter_map(of).collect()
            }
            _ => Vec::new(),
        };
        if plus && bindings.is_empty() {
            return None;
        }
        Some(Self {
            mechanism,
            hash,
            plus_offered: setting.plus_offered,
            bindings,
            nonce: setting.nonce.clone()?,
            state: State::New,
        })
    }

    /// `client-first-message`.
    fn first(&mut self, message: &str) -> Result<Next, Failure> {
        let (flag, rest) = message.split_once(',').ok_or(Failure::Syntax)?;
        let (authorization, bare) = rest.split_once(',').ok_or(Failure::Syntax)?;
        let header = message.strip_suffix(bare).ok_or(Failure::Syntax)?;
        let binding = self.binding(flag)?;
        let authorization = match authorization {
            "" => None,
            name => Some(
                name.strip_prefix("a=")
                    .and_then(unescaped)
                    .ok_or(Failure::Syntax)?,
            ),
        };
        // With `m=` in its place, it is an extension that nobody knows.
        let (user, rest) = message::attribute('n', bare).ok_or(Failure::Syntax)?;
        let user = unescaped(user).ok_or(Failure::Syntax)?;
        let (nonce, rest) =
            message::attribute('r', rest.ok_or(Failure::Syntax)?).ok_or(Failure::Syntax)?;
        if nonce.is_empty() || !message::is_printable(nonce) || !message::are_extensions(rest) {
            return Err(Failure::Syntax);
        }
        self.state = State::Asked(First {
            bound: [header.as_bytes(), binding].concat(),
            bare: bare.into(),
            nonce: format!("{nonce}{}", self.nonce),
        });
        Ok(Next::Ask(Claim {
            mechanism: self.mechanism,
            authentication: prepare::name(&user),
            authorization: authorization.as_deref().map(prepare::name),
            shown: Shown::Digest,
        }))
    }

    /// What `gs2-cbind-flag` says that the exchange is bound to.
    fn binding(&self, flag: &str) -> Result<&[u8], Failure> {
        match (flag, flag.strip_prefix("p=")) {
            ("n", _) if !self.mechanism.binds() => Ok(&[]),
            // The client thinks that the server could not bind. If it could,
            // somebody has changed its list (section 6).
            ("y", _) if !self.mechanism.binds() && self.plus_offered => Err(Failure::Credentials),
            ("y", _) if !self.mechanism.binds() => Ok(&[]),
            (_, Some(name)) => {
                let mut bindings = self.bindings.iter();
                let binding = bindings.find(|binding| binding.kind.name() == name);
                binding
                    .map(|binding| binding.octets.as_slice())
                    .ok_or(Failure::Syntax)
            }
            _ => Err(Failure::Syntax),
        }
    }

    /// `server-first-message`.
    fn salt(&mut self, first: First, keys: ScramKeys, exists: bool) -> Next {
        let server_first = format!(
            "r={},s={},i={}",
            first.nonce,
            message::to_base64(keys.salt()),
            keys.iterations()
        );
        let challenge = server_first.clone().into_bytes();
        self.state = State::Salted {
            first,
            server_first,
            keys,
            exists,
        };
        Next::Challenge(challenge)
    }

    /// The keys to check the proof with, and whether they are those of the user.
    fn keys(&self, user: &str, verdict: &Verdict, decoy: &Decoy) -> (ScramKeys, bool) {
        let of = |stored: &Credential| {
            let derived = |password| {
                let (password, salt) = (prepare::password(password), salt(&decoy.key, user));
                ScramKeys::derived(self.hash, &password, salt, SERVER_ITERATIONS)
            };
            let keys = stored.keys(self.hash).cloned();
            keys.or_else(|| stored.password.as_ref().map(derived))
        };
        let stored = match verdict {
            Verdict::Check(stored) => of(stored),
            _ => None,
        };
        if let Some(keys) = stored {
            return (keys, true);
        }
        let keys = of(&decoy.credential(user));
        let none = || ScramKeys::decoy(self.hash, &decoy.key, user, SERVER_ITERATIONS);
        (keys.unwrap_or_else(none), false)
    }

    /// `client-final-message`, and `server-final-message` in answer.
    fn verify(
        &mut self,
        message: &str,
        first: &First,
        server_first: &str,
        keys: &ScramKeys,
    ) -> Result<Next, Failure> {
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Failure::Syntax)?;
        let (bound, rest) = message::attribute('c', without_proof).ok_or(Failure::Syntax)?;
        let (nonce, rest) =
            message::attribute('r', rest.ok_or(Failure::Syntax)?).ok_or(Failure::Syntax)?;
        let bound = message::base64(bound).ok_or(Failure::Syntax)?;
        let proof = message::base64(proof)
            .map(Secret::from)
            .ok_or(Failure::Syntax)?;
        if !message::are_extensions(rest) || proof.expose().len() != self.hash.length() {
            return Err(Failure::Syntax);
        }
        let exchange = format!("{},{server_first},{without_proof}", first.bare);
        let fits = keys.verify(&proof, &exchange);
        if !fits || bound != first.bound || nonce != first.nonce {
            return Err(Failure::Credentials);
        }
        self.state = State::Signed;
        let signature = message::to_base64(keys.signature(&exchange).expose());
        Ok(Next::Challenge(format!("v={signature}").into_bytes()))
    }
}

impl Half for Server {
    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure> {
        let message = text(response)?;
        match core::mem::replace(&mut self.state, State::Over) {
            State::New => self.first(message),
            State::Salted {
                first,
                server_first,
                keys,
                exists,
            } => {
                let next = self.verify(message, &first, &server_first, &keys)?;
                if exists {
                    Ok(next)
                } else {
                    Err(Failure::Credentials)
                }
            }
            State::Signed if message.is_empty() => Ok(Next::Accepted),
            State::Signed | State::Asked(_) | State::Over => Err(Failure::Syntax),
        }
    }

    fn answer(&mut self, claim: &Claim, verdict: &Verdict, decoy: &Decoy) -> Result<Next, Failure> {
        let State::Asked(first) = core::mem::replace(&mut self.state, State::Over) else {
            return Err(Failure::Syntax);
        };
        match verdict {
            Verdict::Unavailable => return Err(Failure::Temporary),
            Verdict::Accept | Verdict::AcceptAs(_) | Verdict::Refuse => {
                return Err(Failure::Credentials);
            }
            Verdict::Check(_) | Verdict::UnknownUser => {}
        }
        let (keys, exists) = self.keys(&claim.authentication, verdict, decoy);
        Ok(self.salt(first, keys, exists))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::keys::{Salted, xor},
        *,
    };
    use crate::{
        TlsInfo,
        sasl::{Exchange, Step},
    };

    const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";

    fn setting(tls: Option<&TlsInfo>) -> Setting<'_> {
        Setting {
            tls,
            plus_offered: tls.is_some(),
            nonce: Some(NONCE.into()),
            host: "mx.example.net",
            decoy: Decoy {
                key: "decoy".into(),
                iterations: None,
            },
        }
    }

    fn exchange() -> Exchange {
        Exchange::new(ServerMechanism::ScramSha256, setting(None)).unwrap()
    }

    fn stored() -> Verdict {
        let salt = message::base64("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = ScramKeys::derive(ScramHash::Sha256, &"pencil".into(), salt, 4096);
        Verdict::Check(Credential::scram(keys.unwrap()))
    }

    fn challenge(step: Step) -> String {
        match step {
            Step::Challenge(octets) => String::from_utf8(octets).unwrap(),
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn s_154_the_example_of_rfc_7677_section_3() {
        let mut exchange = exchange();
        assert_eq!(exchange.start(Some(FIRST)), Step::Ask);
        let claim = exchange.claim().unwrap();
        assert_eq!(claim.authentication_identity(), "user");
        assert_eq!(claim.authorization_identity(), None);
        assert_eq!(
            challenge(exchange.answer(&stored())),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let last = exchange.respond(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
              p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        );
        assert_eq!(
            challenge(last),
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
        assert_eq!(exchange.respond(b""), Step::Accepted);
        assert_eq!(exchange.respond(b""), Step::Failed(Failure::Syntax));
    }

    #[test]
    fn s_154_a_first_message_that_cannot_be_is_refused() {
        for first in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=user",
            "n,,r=abc,n=user",
            "n,,n=,r=abc",
            "n,,n=user,r=",
            "n,,n=user,r=a c",
            "n,,n=us=er,r=abc",
            "n,,n=us=3der,r=abc",
            "n,,m=x,n=user,r=abc",
            "n,,n=user,r=abc,m=x",
            "n,,n=user,r=abc,x",
            "n,b=c,n=user,r=abc",
            "n,a=,n=user,r=abc",
            "z,,n=user,r=abc",
            "p=tls-exporter,,n=user,r=abc",
        ] {
            let step = exchange().start(Some(first.as_bytes()));
            assert_eq!(step, Step::Failed(Failure::Syntax), "{first}");
        }
        let mut exchange = exchange();
        exchange.start(Some(b"n,a=b=2C,n=a=3Db,r=abc,x=y"));
        let claim = exchange.claim().unwrap();
        assert_eq!(claim.authentication_identity(), "a=b");
        assert_eq!(claim.authorization_identity(), Some("b,"));
    }

    #[test]
    fn s_154_the_flag_has_to_fit_what_is_offered() {
        let tls = TlsInfo::new().exporter([7; 32]);
        let start = |mechanism, tls, flag: &str| {
            let mut exchange = Exchange::new(mechanism, setting(tls)).unwrap();
            exchange.start(Some(format!("{flag},,n=user,r=abc").as_bytes()))
        };
        let (plain, plus) = (
            ServerMechanism::ScramSha256,
            ServerMechanism::ScramSha256Plus,
        );
        let (syntax, wrong) = (Failure::Syntax, Failure::Credentials);
        assert_eq!(start(plain, None, "n"), Step::Ask);
        assert_eq!(start(plain, None, "y"), Step::Ask);
        assert_eq!(start(plain, Some(&tls), "n"), Step::Ask);
        assert_eq!(start(plain, Some(&tls), "y"), Step::Failed(wrong));
        assert_eq!(
            start(plain, Some(&tls), "p=tls-exporter"),
            Step::Failed(syntax)
        );
        assert_eq!(start(plus, Some(&tls), "p=tls-exporter"), Step::Ask);
        assert_eq!(start(plus, Some(&tls), "n"), Step::Failed(syntax));
        assert_eq!(start(plus, Some(&tls), "y"), Step::Failed(syntax));
        // Nothing is known of the certificate, and tls-unique is not safe.
        for name in ["p=tls-server-end-point", "p=tls-unique", "p="] {
            assert_eq!(
                start(plus, Some(&tls), name),
                Step::Failed(syntax),
                "{name}"
            );
        }
        assert!(Exchange::new(plus, setting(None)).is_none());
        assert!(Exchange::new(plus, setting(Some(&TlsInfo::new()))).is_none());
    }

    #[test]
    fn s_155_nobody_can_tell_that_there_is_no_such_user() {
        let salt_of = |decoy: &Decoy, user: &str, nonce: &str| {
            let mut exchange = exchange();
            exchange.decoy = decoy.clone();
            exchange.start(Some(format!("n,,n={user},r={nonce}").as_bytes()));
            let first = challenge(exchange.answer(&Verdict::UnknownUser));
            first.split_once(",s=").unwrap().1.to_owned()
        };
        let decoy = |iterations| Decoy {
            key: "decoy".into(),
            iterations,
        };
        // The same salt each time, another for another name, iterations as
        // stored.
        let salt = salt_of(&decoy(Some(10_000)), "alice", "a");
        assert_eq!(salt, salt_of(&decoy(Some(10_000)), "alice", "b"));
        assert_ne!(salt, salt_of(&decoy(Some(10_000)), "bob", "a"));
        assert_eq!(salt.len(), "W22ZaJ0SNY7soEsUEjb6gQ==,i=10000".len());
        assert!(salt.ends_with(",i=10000"));
        // Where passwords are stored, the salt of users that exist is made the
        // same way.
        let mut exchange = exchange();
        exchange.start(Some(b"n,,n=alice,r=a"));
        let known = challenge(exchange.answer(&Verdict::Check(Credential::password("x"))));
        let unknown = salt_of(&decoy(None), "alice", "a");
        assert_eq!(known.split_once(",s=").unwrap().1, unknown);
    }

    #[test]
    fn an_answer_that_proves_nothing_lets_nobody_in() {
        for verdict in [Verdict::Accept, Verdict::Refuse] {
            let mut exchange = exchange();
            exchange.start(Some(FIRST));
            assert_eq!(
                exchange.answer(&verdict),
                Step::Failed(Failure::Credentials)
            );
        }
        let mut exchange = exchange();
        exchange.start(Some(FIRST));
        let step = exchange.answer(&Verdict::Unavailable);
        assert_eq!(step, Step::Failed(Failure::Temporary));
    }

    /// A proof that was made for another exchange, or that leaves the nonce of
    /// the server out.
    #[test]
    fn s_154_the_proof_is_for_this_exchange() {
        let salt = message::base64("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = Salted::new(ScramHash::Sha256, b"pencil", &salt, 4096);
        let respond = |bound: &str, nonce: &str, bare: &str| {
            let mut exchange = exchange();
            exchange.start(Some(FIRST));
            let server_first = challenge(exchange.answer(&stored()));
            let without_proof = format!("c={bound},r={nonce}");
            let whole = format!("{bare},{server_first},{without_proof}");
            let hash = ScramHash::Sha256;
            let signature = hash.mac(salted.stored_key().expose(), whole.as_bytes());
            let proof = xor(&salted.client_key(), &signature);
            let proof = message::to_base64(proof.expose());
            exchange.respond(format!("{without_proof},p={proof}").as_bytes())
        };
        let nonce = format!("rOprNGfwEbeRWgbNEkqO{NONCE}");
        let bare = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let wrong = Step::Failed(Failure::Credentials);
        assert!(matches!(respond("biws", &nonce, bare), Step::Challenge(_)));
        assert_eq!(respond("eSws", &nonce, bare), wrong);
        assert_eq!(respond("biws", "rOprNGfwEbeRWgbNEkqO", bare), wrong);
        assert_eq!(respond("biws", &nonce.replace('%', "$"), bare), wrong);
        assert_eq!(
            respond("biws", &nonce, "n=admin,r=rOprNGfwEbeRWgbNEkqO"),
            wrong
        );
    }
}
