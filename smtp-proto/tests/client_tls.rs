//! TLS: when it is asked for, what must not come behind the answer, and what is
//! forgotten afterwards.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{EHLO, Talk, code, config, hello, message, secs};
use smtp_proto::{
    TlsInfo, TlsPolicy,
    client::{Config, Error, ErrorKind, Event, Phase, Timeouts},
    types::Capability,
};

const STARTTLS: &str = "STARTTLS\r\n";

fn with(policy: TlsPolicy) -> Config {
    config().tls(policy)
}

/// A session that wants to send a message, and was offered these keywords.
fn offered(policy: TlsPolicy, keywords: &[&str]) -> Talk {
    let mut talk = Talk::new(with(policy));
    talk.session.send(message(&["bob"])).unwrap();
    talk.exchange("220 mx.example.net\r\n", EHLO);
    talk.say(hello(keywords));
    talk
}

/// The same, in the middle of the handshake.
fn in_handshake() -> Talk {
    let mut talk = offered(
        TlsPolicy::Required,
        &["STARTTLS", "PIPELINING", "AUTH PLAIN"],
    );
    assert_eq!(talk.out(), STARTTLS);
    talk.exchange("220 go ahead\r\n", "");
    assert_eq!(talk.events(), ["starttls"]);
    talk
}

fn established(talk: &mut Talk) {
    let info = TlsInfo::new().version("TLSv1.3");
    talk.session.handle_tls_established(info, talk.now);
}

#[track_caller]
fn error(talk: &mut Talk) -> Error {
    talk.events();
    talk.error.clone().unwrap()
}

#[test]
fn c_174_c_144_starttls_stands_alone() {
    let mut talk = offered(TlsPolicy::Required, &["PIPELINING", "starttls"]);
    assert_eq!(talk.out(), STARTTLS);
    assert_eq!(talk.session.phase(), Phase::StartTls);
    talk.session.noop().unwrap();
    assert_eq!(talk.out(), "");
    assert_eq!(talk.events(), [""; 0]);
}

#[test]
fn c_174_not_without_the_policy() {
    let mut talk = offered(TlsPolicy::None, &["STARTTLS"]);
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org>\r\n");
    assert!(talk.session.tls().is_none());
}

#[test]
fn c_175_nothing_is_sent_during_the_handshake() {
    let mut talk = in_handshake();
    assert_eq!(talk.session.phase(), Phase::Handshake);
    talk.session.noop().unwrap();
    talk.session.quit().unwrap();
    assert_eq!(talk.out(), "");
    assert!(!talk.session.is_idle());
}

#[test]
fn t11a_c_176_c_310_octets_in_clear_behind_the_220_end_the_session() {
    let injected = b"220 go\r\n250-mx.example.net\r\n250 AUTH PLAIN\r\n";
    let behind = b"220 go\r\n".len();
    for end in behind + 1..=injected.len() {
        for cut in 0..end {
            let mut talk = offered(TlsPolicy::Required, &["STARTTLS"]);
            assert_eq!(talk.out(), STARTTLS);
            for piece in [&injected[..cut], &injected[cut..end]] {
                if !piece.is_empty() {
                    talk.say(piece);
                }
            }
            // Nor does the driver shake hands.
            assert_ne!(talk.session.poll_event(), Ok(Some(Event::StartTls)));
            let error = error(&mut talk);
            assert_eq!(*error.kind(), ErrorKind::PlaintextAfterStartTls);
            assert!(error.is_of_the_opening());
            // Not a word more, not even inside TLS.
            established(&mut talk);
            assert_eq!(talk.out(), "");
            assert!(talk.session.tls().is_none());
        }
    }
}

#[test]
fn c_177_c_178_everything_is_forgotten_and_ehlo_comes_first() {
    let mut talk = in_handshake();
    established(&mut talk);
    assert!(talk.session.capabilities().iter().next().is_none());
    assert!(talk.session.greeting().is_none());
    assert_eq!(talk.out(), EHLO);
    assert_eq!(talk.session.phase(), Phase::Ehlo);
    // PIPELINING was offered in clear, and is not any more.
    talk.exchange(
        &hello(&["SIZE 1000"]),
        "MAIL FROM:<alice@example.org> SIZE=22\r\n",
    );
    assert_eq!(talk.events(), ["ready"]);
    assert!(!talk.session.capabilities().has(&Capability::StartTls));
    assert!(talk.session.tls().is_some());
}

#[test]
fn c_186_q41_starttls_inside_tls_is_not_used() {
    let mut talk = in_handshake();
    established(&mut talk);
    assert_eq!(talk.out(), EHLO);
    talk.exchange(&hello(&["STARTTLS"]), "MAIL FROM:<alice@example.org>\r\n");

    let mut talk = Talk::new(with(TlsPolicy::Implicit));
    assert_eq!(talk.events(), ["starttls"]);
    established(&mut talk);
    talk.greet(&["STARTTLS"]);
    assert_eq!(talk.out(), "");
}

#[test]
fn c_179_c_188_required_and_not_offered() {
    let cases = [
        hello(&["AUTH PLAIN"]),
        "250 mx.example.net\r\n".into(),
        "500 what?\r\n".into(),
        "502 no\r\n".into(),
    ];
    for reply in cases {
        let mut talk = Talk::new(with(TlsPolicy::Required));
        talk.session.send(message(&["bob"])).unwrap();
        talk.exchange("220 x\r\n", EHLO);
        talk.exchange(&reply, "QUIT\r\n");
        let lines = talk.events();
        assert!(lines[0].starts_with("m1 to1 not sent"), "{lines:?}");
        let error = talk.error.clone().unwrap();
        assert_eq!(*error.kind(), ErrorKind::TlsNotOffered, "{reply}");
        assert_eq!(error.phase(), Phase::Ehlo);
        assert!(error.is_of_the_opening());
    }
}

#[test]
fn c_179_opportunistic_and_not_offered() {
    let mut talk = offered(TlsPolicy::Opportunistic, &["SIZE"]);
    assert_eq!(talk.events(), ["ready"]);
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org> SIZE=22\r\n");
    // Nor does a server without EHLO have it.
    let mut talk = Talk::new(with(TlsPolicy::Opportunistic));
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange("502 what?\r\n", "HELO client.example.org\r\n");
    talk.exchange("250 ok\r\n", "");
    assert_eq!(talk.events(), ["ready"]);
}

#[test]
fn c_180_starttls_refused() {
    for (reply, transient) in [
        ("454 4.7.0 TLS not available\r\n", true),
        ("554 5.7.0 no\r\n", false),
        ("503 no\r\n", false),
    ] {
        let mut talk = offered(TlsPolicy::Required, &["STARTTLS", "AUTH PLAIN"]);
        assert_eq!(talk.out(), STARTTLS);
        talk.exchange(reply, "QUIT\r\n");
        let error = error(&mut talk);
        assert_eq!(*error.kind(), ErrorKind::TlsRefused);
        assert_eq!(error.phase(), Phase::StartTls);
        assert_eq!(code(error.reply()), reply[..3].parse().ok());
        assert_eq!(error.is_transient(), transient);
        assert!(with(TlsPolicy::Required).after(&error).is_none());

        // Where TLS is a wish only, the same connection does.
        let mut talk = offered(TlsPolicy::Opportunistic, &["STARTTLS"]);
        assert_eq!(talk.out(), STARTTLS);
        talk.exchange(reply, "MAIL FROM:<alice@example.org>\r\n");
        assert_eq!(talk.events(), ["ready"]);
    }
}

#[test]
fn c_181_q39_a_handshake_that_fails() {
    let mut talk = in_handshake();
    talk.session.handle_tls_failed(talk.now);
    let error = error(&mut talk);
    assert_eq!(*error.kind(), ErrorKind::TlsFailed);
    assert_eq!(error.phase(), Phase::Handshake);
    assert!(error.is_of_the_opening());
    assert_eq!(talk.out(), "", "no QUIT in the middle of a handshake");
    assert!(with(TlsPolicy::Required).after(&error).is_none());
    assert!(with(TlsPolicy::Implicit).after(&error).is_none());
    let next = with(TlsPolicy::Opportunistic).after(&error).unwrap();
    assert_eq!(next.tls_policy(), TlsPolicy::None);
}

#[test]
fn q39_whatever_ends_a_handshake_that_was_a_wish_only() {
    let ends: [fn(&mut Talk); 3] = [
        |talk| talk.wait(secs(60)),
        Talk::eof,
        |talk| talk.session.handle_tls_failed(talk.now),
    ];
    for end in ends {
        let mut talk = offered(TlsPolicy::Opportunistic, &["STARTTLS"]);
        assert_eq!(talk.out(), STARTTLS);
        talk.say("220 go\r\n");
        end(&mut talk);
        let error = error(&mut talk);
        assert_eq!(error.phase(), Phase::Handshake);
        let config = with(TlsPolicy::Opportunistic);
        assert!(config.after(&error).is_some(), "{error}");
    }
    let mut talk = offered(TlsPolicy::Opportunistic, &["STARTTLS"]);
    assert_eq!(talk.out(), STARTTLS);
    talk.say("220 go\r\n");
    talk.session.abort();
    let aborted = error(&mut talk);
    assert!(with(TlsPolicy::Opportunistic).after(&aborted).is_none());

    // Somebody in between: what he wanted was to be inside of TLS, not to be read.
    let mut talk = offered(TlsPolicy::Opportunistic, &["STARTTLS"]);
    assert_eq!(talk.out(), STARTTLS);
    talk.say("220 go\r\n250 x\r\n");
    let behind = error(&mut talk);
    assert_eq!(*behind.kind(), ErrorKind::PlaintextAfterStartTls);
    let next = with(TlsPolicy::Opportunistic).after(&behind).unwrap();
    assert_eq!(next.tls_policy(), TlsPolicy::None);
    assert!(with(TlsPolicy::Required).after(&behind).is_none());
    assert_eq!(with(TlsPolicy::Required).tls_policy(), TlsPolicy::Required);
}

#[test]
fn a_handshake_that_does_not_end() {
    let timeouts = |config: Config| {
        let mut timeouts = Timeouts::all(secs(300));
        timeouts.handshake = secs(60);
        config.timeouts(timeouts)
    };
    let mut talk = Talk::new(timeouts(with(TlsPolicy::Implicit)));
    assert_eq!(talk.events(), ["starttls"]);
    assert_eq!(talk.remaining(), Some(secs(60)));
    talk.wait(secs(59));
    assert_eq!(talk.events(), [""; 0]);
    talk.wait(secs(1));
    let error = error(&mut talk);
    assert_eq!(*error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.phase(), Phase::Handshake);
    assert_eq!(talk.out(), "");
}

#[test]
fn a_connection_that_is_lost_in_the_handshake() {
    let mut talk = in_handshake();
    talk.eof();
    let error = error(&mut talk);
    assert_eq!(*error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(error.phase(), Phase::Handshake);
}

#[test]
fn c_185_implicit_tls_comes_before_the_greeting() {
    let mut talk = Talk::new(with(TlsPolicy::Implicit));
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.events(), ["starttls"]);
    assert_eq!(talk.out(), "");
    established(&mut talk);
    assert_eq!(talk.session.phase(), Phase::Greeting);
    assert_eq!(talk.out(), "");
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange(&hello(&[]), "MAIL FROM:<alice@example.org>\r\n");
    assert_eq!(talk.events(), ["ready"]);
}

#[test]
fn a_greeting_in_clear_where_tls_should_be() {
    let mut talk = Talk::new(with(TlsPolicy::Implicit));
    talk.say("220 mx.example.net\r\n");
    assert_eq!(*error(&mut talk).kind(), ErrorKind::PlaintextAfterStartTls);
    assert_eq!(talk.out(), "");
}

#[test]
fn news_of_tls_that_nobody_asked_for_is_no_news() {
    let mut talk = Talk::open(config(), &[]);
    established(&mut talk);
    talk.session.handle_tls_failed(talk.now);
    assert_eq!(talk.events(), [""; 0]);
    assert!(talk.session.tls().is_none());
    assert!(talk.session.is_idle());
}

#[test]
fn what_came_in_clear_does_not_taint_the_session() {
    let mut talk = Talk::new(with(TlsPolicy::Required));
    talk.exchange("220-x\r\n221 x\r\n", EHLO);
    talk.exchange(&hello(&["STARTTLS"]), STARTTLS);
    talk.say("220 go\r\n");
    established(&mut talk);
    assert_eq!(talk.out(), EHLO);
    talk.say(hello(&[]));
    assert_eq!(talk.events(), ["starttls", "ready"]);
    assert!(talk.session.is_reusable());
}

#[test]
fn every_split_of_an_opening_with_starttls() {
    let clear = format!("220 x\r\n{}220 go\r\n", hello(&["STARTTLS", "PIPELINING"]));
    let secured = hello(&["PIPELINING"]);
    let run = |first: usize, second: usize| {
        let mut talk = Talk::new(with(TlsPolicy::Required));
        talk.session.send(message(&["bob"])).unwrap();
        let mut sent = String::new();
        // A server that waits for each answer, cut once more.
        let lines = clear.split_inclusive("\r\n").scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        });
        for (start, line) in lines {
            let cut = first.saturating_sub(start).min(line.len());
            for piece in [&line[..cut], &line[cut..]] {
                if !piece.is_empty() {
                    talk.say(piece);
                }
                sent += &talk.out();
            }
        }
        established(&mut talk);
        sent += &talk.out();
        for piece in [&secured[..second], &secured[second..]] {
            if !piece.is_empty() {
                talk.say(piece);
            }
            sent += &talk.out();
        }
        (sent, talk.events())
    };
    let whole = run(0, 0);
    assert!(whole.0.ends_with("DATA\r\n"), "{}", whole.0);
    for first in 0..clear.len() {
        assert_eq!(run(first, 0), whole);
    }
    for second in 0..secured.len() {
        assert_eq!(run(0, second), whole);
    }
}

#[test]
fn the_event_is_the_drivers_to_act_on() {
    let mut talk = offered(TlsPolicy::Opportunistic, &["STARTTLS"]);
    assert_eq!(talk.out(), STARTTLS);
    talk.say("220 go\r\n");
    talk.events();
    assert_eq!(talk.log.last(), Some(&Event::StartTls));
}

#[test]
fn a_refused_ehlo_where_tls_is_required() {
    for (reply, is_unknown) in [
        ("500 what?", true),
        ("502 no", true),
        ("550 not you", false),
    ] {
        let kind = if is_unknown {
            ErrorKind::TlsNotOffered
        } else {
            ErrorKind::Refused
        };
        let mut talk = Talk::new(with(TlsPolicy::Required));
        talk.exchange("220 mx.example.net\r\n", EHLO);
        talk.say(format!("{reply}\r\n"));
        assert_eq!(*error(&mut talk).kind(), kind, "{reply}");
        // Inside of TLS it is a refusal, whatever its code.
        let mut talk = in_handshake();
        established(&mut talk);
        assert_eq!(talk.out(), EHLO);
        talk.say(format!("{reply}\r\n"));
        assert_eq!(*error(&mut talk).kind(), ErrorKind::Refused, "{reply}");
    }
}
