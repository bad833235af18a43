//! AUTH.

use smtp_oracles::talk::{EHLO, config, hello};
use smtp_proto::{
    TlsPolicy,
    client::{Authentication, AuthenticationError, ErrorKind, Phase},
    sasl::{self, Challenge, Credentials, Mechanism},
    types::Secret,
};

use super::twins::{MAIL, Twins};

/// alice and wonderland in base64, and both of them for PLAIN.
const ALICE: &str = "YWxpY2U=\r\n";
const WONDERLAND: &str = "d29uZGVybGFuZA==\r\n";
const PLAIN: &str = "AGFsaWNlAHdvbmRlcmxhbmQ=";

/// By password, over any connection, with these mechanisms.
fn password<const N: usize>(mechanisms: [&str; N]) -> Authentication {
    Authentication::password("alice", "wonderland")
        .mechanisms(mechanisms)
        .secrets_in_clear(true)
}

/// A session that has come to its AUTH, with a message behind it.
fn opening(authentication: Authentication, offered: &str) -> Twins {
    let mut twins = Twins::new(config().authentication(authentication));
    twins.send(&["bob"]);
    twins.exchange("220 mx.example.net\r\n", EHLO);
    twins.say(hello(&[offered]));
    twins
}

/// Why the session was not authenticated, which is how it ended.
#[track_caller]
fn reason(twins: &mut Twins) -> AuthenticationError {
    assert!(twins.fates()[0].starts_with("m1 to1 not sent: "));
    match twins.error().kind() {
        ErrorKind::Authentication(reason) => reason.clone(),
        other => panic!("{other:?}"),
    }
}

/// Challenges of LOGIN in clear, empty, without even a space, in lower case, with a
/// NUL at the end: they say whose turn it is, and no more. Only mechanisms for
/// which a challenge means something read it.
#[test]
fn q42_prompts_of_every_kind() {
    for (name, secret) in [
        ("334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"),
        ("334 dXNlcm5hbWU6\r\n", "334 cGFzc3dvcmQ6\r\n"),
        ("334 VXNlciBOYW1lAA==\r\n", "334 UGFzc3dvcmQA\r\n"),
        ("334 Username:\r\n", "334 Password:\r\n"),
        ("334 \r\n", "334 \r\n"),
        ("334\r\n", "334\r\n"),
        ("334-say\r\n334 who\r\n", "334 \u{fc}\r\n"),
    ] {
        let mut twins = opening(password(["LOGIN"]), "AUTH LOGIN");
        assert_eq!(twins.out(), "AUTH LOGIN\r\n");
        twins.exchange(name, ALICE);
        twins.exchange(secret, WONDERLAND);
        twins.exchange("235 2.7.0 ok\r\n", MAIL);
        assert_eq!(twins.events(), ["ready"]);
    }
    if cfg!(feature = "digest") {
        let mut twins = opening(password(["CRAM-MD5"]), "AUTH CRAM-MD5");
        assert_eq!(twins.out(), "AUTH CRAM-MD5\r\n");
        twins.exchange("334 <1.2@mx.example.net>\r\n", "*\r\n");
        twins.exchange("501 5.5.2 cancelled\r\n", "QUIT\r\n");
        assert!(matches!(
            reason(&mut twins),
            AuthenticationError::Mechanism {
                error: sasl::Error::NotBase64,
                ..
            }
        ));
    }
}

/// A mechanism that is offered, and fails whatever is said: 504, 534, 454, of
/// servers whose list is longer than what is built in. The next one is tried. Not
/// so after 535: the same password would be wrong again, and some lock the account.
#[test]
fn q43_a_mechanism_that_is_offered_and_not_to_be_had() {
    for refusal in ["504 5.5.4 no\r\n", "534 5.7.9 no\r\n", "454 4.7.0 no\r\n"] {
        let mut twins = opening(password(["PLAIN", "LOGIN"]), "AUTH PLAIN LOGIN");
        assert_eq!(twins.out(), format!("AUTH PLAIN {PLAIN}\r\n"));
        twins.exchange(refusal, "AUTH LOGIN\r\n");
        twins.exchange("334 \r\n", ALICE);
        twins.exchange("334 \r\n", WONDERLAND);
        twins.exchange("235 ok\r\n", MAIL);
        assert!(twins.get(|session| session.authenticated() == Some("LOGIN")));
    }
    let mut twins = opening(password(["PLAIN", "LOGIN"]), "AUTH PLAIN LOGIN");
    assert_eq!(twins.out(), format!("AUTH PLAIN {PLAIN}\r\n"));
    twins.exchange("535 5.7.8 no\r\n", "QUIT\r\n");
    assert!(reason(&mut twins).is_about_credentials());
    // Every one is tried once.
    let mut twins = opening(password(["PLAIN", "LOGIN"]), "AUTH LOGIN PLAIN LOGIN");
    assert_eq!(twins.out(), format!("AUTH PLAIN {PLAIN}\r\n"));
    twins.exchange("504 no\r\n", "AUTH LOGIN\r\n");
    twins.exchange("504 no\r\n", "QUIT\r\n");
}

/// XOAUTH2 refused, by Google: `334 eyJzdGF0dXMi...`, which is JSON with the reason,
/// and an empty line is wanted before the 535. Others would take `*` as well; an
/// empty line is good for all.
#[test]
fn q44_the_error_challenge_of_xoauth2() {
    let made = Authentication::new(Credentials::token("alice", "tok")).secrets_in_clear(true);
    let mut twins = opening(made, "AUTH XOAUTH2");
    assert_eq!(
        twins.out(),
        "AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==\r\n"
    );
    twins.exchange("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", "\r\n");
    twins.exchange("535 5.7.8 not accepted\r\n", "QUIT\r\n");
    let AuthenticationError::Refused { reply, message, .. } = reason(&mut twins) else {
        panic!();
    };
    assert_eq!(reply.code().get(), 535);
    assert_eq!(message.as_deref(), Some("{\"status\":\"401\"}"));
}

/// `500 Line too long` to a long token behind AUTH; servers that want the name of
/// LOGIN asked for; servers that want the message of PLAIN with the command, and
/// those that ask for it all the same. An initial response goes along where the
/// mechanism begins with one and the line keeps to 512 octets, an empty one as `=`.
#[test]
fn q45_initial_responses() {
    let token = "t".repeat(400);
    let made =
        || Authentication::new(Credentials::token("alice", token.as_str())).secrets_in_clear(true);
    let mut twins = opening(made(), "AUTH XOAUTH2");
    assert_eq!(twins.out(), "AUTH XOAUTH2\r\n");
    twins.say("334 \r\n");
    let response = twins.out();
    assert!(response.starts_with("dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0dHR0"));
    assert!(response.len() > 512);
    twins.exchange("235 ok\r\n", MAIL);

    let mut twins = opening(password(["PLAIN"]), "AUTH PLAIN");
    assert_eq!(twins.out(), format!("AUTH PLAIN {PLAIN}\r\n"));
    twins.exchange("334 \r\n", &format!("{PLAIN}\r\n"));
    twins.exchange("235 ok\r\n", MAIL);

    let made = Authentication::new(Credentials::external()).secrets_in_clear(true);
    let mut twins = opening(made, "AUTH EXTERNAL");
    assert_eq!(twins.out(), "AUTH EXTERNAL =\r\n");
}

/// `503 already authenticated`, of servers that know the client by its address;
/// `530 Must issue a STARTTLS command first`, of Exchange and Gmail, though AUTH was
/// offered; `503 send hello first`. It is told as it came, and not tried again.
#[test]
fn q47_auth_refused_for_another_reason() {
    for refusal in [
        "503 5.5.0 already authenticated",
        "530 5.7.0 Must issue a STARTTLS command first",
        "503 5.5.1 Send hello first",
    ] {
        let mut twins = opening(password(["PLAIN", "LOGIN"]), "AUTH PLAIN LOGIN");
        assert_eq!(twins.out(), format!("AUTH PLAIN {PLAIN}\r\n"));
        twins.exchange(format!("{refusal}\r\n"), "QUIT\r\n");
        let reason = reason(&mut twins);
        assert_eq!(reason.reply().unwrap().to_string(), refusal);
        assert!(!reason.is_about_credentials());

        // In the middle of a session, that goes on.
        let mut twins = Twins::open(config(), &["AUTH PLAIN LOGIN"]);
        let made = password(["PLAIN", "LOGIN"]);
        twins.ask(|session| assert!(session.authenticate(made.clone()).is_ok()));
        assert_eq!(twins.out(), format!("AUTH PLAIN {PLAIN}\r\n"));
        twins.exchange(format!("{refusal}\r\n"), "");
        assert_eq!(
            twins.events(),
            [format!("r1 not authenticated: PLAIN refused: {refusal}")]
        );
        assert!(twins.get(smtp_proto::client::Session::is_reusable));
    }
}

/// `*` is answered with 501, with any other code, or by the end of the connection.
/// Either way it is told why the exchange was given up.
#[test]
fn q48_ends_of_a_cancelled_exchange() {
    let cancelled = |mut twins: Twins| {
        assert_eq!(twins.out(), "AUTH LOGIN\r\n");
        twins.exchange("334 \r\n", ALICE);
        twins.exchange("334 \r\n", WONDERLAND);
        twins.exchange("334 \r\n", "*\r\n");
        twins
    };
    let opened = || cancelled(opening(password(["LOGIN"]), "AUTH LOGIN"));
    for answer in ["501 5.7.0 cancelled\r\n", "535 no\r\n", "250 fine\r\n"] {
        let mut twins = opened();
        twins.exchange(answer, "QUIT\r\n");
        assert!(matches!(
            reason(&mut twins),
            AuthenticationError::Mechanism { .. }
        ));
    }
    let ends: [fn(&mut Twins); 4] = [
        Twins::eof,
        |twins| twins.say("421 4.7.0 bye\r\n"),
        |twins| twins.say("garbage\r\n"),
        |twins| twins.wait(smtp_oracles::talk::secs(300)),
    ];
    for end in ends {
        let mut twins = opened();
        end(&mut twins);
        assert!(matches!(
            reason(&mut twins),
            AuthenticationError::Mechanism { .. }
        ));
        assert_eq!(twins.error().phase(), Phase::Auth);
    }
    // Where it was asked for in the middle, the session has an end of its own.
    let mut twins = Twins::open(config(), &["AUTH LOGIN"]);
    twins.ask(|session| assert!(session.authenticate(password(["LOGIN"])).is_ok()));
    let mut twins = cancelled(twins);
    twins.eof();
    assert_eq!(
        twins.events(),
        [
            "r1 not authenticated: LOGIN: a challenge that makes no sense: LOGIN has said everything",
            "error connection lost at AUTH",
        ]
    );
}

/// AUTH is offered only inside TLS, or with an empty list before it. What counts is
/// the last list; an empty one is none.
#[test]
fn q49_auth_is_offered_inside_tls_only() {
    for in_clear in [
        &["STARTTLS"][..],
        &["STARTTLS", "AUTH"],
        &["AUTH LOGIN", "STARTTLS"],
    ] {
        let made = Authentication::password("alice", "wonderland");
        let config = config().tls(TlsPolicy::Required).authentication(made);
        let mut twins = Twins::new(config);
        twins.send(&["bob"]);
        twins.exchange("220 mx.example.net\r\n", EHLO);
        twins.exchange(hello(in_clear), "STARTTLS\r\n");
        twins.exchange("220 go\r\n", "");
        twins.tls_established();
        assert_eq!(twins.out(), EHLO);
        twins.exchange(hello(&["AUTH PLAIN"]), &format!("AUTH PLAIN {PLAIN}\r\n"));
        twins.exchange("235 ok\r\n", MAIL);
    }
    for list in ["AUTH", "AUTH ", "AUTH=", "AUTH =PLAIN"] {
        let mut twins = opening(password(["PLAIN"]), list);
        assert_eq!(twins.out(), "QUIT\r\n", "{list}");
        assert!(matches!(
            reason(&mut twins),
            AuthenticationError::NotOffered { .. }
        ));
    }
}

/// Has an answer to every challenge.
#[derive(Debug)]
struct Patient;

impl Mechanism for Patient {
    fn name(&self) -> &str {
        "X-PATIENT"
    }
    fn exposes_credentials(&self) -> bool {
        false
    }
    fn start(&mut self) -> Result<Option<Secret>, sasl::Error> {
        Ok(None)
    }
    fn respond(&mut self, _: Challenge<'_>) -> Result<Secret, sasl::Error> {
        Ok(Secret::default())
    }
    fn finish(&mut self) -> Result<(), sasl::Error> {
        Ok(())
    }
}

/// `334` for ever. The mechanisms of this crate have something to say once or
/// twice; whatever the mechanism, there is a bound.
#[test]
fn q50_challenges_without_an_end() {
    let made = Authentication::custom("X-PATIENT", |_| Some(Box::new(Patient)));
    let mut twins = opening(made, "AUTH X-PATIENT");
    assert_eq!(twins.out(), "AUTH X-PATIENT\r\n");
    for _ in 0..Authentication::DEFAULT_MAX_ROUNDS {
        twins.exchange("334 \r\n", "\r\n");
    }
    twins.exchange("334 \r\n", "*\r\n");
    twins.exchange("501 cancelled\r\n", "QUIT\r\n");
    assert!(matches!(
        reason(&mut twins),
        AuthenticationError::TooManyRounds { .. }
    ));

    let mut twins = opening(password(["PLAIN"]), "AUTH PLAIN");
    twins.out();
    twins.exchange("334 \r\n", &format!("{PLAIN}\r\n"));
    twins.exchange("334 \r\n", "*\r\n");
}
