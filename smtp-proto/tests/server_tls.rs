//! The way of a server session into TLS, and all that must not come along.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod server_common;

use std::sync::{Arc, Mutex};

use server_common::{SUITE, Server, config, tls_info};
use smtp_proto::{
    Instant, TlsPolicy,
    server::{Date, Error, Event, Rejection, Session, State},
};

const HELLO: &str = "EHLO client.example.org";

fn opportunistic() -> Server {
    Server::new(config(TlsPolicy::Opportunistic))
}

/// A server that waits for the handshake.
fn at_the_handshake() -> Server {
    let mut server = opportunistic();
    server.ask(HELLO);
    assert_eq!(server.ask("STARTTLS"), "220 2.0.0 ready for TLS\r\n");
    assert_eq!(server.session.state(), State::Handshake);
    server
}

// --- STARTTLS -----------------------------------------------------------------

#[test]
fn s_037_s_132_s_134_s_135_starttls_and_what_it_forgets() {
    let mut server = opportunistic();
    assert!(server.ask(HELLO).contains("\r\n250-STARTTLS\r\n"));
    assert_eq!(server.code("STARTTLS x"), "501 5.5.4");
    assert!(!server.session.is_secured());
    assert_eq!(server.ask("starttls"), "220 2.0.0 ready for TLS\r\n");
    assert_eq!(
        server.seen,
        ["hello client.example.org", "starttls"],
        "asked for once"
    );
    assert!(server.session.hello().is_some());
    server.secure();

    assert_eq!(server.take(), "", "no second greeting");
    assert!(server.session.is_secured() && server.session.hello().is_none());
    assert_eq!(server.session.tls(), Some(&tls_info()));
    assert_eq!(server.session.state(), State::Greeted);
    assert_eq!(server.code("MAIL FROM:<alice@example.org>"), "503 5.5.1");
    assert_eq!(server.code("STARTTLS"), "503 5.5.1");
    let capabilities = server.ask(HELLO);
    assert!(!capabilities.contains("STARTTLS"), "{capabilities}");
    assert_eq!(server.ask("STARTTLS"), "503 5.5.1 TLS is active\r\n");
    assert_eq!(server.code("MAIL FROM:<alice@example.org>"), "250 2.1.0");
}

#[test]
fn s_132_s_139_starttls_where_it_is_not_offered() {
    let mut server = Server::new(config(TlsPolicy::None));
    assert_eq!(server.code("STARTTLS"), "502 5.5.1");
    assert!(!server.ask(HELLO).contains("STARTTLS"));
    assert_eq!(server.code("STARTTLS"), "502 5.5.1");
    assert_eq!(server.session.state(), State::Ready);
}

#[test]
fn s_136_starttls_out_of_order() {
    let mut server = opportunistic();
    assert_eq!(server.code("STARTTLS"), "220 2.0.0", "a hello adds nothing");
    let mut server = opportunistic();
    server.ask("HELO client.example.org");
    server.ask("MAIL FROM:<alice@example.org>");
    assert_eq!(
        server.ask("STARTTLS"),
        "503 5.5.1 a transaction is open\r\n"
    );
    server.ask("RCPT TO:<bob@example.net>");
    assert_eq!(server.code("STARTTLS"), "503 5.5.1");
    assert_eq!(server.code("RSET"), "250 2.0.0");
    assert_eq!(server.code("STARTTLS"), "220 2.0.0");
    assert!(server.seen.contains(&"discarded Reset".into()));
}

#[test]
fn s_138_t10_tls_is_demanded_of_all_but_a_few() {
    let mut server = Server::new(config(TlsPolicy::Required));
    let demand = "530 5.7.0 Must issue a STARTTLS command first\r\n";
    assert_eq!(server.ask("MAIL FROM:<alice@example.org>"), demand);
    assert!(server.ask(HELLO).contains("\r\n250-STARTTLS\r\n"));
    for line in [
        "MAIL FROM:<alice@example.org>",
        "RCPT TO:<bob@example.net>",
        "DATA",
        "VRFY bob",
        "EXPN list",
        "HELP",
        "XCLIENT NAME=x",
        "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=",
        "AUTH PLAIN AGFsaWNlAHF1ZWVu",
        "FOO",
    ] {
        assert_eq!(server.ask(line), demand, "{line}");
    }
    assert_eq!(server.code("NOOP"), "250 2.0.0");
    assert_eq!(server.code("RSET"), "250 2.0.0");
    assert!(server.ask("HELO a").starts_with("250 "));
    assert_eq!(server.code("STARTTLS"), "220 2.0.0");
    server.secure();
    server.ask(HELLO);
    assert_eq!(server.code("MAIL FROM:<alice@example.org>"), "250 2.1.0");

    let mut server = Server::new(config(TlsPolicy::Required));
    assert_eq!(server.code("QUIT"), "221 2.0.0");
    assert!(server.is_closed());
}

#[test]
fn replies_before_the_220_leave_first_and_the_event_waits_for_all_of_them() {
    let mut session = Session::new(config(TlsPolicy::Opportunistic), Instant::ORIGIN);
    session.handle_input(b"HELO a\r\nNOOP\r\nSTARTTLS\r\n", Instant::ORIGIN);
    let mut output = Vec::new();
    loop {
        match session.poll_event().unwrap() {
            Some(Event::Hello(hello)) => hello.accept(),
            Some(Event::StartTls) => break,
            Some(other) => panic!("{other:?}"),
            None => {
                if session.state() == State::Securing {
                    assert!(!session.wants_input());
                }
                output.push(session.poll_transmit().unwrap().first()[0]);
                session.handle_transmitted(1, Instant::ORIGIN);
            }
        }
    }
    assert!(session.poll_transmit().is_none() && session.poll_event().unwrap().is_none());
    assert!(!session.wants_input() && !session.is_idle());
    assert_eq!(
        String::from_utf8(output).unwrap(),
        "220 mx.example.net ESMTP\r\n250 mx.example.net\r\n250 2.0.0 ok\r\n\
         220 2.0.0 ready for TLS\r\n"
    );
}

// --- What somebody else put there -------------------------------------------------

#[test]
fn s_133_octets_behind_starttls_are_never_commands() {
    let input = b"EHLO a\r\nSTARTTLS\r\nMAIL FROM:<mallory@example.org>\r\n\
        RCPT TO:<bob@example.net>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    let run = |pieces: &[&[u8]]| {
        let mut server = opportunistic();
        for piece in pieces {
            server.send(piece);
        }
        assert_eq!(server.session.state(), State::Closed);
        assert!(!server.session.is_secured());
        assert!(server.is_closed());
        let known = ["hello a", "starttls", "closed"];
        assert!(server.seen.iter().all(|seen| known.contains(&&**seen)));
        let output = server.take();
        // The greeting, EHLO, and one reply to STARTTLS.
        let ends = ["220 2.0.0 ready", "554 5.5.0 nothing may follow STARTTLS"];
        let last = output.trim_end().rsplit("\r\n").next().unwrap();
        assert!(ends.iter().any(|end| last.starts_with(end)), "{output}");
    };
    run(&[input]);
    run(&input.chunks(1).collect::<Vec<_>>());
    for at in 1..input.len() {
        let (start, end) = input.split_at(at);
        run(&[start, end]);
        let tail = end.len().min(3);
        run(&[start, &end[..tail], &end[tail..]]);
    }
}

#[test]
fn s_133_one_octet_or_the_end_during_the_handshake_closes_without_a_word() {
    for input in [&b"R"[..], b"RSET\r\n", b"\x16\x03\x01", b"\n", b""] {
        let mut server = at_the_handshake();
        server.session.handle_input(input, server.now);
        server.drive();
        assert!(server.is_closed());
        assert_eq!(server.take(), "");
        // The driver may have been at it already.
        server
            .session
            .handle_tls_established(tls_info(), server.now);
        server.drive();
        assert!(!server.session.is_secured());
        assert_eq!(server.session.state(), State::Closed);
    }
    // The same before the 220 has left.
    let mut session = Session::new(config(TlsPolicy::Opportunistic), Instant::ORIGIN);
    session.handle_transmitted(1000, Instant::ORIGIN);
    session.handle_input(b"HELO a\r\nSTARTTLS\r\n", Instant::ORIGIN);
    let Some(Event::Hello(hello)) = session.poll_event().unwrap() else {
        panic!("no question")
    };
    hello.accept();
    assert!(session.poll_event().unwrap().is_none());
    session.handle_input(b"NOOP\r\n", Instant::ORIGIN);
    assert!(session.poll_transmit().is_none());
    assert!(matches!(session.poll_event(), Ok(Some(Event::Closed))));
}

// --- The handshake ------------------------------------------------------------------

#[test]
fn a_handshake_that_fails_or_takes_too_long_closes_without_a_word() {
    let mut server = at_the_handshake();
    server.session.handle_tls_failed(server.now);
    server.drive();
    assert!(server.is_closed());
    assert_eq!(server.take(), "");
    assert_eq!(server.session.poll_timeout(), None);

    let mut server = at_the_handshake();
    let deadline = server.session.poll_timeout().unwrap();
    assert_eq!(deadline, server.now + core::time::Duration::from_secs(60));
    server.pass(59);
    assert_eq!(server.session.state(), State::Handshake);
    server.pass(1);
    assert!(server.is_closed());
    assert_eq!(server.take(), "");

    let mut server = at_the_handshake();
    server.session.abort(server.now);
    server.drive();
    assert!(server.is_closed());
    assert_eq!(server.take(), "");

    let mut server = at_the_handshake();
    server.session.handle_write_closed(server.now);
    server.drive();
    assert!(server.is_closed());
}

#[test]
fn a_shutdown_waits_for_the_handshake() {
    let mut server = at_the_handshake();
    server.session.shutdown(server.now);
    server.drive();
    assert_eq!(server.take(), "");
    server.secure();
    assert_eq!(server.take(), "421 4.3.2 mx.example.net shutting down\r\n");
    assert!(server.is_closed());
}

#[test]
fn a_handshake_that_was_not_asked_for_is_the_drivers_mistake() {
    for established in [true, false] {
        let mut server = opportunistic();
        if established {
            server
                .session
                .handle_tls_established(tls_info(), server.now);
        } else {
            server.session.handle_tls_failed(server.now);
        }
        let error = server.session.poll_event().unwrap_err();
        assert_eq!(error, Error::UnexpectedHandshake);
        assert!(!server.session.is_secured());
    }
}

// --- TLS from the first octet ---------------------------------------------------------

#[test]
fn implicit_tls_comes_before_the_greeting() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let mut session = Session::new(config(TlsPolicy::Implicit), Instant::ORIGIN);
    assert!(!session.wants_input() && session.poll_transmit().is_none());
    assert!(session.poll_timeout().is_some());
    session.set_transcript(move |entry| sink.lock().unwrap().push(entry.to_string()));
    assert!(lines.lock().unwrap().is_empty());
    let mut server = Server::of(session);
    assert_eq!(server.seen, ["starttls"]);
    assert_eq!(server.take(), "");
    server.secure();
    assert_eq!(server.take(), "220 mx.example.net ESMTP\r\n");
    assert_eq!(*lines.lock().unwrap(), ["S: 220 mx.example.net ESMTP"]);
    assert!(!server.ask(HELLO).contains("STARTTLS"));
    assert_eq!(server.code("STARTTLS"), "503 5.5.1");
    assert_eq!(server.code("MAIL FROM:<alice@example.org>"), "250 2.1.0");

    let mut server = Server::new(config(TlsPolicy::Implicit));
    server.send("EHLO a\r\n");
    assert_eq!((server.take().as_str(), server.is_closed()), ("", true));
}

#[test]
fn implicit_tls_comes_before_a_refusal_too() {
    let config = config(TlsPolicy::Implicit);
    let rejection = Rejection::new(554, None, "no service").unwrap();
    let session = Session::refusing(config.clone(), &rejection, Instant::ORIGIN);
    let mut server = Server::of(session);
    assert_eq!(server.take(), "");
    server.secure();
    assert_eq!(server.take(), "554 mx.example.net no service\r\n");
    assert_eq!(server.code("EHLO a"), "503 5.5.1");
    assert_eq!(server.code("STARTTLS"), "503 5.5.1");
    assert_eq!(server.code("QUIT"), "221 2.0.0");

    let rejection = Rejection::service_not_available();
    let session = Session::refusing(config, &rejection, Instant::ORIGIN);
    let mut server = Server::of(session);
    server.secure();
    assert_eq!(
        server.take(),
        "421 mx.example.net service not available\r\n"
    );
    assert!(server.is_closed());
}

#[test]
fn s_003_a_refused_session_offers_no_tls() {
    let rejection = Rejection::new(554, None, "no service").unwrap();
    let config = config(TlsPolicy::Required);
    let mut server = Server::of(Session::refusing(config, &rejection, Instant::ORIGIN));
    assert_eq!(server.ask("STARTTLS"), "503 5.5.1 no service here\r\n");
    assert_eq!(server.ask("MAIL FROM:<>"), "503 5.5.1 no service here\r\n");
}

// --- Trace ------------------------------------------------------------------------------

#[test]
fn s_164_s_165_the_trace_field_says_so() {
    let mut server = Server::secured(config(TlsPolicy::Opportunistic));
    server.ask("MAIL FROM:<alice@example.org>");
    server.ask("RCPT TO:<bob@example.net>");
    let field = server.session.received(Date::new(1_795_331_100, 120));
    assert_eq!(
        field.to_string(),
        format!(
            "Received: from client.example.org by mx.example.net with ESMTPS\r\n \
             for <bob@example.net> tls {SUITE};\r\n Sun, 22 Nov 2026 09:05:00 +0200\r\n"
        )
    );
}

#[test]
fn s_012_the_reply_to_another_protocol_says_what_was_heard() {
    let mut server = opportunistic();
    server.take();
    server.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc");
    let reply = "421 4.7.0 mx.example.net this port speaks SMTP, not TLS\r\n";
    assert_eq!((server.take().as_str(), server.is_closed()), (reply, true));
    let mut server = opportunistic();
    let reply = "421 4.7.0 mx.example.net this port speaks SMTP, not HTTP\r\n";
    assert_eq!(server.ask("GET / HTTP/1.1"), reply);
}
