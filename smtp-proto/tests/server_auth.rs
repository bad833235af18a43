//! AUTH on the server: what is offered, accepted and asked, and that nothing of
//! what clients show is ever seen again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod server_common;

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use server_common::{Server, config, tls_info};
use smtp_proto::{
    Instant, TlsPolicy,
    sasl::ServerMechanism,
    server::{Authentication, Config, Date, Envelope, Event, Session, State},
};

const HELLO: &str = "EHLO client.example.org";
/// alice, wonderland
const RIGHT: &str = "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=";
/// alice, queen
const WRONG: &str = "AUTH PLAIN AGFsaWNlAHF1ZWVu";
const FAILED: &str = "535 5.7.8 authentication failed\r\n";
const SUCCEEDED: &str = "235 2.7.0 authenticated\r\n";

fn submission() -> Config {
    config(TlsPolicy::Implicit).authentication(Authentication::new().required(true))
}

fn with(authentication: Authentication) -> Config {
    config(TlsPolicy::Implicit).authentication(authentication)
}

/// A server with TLS and a seed, behind EHLO.
fn server_of(config: Config) -> Server {
    let mut session = Session::new(config, Instant::ORIGIN);
    session.set_seed([7; 32]);
    let mut server = Server::of(session);
    server.secure_with(tls_info().exporter([1; 32]).client_certificate(*b"der"));
    server.ask(HELLO);
    server.seen.clear();
    server
}

fn server() -> Server {
    server_of(submission())
}

fn plain(authorization: &str, user: &str, password: &str) -> String {
    let message = format!("{authorization}\0{user}\0{password}");
    format!("AUTH PLAIN {}", STANDARD.encode(message))
}

/// Plays `input` in every way behind EHLO, and returns what all of them led to.
fn every_way(config: &Config, input: &str) -> (String, Vec<String>) {
    let play = |pieces: &[&[u8]], hesitate| {
        let mut server = server_of(config.clone());
        server.hesitate = hesitate;
        for piece in pieces {
            server.send(piece);
        }
        (server.take(), server.seen)
    };
    let input = input.as_bytes();
    let whole = play(&[input], 0);
    let octets: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(play(&octets, 0), whole, "octet by octet");
    assert_eq!(play(&[input], 2), whole, "asked again");
    for at in 1..input.len() {
        let (start, end) = input.split_at(at);
        assert_eq!(play(&[start, end], 0), whole, "split at {at}");
    }
    whole
}

// --- The command ---------------------------------------------------------------

#[test]
fn s_142_s_146_s_148_the_grammar_of_the_command() {
    let mechanisms = Authentication::DEFAULT_MECHANISMS.into_iter();
    let mechanisms = mechanisms.chain([ServerMechanism::CramMd5]);
    let config = with(
        Authentication::new()
            .mechanisms(mechanisms)
            .max_attempts(99),
    )
    .max_errors(99);
    let mut server = server_of(config);
    for (line, code) in [
        ("AUTH", "501 5.5.4"),
        ("AUTH FOO", "504 5.5.4"),
        ("AUTH GSSAPI YWJj", "504 5.5.4"),
        ("AUTH XOAUTH2 YWJj", "504 5.5.4"),
        ("AUTH \u{fc} YWJj", "504 5.5.4"),
        ("AUTH PLAIN AGEAYg== now", "501 5.5.4"),
        ("AUTH PLAIN !!!", "501 5.5.2"),
        ("AUTH PLAIN =AAA", "501 5.5.2"),
        ("AUTH PLAIN AAA=BBB", "501 5.5.2"),
        ("AUTH PLAIN AAA", "501 5.5.2"),
        ("AUTH PLAIN AGE", "501 5.5.2"),
        ("AUTH PLAIN ==", "501 5.5.2"),
        ("AUTH PLAIN YWJj", "501 5.5.2"),
        #[cfg(feature = "digest")]
        ("AUTH CRAM-MD5 dGVzdA==", "501 5.7.0"),
        ("AUTH PLAIN AGFs\nWQ==", "500 5.5.2"),
    ] {
        assert_eq!(server.code(line), code, "{line}");
        assert_eq!(server.session.state(), State::Ready, "{line}");
    }
    assert_eq!(server.seen, [""; 0]);
    assert_eq!(
        server.ask(&RIGHT.replace("AUTH PLAIN", "auth  pLaIn")),
        SUCCEEDED
    );
}

#[test]
fn s_143_auth_out_of_order() {
    let config = with(Authentication::new()).max_errors(99);
    let mut server = server_of(config.clone());
    server.ask("MAIL FROM:<alice@example.org>");
    assert_eq!(server.ask(RIGHT), "503 5.5.1 a transaction is open\r\n");
    server.ask("RCPT TO:<bob@example.net>");
    assert_eq!(server.code(RIGHT), "503 5.5.1");
    server.ask("RSET");
    assert_eq!(server.ask(RIGHT), SUCCEEDED);
    assert_eq!(server.ask(RIGHT), "503 5.5.1 already authenticated\r\n");
    server.ask(HELLO);
    assert_eq!(server.code(RIGHT), "503 5.5.1");
    assert!(server.session.authenticated().is_some());

    let mut server = Server::new(config);
    server.secure();
    assert_eq!(server.ask(RIGHT), "503 5.5.1 say EHLO first\r\n");
    server.ask("HELO client.example.org");
    assert_eq!(server.ask(RIGHT), "503 5.5.1 say EHLO first\r\n");
    assert!(!server.seen.iter().any(|seen| seen.contains("PLAIN")));

    let mut server = Server::new(server_common::config(TlsPolicy::None));
    server.ask(HELLO);
    assert_eq!(server.ask(RIGHT), "502 5.5.1 not implemented\r\n");
}

#[test]
fn s_136_no_starttls_after_auth() {
    let offer = Authentication::new().secrets_in_clear(true);
    let mut server = Server::new(config(TlsPolicy::Opportunistic).authentication(offer));
    assert!(server.ask(HELLO).contains("STARTTLS"));
    assert_eq!(server.ask(RIGHT), SUCCEEDED);
    assert_eq!(server.code("STARTTLS"), "503 5.5.1");
    assert!(!server.ask(HELLO).contains("STARTTLS"));
}

#[test]
fn s_150_s_201_nothing_is_read_from_a_password_in_clear() {
    let mut replies = Vec::new();
    for line in [
        RIGHT,
        WRONG,
        "AUTH PLAIN",
        "AUTH LOGIN",
        "AUTH LOGIN YWxpY2U=",
    ] {
        let offer = Authentication::new();
        let mut server = Server::new(config(TlsPolicy::Opportunistic).authentication(offer));
        assert!(!server.ask(HELLO).contains("AUTH"));
        replies.push(server.ask(line));
        assert_eq!(server.session.state(), State::Ready);
        assert_eq!(server.seen.len(), 1, "{:?}", server.seen);
    }
    let right = "538 5.7.11 Encryption required for requested authentication mechanism\r\n";
    assert!(replies.iter().all(|reply| reply == right), "{replies:?}");
}

// --- The exchange ----------------------------------------------------------------

#[test]
fn s_144_s_147_s_151_plain_with_and_without_initial_response() {
    let mut server = server();
    assert_eq!(server.ask("AUTH PLAIN"), "334 \r\n");
    assert_eq!(server.session.state(), State::Authenticating);
    assert!(!server.session.is_idle());
    assert_eq!(server.ask("AGFsaWNlAHdvbmRlcmxhbmQ="), SUCCEEDED);
    assert_eq!(server.seen, ["PLAIN alice"]);
    let identity = server.session.authenticated().unwrap();
    assert_eq!(identity.mechanism(), ServerMechanism::Plain);
    assert_eq!(identity.authentication(), "alice");
    assert_eq!(identity.authorization(), "alice");
    assert_eq!(server.code("MAIL FROM:<alice@example.org>"), "250 2.1.0");

    let mut server = server_of(with(
        Authentication::new().mechanisms([ServerMechanism::External]),
    ));
    assert_eq!(server.ask("AUTH EXTERNAL ="), SUCCEEDED);
    assert_eq!(server.seen, ["EXTERNAL "]);
    let identity = server.session.authenticated().unwrap();
    assert_eq!(identity.authentication(), "certified");
}

#[test]
fn whom_a_client_acts_for_is_for_the_application_to_decide() {
    let mut server = server();
    assert_eq!(server.ask(&plain("bob", "alice", "wonderland")), FAILED);
    assert_eq!(
        server.ask(&plain("alice", "alice", "wonderland")),
        SUCCEEDED
    );
    assert_eq!(server.seen, ["PLAIN alice as bob", "PLAIN alice as alice"]);
    let identity = server.session.authenticated().unwrap();
    assert_eq!(identity.authorization(), "alice");
}

#[test]
fn t07_s_131_s_153_login_in_every_way() {
    let config = submission();
    let right = format!("334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n{SUCCEEDED}");
    let input = "AUTH LOGIN\r\nYWxpY2U=\r\nd29uZGVybGFuZA==\r\n";
    let (output, seen) = every_way(&config, input);
    assert_eq!(output, right);
    assert_eq!(seen, ["LOGIN alice"]);

    let (output, _) = every_way(&config, "AUTH LOGIN YWxpY2U=\r\nd29uZGVybGFuZA==\r\n");
    assert_eq!(output, format!("334 UGFzc3dvcmQ6\r\n{SUCCEEDED}"));
}

#[test]
fn s_131_s_158_lines_of_an_exchange_are_no_commands() {
    let config = submission();
    for line in [
        "NOOP now",
        "QUIT",
        "STARTTLS",
        "RSET",
        "DATA!",
        ".",
        "",
        "\u{16}\u{3}",
    ] {
        let input = format!("AUTH PLAIN\r\n{line}\r\nNOOP\r\n");
        let (output, seen) = every_way(&config, &input);
        let replies: Vec<&str> = output.lines().collect();
        assert_eq!(replies[0], "334 ");
        assert!(replies[1].starts_with("501 5.5.2"), "{line}: {output}");
        assert_eq!(replies[2..], ["250 2.0.0 ok"], "{line}");
        assert_eq!(seen, [""; 0]);
    }
}

#[test]
fn t08_s_145_wrong_and_then_cancelled() {
    let mut server = server();
    for (line, reply) in [
        ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
        ("YWxpY2U=", "334 UGFzc3dvcmQ6\r\n"),
        ("cXVlZW4=", FAILED),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
        ("*", "501 5.7.0 authentication cancelled\r\n"),
        ("NOOP", "250 2.0.0 ok\r\n"),
        (
            "MAIL FROM:<a@example.org>",
            "530 5.7.0 Authentication required\r\n",
        ),
    ] {
        assert_eq!(server.ask(line), reply, "{line}");
    }
    assert_eq!(server.code("QUIT"), "221 2.0.0");
}

#[test]
fn s_149_s_155_what_became_of_it() {
    let wrong = |user: &str| server().ask(&plain("", user, "x"));
    assert_eq!(wrong("alice"), FAILED);
    assert_eq!(wrong("nobody"), FAILED);
    assert_eq!(
        wrong("later"),
        "454 4.7.0 temporary authentication failure\r\n"
    );
    assert_eq!(wrong("locked"), "534 5.7.9 change your password first\r\n");
    assert_eq!(
        wrong("changed"),
        "432 4.7.12 a password transition is needed\r\n"
    );
    assert_eq!(wrong("away"), "421 4.3.2 service not available\r\n");
    let mut server = server();
    server.ask(&plain("", "away", "x"));
    assert!(server.is_closed());
}

#[test]
fn s_152_long_names_and_passwords_and_missing_ones() {
    let config = with(Authentication::new().max_attempts(99));
    let mut server = server_of(config);
    let long = |c: &str| c.repeat(255);
    assert_eq!(
        server.ask(&plain(&long("z"), &long("c"), &long("p"))),
        FAILED
    );
    assert_eq!(
        server.seen,
        [format!("PLAIN {} as {}", long("c"), long("z"))]
    );
    for message in [
        "alice",
        "a\0b",
        "\0\0",
        "\0a\0",
        "\0\0b",
        "\0a\0b\0c",
        "\0\0\0",
    ] {
        let code = server.code(&format!("AUTH PLAIN {}", STANDARD.encode(message)));
        assert!(
            code.starts_with("501 5.5.2") || code.starts_with("535 "),
            "{message:?}: {code}"
        );
    }
    assert_eq!(server.seen.len(), 1);
}

#[test]
fn t20_s_156_tokens() {
    let mechanisms = [ServerMechanism::OauthBearer, ServerMechanism::Xoauth2];
    let config = with(Authentication::new().mechanisms(mechanisms));
    let mut server = server_of(config);
    let oauthbearer = |token: &str| {
        let message = format!("n,a=alice,\u{1}auth=Bearer {token}\u{1}\u{1}");
        format!("AUTH OAUTHBEARER {}", STANDARD.encode(message))
    };
    let xoauth2 = |token: &str| {
        let message = format!("user=alice\u{1}auth=Bearer {token}\u{1}\u{1}");
        format!("AUTH XOAUTH2 {}", STANDARD.encode(message))
    };
    let refusal = server.ask(&oauthbearer("tok123"));
    let json = STANDARD
        .decode(refusal.trim_end().strip_prefix("334 ").unwrap())
        .unwrap();
    assert!(String::from_utf8(json).unwrap().contains("\"status\""));
    assert_eq!(server.ask("AQ=="), FAILED);
    assert!(server.ask(&xoauth2("tok123")).starts_with("334 "));
    assert_eq!(server.ask(""), FAILED);
    assert_eq!(server.ask(&oauthbearer("wonderland")), SUCCEEDED);
    assert_eq!(
        server.seen,
        ["OAUTHBEARER alice", "XOAUTH2 alice", "OAUTHBEARER alice"]
    );
}

#[cfg(feature = "digest")]
#[test]
fn s_154_a_list_that_was_changed_on_the_way_is_noticed() {
    let first = |flag: &str| {
        let message = format!("{flag},,n=alice,r=fyko+d2lbbFgONRv9qkxdawL");
        format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(message))
    };
    let mut server = server();
    // The client could bind, and saw nothing of -PLUS, which was listed.
    assert_eq!(server.ask(&first("y")), FAILED);
    assert!(server.ask(&first("n")).starts_with("334 "));
    server.ask("*");
    let mut session = Session::new(submission(), Instant::ORIGIN);
    session.set_seed([7; 32]);
    let mut server = Server::of(session);
    server.secure_with(tls_info());
    assert!(!server.ask(HELLO).contains("-PLUS"));
    assert!(server.ask(&first("y")).starts_with("334 "));
    assert!(server.ask("biws").starts_with("501 5.5.2 "));
}

// --- Limits -----------------------------------------------------------------------

#[test]
fn s_103_the_length_of_lines() {
    // 12,288 octets with the CRLF, which is not a multiple of 4 without it.
    let longest = "A".repeat(12_284);
    let mut server = server();
    server.ask("AUTH PLAIN");
    assert_eq!(
        server.ask(&longest),
        "501 5.5.2 cannot read that response\r\n"
    );
    server.ask("AUTH PLAIN");
    assert_eq!(
        server.ask(&"A".repeat(12_287)),
        "500 5.5.6 line too long\r\n"
    );
    assert_eq!(server.session.state(), State::Ready);
    let initial = format!("AUTH PLAIN {}", "A".repeat(12_272));
    assert!(server.ask(&initial).starts_with("501 5.5.2 "));

    let mut server = server_of(submission());
    assert!(server.ask(&format!("{initial}AAAA")).starts_with("500 "));
    // Other commands have the limit that they always have.
    assert_eq!(
        server.code(&format!("NOOP {}", "x".repeat(400))),
        "250 2.0.0"
    );
    assert_eq!(
        server.code(&format!("NOOP {}", "x".repeat(4089))),
        "501 5.5.4"
    );
    assert_eq!(
        server.ask(&format!("NOOP {}", "x".repeat(4090))),
        "500 5.5.2 line too long\r\n"
    );
    assert_eq!(server.ask(RIGHT), SUCCEEDED);
}

#[test]
fn s_104_too_many_attempts_end_it_and_not_before_three() {
    let last = format!("{FAILED}421 4.7.0 mx.example.net too many attempts to authenticate\r\n");
    let mut server = server_of(with(Authentication::new().max_attempts(1)));
    assert_eq!(server.ask(WRONG), FAILED);
    server.ask("AUTH LOGIN");
    assert_eq!(server.code("*"), "501 5.7.0");
    assert!(!server.is_closed());
    assert_eq!(server.ask(WRONG), last);
    assert!(server.is_closed());

    let mut server = server_of(with(Authentication::new().max_attempts(5)));
    for _ in 0..4 {
        assert_eq!(server.ask(WRONG), FAILED);
    }
    assert_eq!(server.ask(RIGHT), SUCCEEDED);
}

#[test]
fn the_deadline_holds_for_each_line_and_421_ends_an_exchange() {
    let mut server = server();
    server.ask("AUTH LOGIN");
    server.pass(200);
    server.ask("YWxpY2U=");
    server.pass(200);
    assert!(!server.is_closed());
    server.pass(100);
    assert_eq!(
        server.take(),
        "421 4.4.2 mx.example.net waited too long\r\n"
    );
    assert!(server.is_closed());

    let mut server = self::server();
    server.ask("AUTH LOGIN");
    server.session.shutdown(server.now);
    server.drive();
    assert_eq!(server.take(), "421 4.3.2 mx.example.net shutting down\r\n");

    let mut server = self::server();
    server.ask("AUTH LOGIN");
    server.send("YWxpY");
    server.end();
    assert!(server.is_closed());
    assert_eq!(server.take(), "");

    // While the application thinks.
    let mut session = server_session();
    session.handle_input(format!("{RIGHT}\r\n").as_bytes(), Instant::ORIGIN);
    assert!(matches!(
        session.poll_event(),
        Ok(Some(Event::Authenticate(_)))
    ));
    assert_eq!(session.poll_timeout(), None);
    session.abort(Instant::ORIGIN);
    assert!(matches!(session.poll_event(), Ok(None)));
    assert_eq!(session.state(), State::Closing);
    assert!(session.authenticated().is_none());
}

/// A session with TLS behind EHLO, without an application.
fn server_session() -> Session {
    server_of(submission()).session
}

// --- What it is good for --------------------------------------------------------------

#[test]
fn s_195_authentication_is_demanded_of_all_but_a_few() {
    let mut server = server_of(submission().max_errors(99));
    for line in [
        "MAIL FROM:<a@example.org>",
        "RCPT TO:<b@c>",
        "DATA",
        "VRFY bob",
        "HELP",
        "FOO",
    ] {
        assert_eq!(
            server.ask(line),
            "530 5.7.0 Authentication required\r\n",
            "{line}"
        );
    }
    assert_eq!(server.code("NOOP"), "250 2.0.0");
    assert_eq!(server.code("RSET"), "250 2.0.0");
    assert_eq!(server.code("STARTTLS"), "503 5.5.1");
    assert!(server.ask(HELLO).contains("250-AUTH "));
    assert_eq!(server.ask(RIGHT), SUCCEEDED);
    assert!(server.ask("HELP").contains(" AUTH\r\n"));
    assert_eq!(server.code("MAIL FROM:<a@example.org>"), "250 2.1.0");
}

#[test]
fn s_157_auth_as_a_parameter_of_mail() {
    let config = with(Authentication::new()).max_errors(99);
    let mut server = server_of(config);
    for (value, code, submitter) in [
        ("alice@example.org", "250 2.1.0", Some("alice@example.org")),
        ("a+2Bb@example.org", "250 2.1.0", Some("a+b@example.org")),
        ("<>", "250 2.1.0", None),
        ("who", "250 2.1.0", None),
        ("+0D+0A@example.org", "250 2.1.0", None),
        ("a+zz", "501 5.5.4", None),
        ("a+4", "501 5.5.4", None),
    ] {
        let line = format!("MAIL FROM:<alice@example.org> AUTH={value}");
        assert_eq!(server.code(&line), code, "{value}");
        let envelope = server.session.envelope();
        let found = envelope.and_then(Envelope::submitter);
        assert_eq!(
            found.map(|mailbox| mailbox.to_string()).as_deref(),
            submitter,
            "{value}"
        );
        server.ask("RSET");
    }
    assert_eq!(server.code("MAIL FROM:<a@example.org> AUTH"), "501 5.5.4");
    let mut server = Server::new(server_common::config(TlsPolicy::None));
    server.ask(HELLO);
    assert_eq!(
        server.code("MAIL FROM:<a@example.org> AUTH=<>"),
        "555 5.5.4"
    );
}

#[test]
fn every_question_knows_who_the_client_is() {
    let mut session = server_session();
    let input = format!(
        "{RIGHT}\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n.\r\n"
    );
    session.handle_input(input.as_bytes(), Instant::ORIGIN);
    let mut names = Vec::new();
    while let Some(event) = session.poll_event().unwrap() {
        let identity = match &event {
            Event::Mail(mail) => mail.authenticated(),
            Event::Rcpt(rcpt) => rcpt.authenticated(),
            Event::Data(data) => data.authenticated(),
            Event::Message(message) => message.authenticated(),
            _ => None,
        };
        names.extend(identity.map(|identity| identity.authentication().to_owned()));
        match event {
            Event::Authenticate(question) => {
                let tls = question.tls().map(ToString::to_string);
                assert_eq!(tls, Some(tls_info().to_string()));
                question.accept();
            }
            Event::Mail(mail) => mail.accept(),
            Event::Rcpt(rcpt) => rcpt.accept(),
            Event::Data(data) => data.accept(),
            Event::Message(message) => message.accept(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names, ["alice"; 4]);
}

#[test]
fn s_164_the_trace_field_says_so() {
    let mut server = server();
    server.ask(RIGHT);
    server.ask("MAIL FROM:<alice@example.org>");
    let field = server.session.received(Date::new(0, 0)).to_string();
    assert!(field.contains(" with ESMTPSA"), "{field}");
}

// --- Secrets ----------------------------------------------------------------------------

#[test]
fn s_159_nothing_shows_what_clients_said() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let mechanisms = [
        ServerMechanism::Plain,
        ServerMechanism::Login,
        ServerMechanism::Xoauth2,
    ];
    let mut session = Session::new(
        with(Authentication::new().mechanisms(mechanisms).max_attempts(9)),
        Instant::ORIGIN,
    );
    session.set_transcript(move |entry| sink.lock().unwrap().push(entry.to_string()));
    assert!(matches!(session.poll_event(), Ok(Some(Event::StartTls))));
    session.handle_tls_established(tls_info(), Instant::ORIGIN);
    let token = STANDARD.encode("user=alice\u{1}auth=Bearer wonderland\u{1}\u{1}");
    let input = format!(
        "EHLO a\r\nAUTH LOGIN\r\nYWxpY2U=\r\nd29uZGVybGFuZA==\r\nAUTH PLAIN\r\nQUIT\r\n\
         AUTH XOAUTH2 {token}\r\nAQ==\r\nAUTH\tPLAIN wonderland\r\n{RIGHT}\r\n"
    );
    session.handle_input(input.as_bytes(), Instant::ORIGIN);
    let mut shown = String::new();
    let mut asked = 0;
    loop {
        shown += &format!("{session:?}");
        let Some(event) = session.poll_event().unwrap() else {
            break;
        };
        shown += &format!("{event:?}");
        match event {
            Event::Hello(hello) => hello.accept(),
            Event::Authenticate(question) => {
                asked += 1;
                shown += &format!("{:?}", question.claim());
                if asked == 3 {
                    question.accept();
                } else {
                    question.reject(&smtp_proto::server::Rejection::bad_credentials());
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(asked, 3);
    let lines = lines.lock().unwrap();
    let behind_hello = lines
        .iter()
        .position(|line| line == "C: AUTH LOGIN")
        .unwrap();
    assert_eq!(
        lines[behind_hello..],
        [
            "C: AUTH LOGIN",
            "S: 334 ***",
            "C: ***",
            "S: 334 ***",
            "C: ***",
            "S: 535 5.7.8 authentication failed",
            "C: AUTH PLAIN",
            "S: 334 ***",
            "C: ***",
            "S: 501 5.5.2 cannot read that response",
            "C: AUTH XOAUTH2 ***",
            "S: 334 ***",
            "C: ***",
            "S: 535 5.7.8 authentication failed",
            "C: ***",
            "S: 500 5.5.2 unknown command",
            "C: AUTH PLAIN ***",
            "S: 235 2.7.0 authenticated",
        ]
    );
    shown += &lines.join("\n");
    for secret in [
        "wonderland",
        "d29uZGVybGFuZA",
        "AGFsaWNl",
        &token,
        "119, 111, 110",
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// A client that does not wait for the answer to AUTH says its secrets all the
/// same.
#[test]
fn s_159_what_was_meant_for_an_exchange_that_was_refused() {
    for (config, auth) in [
        (submission(), "AUTH FOO"),
        (submission(), "AUTH PLAIN !!!"),
        (config(TlsPolicy::None), "AUTH LOGIN"),
        (
            config(TlsPolicy::None).authentication(Authentication::new()),
            "AUTH LOGIN",
        ),
        (
            config(TlsPolicy::Required).authentication(Authentication::new()),
            "AUTH LOGIN",
        ),
    ] {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let mut session = Session::new(config, Instant::ORIGIN);
        session.set_transcript(move |entry| sink.lock().unwrap().push(entry.to_string()));
        let mut server = Server::of(session);
        if server.seen.contains(&"starttls".to_owned()) {
            server.secure();
        }
        server.send(format!(
            "EHLO a\r\n{auth}\r\nYWxpY2U=\r\nd29uZGVybGFuZA\r\nd29uZGVybGFuZA==\r\n\
             NOOP\r\nETRN x\r\n"
        ));
        let shown = lines.lock().unwrap().join("\n");
        assert!(!shown.contains("YWxpY2U"), "{shown}");
        assert!(!shown.contains("d29uZGVybGFuZA"), "{shown}");
        assert!(
            shown.contains("C: NOOP\n") && shown.contains("C: ETRN x\n"),
            "{shown}"
        );
    }
}

#[test]
fn s_041_nothing_is_listed_that_everything_is_refused_before() {
    let mut server = Server::new(config(TlsPolicy::Required).authentication(Authentication::new()));
    assert!(!server.ask(HELLO).contains("AUTH"));
    assert_eq!(server.code(RIGHT), "530 5.7.0");
}

#[test]
fn external_only_where_there_is_a_certificate() {
    let certified = Authentication::new().mechanisms([ServerMechanism::External]);
    for (tls, offered) in [
        (tls_info().client_certificate(*b"der"), true),
        (tls_info().server_certificate(*b"der"), false),
    ] {
        let mut server = Server::of(Session::new(with(certified.clone()), Instant::ORIGIN));
        server.secure_with(tls);
        let hello = server.ask(HELLO);
        assert_eq!(hello.contains("AUTH EXTERNAL"), offered, "{hello}");
        let said = server.ask("AUTH EXTERNAL =");
        assert_eq!(said == SUCCEEDED, offered, "{said}");
    }
}
