//! Our client and our server, over sockets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io::{self, Write},
    thread,
};

use crate::adapter::{Connection, smtp_proto};
use crate::common::{
    bounded, config, from_alice, joined, lines, mailbox,
    serving::{Seen, Serving, Stage, YES, local, mx},
    session_error, to_bob,
};
use smtp_proto::{
    client::{Config, ErrorKind, Fate, NotSent, Phase, Pipelining},
    server::{LoneLineEndings, Rejection},
};

fn client(serving: &Serving, config: Config) -> Connection {
    Connection::connect("127.0.0.1", serving.address.port(), config).unwrap()
}

/// The messages of a session, in order.
fn messages(seen: Vec<Seen>) -> Vec<Vec<u8>> {
    seen.into_iter()
        .filter_map(|seen| match seen {
            Seen::Message(_, content) => Some(content),
            _ => None,
        })
        .collect()
}

/// With pipelining and without, on either side.
fn each_way(test: fn(&Serving, Config)) {
    for offered in [true, false] {
        for pipelining in [Pipelining::WithinTransaction, Pipelining::Off] {
            let serving = Serving::start(mx().pipelining(offered), local(), YES);
            let config = config().pipelining(pipelining);
            test(&serving, config);
            serving.stop();
        }
    }
}

#[test]
fn m03_many_messages() {
    bounded(|| {
        each_way(|serving, config| {
            let mut connection = client(serving, config);
            let contents: Vec<Vec<u8>> = (0..200).map(|n| lines(n * 37)).collect();
            for content in &contents {
                let outcome = connection.send(to_bob().content(content.clone())).unwrap();
                assert!(outcome.is_complete(), "{outcome:?}");
            }
            assert!(connection.session().is_reusable());
            connection.quit().unwrap();
            let seen = serving.reports.recv().unwrap();
            assert!(messages(seen) == contents);
        });
    });
}

#[test]
fn m04_a_large_message_octet_by_octet_the_same() {
    bounded(|| {
        let content = lines(20 * 1024 * 1024);
        let serving = Serving::new(YES);
        let mut connection = client(&serving, config());
        let outcome = connection.send(to_bob().content(content.clone())).unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        let outcome = connection
            .send_with(to_bob().size(content.len() as u64), |writer| {
                io::copy(&mut &content[..], writer).map(drop)
            })
            .unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        connection.quit().unwrap();
        let received = messages(serving.reports.recv().unwrap());
        assert!(received == [content.clone(), content]);
        serving.stop();
    });
}

#[test]
fn m29_dots_wherever_they_stand() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut connection = client(&serving, config());
        let contents = [
            ".\r\n",
            "..\r\n",
            ".\r\n.\r\n.\r\n",
            ".a\r\n\r\n.\r\nb\r\n",
            "a.\r\n",
            "\r\n.\r\n",
            "\r\n",
            "",
        ];
        for content in contents {
            // At once, and octet by octet.
            connection.send(to_bob().content(content)).unwrap();
            let outcome = connection.send_with(to_bob(), |writer| {
                content.bytes().try_for_each(|octet| {
                    writer.write_all(&[octet])?;
                    writer.flush()
                })
            });
            assert!(outcome.unwrap().is_complete());
        }
        connection.quit().unwrap();
        let received = messages(serving.reports.recv().unwrap());
        let expected: Vec<_> = contents.iter().flat_map(|&text| [text, text]).collect();
        assert_eq!(received.len(), expected.len());
        for (received, expected) in received.iter().zip(expected) {
            assert_eq!(received, expected.as_bytes());
        }
        serving.stop();
    });
}

#[test]
fn m03_every_octet_that_content_may_have() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut connection = client(&serving, config());
        let all: Vec<u8> = (1..=255).filter(|octet| !b"\r\n".contains(octet)).collect();
        let content = [&all[..], b"\r\n"].concat();
        let outcome = connection.send(to_bob().content(content.clone())).unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        connection.quit().unwrap();
        assert_eq!(messages(serving.reports.recv().unwrap()), [content]);
        serving.stop();
    });
}

#[test]
fn m07_more_recipients_than_the_server_takes() {
    bounded(|| {
        each_way(|_, config| {
            let serving = Serving::start(mx().max_recipients(100), local(), YES);
            let mut connection = client(&serving, config);
            let recipients = (0..250).map(|n| mailbox(&format!("user{n}@example.net")));
            let transaction = from_alice().recipients(recipients).content("hi\r\n");
            let outcome = connection.send(transaction).unwrap();
            assert!(outcome.is_complete(), "{outcome:?}");
            connection.quit().unwrap();
            let mut all = Vec::new();
            for seen in serving.reports.recv().unwrap() {
                if let Seen::Message(recipients, _) = seen {
                    assert!(recipients.len() <= 100);
                    all.extend(recipients);
                }
            }
            let expected: Vec<_> = (0..250).map(|n| format!("<user{n}@example.net>")).collect();
            assert_eq!(all, expected);
            serving.stop();
        });
    });
}

#[test]
fn m04_in_stages_with_a_refusal_in_the_middle() {
    bounded(|| {
        let serving = Serving::new(|stage, text| match stage {
            Stage::Rcpt if text.contains("nobody") => Err(Rejection::no_such_user()),
            _ => Ok(()),
        });
        let mut connection = client(&serving, config());
        let mut message = connection.begin(from_alice()).unwrap();
        for (name, code) in [("bob", 250), ("nobody", 550), ("carol", 250)] {
            let reply = message
                .rcpt(mailbox(&format!("{name}@example.net")))
                .unwrap();
            assert_eq!(reply.code().get(), code);
        }
        let mut content = message.content().unwrap();
        content.write_all(b"hi\r\n").unwrap();
        let outcome = content.finish().unwrap();
        let texts: Vec<_> = outcome
            .recipients()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts[0], "accepted: 250 2.0.0 stored");
        assert!(
            texts[1].starts_with("refused at RCPT: 550 5.1.1"),
            "{}",
            texts[1]
        );
        assert_eq!(texts[2], texts[0]);
        connection.quit().unwrap();
        let seen = serving.reports.recv().unwrap();
        let recipients = ["<bob@example.net>", "<carol@example.net>"].map(str::to_owned);
        assert_eq!(
            seen.last(),
            Some(&Seen::Message(recipients.into(), b"hi\r\n".into()))
        );
        serving.stop();
    });
}

#[test]
fn m04_m22_a_message_larger_than_the_server_takes() {
    bounded(|| {
        let config_of_server = mx().max_message_size(Some(100_000));
        let serving = Serving::start(config_of_server, local(), YES);
        let mut connection = client(&serving, config());
        // Known beforehand: not begun.
        let content = lines(1_000_000);
        let outcome = connection.send(to_bob().content(content.clone())).unwrap();
        assert!(matches!(
            outcome.fate(),
            Fate::NotSent(NotSent::TooLarge { .. })
        ));
        // Not known: the server says so at the end.
        let outcome = connection
            .send_with(to_bob(), |writer| writer.write_all(&content))
            .unwrap();
        let Fate::Refused { phase, reply } = outcome.fate() else {
            panic!("{outcome:?}")
        };
        assert_eq!((*phase, reply.code().get()), (Phase::EndOfData, 552));
        connection.quit().unwrap();
        serving.stop();
    });
}

#[test]
fn s_090_line_ends_that_the_client_does_not_see_to_are_refused_or_repaired() {
    bounded(|| {
        // Our client never sends one: this is the server's own.
        for (policy, code) in [
            (LoneLineEndings::Refuse, "554"),
            (LoneLineEndings::Repair, "250"),
        ] {
            let serving = Serving::start(mx().lone_line_endings(policy), local(), YES);
            let mut talk = crate::common::Talk::connect(serving.address);
            talk.say("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n");
            talk.say("a\nb\n.\r\nc\r\n.\r\nQUIT\r\n");
            let heard = String::from_utf8(talk.rest()).unwrap();
            let reply = heard.lines().nth(5).unwrap();
            assert!(reply.starts_with(code), "{heard}");
            drop(talk);
            serving.stop();
        }
    });
}

#[test]
fn m24_several_clients_of_ours_at_once() {
    bounded(|| {
        let serving = Serving::new(YES);
        let port = serving.address.port();
        let clients: Vec<_> = (0..8)
            .map(|number| {
                thread::spawn(move || {
                    for _ in 0..5 {
                        let mut connection =
                            Connection::connect("127.0.0.1", port, config()).unwrap();
                        for _ in 0..5 {
                            let content = format!("{number}\r\n").repeat(10_000);
                            let outcome = connection.send(to_bob().content(content)).unwrap();
                            assert!(outcome.is_complete());
                        }
                        connection.quit().unwrap();
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| joined(client.join()));
        let reports = serving.stop();
        assert_eq!(reports.len(), 40);
        for seen in reports {
            let contents = messages(seen);
            assert_eq!(contents.len(), 5);
            assert!(contents.iter().all(|content| *content == contents[0]));
            assert_eq!(contents[0].len(), 30_000);
        }
    });
}

#[test]
fn s_206_our_client_at_a_server_that_is_full() {
    bounded(|| {
        let serving = Serving::start(mx(), local().max_connections(0), YES);
        let error = Connection::connect("127.0.0.1", serving.address.port(), config());
        let error = session_error(error.unwrap_err());
        assert_eq!(
            (error.kind(), error.phase()),
            (&ErrorKind::Closing, Phase::Greeting)
        );
        assert!(error.is_transient());
        serving.stop();
    });
}

#[test]
fn s_009_our_client_at_a_server_that_shuts_down() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut connection = client(&serving, config());
        connection.noop().unwrap();
        serving.stop();
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(error.kind(), &ErrorKind::Closing);
    });
}
