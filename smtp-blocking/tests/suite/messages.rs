//! Messages: in one call, with content that is written, and in stages.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use crate::adapter::{Connection, Error};
use crate::common::{
    Peer, SHORT, bounded, choppy::Choppy, config, from_alice, hasty, lines, mailbox, path,
    session_error, to_bob,
};
use smtp_proto::client::{
    CommandError, ContentError, ErrorKind, Fate, LineEndings, NotSent, Outcome, Phase,
};

/// A server that takes one message of one recipient, and returns it.
fn taker() -> Peer<Vec<u8>> {
    Peer::new(|mut talk| {
        talk.hello(&["8BITMIME", "SIZE"]);
        talk.envelope();
        let content = talk.content();
        talk.say("250 stored\r\n");
        talk.quit();
        content
    })
}

fn refused_at(outcome: &Outcome) -> (Phase, u16) {
    match outcome.fate() {
        Fate::Refused { phase, reply } => (*phase, reply.code().get()),
        other => panic!("{other:?}"),
    }
}

fn content_error(error: &io::Error) -> ContentError {
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    *error.get_ref().unwrap().downcast_ref().unwrap()
}

// ---- in one call ----

#[test]
fn m03_a_message_in_one_call() {
    bounded(|| {
        let peer = taker();
        let mut connection = peer.connect();
        let outcome = connection.send(to_bob().content(".\r\nhi\r\n")).unwrap();
        assert!(outcome.is_complete());
        assert_eq!(outcome.fate().reply().unwrap().text(), "stored");
        connection.quit().unwrap();
        assert_eq!(peer.join(), b".\r\nhi\r\n");
    });
}

#[test]
fn m03_m05_recipients_are_those_of_the_envelope() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.turn("MAIL FROM:<alice@example.org>", "250 ok");
            talk.turn("RCPT TO:<bob@example.net>", "250 ok");
            talk.turn("RCPT TO:<nobody@example.net>", "550 5.1.1 unknown");
            talk.turn("RCPT TO:<blind@example.net>", "250 ok");
            talk.turn("DATA", "354 go on");
            let content = talk.content();
            talk.say("250 stored\r\n");
            talk.quit();
            content
        });
        let mut connection = peer.connect();
        let content = "To: bob@example.net\r\n\r\nhi\r\n";
        let outcome = connection
            .send(
                to_bob()
                    .recipients([path("nobody@example.net"), path("blind@example.net")])
                    .content(content),
            )
            .unwrap();
        let fates: Vec<_> = outcome.recipients().iter().map(Fate::is_accepted).collect();
        assert_eq!(fates, [true, false, true]);
        connection.quit().unwrap();
        assert_eq!(peer.join(), content.as_bytes());
    });
}

#[test]
fn m04_a_refusal_at_the_last_step_is_an_outcome() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.content();
            talk.say("552 5.3.4 too large\r\n");
            talk.turn("RSET", "250 ok");
            talk.turn("MAIL", "452 4.3.1 full");
            talk.quit();
        });
        let mut connection = peer.connect();
        let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
        assert_eq!(refused_at(&outcome), (Phase::EndOfData, 552));
        // The connection can be used again.
        let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
        assert_eq!(refused_at(&outcome), (Phase::Mail, 452));
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m03_many_messages_over_one_connection() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            for number in 0..50 {
                talk.envelope();
                assert_eq!(talk.content(), format!("{number}\r\n").as_bytes());
                talk.say("250 ok\r\n");
            }
            talk.quit();
        });
        let mut connection = peer.connect();
        for number in 0..50 {
            let outcome = connection.send(to_bob().content(format!("{number}\r\n")));
            assert!(outcome.unwrap().is_complete());
        }
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m22_a_message_too_large_for_the_server_is_not_begun() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["SIZE 10"]);
            talk.quit();
        });
        let mut connection = peer.connect();
        let outcome = connection.send(to_bob().content("12345678901")).unwrap();
        let expected = NotSent::TooLarge {
            size: 13,
            limit: 10,
        };
        assert_eq!(outcome.fate(), &Fate::NotSent(expected));
        let error = connection.begin(to_bob().size(11)).unwrap_err();
        assert!(matches!(error, Error::NotSent(_)), "{error:?}");
        connection.quit().unwrap();
        peer.join();
    });
}

// ---- with content that is written ----

#[test]
fn m04_content_is_written_when_it_is_wanted() {
    bounded(|| {
        let peer = taker();
        let mut connection = peer.connect();
        let content = lines(3_000_000);
        let mut calls = 0;
        let outcome = connection
            .send_with(to_bob(), |writer| {
                calls += 1;
                assert!(writer.is_wanted());
                io::copy(&mut &content[..], writer).map(drop)
            })
            .unwrap();
        assert!(outcome.is_complete());
        assert_eq!(calls, 1);
        connection.quit().unwrap();
        assert!(peer.join() == content);
    });
}

#[test]
fn m04_content_that_nobody_is_to_get_is_not_asked_for() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT", "550 no");
            talk.turn("RSET", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let outcome = connection.send_with(to_bob(), |_| panic!("unwanted"));
        assert_eq!(refused_at(&outcome.unwrap()), (Phase::Rcpt, 550));
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m07_content_is_asked_for_again_for_those_who_did_not_fit() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT TO:<bob@", "250 ok");
            talk.turn("RCPT TO:<carol@", "452 4.5.3 too many");
            talk.turn("DATA", "354 go on");
            let first = talk.content();
            talk.say("250 first\r\n");
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT TO:<carol@", "250 ok");
            talk.turn("DATA", "354 go on");
            let second = talk.content();
            talk.say("250 second\r\n");
            talk.quit();
            (first, second)
        });
        let mut connection = peer.connect();
        let transaction = to_bob().recipient(mailbox("carol@example.net"));
        let mut calls = 0;
        let outcome = connection
            .send_with(transaction, |writer| {
                calls += 1;
                writer.write_all(b"hi\r\n")
            })
            .unwrap();
        assert_eq!(calls, 2);
        let texts: Vec<_> = outcome
            .recipients()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts, ["accepted: 250 first", "accepted: 250 second"]);
        connection.quit().unwrap();
        assert_eq!(peer.join(), (b"hi\r\n".to_vec(), b"hi\r\n".to_vec()));
    });
}

/// What was accepted stays accepted, and is told: a caller that does not know
/// would send it again.
#[test]
fn m04_a_writer_that_fails_the_second_time_does_not_lose_the_first() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT TO:<bob@", "250 ok");
            talk.turn("RCPT TO:<carol@", "452 4.5.3 too many");
            talk.turn("DATA", "354 go on");
            talk.content();
            talk.say("250 first\r\n");
            talk.envelope();
            talk.rest()
        });
        let mut connection = peer.connect();
        let transaction = to_bob().recipient(mailbox("carol@example.net"));
        let mut calls = 0;
        let error = connection
            .send_with(transaction, |writer| {
                calls += 1;
                if calls == 2 {
                    return Err(io::Error::other("the file has gone"));
                }
                writer.write_all(b"hi\r\n")
            })
            .unwrap_err();
        drop(connection);
        assert_eq!(peer.join(), b"");
        let Error::Content { error, outcome } = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.to_string(), "the file has gone");
        let [bob, carol] = outcome.recipients() else {
            panic!("{outcome:?}")
        };
        assert!(bob.is_accepted(), "{bob}");
        assert!(matches!(carol, Fate::NotSent(_)), "{carol}");
    });
}

#[test]
fn m04_a_writer_that_fails_sends_nothing_that_could_be_delivered() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.rest()
        });
        let mut connection = peer.connect();
        let content = lines(200_000);
        let error = connection
            .send_with(to_bob(), |writer| {
                writer.write_all(&content)?;
                Err(io::Error::other("the disk has gone"))
            })
            .unwrap_err();
        assert_eq!(error.to_string(), "no content: the disk has gone");
        let Error::Content { outcome, .. } = error else {
            panic!("{error:?}")
        };
        let Fate::NotSent(NotSent::Session(aborted)) = outcome.fate() else {
            panic!("{outcome:?}")
        };
        assert_eq!(aborted.kind(), &ErrorKind::Aborted);
        // C-163: nothing can be said any more, not even QUIT.
        let error = session_error(connection.quit().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::Aborted);
        let heard = peer.join();
        assert!(!heard.windows(5).any(|window| window == b"\r\n.\r\n"));
        assert!(!heard.ends_with(b"QUIT\r\n"));
    });
}

#[test]
fn m04_content_against_the_policy_is_not_sent() {
    bounded(|| {
        type Check = fn(ContentError) -> bool;
        let cases: [(&[u8], Check); 5] = [
            (b"a\nb", |error| error == ContentError::LoneLf { offset: 1 }),
            (b"a\r", |error| error == ContentError::LoneCr { offset: 1 }),
            (b"\0", |error| error == ContentError::Nul { offset: 0 }),
            (b"\xc3\xa9", |error| error == ContentError::EightBit),
            (&[b'x'; 999], |error| {
                error == ContentError::LineTooLong { offset: 0 }
            }),
        ];
        for (content, check) in cases {
            let peer = Peer::new(|mut talk| {
                talk.hello(&[]);
                talk.envelope();
                talk.rest()
            });
            let mut connection = peer.connect();
            let sent = connection.send_with(to_bob(), |writer| writer.write_all(content));
            match sent.unwrap_err() {
                Error::Content { error, .. } => assert!(check(content_error(&error))),
                other => panic!("{other:?}"),
            }
            drop(connection);
            assert!(!peer.join().ends_with(b"\n"));
        }
    });
}

#[test]
fn m04_content_of_any_system_is_repaired_if_that_is_wanted() {
    bounded(|| {
        let peer = taker();
        let config = config().line_endings(LineEndings::Repair);
        let mut connection = peer.open(config).unwrap();
        let outcome = connection
            .send_with(to_bob(), |writer| {
                // A flush in the middle of a line end does not make two of it.
                for part in ["a\n.b\r", "\nc\r", "d"] {
                    writer.write_all(part.as_bytes())?;
                    writer.flush()?;
                }
                Ok(())
            })
            .unwrap();
        assert!(outcome.is_complete());
        connection.quit().unwrap();
        assert_eq!(peer.join(), b"a\r\n.b\r\nc\r\nd\r\n");
    });
}

// ---- in stages ----

#[test]
fn m04_each_recipient_is_answered_at_once() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING", "SIZE"]);
            talk.turn("MAIL FROM:<alice@example.org> SIZE=1000", "250 ok");
            talk.turn("RCPT TO:<bob@", "250 ok");
            talk.turn("RCPT TO:<nobody@", "550 5.1.1 unknown");
            talk.turn("RCPT TO:<carol@", "251 forwarded");
            talk.turn("DATA", "354 go on");
            let content = talk.content();
            talk.say("250 stored\r\n");
            talk.quit();
            content
        });
        let mut connection = peer.connect();
        let mut message = connection.begin(from_alice().size(1000)).unwrap();
        for (address, code) in [
            ("bob@example.net", 250),
            ("nobody@example.net", 550),
            ("carol@example.net", 251),
        ] {
            let reply = message.rcpt(mailbox(address)).unwrap();
            assert_eq!(reply.code().get(), code, "{address}");
        }
        let mut content = message.content().unwrap();
        assert!(content.is_wanted());
        content.write_all(b"Subject: hi\r\n\r\n").unwrap();
        io::copy(&mut &b"from a reader"[..], &mut content).unwrap();
        let outcome = content.finish().unwrap();
        let fates: Vec<_> = outcome.recipients().iter().map(Fate::is_accepted).collect();
        assert_eq!(fates, [true, false, true]);
        connection.quit().unwrap();
        assert_eq!(peer.join(), b"Subject: hi\r\n\r\nfrom a reader\r\n");
    });
}

#[test]
fn m04_a_refused_sender_leaves_the_connection_usable() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.turn("MAIL", "550 5.7.1 no");
            talk.turn("RCPT", "503 no");
            talk.turn("NOOP", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        match connection.begin(to_bob()).map(drop).unwrap_err() {
            Error::Refused { phase, reply } => {
                assert_eq!((phase, reply.code().get()), (Phase::Mail, 550));
            }
            other => panic!("{other:?}"),
        }
        connection.noop().unwrap();
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m04_when_all_are_refused_what_is_written_is_dropped() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT", "550 no");
            talk.turn("RSET", "250 ok");
            talk.turn("NOOP", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let mut message = connection.begin(from_alice()).unwrap();
        message.rcpt(mailbox("nobody@example.net")).unwrap();
        let mut content = message.content().unwrap();
        assert!(!content.is_wanted());
        content.write_all(&[b'\n'; 100_000]).unwrap();
        content.flush().unwrap();
        let outcome = content.finish().unwrap();
        assert_eq!(refused_at(&outcome), (Phase::Rcpt, 550));
        connection.noop().unwrap();
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m04_a_writer_that_nobody_wants_can_be_dropped() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT", "250 ok");
            talk.turn("DATA", "451 not now");
            talk.turn("RSET", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let content = connection.begin(to_bob()).unwrap().content().unwrap();
        assert!(!content.is_wanted());
        drop(content);
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m04_content_needs_a_recipient() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RSET", "250 ok");
            talk.turn("NOOP", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        let error = connection.begin(from_alice()).unwrap().content();
        let error = error.map(drop).unwrap_err();
        assert!(matches!(error, Error::Command(CommandError::NoRecipients)));
        connection.noop().unwrap();
        connection.quit().unwrap();
        peer.join();
    });
}

/// A writer that is neither finished nor dropped: no request waits for it.
#[test]
fn m04_content_that_was_forgotten_ends_the_session() {
    bounded(|| {
        let noop: fn(Connection) -> Result<(), Error> = |mut one| one.noop().map(drop);
        for request in [noop, Connection::quit] {
            let (told, ended) = std::sync::mpsc::channel();
            let peer = Peer::new(move |mut talk| {
                talk.hello(&[]);
                talk.envelope();
                ended.recv().unwrap();
            });
            let mut connection = peer.connect();
            let mut content = connection.begin(to_bob()).unwrap().content().unwrap();
            content.write_all(b"half of it\r\n").unwrap();
            std::mem::forget(content);
            let error = session_error(request(connection).unwrap_err());
            assert_eq!(*error.kind(), ErrorKind::Aborted);
            told.send(()).unwrap();
            peer.join();
        }
    });
}

#[test]
fn m04_a_dropped_message_is_abandoned() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT", "250 ok");
            talk.turn("RSET", "250 ok");
            talk.envelope();
            assert_eq!(talk.content(), b"other\r\n");
            talk.say("250 ok\r\n");
            talk.quit();
        });
        let mut connection = peer.connect();
        drop(connection.begin(to_bob()).unwrap());
        let outcome = connection.send(to_bob().content("other\r\n")).unwrap();
        assert!(outcome.is_complete());
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m04_quit_ends_a_dropped_message_as_well_as_rset_would() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "250 ok");
            talk.quit();
        });
        let mut connection = peer.connect();
        drop(connection.begin(from_alice()).unwrap());
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m04_content_that_is_dropped_before_its_end_is_not_delivered() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.rest()
        });
        let mut connection = peer.connect();
        let mut content = connection.begin(to_bob()).unwrap().content().unwrap();
        content.write_all(b"half of it\r\n").unwrap();
        content.flush().unwrap();
        drop(content);
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::Aborted);
        drop(connection);
        assert_eq!(peer.join(), b"half of it\r\n");
    });
}

#[test]
fn c_307_a_421_ends_a_message_in_stages() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.turn("MAIL", "250 ok");
            talk.turn("RCPT", "421 4.3.2 good night");
        });
        let mut connection = peer.connect();
        let mut message = connection.begin(from_alice()).unwrap();
        let error = message.rcpt(mailbox("bob@example.net")).unwrap_err();
        assert_eq!(session_error(error).kind(), &ErrorKind::Closing);
        let error = message.rcpt(mailbox("bob@example.net")).unwrap_err();
        assert_eq!(session_error(error).kind(), &ErrorKind::Closing);
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::Closing);
        peer.join();
    });
}

// ---- as a writer ----

#[test]
fn m04_tiny_and_empty_writes_make_the_same_content() {
    bounded(|| {
        let peer = taker();
        let mut connection = peer.connect();
        let content = lines(100_000);
        let outcome = connection
            .send_with(to_bob(), |writer| {
                for octet in &content {
                    assert_eq!(writer.write(&[])?, 0);
                    writer.write_all(std::slice::from_ref(octet))?;
                }
                Ok(())
            })
            .unwrap();
        assert!(outcome.is_complete());
        connection.quit().unwrap();
        assert!(peer.join() == content);
    });
}

#[test]
fn m04_empty_content() {
    bounded(|| {
        let peer = taker();
        let mut connection = peer.connect();
        let outcome = connection.send_with(to_bob(), |writer| writer.flush());
        assert!(outcome.unwrap().is_complete());
        connection.quit().unwrap();
        assert_eq!(peer.join(), b"");
    });
}

#[test]
fn m04_one_write_does_not_take_more_than_it_can_hold() {
    bounded(|| {
        let peer = taker();
        let mut connection = peer.connect();
        let content = lines(5_000_000);
        let outcome = connection
            .send_with(to_bob(), |writer| {
                let n = writer.write(&content)?;
                assert!(n > 0 && n < 1_000_000, "{n}");
                writer.write_all(&content[n..])
            })
            .unwrap();
        assert!(outcome.is_complete());
        connection.quit().unwrap();
        assert!(peer.join() == content);
    });
}

/// `flush` promises that what was written is on its way.
#[test]
fn m04_a_flush_reaches_the_server() {
    bounded(|| {
        let (flushed, gate) = std::sync::mpsc::channel::<()>();
        let peer = Peer::new(move |mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.expect("first");
            flushed.send(()).unwrap();
            talk.expect("second");
            talk.expect(".");
            talk.say("250 ok\r\n");
            talk.quit();
        });
        let mut connection = peer.connect();
        let outcome = connection.send_with(to_bob(), |writer| {
            writer.write_all(b"first\r\n")?;
            writer.flush()?;
            let heard = gate.recv_timeout(Duration::from_secs(5));
            heard.map_err(|_| io::Error::other("the server has not heard it"))?;
            writer.write_all(b"second\r\n")
        });
        assert!(outcome.unwrap().is_complete());
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn c_123_a_caller_that_takes_its_time_is_no_server_that_does() {
    bounded(|| {
        let peer = taker();
        // A stream that takes little at a time leaves something to be sent.
        let stream = Choppy::new(peer.stream(), 1000);
        let mut connection = Connection::open(stream, hasty(SHORT * 3)).unwrap();
        let block = lines(32 * 1024);
        let mut expected = Vec::new();
        let outcome = connection
            .send_with(to_bob(), |writer| {
                for _ in 0..6 {
                    writer.write_all(&block)?;
                    expected.extend_from_slice(&block);
                    // Longer than the server may take for a block.
                    thread::sleep(SHORT * 4);
                }
                Ok(())
            })
            .unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        connection.quit().unwrap();
        assert!(peer.join() == expected);
    });
}

#[test]
fn m13_a_writer_after_its_end_is_an_error() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.rest()
        });
        let mut connection = peer.connect();
        let mut content = connection.begin(to_bob()).unwrap().content().unwrap();
        content.write_all(b"\n").unwrap();
        let error = content.flush().unwrap_err();
        assert_eq!(content_error(&error), ContentError::LoneLf { offset: 0 });
        assert!(!content.is_wanted());
        let error = content.write(b"more").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let outcome = content.finish().unwrap();
        assert!(matches!(outcome.fate(), Fate::NotSent(NotSent::Session(_))));
        drop(connection);
        assert_eq!(peer.join(), b"");
    });
}

#[test]
fn m13_content_that_ends_against_the_policy_is_told_by_finish() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.rest()
        });
        let mut connection = peer.connect();
        let mut content = connection.begin(to_bob()).unwrap().content().unwrap();
        content.write_all(b"hi\r").unwrap();
        let Error::Content { error, outcome } = content.finish().unwrap_err() else {
            panic!()
        };
        assert_eq!(content_error(&error), ContentError::LoneCr { offset: 2 });
        assert!(matches!(outcome.fate(), Fate::NotSent(NotSent::Session(_))));
        drop(connection);
        assert!(!peer.join().ends_with(b".\r\n"));
    });
}

/// Content that was given and content that is written: one would be lost.
#[test]
fn m04_content_is_given_or_written_and_not_both() {
    bounded(|| {
        let peer = taker();
        let mut connection = peer.open(config()).unwrap();
        let given = || to_bob().content("given\r\n");
        let error = connection.begin(given()).unwrap_err();
        assert!(matches!(error, Error::HasContent) && error.is_harmless());
        let error = connection
            .send_with(given(), |_| unreachable!())
            .unwrap_err();
        assert!(matches!(error, Error::HasContent));
        let error = connection.send(to_bob()).unwrap_err();
        assert!(matches!(error, Error::NoContent));
        assert!(connection.send(given()).unwrap().is_complete());
        connection.quit().unwrap();
    });
}

/// A server that ends the session at any stage: the error says that it has
/// ended, not that the request was a wrong one.
#[test]
fn m04_the_end_of_the_session_is_told_in_every_stage() {
    bounded(|| {
        for stage in 0..3 {
            let peer = Peer::new(move |mut talk| {
                talk.hello(&[]);
                let answers = ["MAIL", "RCPT", "DATA"];
                for (index, command) in answers.into_iter().enumerate() {
                    if index == stage {
                        talk.turn(command, "421 bye");
                        return;
                    }
                    talk.turn(command, "250 ok");
                }
            });
            let mut connection = peer.open(config()).unwrap();
            let sender = smtp_proto::client::Transaction::new(mailbox("alice@example.org"));
            let error = connection.begin(sender).and_then(|mut message| {
                message.rcpt(mailbox("bob@example.net"))?;
                message.content()?.finish()
            });
            match error {
                Err(error) => {
                    assert!(matches!(error, Error::Session { .. }), "{stage}: {error:?}");
                    assert!(!error.is_harmless() && error.phase().is_some());
                }
                Ok(outcome) => {
                    assert_eq!(stage, 2);
                    assert!(matches!(outcome.fate(), Fate::NotSent(NotSent::Session(_))));
                }
            }
            assert!(!connection.noop().unwrap_err().is_harmless());
        }
    });
}
