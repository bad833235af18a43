//! Requests other than messages, the end of a session, and what comes after.

#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    net::Shutdown,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use crate::adapter::{Connection, Error};
use crate::common::{
    Peer, SHORT, Talk, bounded, config, from_alice, hasty, mailbox, session_error, to_bob,
};
use smtp_proto::client::{
    Authentication, AuthenticationError, CommandError, ErrorKind, Fate, NotSent, Phase,
};

#[test]
fn m20_each_command_has_its_reply() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["HELP"]);
            talk.turn("VRFY bob", "252 2.5.0 cannot verify");
            talk.turn("VRFY Smith", "553-Ambiguous\r\n553-<a@x>\r\n553 <b@x>");
            talk.turn("EXPN staff", "502 5.5.1 not here");
            talk.turn("HELP", "214-EHLO\r\n214 MAIL");
            talk.turn("HELP MAIL", "504 no");
            talk.turn("NOOP", "250 ok");
            talk.turn("XYZZY plugh", "250 nothing happens");
            talk.quit();
        });
        let mut connection = peer.connect();
        assert!(connection.capabilities().offers("HELP"));
        let reply = connection.verify("bob".parse().unwrap()).unwrap();
        assert_eq!(reply.code().get(), 252);
        assert_eq!(reply.enhanced().unwrap().to_string(), "2.5.0");
        let reply = connection.verify("Smith".parse().unwrap()).unwrap();
        assert_eq!((reply.code().get(), reply.line_count()), (553, 3));
        let reply = connection.expand("staff".parse().unwrap()).unwrap();
        assert_eq!(reply.code().get(), 502);
        let reply = connection.help(None).unwrap();
        assert_eq!(reply.text(), "EHLO\nMAIL");
        let reply = connection.help(Some("MAIL".parse().unwrap())).unwrap();
        assert_eq!(reply.code().get(), 504);
        assert!(connection.noop().unwrap().code().is_positive());
        let reply = connection.command("XYZZY plugh".parse().unwrap());
        assert_eq!(reply.unwrap().text(), "nothing happens");
        assert!(connection.session().is_reusable());
        assert_eq!(connection.stream().peer_addr().unwrap(), peer.address);
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m02_authenticated_when_the_session_is_open() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["AUTH PLAIN"]);
            talk.turn("AUTH PLAIN AGFsaWNlAHF1ZWVu", "535 5.7.8 wrong");
            talk.turn("NOOP", "250 still here");
            talk.turn("AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=", "235 2.7.0 welcome");
            talk.quit();
        });
        let mut connection = peer.connect();
        let with = |password| Authentication::password("alice", password);
        // Nothing leaves that everybody could read.
        let error = connection.authenticate(with("queen")).unwrap_err();
        assert!(matches!(
            error,
            Error::NotAuthenticated(AuthenticationError::NeedsTls)
        ));
        let in_clear = |password| with(password).secrets_in_clear(true);
        let error = connection.authenticate(in_clear("queen")).unwrap_err();
        assert_eq!(error.reply().unwrap().code().get(), 535);
        assert_eq!(error.phase(), Some(Phase::Auth));
        assert!(error.is_harmless());
        assert!(connection.noop().unwrap().code().is_positive());
        connection.authenticate(in_clear("wonderland")).unwrap();
        assert_eq!(connection.session().authenticated(), Some("PLAIN"));
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m13_the_transcript_has_every_line_in_order() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.envelope();
            talk.content();
            talk.say("250 ok\r\n");
            talk.quit();
        });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let hook = Arc::clone(&seen);
        let mut connection =
            Connection::open_with_transcript(peer.stream(), config(), move |entry| {
                hook.lock().unwrap().push(entry.to_string());
            })
            .unwrap();
        connection.send(to_bob().content("hi\r\n")).unwrap();
        connection.quit().unwrap();
        peer.join();
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "S: 220 mx.example.net",
                "C: EHLO client.example.org",
                "S: 250-mx.example.net\nS: 250 PIPELINING",
                "C: MAIL FROM:<alice@example.org>",
                "C: RCPT TO:<bob@example.net>",
                "C: DATA",
                "S: 250 ok",
                "S: 250 ok",
                "S: 354 go on",
                "C: (4 octets of content)",
                "S: 250 ok",
                "C: QUIT",
                "S: 221 bye",
            ]
        );
    });
}

#[test]
fn m01_quit_ends_well_whatever_the_server_does() {
    bounded(|| {
        type End = fn(&mut Talk);
        let ends: [(&str, End); 6] = [
            ("a good-bye", |talk| talk.say("221 bye\r\n")),
            ("a refusal", |talk| talk.say("554 stay\r\n")),
            ("garbage", |talk| talk.say("bye bye\r\n")),
            ("half a reply", |talk| talk.say("22")),
            ("nothing", |_| {}),
            ("a reset", |talk| {
                talk.say("2");
                let _ = talk.stream.shutdown(Shutdown::Both);
            }),
        ];
        for (name, end) in ends {
            let peer = Peer::new(move |mut talk| {
                talk.hello(&[]);
                talk.expect("QUIT");
                end(&mut talk);
            });
            let quit = peer.connect().quit();
            assert!(quit.is_ok(), "{name}: {quit:?}");
            peer.join();
        }
    });
}

#[test]
fn m12_quit_does_not_wait_for_a_silent_server() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.expect("QUIT");
            talk.ended();
        });
        let config = crate::common::with_timeouts(|timeouts| timeouts.quit = SHORT);
        let connection = peer.open(config).unwrap();
        let start = Instant::now();
        connection.quit().unwrap();
        assert!(start.elapsed() < Duration::from_secs(2));
        peer.join();
    });
}

#[test]
fn c_307_t18_a_421_while_idle_is_told_by_the_next_request() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.say("421 4.4.2 idle too long\r\n");
        });
        let mut connection = peer.connect();
        let address = peer.address;
        peer.join();
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::Closing, "{address}");
        assert_eq!(error.reply().unwrap().text(), "idle too long");
        assert!(error.is_transient());
    });
}

#[test]
fn c_307_t18_a_421_while_idle_leaves_a_message_unsent() {
    bounded(|| {
        let (opened, is_open) = mpsc::channel();
        let peer = Peer::new(move |mut talk| {
            talk.hello(&[]);
            // In one segment with the reply to EHLO it would be read with it.
            is_open.recv().unwrap();
            talk.say("421 4.4.2 idle too long\r\n");
        });
        let mut connection = peer.connect();
        opened.send(()).unwrap();
        peer.join();
        let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
        let Fate::NotSent(NotSent::Session(error)) = outcome.fate() else {
            panic!("{outcome:?}")
        };
        assert_eq!(error.kind(), &ErrorKind::Closing);
        assert!(outcome.fate().is_transient());
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::Closing);
    });
}

#[test]
fn c_312_a_connection_that_was_cut_is_an_ordinary_loss() {
    bounded(|| {
        for with_a_reset in [false, true] {
            let peer = Peer::new(move |mut talk| {
                talk.hello(&[]);
                if with_a_reset {
                    // Closed with the command unread: a reset.
                    let _ = talk.stream.peek(&mut [0]);
                } else {
                    talk.expect("NOOP");
                }
            });
            let mut connection = peer.connect();
            let error = connection.noop().unwrap_err();
            peer.join();
            let Error::Session { error, cause } = error else {
                panic!("{error:?}")
            };
            assert_eq!(error.kind(), &ErrorKind::ConnectionLost);
            assert_eq!(error.phase(), Phase::Request);
            assert_eq!(cause.is_some(), with_a_reset, "{cause:?}");
        }
    });
}

#[test]
fn c_309_each_phase_has_its_deadline() {
    bounded(|| {
        let silent_at: [(Phase, &[&str]); 5] = [
            (Phase::Mail, &[]),
            (Phase::Rcpt, &["MAIL"]),
            (Phase::Data, &["MAIL", "RCPT"]),
            (Phase::EndOfData, &["MAIL", "RCPT", "DATA"]),
            (Phase::Rset, &["MAIL", "RCPT-"]),
        ];
        for (phase, answered) in silent_at {
            let peer = Peer::new(move |mut talk| {
                talk.hello(&[]);
                for verb in answered {
                    let answer = match *verb {
                        "DATA" => "354 go on",
                        "RCPT-" => "550 no",
                        _ => "250 ok",
                    };
                    talk.turn(verb.trim_end_matches('-'), answer);
                }
                talk.rest();
            });
            let mut connection = peer.open(hasty(SHORT)).unwrap();
            let start = Instant::now();
            let sent = connection.send(to_bob().content("hi\r\n"));
            let next = connection.noop();
            let took = start.elapsed();
            assert!(took >= SHORT && took < SHORT * 20, "{phase}: {took:?}");
            let outcome = sent.unwrap();
            let error = match outcome.fate() {
                Fate::NotSent(NotSent::Session(error)) if phase != Phase::EndOfData => error,
                // C-130: the server may have it.
                Fate::InDoubt(error) if phase == Phase::EndOfData => error,
                Fate::Refused { .. } if phase == Phase::Rset => &session_error(next.unwrap_err()),
                other => panic!("{phase}: {other:?}"),
            };
            assert_eq!((error.kind(), error.phase()), (&ErrorKind::TimedOut, phase));
            drop(connection);
            peer.join();
        }
    });
}

#[test]
fn c_309_a_reply_that_trickles_does_not_move_the_deadline() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.expect("NOOP");
            talk.stream
                .set_read_timeout(Some(Duration::from_millis(10)))
                .unwrap();
            // A line every 10 ms, none of them the last.
            for _ in 0..100 {
                talk.say("250-wait\r\n");
                if std::io::Read::read(&mut talk.stream, &mut [0; 9]).is_ok() {
                    return;
                }
            }
            panic!("the client went on listening");
        });
        let config =
            crate::common::with_timeouts(|timeouts| timeouts.request = Duration::from_millis(100));
        let mut connection = peer.open(config).unwrap();
        let start = Instant::now();
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_millis(600));
        peer.join();
    });
}

#[test]
fn m13_every_call_after_the_end_tells_how_it_ended() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("NOOP", "421 4.3.2 good night");
            // No request reaches the server any more.
            talk.ended();
        });
        let mut connection = peer.connect();
        let closing = |error: Error| {
            let error = session_error(error);
            assert_eq!(error.kind(), &ErrorKind::Closing);
            assert_eq!(error.reply().unwrap().text(), "good night");
        };
        closing(connection.noop().unwrap_err());
        closing(connection.noop().unwrap_err());
        closing(connection.verify("bob".parse().unwrap()).unwrap_err());
        closing(connection.expand("all".parse().unwrap()).unwrap_err());
        closing(connection.help(None).unwrap_err());
        closing(connection.command("XYZZY".parse().unwrap()).unwrap_err());
        closing(connection.send(to_bob().content("")).unwrap_err());
        closing(connection.send_with(to_bob(), |_| panic!()).unwrap_err());
        closing(connection.begin(to_bob()).unwrap_err());
        assert!(!connection.session().is_reusable());
        closing(connection.quit().unwrap_err());
        peer.join();
    });
}

#[test]
fn m13_a_request_that_cannot_be_made_harms_nothing() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("NOOP", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let error = connection.send(to_bob()).unwrap_err();
        assert!(matches!(error, Error::NoContent), "{error:?}");
        let error = connection.send(from_alice().content("")).unwrap_err();
        let no_recipients = Error::Command(CommandError::NoRecipients);
        assert_eq!(error.to_string(), no_recipients.to_string());
        let error = connection
            .send_with(from_alice(), |_| panic!())
            .unwrap_err();
        assert_eq!(error.to_string(), no_recipients.to_string());
        let error = connection.send(to_bob().content("a\nb")).unwrap_err();
        assert!(matches!(error, Error::Command(CommandError::Content(_))));
        let long = mailbox(&format!("{}@example.net", "a".repeat(65)));
        let error = connection.begin(from_alice().recipient(long)).unwrap_err();
        assert!(matches!(
            error,
            Error::Command(CommandError::LocalPartTooLong(_))
        ));
        connection.noop().unwrap();
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn c_312_replies_to_nothing_end_the_session() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("NOOP", "250 ok\r\n250 and ok again");
            talk.rest();
        });
        let mut connection = peer.connect();
        let error = match connection.noop() {
            Ok(_) => connection.noop().unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(session_error(error).kind(), &ErrorKind::Unsolicited);
        drop(connection);
        peer.join();
    });
}

#[test]
fn m13_errors_print_what_a_person_understands() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "550 5.7.1 not from there");
            talk.turn("NOOP", "421 4.3.2 good night");
        });
        let mut connection = peer.connect();
        let error = connection.begin(from_alice()).map(drop).unwrap_err();
        assert_eq!(
            error.to_string(),
            "refused at MAIL: 550 5.7.1 not from there"
        );
        let error = connection.noop().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server closed the session at a command: 421 4.3.2 good night"
        );
        peer.join();
    });
}
