//! Client against server, with every mechanism: that the halves agree, that
//! nothing else is accepted, and that no secret shows.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::{TlsInfo, types::Secret};

const HOST: &str = "mx.example.net";

/// More than any exchange has.
const MAX_STEPS: usize = 8;

fn tls() -> TlsInfo {
    TlsInfo::new()
        .exporter([7; 32])
        .client_certificate(*b"certificate")
}

fn setting(tls: &TlsInfo) -> Setting<'_> {
    let mut nonces = Nonces::new([1; 32]);
    Setting {
        tls: Some(tls),
        plus_offered: true,
        nonce: nonces.next(),
        host: HOST,
        decoy: Decoy {
            key: nonces.decoy_key(),
            iterations: None,
        },
    }
}

fn context() -> Context {
    Context {
        binding: Binding::new(&tls(), None),
        plus_offered: true,
        nonce: Nonces::new([2; 32]).next(),
        max_iterations: 1_000_000,
    }
}

fn servable() -> Vec<ServerMechanism> {
    let tls = tls();
    let all = ServerMechanism::ALL.into_iter();
    all.filter(|mechanism| Exchange::new(*mechanism, setting(&tls)).is_some())
        .collect()
}

fn credentials(mechanism: ServerMechanism, user: &str, secret: &str) -> Credentials {
    match mechanism {
        ServerMechanism::External => Credentials::external(),
        ServerMechanism::OauthBearer | ServerMechanism::Xoauth2 => Credentials::token(user, secret),
        _ => Credentials::password(user, secret),
    }
}

/// What an application says that knows one user.
fn verdict(claim: &Claim, user: &str, secret: &str) -> Verdict {
    let known = claim.authentication_identity() == user;
    match claim.proof() {
        Proof::Certificate(der) if der == b"certificate" => Verdict::Accept,
        Proof::Token(token) if known && *token == Secret::from(secret) => Verdict::Accept,
        Proof::Password(_) | Proof::Digest if known => Verdict::Check(Credential::password(secret)),
        _ => Verdict::UnknownUser,
    }
}

#[derive(Debug, PartialEq)]
enum End {
    /// Both sides are sure.
    Accepted {
        authorization: Option<String>,
    },
    Failed(Failure),
    /// The client gives up.
    Client(Error),
}

/// Runs an exchange. `change` sees every message: of the client (`true`) and of
/// the server, with its number.
fn run(
    mechanism: ServerMechanism,
    credentials: &Credentials,
    user: &str,
    secret: &str,
    change: &dyn Fn(bool, usize, Vec<u8>) -> Vec<u8>,
) -> End {
    let tls = tls();
    let mut server = Exchange::new(mechanism, setting(&tls)).unwrap();
    let mut client = client(mechanism.name(), credentials, &context()).unwrap();
    let mut authorization = None;
    let mut step = match client.start() {
        Ok(Some(initial)) => server.start(Some(&change(true, 0, initial.expose().to_vec()))),
        Ok(None) => server.start(None),
        Err(error) => return End::Client(error),
    };
    for number in 1..MAX_STEPS {
        step = match step {
            Step::Challenge(octets) => {
                let text = STANDARD.encode(change(false, number, octets));
                match client.respond(Challenge::new(text.as_bytes())) {
                    Ok(response) => {
                        server.respond(&change(true, number, response.expose().to_vec()))
                    }
                    Err(error) => return End::Client(error),
                }
            }
            Step::Ask => {
                let claim = server.claim().unwrap();
                authorization = claim.authorization_identity().map(Into::into);
                server.answer(&verdict(claim, user, secret))
            }
            Step::Accepted => {
                return match client.finish() {
                    Ok(()) => End::Accepted { authorization },
                    Err(error) => End::Client(error),
                };
            }
            Step::Failed(failure) => return End::Failed(failure),
        };
    }
    panic!("{mechanism} goes on and on");
}

fn unchanged(_: bool, _: usize, message: Vec<u8>) -> Vec<u8> {
    message
}

/// Names and passwords that SASLprep leaves alone.
const TEXT: &str = "[!-~\u{e4}\u{e9}\u{3b1}\u{5d0}\u{4e2d}\u{1f600}]{1,12}";
const TOKEN: &str = "[A-Za-z0-9._~+/-]{1,20}=?";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_halves_agree(
        user in TEXT, secret in TOKEN, password in TEXT, authorization in TEXT,
    ) {
        for mechanism in servable() {
            let oauth = matches!(
                mechanism,
                ServerMechanism::OauthBearer | ServerMechanism::Xoauth2
            );
            let secret = if oauth { &secret } else { &password };
            let plain = credentials(mechanism, &user, secret);
            let end = run(mechanism, &plain, &user, secret, &unchanged);
            prop_assert_eq!(end, End::Accepted { authorization: None }, "{}", mechanism);

            let wrong = credentials(mechanism, &user, &format!("{secret}x"));
            let external = mechanism == ServerMechanism::External;
            let end = run(mechanism, &wrong, &user, secret, &unchanged);
            prop_assert_eq!(end == End::Failed(Failure::Credentials), !external);
            let end = run(mechanism, &plain, &format!("{user}x"), secret, &unchanged);
            prop_assert_eq!(end == End::Failed(Failure::Credentials), !external);

            let other = plain.authorization_identity(authorization.as_str());
            let carries = client(mechanism.name(), &other, &context()).is_some();
            if carries && mechanism != ServerMechanism::OauthBearer {
                let end = run(mechanism, &other, &user, secret, &unchanged);
                let authorization = Some(authorization.clone());
                prop_assert_eq!(end, End::Accepted { authorization }, "{}", mechanism);
            }
        }
    }

    /// With SCRAM both sides notice; with the others, a message means what it
    /// says.
    #[test]
    fn s_154_c_204_no_changed_message_of_scram_is_accepted(
        by_client in any::<bool>(), number in 0_usize..4, at in any::<prop::sample::Index>(),
        mask in 1_u8..=255, cut in any::<bool>(),
    ) {
        let changed = core::cell::Cell::new(false);
        let change = |client: bool, n: usize, mut message: Vec<u8>| {
            if client == by_client && n == number && !message.is_empty() {
                changed.set(true);
                let at = at.index(message.len());
                if cut {
                    message.truncate(at);
                } else {
                    message[at] ^= mask;
                }
            }
            message
        };
        for mechanism in servable() {
            if !mechanism.name().starts_with("SCRAM") {
                continue;
            }
            changed.set(false);
            let plain = credentials(mechanism, "user", "pencil");
            let end = run(mechanism, &plain, "user", "pencil", &change);
            let accepted = matches!(end, End::Accepted { .. });
            prop_assert_eq!(accepted, !changed.get(), "{}", mechanism);
        }
    }

    /// A changed password, digest or token is not accepted by any.
    #[test]
    fn a_changed_response_is_at_most_accepted_for_what_it_says(
        number in 0_usize..4, at in any::<prop::sample::Index>(), mask in 1_u8..=255,
    ) {
        for mechanism in servable() {
            let plain = credentials(mechanism, "user", "pencil").authorization_identity("x");
            let carries = client(mechanism.name(), &plain, &context()).is_some();
            let carries = carries && mechanism != ServerMechanism::OauthBearer;
            let plain = if carries { plain } else { credentials(mechanism, "user", "pencil") };
            let original = run(mechanism, &plain, "user", "pencil", &unchanged);
            let changed = core::cell::Cell::new(false);
            let change = |client: bool, n: usize, mut message: Vec<u8>| {
                if client && n == number && !message.is_empty() {
                    changed.set(true);
                    let at = at.index(message.len());
                    message[at] ^= mask;
                }
                message
            };
            let end = run(mechanism, &plain, "user", "pencil", &change);
            // "Bearer" and the digits of CRAM-MD5 may be in any case, and a
            // header of OAUTHBEARER may begin with `y` too.
            let same = [b' ', b'n' ^ b'y'].contains(&mask) || !changed.get();
            prop_assert!(same || end != original, "{}: {:?}", mechanism, end);
        }
    }

    #[test]
    fn anything_as_a_response_ends_and_lets_nobody_in(
        responses in prop::collection::vec(response(), MAX_STEPS), initial in any::<bool>(),
    ) {
        let tls = tls();
        for mechanism in ServerMechanism::ALL {
            let Some(mut server) = Exchange::new(mechanism, setting(&tls)) else { continue };
            let mut responses = responses.iter();
            let mut step = match responses.next() {
                Some(first) if initial => server.start(Some(first)),
                _ => server.start(None),
            };
            let ended = loop {
                step = match step {
                    Step::Challenge(_) => match responses.next() {
                        Some(response) => server.respond(response),
                        None => break false,
                    },
                    Step::Ask => {
                        let check = Verdict::Check(Credential::password("wonderland"));
                        server.answer(&check)
                    }
                    Step::Accepted => panic!("{mechanism} accepts"),
                    Step::Failed(_) => break true,
                };
            };
            prop_assert!(ended, "{}", mechanism);
            prop_assert_eq!(server.respond(b""), Step::Failed(Failure::Syntax));
            prop_assert_eq!(server.answer(&Verdict::Accept), Step::Failed(Failure::Syntax));
            prop_assert_eq!(server.claim(), None);
        }
    }

    #[test]
    fn anything_as_a_challenge_ends(
        challenges in prop::collection::vec(response(), MAX_STEPS), encoded in any::<bool>(),
    ) {
        for mechanism in servable() {
            let plain = credentials(mechanism, "user", "pencil");
            let mut client = client(mechanism.name(), &plain, &context()).unwrap();
            client.start().unwrap();
            let ended = challenges.iter().any(|challenge| {
                let text = if encoded {
                    STANDARD.encode(challenge).into_bytes()
                } else {
                    challenge.clone()
                };
                client.respond(Challenge::new(&text)).is_err()
            });
            prop_assert!(ended, "{}", mechanism);
            let scram = mechanism.name().starts_with("SCRAM");
            prop_assert!(!scram || client.finish().is_err());
        }
    }
}

/// Octets, and what looks like messages.
fn response() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "n,,",
        "y,,",
        "p=tls-exporter,,",
        "a=",
        "n=user",
        "r=",
        "c=",
        "s=",
        "i=",
        "p=",
        "v=",
        "e=",
        "m=",
        ",",
        "=",
        "\0",
        "\u{1}",
        "user",
        "auth=Bearer ",
        "4096",
        "4294967295",
        "biws",
        "AAAA",
        "abc",
        " ",
        "\u{e9}",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat().into_bytes()),
        Just(b"n,,n=user,r=abc".to_vec()),
        Just(b"\0user\0wrong".to_vec()),
        Just(Vec::new()),
    ]
}

#[test]
fn every_mechanism_of_this_build_is_servable() {
    let expected = if cfg!(feature = "digest") { 10 } else { 5 };
    assert_eq!(servable().len(), expected);
    for mechanism in ServerMechanism::ALL {
        assert_eq!(
            ServerMechanism::named(&mechanism.name().to_lowercase()),
            Some(mechanism)
        );
    }
    assert_eq!(ServerMechanism::named("GSSAPI"), None);
}

#[test]
fn s_147_s_148_who_speaks_first() {
    let tls = tls();
    for mechanism in servable() {
        let challenge = Exchange::new(mechanism, setting(&tls)).unwrap().start(None);
        let Step::Challenge(challenge) = challenge else {
            panic!("{challenge:?}");
        };
        match mechanism {
            ServerMechanism::Login => assert_eq!(challenge, b"Username:"),
            ServerMechanism::CramMd5 => {
                assert!(challenge.starts_with(b"<") && challenge.ends_with(b"@mx.example.net>"));
                let step = Exchange::new(mechanism, setting(&tls))
                    .unwrap()
                    .start(Some(b"test"));
                assert_eq!(step, Step::Failed(Failure::InitialResponse));
            }
            _ => assert_eq!(challenge, b"", "{mechanism}"),
        }
    }
}

#[test]
fn s_153_login_takes_the_name_as_an_initial_response() {
    let tls = tls();
    let mut login = Exchange::new(ServerMechanism::Login, setting(&tls)).unwrap();
    assert_eq!(
        login.start(Some(b"alice")),
        Step::Challenge(b"Password:".to_vec())
    );
    assert_eq!(login.respond(b"queen"), Step::Ask);
    let claim = login.claim().unwrap();
    assert_eq!(claim.authentication_identity(), "alice");
    assert_eq!(claim.proof(), Proof::Password(&"queen".into()));
    let check = Verdict::Check(Credential::password("queen"));
    assert_eq!(login.answer(&check), Step::Accepted);
}

#[test]
fn s_156_a_refused_token_is_refused_after_one_more_message() {
    let tls = tls();
    for (mechanism, message) in [
        (
            ServerMechanism::OauthBearer,
            "n,a=alice,\u{1}auth=Bearer t\u{1}\u{1}",
        ),
        (
            ServerMechanism::Xoauth2,
            "user=alice\u{1}auth=Bearer t\u{1}\u{1}",
        ),
    ] {
        for verdict in [
            Verdict::Refuse,
            Verdict::UnknownUser,
            Verdict::Check(Credential::password("t")), // a token is not a password
        ] {
            let mut exchange = Exchange::new(mechanism, setting(&tls)).unwrap();
            assert_eq!(exchange.start(Some(message.as_bytes())), Step::Ask);
            let refusal = br#"{"status":"invalid_token"}"#;
            assert_eq!(exchange.answer(&verdict), Step::Challenge(refusal.to_vec()));
            assert_eq!(
                exchange.respond(message.as_bytes()),
                Step::Failed(Failure::Credentials)
            );
        }
        let mut exchange = Exchange::new(mechanism, setting(&tls)).unwrap();
        exchange.start(Some(message.as_bytes()));
        assert_eq!(
            exchange.answer(&Verdict::Unavailable),
            Step::Failed(Failure::Temporary)
        );
    }
}

#[test]
fn external_is_for_who_has_shown_a_certificate() {
    let (with, without) = (tls(), TlsInfo::new());
    assert!(Exchange::new(ServerMechanism::External, setting(&without)).is_none());
    let mut exchange = Exchange::new(ServerMechanism::External, setting(&with)).unwrap();
    assert_eq!(exchange.start(Some(b"fred")), Step::Ask);
    let claim = exchange.claim().unwrap();
    assert_eq!(claim.proof(), Proof::Certificate(b"certificate"));
    assert_eq!(claim.authorization_identity(), Some("fred"));
    assert_eq!(exchange.answer(&Verdict::Accept), Step::Accepted);
}

/// The verdicts that fail all look the same.
#[test]
fn s_155_a_wrong_password_and_no_user_look_the_same() {
    let tls = tls();
    for mechanism in [
        ServerMechanism::Plain,
        ServerMechanism::Login,
        ServerMechanism::CramMd5,
    ] {
        for verdict in [
            Verdict::UnknownUser,
            Verdict::Refuse,
            Verdict::Check(Credential::password("other")),
            Verdict::Check(Credential::default()),
        ] {
            let Some(mut exchange) = Exchange::new(mechanism, setting(&tls)) else {
                continue;
            };
            let user = credentials(mechanism, "alice", "wonderland");
            let mut client = client(mechanism.name(), &user, &context()).unwrap();
            let initial = client.start().unwrap();
            let mut step = exchange.start(initial.as_ref().map(Secret::expose));
            while let Step::Challenge(octets) = &step {
                let text = STANDARD.encode(octets);
                let response = client.respond(Challenge::new(text.as_bytes())).unwrap();
                step = exchange.respond(response.expose());
            }
            assert_eq!(step, Step::Ask);
            assert_eq!(
                exchange.answer(&verdict),
                Step::Failed(Failure::Credentials)
            );
        }
    }
}

/// Even somebody who knows what is compared in its place.
#[test]
fn s_155_nobody_is_a_user_that_does_not_exist() {
    let tls = tls();
    for mechanism in servable() {
        let user = match mechanism {
            ServerMechanism::External => continue,
            _ => credentials(mechanism, "alice", "decoy"),
        };
        let setting = Setting {
            decoy: Decoy {
                key: "decoy".into(),
                iterations: None,
            },
            ..setting(&tls)
        };
        let mut client = client(mechanism.name(), &user, &context()).unwrap();
        let mut exchange = Exchange::new(mechanism, setting).unwrap();
        let initial = client.start().unwrap();
        let mut step = exchange.start(initial.as_ref().map(Secret::expose));
        let failure = loop {
            step = match step {
                Step::Challenge(octets) => {
                    let text = STANDARD.encode(octets);
                    let response = client.respond(Challenge::new(text.as_bytes())).unwrap();
                    exchange.respond(response.expose())
                }
                Step::Ask => exchange.answer(&Verdict::UnknownUser),
                Step::Accepted => panic!("{mechanism} accepts"),
                Step::Failed(failure) => break failure,
            };
        };
        assert_eq!(failure, Failure::Credentials, "{mechanism}");
    }
}

#[cfg(feature = "digest")]
#[test]
fn keys_of_scram_serve_what_they_can() {
    let keys = |hash| ScramKeys::derive(hash, &"pencil".into(), *b"salt", 4096).unwrap();
    let (sha1, sha256) = (keys(ScramHash::Sha1), keys(ScramHash::Sha256));
    let tls = tls();
    let run = |mechanism: ServerMechanism, password: &str, stored: &Credential| {
        let user = Credentials::password("user", password);
        let mut client = client(mechanism.name(), &user, &context()).unwrap();
        let mut exchange = Exchange::new(mechanism, setting(&tls)).unwrap();
        let initial = client.start().unwrap();
        let mut step = exchange.start(initial.as_ref().map(Secret::expose));
        loop {
            step = match step {
                Step::Challenge(octets) => {
                    let text = STANDARD.encode(octets);
                    let response = client.respond(Challenge::new(text.as_bytes())).unwrap();
                    exchange.respond(response.expose())
                }
                Step::Ask => exchange.answer(&Verdict::Check(stored.clone())),
                Step::Accepted => return client.finish().is_ok(),
                Step::Failed(failure) => {
                    assert_eq!(failure, Failure::Credentials);
                    return false;
                }
            };
        }
    };
    let both = Credential::scram(sha1.clone()).and_scram(sha256);
    let one = Credential::scram(sha1);
    for (mechanism, with_both, with_one) in [
        (ServerMechanism::Plain, true, true),
        (ServerMechanism::Login, true, true),
        (ServerMechanism::ScramSha1, true, true),
        (ServerMechanism::ScramSha1Plus, true, true),
        (ServerMechanism::ScramSha256, true, false),
        (ServerMechanism::ScramSha256Plus, true, false),
        (ServerMechanism::CramMd5, false, false),
    ] {
        assert_eq!(run(mechanism, "pencil", &both), with_both, "{mechanism}");
        assert_eq!(run(mechanism, "pencil", &one), with_one, "{mechanism}");
        assert!(!run(mechanism, "pen", &both), "{mechanism}");
        assert!(!run(mechanism, "pen", &one), "{mechanism}");
    }
}

#[cfg(feature = "digest")]
#[test]
fn an_exchange_is_bound_to_its_connection() {
    for wanted in [ChannelBinding::Exporter, ChannelBinding::ServerEndPoint] {
        let certificate = certificate::tests::certificate();
        let here = tls().server_certificate(certificate.clone());
        let mut other = certificate;
        *other.last_mut().unwrap() ^= 1; // of its signature
        let there = TlsInfo::new().exporter([8; 32]).server_certificate(other);
        for (client_tls, fits) in [(&here, true), (&there, false)] {
            let mechanism = ServerMechanism::ScramSha256Plus;
            let context = Context {
                binding: Binding::new(client_tls, Some(wanted)),
                ..context()
            };
            let user = Credentials::password("user", "pencil");
            let mut client = client(mechanism.name(), &user, &context).unwrap();
            let mut exchange = Exchange::new(mechanism, setting(&here)).unwrap();
            let first = client.start().unwrap().unwrap();
            assert_eq!(exchange.start(Some(first.expose())), Step::Ask);
            let Step::Challenge(salt) =
                exchange.answer(&Verdict::Check(Credential::password("pencil")))
            else {
                panic!("no salt");
            };
            let salt = STANDARD.encode(salt);
            let proof = client.respond(Challenge::new(salt.as_bytes())).unwrap();
            let step = exchange.respond(proof.expose());
            assert_eq!(
                matches!(step, Step::Challenge(_)),
                fits,
                "{wanted}: {step:?}"
            );
        }
    }
}

#[test]
fn s_159_no_secret_shows() {
    const SECRET: &str = "wonderland";
    let hidden = |shown: String| {
        for form in [
            SECRET.into(),
            STANDARD.encode(SECRET),
            format!("{:?}", SECRET.as_bytes()),
        ] {
            assert!(!shown.contains(&form), "{shown}");
        }
        // Not as a list of octets either, nor inside of a message.
        assert!(!shown.contains("119, 111, 110"), "{shown}");
    };
    let tls = tls();
    for mechanism in servable() {
        let user = credentials(mechanism, "alice", SECRET);
        hidden(format!("{user:?} {mechanism:?} {mechanism}"));
        let mut client = client(mechanism.name(), &user, &context()).unwrap();
        let mut exchange = Exchange::new(mechanism, setting(&tls)).unwrap();
        let initial = client.start().unwrap();
        hidden(format!("{initial:?} {client:?}"));
        let mut step = exchange.start(initial.as_ref().map(Secret::expose));
        for _ in 0..MAX_STEPS {
            hidden(format!("{step:?} {exchange:?} {client:?}"));
            step = match step {
                Step::Challenge(octets) => {
                    let text = STANDARD.encode(octets);
                    let response = client.respond(Challenge::new(text.as_bytes())).unwrap();
                    hidden(format!("{response:?}"));
                    exchange.respond(response.expose())
                }
                Step::Ask => {
                    let claim = exchange.claim().unwrap();
                    let verdict = verdict(claim, "alice", SECRET);
                    hidden(format!("{claim:?} {:?} {verdict:?}", claim.proof()));
                    exchange.answer(&verdict)
                }
                Step::Accepted => break,
                Step::Failed(failure) => panic!("{mechanism}: {failure:?}"),
            };
        }
    }
    let faults: [(&str, Box<dyn Mechanism>); 1] = [(
        "a NUL",
        client("PLAIN", &Credentials::password("a\0b", SECRET), &context()).unwrap(),
    )];
    for (what, mut client) in faults {
        let error = client.start().unwrap_err();
        hidden(format!("{error:?} {error}"));
        assert!(format!("{error}").contains(what));
    }
    #[cfg(feature = "digest")]
    {
        let keys = ScramKeys::derive(ScramHash::Sha256, &SECRET.into(), *b"salt", 4096).unwrap();
        hidden(format!("{keys:?} {:?}", Credential::scram(keys.clone())));
        let text = keys.to_text();
        let (_, stored) = text.expose_str().unwrap().rsplit_once('$').unwrap();
        assert!(!format!("{keys:?}").contains(stored));
        assert_eq!(format!("{keys:?}").matches("***").count(), 2);
    }
}

#[test]
fn c_209_which_mechanisms_show_the_credentials() {
    for mechanism in ServerMechanism::ALL {
        let name = mechanism.name();
        let credentials = credentials(mechanism, "alice", "wonderland");
        let Some(mut client) = client(name, &credentials, &context()) else {
            continue;
        };
        assert_eq!(client.name(), name);
        let shows = matches!(name, "PLAIN" | "LOGIN" | "OAUTHBEARER" | "XOAUTH2");
        assert_eq!(client.exposes_credentials(), shows, "{name}");
        // Who speaks first: LOGIN and CRAM-MD5 wait.
        let waits = matches!(name, "LOGIN" | "CRAM-MD5");
        assert_eq!(client.start().unwrap().is_none(), waits, "{name}");
    }
}

#[test]
fn s_155_what_is_missing_is_wrong_whatever_is_stored() {
    let tls = tls();
    for mechanism in [ServerMechanism::Login, ServerMechanism::Plain] {
        for (user, password) in [("alice", ""), ("", "wonderland"), ("", "")] {
            let mut exchange = Exchange::new(mechanism, setting(&tls)).unwrap();
            assert!(matches!(exchange.start(None), Step::Challenge(_)));
            let step = match mechanism {
                ServerMechanism::Login => {
                    let next = exchange.respond(user.as_bytes());
                    assert!(matches!(next, Step::Challenge(_)));
                    exchange.respond(password.as_bytes())
                }
                _ => exchange.respond(format!("\0{user}\0{password}").as_bytes()),
            };
            let wrong = Step::Failed(Failure::Credentials);
            assert_eq!(step, wrong, "{mechanism:?} {user} {password}");
        }
    }
}

#[test]
fn what_is_temporary_is_told_as_such_by_every_mechanism() {
    let tls = tls();
    for mechanism in ServerMechanism::ALL {
        let Some(mut exchange) = Exchange::new(mechanism, setting(&tls)) else {
            continue;
        };
        let credentials = credentials(mechanism, "alice", "wonderland");
        let mut client = client(mechanism.name(), &credentials, &context()).unwrap();
        let initial = client.start().unwrap();
        let mut step = exchange.start(initial.as_ref().map(Secret::expose));
        let mut left = MAX_STEPS;
        while let Step::Challenge(challenge) = step {
            left -= 1;
            assert!(left > 0, "{mechanism:?}");
            let challenge = STANDARD.encode(challenge);
            let response = client
                .respond(Challenge::new(challenge.as_bytes()))
                .unwrap();
            step = exchange.respond(response.expose());
        }
        assert_eq!(step, Step::Ask, "{mechanism:?}");
        let step = exchange.answer(&Verdict::Unavailable);
        assert_eq!(step, Step::Failed(Failure::Temporary), "{mechanism:?}");
        // It begins once.
        assert_eq!(exchange.start(None), Step::Failed(Failure::Syntax));
    }
}

#[test]
fn c_210_a_token_that_was_refused_is_not_accepted_after_that() {
    for name in ["OAUTHBEARER", "XOAUTH2"] {
        let credentials = Credentials::token("alice", "token");
        let mut client = client(name, &credentials, &context()).unwrap();
        assert!(client.start().unwrap().is_some());
        assert!(client.refusal().is_none());
        let refusal = STANDARD.encode("{\"status\":\"400\"}");
        assert!(client.respond(Challenge::new(refusal.as_bytes())).is_ok());
        assert!(
            client.refusal().is_some() && client.finish().is_err(),
            "{name}"
        );
    }
}

#[cfg(feature = "digest")]
#[test]
fn s_154_a_proof_of_scram_in_a_form_that_none_has() {
    let tls = tls();
    let of = |change: &dyn Fn(&str) -> String| {
        let credentials = Credentials::password("alice", "wonderland");
        let mut client = client("SCRAM-SHA-256", &credentials, &context()).unwrap();
        let mut exchange = Exchange::new(ServerMechanism::ScramSha256, setting(&tls)).unwrap();
        let initial = client.start().unwrap().unwrap();
        assert_eq!(exchange.start(Some(initial.expose())), Step::Ask);
        let known = Verdict::Check(Credential::password("wonderland"));
        let Step::Challenge(challenge) = exchange.answer(&known) else {
            panic!("no challenge");
        };
        let challenge = STANDARD.encode(challenge);
        let response = client
            .respond(Challenge::new(challenge.as_bytes()))
            .unwrap();
        let step = exchange.respond(change(response.expose_str().unwrap()).as_bytes());
        (step, exchange)
    };
    let syntax = Step::Failed(Failure::Syntax);
    for (last, step) in [(&b""[..], Step::Accepted), (b"x", syntax.clone())] {
        let (signed, mut exchange) = of(&|proof| proof.into());
        assert!(matches!(signed, Step::Challenge(_)));
        assert_eq!(exchange.respond(last), step, "behind the signature");
    }
    let of = |change: &dyn Fn(&str) -> String| of(change).0;
    // A proof of other lengths, and what is no extension before it.
    assert_eq!(of(&|proof| proof.replace(",p=", ",p=QUJD")), syntax);
    assert_eq!(
        of(&|proof| format!("{}=", &proof[..proof.len() - 4])),
        syntax
    );
    assert_eq!(of(&|proof| proof.replace(",p=", ",9=x,p=")), syntax);
    assert_eq!(of(&|proof| proof.replace(",p=", ",,p=")), syntax);
    assert_eq!(of(&|proof| proof.replace("c=", "C=")), syntax);
}

#[cfg(feature = "digest")]
#[test]
fn cram_md5_without_a_name() {
    let tls = tls();
    for response in [" 0123", "a\0b 0123", "alice", ""] {
        let mut exchange = Exchange::new(ServerMechanism::CramMd5, setting(&tls)).unwrap();
        assert!(matches!(exchange.start(None), Step::Challenge(_)));
        let step = exchange.respond(response.as_bytes());
        assert_eq!(step, Step::Failed(Failure::Syntax), "{response:?}");
    }
}
