//! A server that has had enough in the middle of a large message.
//!
//! Each is tried with content that was given beforehand, and with content that
//! is written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io::{self, Read, Write},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::adapter::{Connection, Error};
use crate::common::{Peer, Talk, bounded, config, session_error, to_bob};
use bytes::Bytes;
use smtp_proto::client::{Config, ErrorKind, Fate, NotSent, Outcome, Phase};

/// More than any socket buffers, so that a server which does not read is felt.
const LARGE: usize = 64 * 1024 * 1024;

fn large() -> Bytes {
    let mut content = "0123456789".repeat(7).into_bytes();
    content.extend_from_slice(b"\r\n");
    content.repeat(LARGE / content.len()).into()
}

type Send = fn(&mut Connection, Bytes) -> Result<Outcome, Error>;

const WAYS: [(&str, Send); 3] = [
    ("given", |connection, content| {
        connection.send(to_bob().content(content))
    }),
    ("written", |connection, content| {
        connection.send_with(to_bob(), |writer| {
            // Pieces of a size that fits nothing.
            for piece in content.chunks(100_003) {
                if !writer.is_wanted() {
                    break;
                }
                writer.write_all(piece)?;
            }
            Ok(())
        })
    }),
    ("in stages", |connection, content| {
        let mut writer = connection.begin(to_bob())?.content()?;
        // Whoever does not ask whether it is wanted can write it all.
        writer.write_all(&content).unwrap();
        assert!(!writer.is_wanted());
        writer.finish()
    }),
];

/// Sends a large message each way to a server that does this when the content
/// begins, and until the client has gone or `over` says that it is over.
fn each_way(
    config: impl Fn() -> Config,
    serve: fn(Talk, &mpsc::Receiver<()>),
    check: impl Fn(&str, Duration, &Outcome),
) {
    let content = large();
    for (way, send) in WAYS {
        let (over, is_over) = mpsc::channel();
        let peer = Peer::new(move |mut talk| {
            talk.hello(&[]);
            talk.envelope();
            serve(talk, &is_over);
        });
        let mut connection = peer.open(config()).unwrap();
        let start = Instant::now();
        let outcome = send(&mut connection, content.clone()).unwrap();
        let took = start.elapsed();
        over.send(()).unwrap_or_default();
        check(way, took, &outcome);
        session_error(connection.noop().unwrap_err());
        drop(connection);
        peer.join();
    }
}

fn refused_early(way: &str, took: Duration, outcome: &Outcome) {
    let Fate::Refused { phase, reply } = outcome.fate() else {
        panic!("{way}: {outcome:?}")
    };
    assert_eq!((*phase, reply.code().get()), (Phase::Content, 552), "{way}");
    assert!(took < Duration::from_secs(2), "{way}: {took:?}");
}

fn timed_out(way: &str, outcome: &Outcome) {
    let Fate::NotSent(NotSent::Session(error)) = outcome.fate() else {
        panic!("{way}: {outcome:?}")
    };
    assert_eq!(error.kind(), &ErrorKind::TimedOut, "{way}");
    assert_eq!(error.phase(), Phase::Content, "{way}");
}

#[test]
fn c_155_m12_a_server_that_refuses_and_reads_no_more() {
    bounded(|| {
        each_way(
            config,
            |mut talk, over| {
                talk.swallow(100_000);
                talk.say("552 5.3.4 too large\r\n");
                over.recv().unwrap();
            },
            refused_early,
        );
    });
}

#[test]
fn c_308_a_server_that_refuses_and_closes() {
    bounded(|| {
        each_way(
            config,
            |mut talk, _| {
                talk.swallow(100_000);
                talk.say("552 5.3.4 too large\r\n");
                // Closed with much unread: a reset, and writing fails.
            },
            refused_early,
        );
    });
}

#[test]
fn c_308_a_server_that_refuses_and_shuts_its_end_but_reads_on() {
    bounded(|| {
        each_way(
            config,
            |mut talk, _| {
                talk.swallow(100_000);
                talk.say("552 5.3.4 too large\r\n");
                talk.shut();
                talk.rest();
            },
            refused_early,
        );
    });
}

#[test]
fn c_312_a_server_that_closes_without_a_word() {
    bounded(|| {
        each_way(
            config,
            |mut talk, _| talk.swallow(100_000),
            |way, _, outcome| {
                let Fate::NotSent(NotSent::Session(error)) = outcome.fate() else {
                    panic!("{way}: {outcome:?}")
                };
                assert_eq!(error.kind(), &ErrorKind::ConnectionLost, "{way}");
                assert!(error.is_transient());
            },
        );
    });
}

fn impatient() -> Config {
    crate::common::with_timeouts(|timeouts| timeouts.content = Duration::from_millis(300))
}

#[test]
fn c_155_c_309_a_server_that_reads_no_more() {
    bounded(|| {
        each_way(
            impatient,
            |talk, over| {
                over.recv().unwrap();
                drop(talk);
            },
            |way, took, outcome| {
                timed_out(way, outcome);
                assert!(took >= Duration::from_millis(300), "{way}: {took:?}");
                assert!(took < Duration::from_secs(3), "{way}: {took:?}");
            },
        );
    });
}

/// A time-out for each block of content: a server that takes a few octets now
/// and then is no better than one that takes none.
#[test]
fn c_123_c_309_a_server_that_trickles() {
    bounded(|| {
        each_way(
            impatient,
            |mut talk, over| {
                let mut octets = [0; 64];
                while over.recv_timeout(Duration::from_millis(5)).is_err() {
                    match talk.stream.read(&mut octets) {
                        Ok(n) if n > 0 => {}
                        _ => return,
                    }
                }
            },
            |way, took, outcome| {
                timed_out(way, outcome);
                assert!(took < Duration::from_secs(5), "{way}: {took:?}");
            },
        );
    });
}

/// The other side of it: a server that is slow, but fast enough for each block,
/// is waited for much longer than the time for one.
#[test]
fn c_123_a_server_that_is_slow_but_goes_on() {
    bounded(|| {
        let length = 16 * 1024 * 1024;
        let peer = Peer::new(move |mut talk| {
            talk.hello(&[]);
            talk.envelope();
            // Nothing for a while, then a lot, again and again.
            for _ in 0..16 {
                thread::sleep(Duration::from_millis(60));
                talk.swallow(length / 16);
            }
            talk.expect(".");
            talk.say("250 ok\r\n");
            talk.quit();
        });
        let config =
            crate::common::with_timeouts(|timeouts| timeouts.content = Duration::from_millis(500));
        let mut connection = peer.open(config).unwrap();
        let content = Bytes::from("0123456789abcd\r\n".repeat(1024 * 1024));
        let start = Instant::now();
        let outcome = connection.send(to_bob().content(content)).unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        assert!(start.elapsed() > Duration::from_millis(900));
        connection.quit().unwrap();
        peer.join();
    });
}

/// C-155: a group of commands that is never read does not block for ever,
/// neither does one whose replies fill every buffer.
#[test]
fn c_155_a_server_that_reads_none_of_the_commands() {
    bounded(|| {
        let (over, is_over) = mpsc::channel::<()>();
        let peer = Peer::new(move |mut talk| {
            talk.hello(&["PIPELINING"]);
            let _ = is_over.recv();
        });
        let config =
            crate::common::with_timeouts(|timeouts| timeouts.mail = Duration::from_millis(200));
        let mut connection = peer.open(config).unwrap();
        let recipients = (0..10_000).map(|n| crate::common::path(&format!("user{n}@example.net")));
        let transaction = crate::common::from_alice()
            .recipients(recipients)
            .content("hi\r\n");
        let outcome = connection.send(transaction).unwrap();
        let Fate::NotSent(NotSent::Session(error)) = outcome.fate() else {
            panic!("{outcome:?}")
        };
        assert_eq!(error.kind(), &ErrorKind::TimedOut);
        assert_eq!(outcome.recipients().len(), 10_000);
        drop(over);
        peer.join();
    });
}

#[test]
fn c_155_a_long_group_to_a_server_that_answers_at_length() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            talk.turn("MAIL", "250 ok");
            let mut line = talk.hear();
            let explanation = format!("250-{}\r\n", "x".repeat(900)).repeat(40);
            while line.starts_with("RCPT") {
                talk.say(&explanation);
                talk.say("250 ok\r\n");
                line = talk.hear();
            }
            assert_eq!(line, "DATA");
            talk.say("354 go on\r\n");
            talk.content();
            talk.say("250 ok\r\n");
            talk.quit();
        });
        let mut connection = peer.connect();
        let recipients = (0..500).map(|n| crate::common::path(&format!("user{n}@example.net")));
        let transaction = crate::common::from_alice()
            .recipients(recipients)
            .content("hi\r\n");
        let outcome = connection.send(transaction).unwrap();
        assert!(outcome.is_complete());
        connection.quit().unwrap();
        peer.join();
    });
}

#[test]
fn m12_a_writer_that_goes_on_after_the_refusal_costs_nothing() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.envelope();
            talk.say("552 5.3.4 too large\r\n");
            talk.rest();
        });
        let mut connection = peer.connect();
        let mut writer = connection.begin(to_bob()).unwrap().content().unwrap();
        while writer.is_wanted() {
            writer
                .write_all(&b"0123456789abcd\r\n".repeat(4096))
                .unwrap();
        }
        // A gigabyte that goes nowhere.
        let start = Instant::now();
        io::copy(&mut io::repeat(b'x').take(1 << 30), &mut writer).unwrap();
        writer.flush().unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
        let outcome = writer.finish().unwrap();
        assert!(
            matches!(outcome.fate(), Fate::Refused { .. }),
            "{outcome:?}"
        );
        drop(connection);
        peer.join();
    });
}
