//! Many messages, one call; and one with which the session ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::cell::Cell;

use crate::adapter::{Connection, Error, smtp_proto};
use crate::common::{
    Peer, Talk, bounded, config, from_alice, lines, mailbox,
    serving::{Seen, Serving, Stage, local, mx},
    session_error, to_bob,
};
use smtp_proto::{
    client::{
        Chunking, CommandError, Config, ErrorKind, Fate, NotSent, Outcome, Phase, Pipelining,
        Transaction,
    },
    server::Rejection,
};

fn message(number: usize) -> Transaction {
    to_bob().content(format!("{number}\r\n"))
}

/// Takes the message of this number, and answers so.
#[track_caller]
fn take(talk: &mut Talk, number: usize, answer: &str) {
    talk.envelope();
    assert_eq!(talk.content(), format!("{number}\r\n").as_bytes());
    talk.say(format!("{answer}\r\n"));
}

fn accepted(sent: &Result<Outcome, Error>) -> bool {
    sent.as_ref().is_ok_and(Outcome::is_complete)
}

#[test]
fn m03_each_of_many_is_told_in_order() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            for number in 0..50 {
                take(&mut talk, number, "250 ok");
            }
            talk.quit();
        });
        let mut connection = peer.connect();
        let mut told = Vec::new();
        let all = (0..50).map(|number| (number, message(number)));
        connection
            .send_all(all, |number, sent| {
                assert!(accepted(&sent), "{sent:?}");
                told.push(number);
            })
            .unwrap();
        assert_eq!(told, Vec::from_iter(0..50));
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m03_a_message_is_taken_when_it_is_of_use() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            for number in 0..10 {
                take(&mut talk, number, "250 ok");
            }
            talk.quit();
        });
        let mut connection = peer.connect();
        let taken = Cell::new(0);
        let mut told = 0;
        let all = (0..10).map(|number| {
            taken.set(number + 1);
            (number, message(number))
        });
        connection
            .send_all(all, |number, sent| {
                assert!(accepted(&sent), "{sent:?}");
                assert_eq!(number, told);
                assert!(
                    taken.get() - told <= 2,
                    "{} taken, {told} told",
                    taken.get()
                );
                told += 1;
            })
            .unwrap();
        assert_eq!(told, 10);
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m04_a_refused_one_is_told_and_the_others_go_on() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            take(&mut talk, 0, "250 ok");
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT", "550 5.1.1 unknown");
            talk.turn("DATA", "503 5.5.1 no");
            take_after_reset(&mut talk, 2, "552 5.3.4 too large");
            take_after_reset(&mut talk, 3, "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let mut told = Vec::new();
        let all = (0..4).map(message).enumerate();
        connection
            .send_all(all, |number, sent| {
                let code = match sent.unwrap().fate() {
                    Fate::Accepted(reply) | Fate::Refused { reply, .. } => reply.code().get(),
                    other => panic!("{other:?}"),
                };
                told.push((number, code));
            })
            .unwrap();
        assert_eq!(told, [(0, 250), (1, 550), (2, 552), (3, 250)]);
        connection.quit().unwrap();
        peer.join();
    });
}

#[track_caller]
fn take_after_reset(talk: &mut Talk, number: usize, answer: &str) {
    talk.turn("RSET", "250 ok");
    take(talk, number, answer);
}

#[test]
fn m22_one_that_cannot_be_tried_is_told_in_its_place() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            take(&mut talk, 1, "250 ok");
            take(&mut talk, 4, "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let all = [
            to_bob(),
            message(1),
            from_alice().content("nobody\r\n"),
            to_bob().content("lone\n"),
            message(4),
            to_bob(),
        ];
        let mut told = Vec::new();
        connection
            .send_all(all.into_iter().enumerate(), |number, sent| {
                assert_eq!(number, told.len());
                told.push(sent);
            })
            .unwrap();
        assert!(matches!(told[0], Err(Error::NoContent)), "{told:?}");
        assert!(accepted(&told[1]), "{told:?}");
        let nobody = &told[2];
        assert!(
            matches!(nobody, Err(Error::Command(CommandError::NoRecipients))),
            "{told:?}"
        );
        assert!(matches!(told[3], Err(Error::Command(_))), "{told:?}");
        assert!(accepted(&told[4]), "{told:?}");
        assert!(matches!(told[5], Err(Error::NoContent)), "{told:?}");
        // Nothing at all is no error.
        let nothing: [((), Transaction); 0] = [];
        connection.send_all(nothing, |(), _| panic!()).unwrap();
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m18_each_that_was_taken_is_told_when_the_session_ends() {
    // At which line of the third message the server closes, and what it says.
    for (heard, farewell) in [(0, ""), (1, ""), (2, ""), (5, ""), (5, "421 bye\r\n")] {
        bounded(move || {
            let peer = Peer::new(move |mut talk| {
                talk.hello(&["PIPELINING"]);
                take(&mut talk, 0, "250 ok");
                take(&mut talk, 1, "250 ok");
                for line in 0..heard {
                    let line_of_data = ["MAIL", "RCPT", "DATA", "2", "."];
                    talk.expect(line_of_data[line]);
                    if line < 3 {
                        talk.say(["250 ok\r\n", "250 ok\r\n", "354 go on\r\n"][line]);
                    }
                }
                talk.say(farewell);
                talk.shut();
                talk.rest();
            });
            let mut connection = peer.connect();
            let mut all = (0..10).map(message).enumerate();
            let mut told = Vec::new();
            let ended = connection.send_all(all.by_ref(), |number, sent| {
                assert_eq!(number, told.len());
                told.push(sent.unwrap());
            });
            let error = session_error(ended.unwrap_err());
            let expected = match farewell {
                "" => ErrorKind::ConnectionLost,
                _ => ErrorKind::Closing,
            };
            assert_eq!(error.kind(), &expected);
            // Every message is with the caller, or was told of.
            let left = all.next().map_or(10, |(number, _)| number);
            assert_eq!(told.len(), left);
            assert!(left < 10, "{told:?}");
            assert!(told[0].is_complete() && told[1].is_complete(), "{told:?}");
            match (told[2].fate(), heard, farewell) {
                (Fate::InDoubt(_), 5, "") => {}
                (Fate::Refused { phase, .. }, 5, _) => assert_eq!(*phase, Phase::EndOfData),
                (Fate::NotSent(NotSent::Session(_)), 0..5, _) => {}
                other => panic!("{other:?}"),
            }
            for outcome in &told[3..] {
                let fate = outcome.fate();
                assert!(
                    matches!(fate, Fate::NotSent(NotSent::Session(_))),
                    "{fate:?}"
                );
            }
            // The next request says so, too.
            let again = connection.send_all(all, |_, _| panic!("taken"));
            session_error(again.unwrap_err());
            drop(connection);
            peer.join();
        });
    }
}

#[test]
fn m03_the_last_of_all_may_be_the_end_of_the_session() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            take(&mut talk, 0, "250 ok");
            talk.envelope();
            talk.content();
            talk.shut();
        });
        let mut connection = peer.connect();
        let mut told = Vec::new();
        connection
            .send_all((0..2).map(message).enumerate(), |_, sent| {
                told.push(sent.unwrap());
            })
            .unwrap();
        assert!(told[0].is_complete());
        assert!(matches!(told[1].fate(), Fate::InDoubt(_)), "{told:?}");
        session_error(connection.noop().unwrap_err());
        peer.join();
    });
}

/// Every way to send many messages.
fn each_setting() -> Vec<Config> {
    let across = config().pipelining(Pipelining::AcrossTransactions);
    vec![
        config().pipelining(Pipelining::Off),
        config(),
        config().chunking(Chunking::WhenAccepted),
        across.clone(),
        across.clone().chunking(Chunking::WhenAccepted),
        across
            .clone()
            .chunking(Chunking::AtOnce)
            .max_unanswered_messages(3),
        across.chunking(Chunking::AtOnce),
    ]
}

/// Refuses nobody.
fn some(stage: Stage, what: &str) -> Result<(), Rejection> {
    match stage {
        Stage::Rcpt if what.contains("nobody") => Err(Rejection::no_such_user()),
        _ => Ok(()),
    }
}

#[test]
fn m03_m04_many_messages_by_every_setting() {
    for config in each_setting() {
        bounded(move || {
            let serving = Serving::start(mx(), local(), some);
            let mut connection =
                Connection::connect("127.0.0.1", serving.address.port(), config).unwrap();
            let all = (0..100).map(|number| {
                let to = if number % 7 == 3 { "nobody" } else { "bob" };
                let to = mailbox(&format!("{to}@example.net"));
                (
                    number,
                    from_alice().recipient(to).content(lines(number * 37)),
                )
            });
            let mut told = 0;
            connection
                .send_all(all, |number, sent| {
                    let outcome = sent.unwrap();
                    assert_eq!(number, told);
                    assert_eq!(outcome.is_complete(), number % 7 != 3, "{outcome:?}");
                    told += 1;
                })
                .unwrap();
            assert_eq!(told, 100);
            assert!(connection.session().is_reusable());
            connection.quit().unwrap();
            let contents = serving.reports.recv().unwrap().into_iter();
            let contents = contents.filter_map(|seen| match seen {
                Seen::Message(_, content) => Some(content),
                _ => None,
            });
            let sent = (0..100).filter(|number| number % 7 != 3);
            assert!(contents.eq(sent.map(|number| lines(number * 37))));
            serving.stop();
        });
    }
}

#[test]
fn m18_each_that_was_taken_is_told_by_every_setting() {
    for config in each_setting() {
        for octets in [0, 1, 20] {
            let config = config.clone();
            bounded(move || {
                let peer = Peer::new(move |mut talk| {
                    talk.hello(&["PIPELINING", "CHUNKING"]);
                    talk.turn("MAIL", "250 ok");
                    talk.swallow(octets);
                });
                let mut connection = peer.open(config).unwrap();
                let mut all = (0..50).map(|n| (n, to_bob().content(lines(100))));
                let mut told = 0;
                let ended = connection.send_all(all.by_ref(), |number, sent| {
                    assert_eq!(number, told);
                    let outcome = sent.unwrap();
                    let fate = outcome.fate();
                    assert!(
                        matches!(fate, Fate::NotSent(_) | Fate::InDoubt(_)),
                        "{fate:?}"
                    );
                    told += 1;
                });
                session_error(ended.unwrap_err());
                let left = all.next().map_or(50, |(number, _)| number);
                assert_eq!(told, left);
                assert!(told > 0);
                drop(connection);
                peer.join();
            });
        }
    }
}

// ---- with the end of the session ----

#[test]
fn c_146_quit_leaves_with_the_content() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.envelope();
            assert_eq!(talk.content(), b"0\r\n");
            talk.expect("QUIT");
            talk.say("250 ok\r\n221 bye\r\n");
            talk.ended();
        });
        let connection = peer.open(config().quit_with_content(true)).unwrap();
        assert!(connection.send_and_quit(message(0)).unwrap().is_complete());
        peer.join();
    });
}

#[test]
fn m03_a_message_and_quit() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            take(&mut talk, 0, "250 ok");
            talk.quit();
        });
        let outcome = peer.connect().send_and_quit(message(0)).unwrap();
        assert!(outcome.is_complete());
        peer.join();
    });
}

#[test]
fn m03_what_is_said_to_quit_changes_nothing() {
    for last in ["", "nonsense\r\n", "554 no\r\n"] {
        bounded(move || {
            let peer = Peer::new(move |mut talk| {
                talk.hello(&["PIPELINING"]);
                take(&mut talk, 0, "250 ok");
                talk.expect("QUIT");
                talk.say(last);
            });
            let outcome = peer.connect().send_and_quit(message(0)).unwrap();
            assert!(outcome.is_complete());
            peer.join();
        });
    }
}

#[test]
fn m22_quit_also_without_a_message() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.quit();
        });
        let error = peer.connect().send_and_quit(to_bob()).unwrap_err();
        assert!(matches!(error, Error::NoContent), "{error:?}");
        peer.join();
    });
}

#[test]
fn m18_a_message_and_quit_in_doubt() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.envelope();
            talk.content();
            talk.shut();
        });
        let outcome = peer.connect().send_and_quit(message(0)).unwrap();
        assert!(matches!(outcome.fate(), Fate::InDoubt(_)), "{outcome:?}");
        peer.join();
    });
}
