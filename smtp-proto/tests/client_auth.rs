//! Authentication: the choice of a mechanism, the exchange, its bounds and its
//! ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use base64::{Engine, engine::general_purpose::STANDARD};
use smtp_oracles::talk::{EHLO, Talk, code, config, hello, message};
use smtp_proto::{
    TlsInfo, TlsPolicy,
    client::{
        Authentication, AuthenticationError, CommandError, Config, Error, ErrorKind, Event, Phase,
    },
    sasl::{self, Challenge, ChannelBinding, Mechanism},
    types::Secret,
};

/// A mechanism whose every move a test decides.
#[derive(Clone, Debug, Default)]
struct Scripted {
    initial: Option<Vec<u8>>,
    /// It cannot begin.
    failure: Option<sasl::Error>,
    responses: Vec<Result<Vec<u8>, sasl::Error>>,
    exposes: bool,
    proof: Option<sasl::Error>,
}

impl Mechanism for Scripted {
    fn name(&self) -> &str {
        "X-TEST"
    }
    fn exposes_credentials(&self) -> bool {
        self.exposes
    }
    fn start(&mut self) -> Result<Option<Secret>, sasl::Error> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(self.initial.take().map(Secret::new)),
        }
    }
    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, sasl::Error> {
        if self.responses.is_empty() {
            // Otherwise it says what it hears.
            return challenge.decode().map(Secret::new);
        }
        self.responses.remove(0).map(Secret::new)
    }
    fn finish(&mut self) -> Result<(), sasl::Error> {
        self.proof.take().map_or(Ok(()), Err)
    }
}

fn by(mechanism: Scripted) -> Authentication {
    Authentication::custom("x-test", move |_| Some(Box::new(mechanism.clone())))
}

/// A session that has come to its AUTH, with a message behind it.
fn opening(authentication: Authentication, keywords: &[&str]) -> Talk {
    let mut talk = Talk::new(config().authentication(authentication));
    talk.session.set_seed([7; 32]);
    talk.session.send(message(&["bob"])).unwrap();
    talk.exchange("220 mx.example.net\r\n", EHLO);
    talk.say(hello(keywords));
    talk
}

fn speaks(octets: &[u8]) -> Scripted {
    Scripted {
        initial: Some(octets.to_vec()),
        ..Scripted::default()
    }
}

/// The error that ended the session, and that nothing of the message was sent.
#[track_caller]
fn error(talk: &mut Talk) -> (Error, AuthenticationError) {
    let lines = talk.events();
    assert!(lines[0].starts_with("m1 to1 not sent"), "{lines:?}");
    let error = talk.error.clone().unwrap();
    let ErrorKind::Authentication(reason) = error.kind().clone() else {
        panic!("{error:?}");
    };
    (error, reason)
}

#[test]
fn c_192_c_193_the_initial_response() {
    for (initial, line) in [
        (
            &b"\0alice\0wonderland"[..],
            "AUTH X-TEST AGFsaWNlAHdvbmRlcmxhbmQ=\r\n",
        ),
        (b"", "AUTH X-TEST =\r\n"),
    ] {
        let mut talk = opening(by(speaks(initial)), &["AUTH x-test"]);
        assert_eq!(talk.session.phase(), Phase::Auth);
        assert_eq!(talk.out(), line);
        talk.exchange("235 2.7.0 welcome\r\n", "MAIL FROM:<alice@example.org>\r\n");
        assert_eq!(talk.events(), ["ready"]);
        assert_eq!(talk.session.authenticated(), Some("X-TEST"));
    }
}

#[test]
fn c_195_c_198_c_199_a_server_that_speaks_first() {
    for challenge in ["334 \r\n", "334\r\n", "334 \n"] {
        let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
        assert_eq!(talk.out(), "AUTH X-TEST\r\n");
        talk.exchange(challenge, "\r\n");
        talk.exchange("334 Zm9v\r\n", "Zm9v\r\n");
        // C-202: any 2yz is the end.
        talk.exchange("250 fine\r\n", "MAIL FROM:<alice@example.org>\r\n");
    }
}

#[test]
fn c_062_q45_a_long_initial_response_waits_for_a_challenge() {
    // "AUTH X-TEST " and CRLF leave room for 498 octets: 124 groups of four.
    for (length, fits) in [(372, true), (373, false)] {
        let mut talk = opening(by(speaks(&vec![b'x'; length])), &["AUTH X-TEST"]);
        let line = talk.out();
        assert!(line.len() <= 512);
        assert_eq!(line != "AUTH X-TEST\r\n", fits, "{length}");
        if !fits {
            talk.say("334 \r\n");
            assert_eq!(talk.out().len(), 500 + 2);
        }
        talk.say("235 ok\r\n");
        assert_eq!(talk.events(), ["ready"]);
    }
}

#[test]
fn c_062_an_auth_line_has_512_octets_at_most() {
    for name in ["X-AB", "X-ABC", "X-ABCD", "X-ABCDE"] {
        for length in 360..385 {
            let octets = vec![b'x'; length];
            let made = move |_: Option<&TlsInfo>| Some(Box::new(speaks(&octets)) as Box<_>);
            let mut talk = opening(
                Authentication::custom(name, made),
                &[&format!("AUTH {name}")],
            );
            let encoded = 4 * usize::div_ceil(length, 3);
            let whole = "AUTH ".len() + name.len() + " ".len() + encoded + "\r\n".len();
            let short = "AUTH ".len() + name.len() + "\r\n".len();
            let expected = if whole <= 512 { whole } else { short };
            assert_eq!(talk.out().len(), expected, "{name} {length}");
        }
    }
}

#[test]
fn c_063_a_challenge_and_a_response_of_12288_octets() {
    let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
    talk.out();
    let long = "QUJD".repeat(12_284 / 4);
    talk.exchange(&format!("334 {long}\r\n"), &format!("{long}\r\n"));
    let longer = "QUJD".repeat(12_288 / 4);
    talk.exchange(&format!("334 {longer}\r\n"), "*\r\n");
    talk.say("501 cancelled\r\n");
    let (_, reason) = error(&mut talk);
    assert!(matches!(reason, AuthenticationError::TooLong { .. }));
}

#[test]
fn c_194_c_196_c_201_a_challenge_that_is_not_base64_is_cancelled() {
    for challenge in ["!!!", "=AAA", "AAA=BBB", "AAA", "QUJD QUJD", "\u{fc}"] {
        for reply in ["501 5.7.0 cancelled", "250 as you like", "500 what?"] {
            let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
            talk.out();
            talk.exchange(&format!("334 {challenge}\r\n"), "*\r\n");
            talk.exchange(&format!("{reply}\r\n"), "QUIT\r\n");
            let (error, reason) = error(&mut talk);
            assert_eq!(error.phase(), Phase::Auth);
            assert!(!error.is_of_the_opening());
            let AuthenticationError::Mechanism { error, .. } = reason else {
                panic!("{reason:?}");
            };
            assert_eq!(error, sasl::Error::NotBase64);
        }
    }
}

#[test]
fn a_challenge_to_a_cancellation_is_the_end() {
    let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
    talk.out();
    talk.exchange("334 !\r\n", "*\r\n");
    talk.say("334 again\r\n");
    talk.events();
    assert_eq!(*talk.error.unwrap().kind(), ErrorKind::Unexpected);
}

#[test]
fn q50_endless_challenges() {
    let mut talk = opening(by(Scripted::default()).max_rounds(3), &["AUTH X-TEST"]);
    talk.out();
    for _ in 0..3 {
        talk.exchange("334 Zm9v\r\n", "Zm9v\r\n");
    }
    talk.exchange("334 Zm9v\r\n", "*\r\n");
    talk.exchange("501 ok\r\n", "QUIT\r\n");
    let (_, reason) = error(&mut talk);
    assert!(matches!(reason, AuthenticationError::TooManyRounds { .. }));
}

#[test]
fn q50_each_mechanism_has_its_own_rounds() {
    let login = Authentication::password("alice", "wonderland")
        .secrets_in_clear(true)
        .mechanisms(["LOGIN", "CRAM-MD5"])
        .max_rounds(2);
    let mut talk = opening(login, &["AUTH LOGIN CRAM-MD5"]);
    assert_eq!(talk.out(), "AUTH LOGIN\r\n");
    talk.exchange("334 VXNlcm5hbWU6\r\n", "YWxpY2U=\r\n");
    talk.exchange("334 UGFzc3dvcmQ6\r\n", "d29uZGVybGFuZA==\r\n");
    // There were two, and here is one more.
    talk.exchange("504 not this one\r\n", "AUTH CRAM-MD5\r\n");
    talk.say("334 PDFAeD4=\r\n");
    assert_ne!(talk.out(), "*\r\n");
    talk.exchange("235 ok\r\n", "MAIL FROM:<alice@example.org>\r\n");
}

#[test]
fn c_203_a_server_that_says_yes_too_early() {
    let mechanism = Scripted {
        proof: Some(sasl::Error::TooEarly),
        ..speaks(b"x")
    };
    let mut talk = opening(by(mechanism.clone()), &["AUTH X-TEST"]);
    talk.out();
    talk.exchange("235 ok\r\n", "QUIT\r\n");
    error(&mut talk);

    // The same where it was asked for later: nothing more is said to such a
    // server.
    let mut talk = Talk::open(config(), &["AUTH X-TEST"]);
    talk.session.authenticate(by(mechanism)).unwrap();
    talk.out();
    talk.say("235 ok\r\n");
    talk.events();
    assert!(matches!(
        talk.error.unwrap().kind(),
        ErrorKind::Authentication(_)
    ));
}

#[test]
fn a_server_that_lies() {
    let mechanism = Scripted {
        responses: vec![Err(sasl::Error::Server("wrong signature"))],
        ..speaks(b"x")
    };
    let mut talk = Talk::open(config(), &["AUTH X-TEST"]);
    talk.session.authenticate(by(mechanism)).unwrap();
    assert_eq!(talk.out(), "AUTH X-TEST eA==\r\n");
    talk.exchange("334 dj1mb28=\r\n", "*\r\n");
    talk.exchange("501 cancelled\r\n", "QUIT\r\n");
    talk.events();
    assert!(matches!(
        talk.error.unwrap().kind(),
        ErrorKind::Authentication(_)
    ));
}

#[test]
fn m02_t08_refused_in_the_opening() {
    let mut talk = opening(by(speaks(b"x")), &["AUTH X-TEST"]);
    talk.out();
    talk.say(b"535-5.7.8 Fehler:\r\n535 5.7.8 \xfcberpr\xfcfen\r\n");
    assert_eq!(talk.out(), "QUIT\r\n");
    let (error, reason) = error(&mut talk);
    assert_eq!(code(error.reply()), Some(535));
    assert_eq!(error.reply().unwrap().lines().count(), 2);
    assert!(reason.is_about_credentials());
    assert!(!error.is_transient());
    assert!(!error.is_of_the_opening(), "not tried at the next address");
    assert!(error.to_string().contains("535"), "{error}");
}

#[test]
fn c_214_what_the_codes_mean() {
    for (reply, transient, credentials) in [
        ("454 4.7.0 later", true, false),
        ("432 4.7.12 transition", true, false),
        ("535 5.7.8 wrong", false, true),
        ("534 5.7.9 too weak", false, false),
        (
            "530 5.7.0 Must issue a STARTTLS command first",
            false,
            false,
        ),
        ("538 5.7.11 encryption required", false, false),
        ("503 no", false, false),
        ("500 5.5.6 too long", false, false),
    ] {
        let mut talk = opening(by(speaks(b"x")), &["AUTH X-TEST"]);
        talk.out();
        talk.say(format!("{reply}\r\n"));
        let (error, reason) = error(&mut talk);
        assert_eq!(error.is_transient(), transient, "{reply}");
        assert_eq!(reason.is_about_credentials(), credentials, "{reply}");
        assert!(error.to_string().contains(&reply[..3]), "{error}");
    }
}

#[test]
fn c_191_c_177_what_was_offered_in_clear_does_not_count() {
    let config = config()
        .tls(TlsPolicy::Required)
        .authentication(by(speaks(b"x")));
    let mut talk = Talk::new(config);
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange(&hello(&["STARTTLS", "AUTH X-TEST"]), "STARTTLS\r\n");
    talk.say("220 go\r\n");
    let now = talk.now;
    talk.session.handle_tls_established(TlsInfo::new(), now);
    assert_eq!(talk.out(), EHLO);
    talk.exchange(&hello(&["AUTH OTHER THINGS"]), "QUIT\r\n");
    talk.events();
    let error = talk.error.unwrap();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Authentication(AuthenticationError::NotOffered { offered, .. })
                if offered == &["OTHER", "THINGS"]
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("OTHER THINGS"));
}

#[test]
fn q49_no_list_or_an_empty_one() {
    for keywords in [&["AUTH"][..], &[], &["X-AUTH X-TEST"]] {
        let mut talk = opening(by(speaks(b"x")), keywords);
        assert_eq!(talk.out(), "QUIT\r\n");
        let (_, reason) = error(&mut talk);
        assert!(matches!(reason, AuthenticationError::NotOffered { .. }));
    }
}

#[test]
fn without_ehlo_there_is_no_authentication() {
    let mut talk = Talk::new(config().authentication(by(speaks(b"x"))));
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange("502 what?\r\n", "QUIT\r\n");
}

#[test]
fn c_209_secrets_in_clear_only_when_told() {
    let exposing = Scripted {
        exposes: true,
        ..speaks(b"x")
    };
    let mut talk = opening(by(exposing.clone()), &["AUTH X-TEST"]);
    assert_eq!(talk.out(), "QUIT\r\n");
    let (_, reason) = error(&mut talk);
    assert_eq!(reason, AuthenticationError::NeedsTls);

    let mut talk = opening(
        by(exposing.clone()).secrets_in_clear(true),
        &["AUTH X-TEST"],
    );
    assert_eq!(talk.out(), "AUTH X-TEST eA==\r\n");

    // STARTTLS was not to be had, and was not required: still not in clear.
    let config = config()
        .tls(TlsPolicy::Opportunistic)
        .authentication(by(exposing));
    let mut talk = Talk::new(config);
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange(&hello(&["STARTTLS", "AUTH X-TEST"]), "STARTTLS\r\n");
    talk.exchange("454 no\r\n", "QUIT\r\n");
}

#[test]
fn q43_c_215_another_mechanism_only_where_this_one_is_not_to_be_had() {
    for (reply, goes_on) in [
        ("504 5.5.4 no", true),
        ("534 5.7.9 weak", true),
        ("454 4.7.0 later", true),
        ("538 5.7.11 TLS", true),
        ("432 4.7.12 transition", true),
        ("535 5.7.8 wrong", false),
        ("501 5.5.2 what?", false),
        ("503 5.5.1 no", false),
    ] {
        let authentication =
            by(speaks(b"x")).or(sasl::Credentials::password("alice", "wonderland"));
        let authentication = authentication.secrets_in_clear(true);
        let mut talk = opening(authentication, &["AUTH PLAIN X-TEST"]);
        assert_eq!(talk.out(), "AUTH X-TEST eA==\r\n");
        talk.say(format!("{reply}\r\n"));
        let next = match goes_on {
            true => "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n",
            false => "QUIT\r\n",
        };
        assert_eq!(talk.out(), next, "{reply}");
        if goes_on {
            // And when all have been tried, the last answer is the one to tell.
            talk.exchange("504 5.5.4 neither\r\n", "QUIT\r\n");
            let (_, reason) = error(&mut talk);
            assert!(
                reason.to_string().contains("PLAIN refused: 504"),
                "{reason}"
            );
        }
    }
}

#[test]
fn asked_for_later() {
    let mut talk = Talk::open(config(), &["AUTH X-TEST"]);
    let request = talk.session.authenticate(by(speaks(b"x"))).unwrap();
    assert_eq!(
        talk.session.send(message(&["bob"])),
        Err(CommandError::Authenticating)
    );
    assert_eq!(talk.session.noop(), Err(CommandError::Authenticating));
    assert!(talk.session.is_authenticating());
    assert_eq!(talk.out(), "AUTH X-TEST eA==\r\n");
    talk.say("535 5.7.8 wrong\r\n");
    assert!(!talk.session.is_authenticating());
    talk.events();
    assert!(matches!(
        talk.log.last(),
        Some(Event::AuthenticationFailed { request: failed, error })
            if *failed == request && error.is_about_credentials()
    ));
    // C-213: the session goes on, and may try again.
    assert!(talk.session.is_reusable());
    let request = talk.session.authenticate(by(speaks(b"y"))).unwrap();
    assert_eq!(talk.out(), "AUTH X-TEST eQ==\r\n");
    talk.say("235 ok\r\n");
    talk.events();
    assert_eq!(talk.log.last(), Some(&Event::Authenticated { request }));
    // C-212, C-136: once is enough.
    assert_eq!(
        talk.session.authenticate(by(speaks(b"y"))),
        Err(CommandError::Authenticated)
    );
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org>\r\n");
}

#[test]
fn asked_for_later_and_not_to_be_had() {
    let mut talk = Talk::open(config(), &[]);
    talk.session.authenticate(by(speaks(b"x"))).unwrap();
    assert_eq!(talk.out(), "");
    let lines = talk.events();
    assert!(lines[0].starts_with("r1 not authenticated"), "{lines:?}");
    talk.session.noop().unwrap();
    assert_eq!(talk.out(), "NOOP\r\n");
}

#[test]
fn c_136_not_within_a_transaction() {
    let mut talk = Talk::open(config(), &["AUTH X-TEST"]);
    talk.session
        .mail(smtp_oracles::talk::transaction(&[]))
        .unwrap();
    assert_eq!(
        talk.session.authenticate(by(speaks(b"x"))),
        Err(CommandError::TransactionOpen)
    );
}

#[test]
fn c_216_c_217_hello_again_only_when_told() {
    let again = by(speaks(b"x")).hello_again(true);
    let mut talk = opening(again, &["AUTH X-TEST"]);
    assert_eq!(talk.out(), "AUTH X-TEST eA==\r\n");
    talk.exchange("235 ok\r\n", EHLO);
    assert_eq!(talk.events(), [""; 0]);
    talk.exchange(
        &hello(&["AUTH X-TEST", "SIZE 1000"]),
        "MAIL FROM:<alice@example.org> SIZE=22\r\n",
    );
    assert_eq!(talk.events(), ["ready"]);
}

#[test]
fn lost_or_closed_in_the_middle() {
    let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
    talk.out();
    talk.say("421 4.3.2 going down\r\n");
    let lines = talk.events();
    assert_eq!(lines[0], "closing 421 4.3.2 going down");
    assert_eq!(*talk.error.unwrap().kind(), ErrorKind::Closing);

    let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
    talk.out();
    talk.eof();
    talk.events();
    let error = talk.error.unwrap();
    assert_eq!(*error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(error.phase(), Phase::Auth);
}

#[test]
fn a_name_that_is_none_is_never_sent() {
    for name in [
        "X TEST",
        "X\r\nQUIT",
        "",
        "X.TEST",
        "A-NAME-THAT-IS-TOO-LONG",
    ] {
        let made = Authentication::custom(name, |_| Some(Box::new(Scripted::default())));
        let mut talk = opening(made, &[&format!("AUTH {name}").replace("\r\n", " ")]);
        assert_eq!(talk.out(), "QUIT\r\n");
    }
}

#[test]
fn the_driver_cannot_write_any_more() {
    let mut talk = opening(by(speaks(b"x")), &["AUTH X-TEST"]);
    let now = talk.now;
    talk.session.handle_write_closed(now);
    talk.say("535 no\r\n");
    talk.events();
    assert_eq!(*talk.error.unwrap().kind(), ErrorKind::Refused);
}

#[test]
fn every_split_of_an_exchange() {
    let server = "334 Zm9v\r\n334 \r\n235 2.7.0 ok\r\n";
    let run = |step: usize| {
        let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
        let mut sent = talk.out();
        for line in server.split_inclusive('\n') {
            for piece in line.as_bytes().chunks(step) {
                talk.say(piece);
                sent += &talk.out();
            }
        }
        (sent, talk.events())
    };
    let whole = run(100);
    assert!(whole.0.contains("Zm9v\r\n\r\nMAIL"), "{}", whole.0);
    for step in 1..12 {
        assert_eq!(run(step), whole);
    }
}

#[test]
fn each_mechanism_has_the_credentials_that_fit_it() {
    for (offered, line) in [
        (
            "XOAUTH2 PLAIN",
            "AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==\r\n",
        ),
        ("PLAIN", "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n"),
        ("PLAIN EXTERNAL", "AUTH EXTERNAL =\r\n"),
    ] {
        let authentication = Authentication::new(sasl::Credentials::token("alice", "tok"))
            .or(sasl::Credentials::password("alice", "wonderland"))
            .or(sasl::Credentials::external())
            .secrets_in_clear(true);
        let mut talk = opening(authentication, &[&format!("AUTH {offered}")]);
        assert_eq!(talk.out(), line);
    }
}

#[test]
fn an_early_235_to_login() {
    for challenges in [0, 1] {
        let authentication = Authentication::password("alice", "wonderland")
            .mechanisms(["LOGIN"])
            .secrets_in_clear(true);
        let mut talk = opening(authentication, &["AUTH LOGIN"]);
        assert_eq!(talk.out(), "AUTH LOGIN\r\n");
        for _ in 0..challenges {
            talk.exchange("334 \r\n", "YWxpY2U=\r\n");
        }
        talk.exchange("235 ok\r\n", "QUIT\r\n");
        let (_, reason) = error(&mut talk);
        assert!(reason.to_string().contains("accepted"), "{reason}");
    }
}

#[test]
fn c_138_no_starttls_once_authenticated() {
    let config = config()
        .tls(TlsPolicy::Opportunistic)
        .authentication(by(speaks(b"x")).secrets_in_clear(true).hello_again(true));
    let mut talk = Talk::new(config);
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange(&hello(&["AUTH X-TEST"]), "AUTH X-TEST eA==\r\n");
    talk.exchange("235 ok\r\n", EHLO);
    talk.exchange(&hello(&["STARTTLS"]), "");
    assert_eq!(talk.events(), ["ready"]);
}

#[test]
fn c_212_not_asked_for_twice_before_the_session_is_open() {
    let mut talk = Talk::new(config().authentication(by(speaks(b"x"))));
    assert_eq!(
        talk.session.authenticate(by(speaks(b"y"))),
        Err(CommandError::Authenticated)
    );
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange(&hello(&["AUTH X-TEST"]), "AUTH X-TEST eA==\r\n");
}

/// The server, or somebody in between, could get rid of the binding with a 504.
#[test]
#[cfg(feature = "digest")]
fn c_206_channel_binding_is_not_given_up() {
    let config = config()
        .tls(TlsPolicy::Implicit)
        .authentication(Authentication::password("alice", "wonderland"));
    let mut talk = Talk::new(config);
    talk.session.set_seed([7; 32]);
    let now = talk.now;
    let info = TlsInfo::new().exporter([1; 32]);
    talk.session.handle_tls_established(info, now);
    talk.events();
    talk.exchange("220 x\r\n", EHLO);
    talk.say(hello(&[
        "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 PLAIN",
    ]));
    assert!(talk.out().starts_with("AUTH SCRAM-SHA-256-PLUS "));
    talk.say("504 5.5.4 no\r\n");
    assert!(talk.out().starts_with("AUTH SCRAM-SHA-1-PLUS "));
    talk.exchange("504 5.5.4 no\r\n", "QUIT\r\n");
    talk.events();
    assert!(talk.error.unwrap().to_string().contains("504"));
}

#[test]
fn what_the_server_says_does_nothing_to_a_terminal() {
    let authentication = Authentication::new(sasl::Credentials::token("alice", "secret"))
        .mechanisms(["XOAUTH2"])
        .secrets_in_clear(true);
    let mut talk = opening(authentication, &["AUTH XOAUTH2"]);
    talk.out();
    // {"status":"ESC]0;x BEL CR LF"}
    talk.exchange("334 eyJzdGF0dXMiOiIbXTA7eAcNCiJ9\r\n", "\r\n");
    talk.say("535 5.7.8 no\r\n");
    let (error, _) = error(&mut talk);
    let shown = error.to_string();
    assert!(
        shown.contains("status") && !shown.chars().any(char::is_control),
        "{shown:?}"
    );
}

#[test]
fn nothing_is_configured_by_accident() {
    let talk = opening(by(speaks(b"x")), &["AUTH X-TEST"]);
    assert!(talk.session.authenticated().is_none());
    let mut talk = Talk::open(config(), &["AUTH PLAIN LOGIN"]);
    assert_eq!(talk.out(), "");
    let _: Config = config();
}

#[test]
fn the_driver_cannot_write_the_response() {
    let mut talk = opening(by(Scripted::default()), &["AUTH X-TEST"]);
    assert_eq!(talk.out(), "AUTH X-TEST\r\n");
    talk.session.handle_write_closed(talk.now);
    talk.exchange("334 Zm9v\r\n", "");
    // What comes now is no answer to a response that has not left.
    talk.say("235 welcome\r\n");
    talk.events();
    assert_eq!(*talk.error.unwrap().kind(), ErrorKind::Unsolicited);
    assert_eq!(talk.session.authenticated(), None);
}

#[test]
fn a_mechanism_that_cannot_begin_says_nothing() {
    let failure = sasl::Error::Other("no key at hand");
    let unable = Scripted {
        failure: Some(failure.clone()),
        ..Scripted::default()
    };
    let mut talk = opening(by(unable), &["AUTH X-TEST"]);
    assert_eq!(talk.out(), "QUIT\r\n");
    let (_, reason) = error(&mut talk);
    assert!(matches!(reason, AuthenticationError::Mechanism { error, .. } if error == failure));

    // The session goes on if it was open.
    let unable = |user, password, name| {
        let mut talk = Talk::open(config(), &[&format!("AUTH {name}")]);
        talk.session.set_seed([7; 32]);
        let login = Authentication::password(user, password)
            .secrets_in_clear(true)
            .mechanisms([name]);
        talk.session.authenticate(login).unwrap();
        if talk.out() != "" {
            // These two say who the client is once they are asked.
            assert!(matches!(name, "LOGIN" | "CRAM-MD5"), "{name}");
            talk.exchange("334 PDFAeD4=\r\n", "*\r\n");
            talk.say("501 cancelled\r\n");
        }
        let events = talk.events();
        assert!(
            events[0].contains("credentials that cannot be"),
            "{events:?}"
        );
        assert!(talk.session.authenticated().is_none() && talk.session.is_idle());
    };
    for name in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"] {
        unable("", "wonderland", name);
        unable("alice", "", name);
    }
    unable("a\0b", "wonderland", "PLAIN");
    unable("a\0b", "wonderland", "SCRAM-SHA-256");
}

#[test]
fn what_one_mechanism_held_back_is_not_said_by_the_next() {
    // Too long for the line of AUTH, so that it waits for a challenge.
    let login = by(speaks(&[b'x'; 400]))
        .or(sasl::Credentials::password("alice", "wonderland"))
        .secrets_in_clear(true)
        .mechanisms(["X-TEST", "LOGIN"]);
    let mut talk = opening(login, &["AUTH X-TEST LOGIN"]);
    assert_eq!(talk.out(), "AUTH X-TEST\r\n");
    talk.exchange("504 not this one\r\n", "AUTH LOGIN\r\n");
    talk.exchange("334 VXNlcm5hbWU6\r\n", "YWxpY2U=\r\n");
}

#[test]
fn what_tls_might_change_is_told_where_it_can_be_had() {
    for (keywords, has) in [(&["STARTTLS"][..], true), (&[], false)] {
        let mut talk = opening(by(speaks(b"x")), keywords);
        let (_, reason) = error(&mut talk);
        let AuthenticationError::NotOffered { starttls, .. } = reason else {
            panic!("{reason:?}");
        };
        assert_eq!(starttls, has);
    }
    // Inside of TLS it is of no use.
    let mut talk = Talk::new(config().tls(TlsPolicy::Implicit));
    talk.events();
    talk.session
        .handle_tls_established(TlsInfo::new(), talk.now);
    talk.greet(&["STARTTLS"]);
    talk.session.authenticate(by(speaks(b"x"))).unwrap();
    let events = talk.events();
    assert!(
        events[0].ends_with("the server offers no authentication"),
        "{events:?}"
    );
}

#[test]
fn while_a_client_is_authenticated_nothing_else_is_wanted() {
    let mut talk = Talk::open(config(), &["AUTH X-TEST"]);
    assert!(talk.session.wants_transaction() && !talk.session.is_authenticating());
    talk.session.authenticate(by(speaks(b"x"))).unwrap();
    assert!(!talk.session.wants_transaction() && talk.session.is_authenticating());
    talk.out();
    talk.say("235 ok\r\n");
    assert!(talk.session.wants_transaction() && !talk.session.is_authenticating());
    talk.session.handle_write_closed(talk.now);
    assert!(!talk.session.wants_transaction());
}

#[test]
fn the_binding_and_the_work_that_are_asked_for() {
    let login = |binding| {
        Authentication::password("alice", "wonderland")
            .channel_binding(binding)
            .mechanisms(["SCRAM-SHA-256-PLUS"])
    };
    let tls = || TlsInfo::new().exporter(vec![7; 32]);
    let mut talk = Talk::new(config().tls(TlsPolicy::Implicit));
    talk.session.set_seed([7; 32]);
    assert_eq!(talk.events(), ["starttls"]);
    talk.session.handle_tls_established(tls(), talk.now);
    talk.greet(&["AUTH SCRAM-SHA-256-PLUS"]);
    // There is no certificate to bind to.
    let other = login(ChannelBinding::ServerEndPoint);
    talk.session.authenticate(other).unwrap();
    assert_eq!(talk.out(), "");
    assert!(talk.events()[0].contains("not authenticated"));
    let exporter = login(ChannelBinding::Exporter).max_iterations(4096);
    talk.session.authenticate(exporter).unwrap();
    let line = talk.out();
    // p=tls-exporter
    assert!(
        line.starts_with("AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXI"),
        "{line}"
    );
    // More work than was allowed is not begun.
    let first = STANDARD
        .decode(line.trim_end().rsplit(' ').next().unwrap())
        .unwrap();
    let first = String::from_utf8(first).unwrap();
    let nonce = first.rsplit("r=").next().unwrap();
    let challenge = |count: u32| {
        let challenge = STANDARD.encode(format!("r={nonce}x,s=c2FsdA==,i={count}"));
        format!("334 {challenge}\r\n")
    };
    talk.exchange(&challenge(4097), "*\r\n");
    talk.say("501 cancelled\r\n");
    let exporter = login(ChannelBinding::Exporter).max_iterations(4096);
    talk.session.authenticate(exporter).unwrap();
    let line = talk.out();
    let first = STANDARD
        .decode(line.trim_end().rsplit(' ').next().unwrap())
        .unwrap();
    let first = String::from_utf8(first).unwrap();
    let nonce = first.rsplit("r=").next().unwrap();
    let challenge = STANDARD.encode(format!("r={nonce}x,s=c2FsdA==,i=4096"));
    talk.say(format!("334 {challenge}\r\n"));
    assert_ne!(talk.out(), "*\r\n");
}

#[test]
fn what_is_configured_is_shown_without_its_secrets() {
    let login = by(speaks(b"x")).or(sasl::Credentials::password("alice", "wonderland"));
    let shown = format!("{login:?}");
    assert!(
        shown.contains("X-TEST") && shown.contains("alice"),
        "{shown}"
    );
    assert!(!shown.contains("wonderland"), "{shown}");
}

#[test]
fn c_209_what_shows_the_credentials_is_not_said_in_clear() {
    for (name, login) in [
        ("PLAIN", Authentication::password("alice", "wonderland")),
        ("LOGIN", Authentication::password("alice", "wonderland")),
        (
            "XOAUTH2",
            Authentication::new(sasl::Credentials::token("alice", "t")),
        ),
        (
            "OAUTHBEARER",
            Authentication::new(sasl::Credentials::token("alice", "t")),
        ),
    ] {
        let mut talk = opening(login.clone(), &[&format!("AUTH {name}")]);
        assert_eq!(talk.out(), "QUIT\r\n", "{name}");
        assert_eq!(error(&mut talk).1, AuthenticationError::NeedsTls, "{name}");
        let mut talk = opening(login.secrets_in_clear(true), &[&format!("AUTH {name}")]);
        assert!(talk.out().starts_with(&format!("AUTH {name}")), "{name}");
    }
}
