//! Sessions that end early: 421, end of file, a transport that takes no more,
//! and peers that do not follow the protocol. Every message has one fate.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{CONTENT, Talk, config, hello, message, transaction};
use smtp_proto::client::{CommandError, ErrorKind, Phase, Pipelining};

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

const ACCEPTED: &str = "250 taken\r\n";

/// Three messages: one whose second recipient is refused, one that is refused
/// at MAIL, one with streamed content; and QUIT.
fn start(pipelining: Pipelining) -> Talk {
    let mut config = config();
    config = config.pipelining(pipelining);
    let mut talk = Talk::new(config);
    talk.session.send(message(&["bob", "no"])).unwrap();
    talk.session.send(message(&["bad"])).unwrap();
    talk.session.send(transaction(&["carol", "dave"])).unwrap();
    talk.session.quit().unwrap();
    talk
}

/// Gives streamed content when it is wanted.
fn stream(talk: &mut Talk) {
    if let Some(body) = talk.session.body() {
        body.write("a\r\n.b").unwrap();
        talk.session.body().unwrap().finish().unwrap();
    }
}

/// The whole dialogue, in flights.
fn dialogue(pipelining: Pipelining) -> Vec<(Side, Vec<u8>)> {
    let mut talk = start(pipelining);
    let opening = hello(&["PIPELINING", "8BITMIME"]);
    let mut flights = Vec::new();
    let mut answer = b"220 mx\r\n".to_vec();
    let mut mails = 0;
    let mut in_content = false;
    loop {
        talk.say(&answer);
        flights.push((Side::Server, answer));
        stream(&mut talk);
        let out = talk.out();
        if out.is_empty() {
            assert_eq!(talk.events().last().unwrap(), "closed");
            return flights;
        }
        let mut answers = String::new();
        for line in out.lines() {
            let refused = mails == 2;
            answers += match line.split([' ', ':']).next().unwrap() {
                "." => {
                    in_content = false;
                    ACCEPTED
                }
                _ if in_content => "",
                "EHLO" => &opening,
                "MAIL" => {
                    mails += 1;
                    if mails == 2 {
                        "550 not you\r\n"
                    } else {
                        "250-ok\r\n250 ok\r\n"
                    }
                }
                "RCPT" | "DATA" if refused => "503 MAIL first\r\n",
                "RCPT" if line.contains("no@") => "550 no\r\n",
                "DATA" => {
                    in_content = true;
                    "354 go\r\n"
                }
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
        }
        flights.push((Side::Client, out.into_bytes()));
        answer = answers.into_bytes();
    }
}

/// What went over the wire before the end.
#[derive(Default)]
struct Sent {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Sent {
    /// How many contents have left in full.
    fn contents(&self) -> usize {
        let text = String::from_utf8_lossy(&self.client);
        text.matches("\r\n.\r\n").count()
    }

    fn taken(&self) -> usize {
        String::from_utf8_lossy(&self.server)
            .matches(ACCEPTED)
            .count()
    }

    fn refused_mail(&self) -> bool {
        String::from_utf8_lossy(&self.server).contains("550 not you\r\n")
    }
}

/// Replays the first `octets` of the dialogue.
fn replay(flights: &[(Side, Vec<u8>)], octets: usize, pipelining: Pipelining) -> (Talk, Sent) {
    let mut talk = start(pipelining);
    let mut sent = Sent::default();
    let mut left = octets;
    for (side, flight) in flights {
        let part = &flight[..left.min(flight.len())];
        left -= part.len();
        if part.is_empty() {
            break;
        }
        match side {
            Side::Server => {
                sent.server.extend(part);
                talk.say(part);
                stream(&mut talk);
            }
            Side::Client => {
                let octets = talk.send(part.len());
                assert_eq!(octets, part);
                sent.client.extend(octets);
            }
        }
    }
    (talk, sent)
}

/// The fates of the three messages, as far as they are bound to be.
#[track_caller]
fn check(talk: &mut Talk, sent: &Sent, by_421: bool, name: &str) {
    let events = talk.events();
    for number in 1..=3 {
        let finished = format!("m{number} finished");
        let all: Vec<&String> = events.iter().filter(|event| **event == finished).collect();
        assert_eq!(all.len(), 1, "{name}: {events:?}");
    }
    let fate = |prefix: &str| {
        let starts = |event: &&String| {
            event.strip_prefix(prefix).is_some_and(|rest| {
                ["accepted", "refused", "not sent", "in doubt"]
                    .iter()
                    .any(|fate| rest.starts_with(fate))
            })
        };
        let found: Vec<&String> = events.iter().filter(starts).collect();
        assert_eq!(found.len(), 1, "{name}: {prefix} {events:?}");
        found[0].strip_prefix(prefix).unwrap().to_owned()
    };
    let of_content = |number: usize| {
        if sent.taken() >= number {
            "accepted: "
        } else if sent.contents() < number {
            "not sent: "
        } else if by_421 {
            "refused at the end of the content: 421"
        } else {
            "in doubt: "
        }
    };
    for (prefix, number) in [("m1 to1 ", 1), ("m3 to1 ", 2), ("m3 to2 ", 2)] {
        let fate = fate(prefix);
        assert!(
            fate.starts_with(of_content(number)),
            "{name}: {prefix} {fate}"
        );
    }
    let mail = fate("m2 to1 ");
    let expected = if sent.refused_mail() {
        "refused at MAIL"
    } else {
        "not sent: "
    };
    assert!(mail.starts_with(expected), "{name}: {mail}");
    let second = fate("m1 to2 ");
    assert!(
        second.starts_with("refused at RCPT: 550") || second.starts_with("not sent: "),
        "{name}: {second}"
    );
}

fn each_place(mut visit: impl FnMut(Talk, Sent, &str)) {
    for pipelining in [Pipelining::Off, Pipelining::WithinTransaction] {
        let flights = dialogue(pipelining);
        let total: usize = flights.iter().map(|(_, flight)| flight.len()).sum();
        for octets in 0..=total {
            let (talk, sent) = replay(&flights, octets, pipelining);
            let name = format!("{pipelining:?}, {octets} octets");
            visit(talk, sent, &name);
        }
    }
}

#[test]
fn c_112_c_113_end_of_file_at_every_octet() {
    each_place(|mut talk, sent, name| {
        let quits = sent.client.ends_with(b"QUIT\r\n") || sent.client.ends_with(b"QUIT\r");
        talk.eof();
        check(&mut talk, &sent, false, name);
        match &talk.error {
            Some(error) => assert_eq!(*error.kind(), ErrorKind::ConnectionLost, "{name}"),
            None => assert!(quits || sent.taken() == 2, "{name}"),
        }
        assert_eq!(talk.remaining(), None);
    });
}

#[test]
fn c_114_c_115_421_at_every_place() {
    each_place(|mut talk, sent, name| {
        if sent.server.last().is_some_and(|&octet| octet != b'\n')
            || sent.server.ends_with(b"250-mx.example.net\r\n")
            || sent.server.ends_with(b"250-PIPELINING\r\n")
            || sent.server.ends_with(b"250-ok\r\n")
        {
            return;
        }
        talk.say("421-all\r\n421 bye\r\n");
        talk.say("250 ok\r\n");
        talk.eof();
        check(&mut talk, &sent, true, name);
        if let Some(error) = &talk.error {
            assert_eq!(*error.kind(), ErrorKind::Closing, "{name}");
            assert!(error.is_transient());
            assert_eq!(talk.out(), "", "{name}");
        }
    });
}

#[test]
fn writing_fails_at_every_octet() {
    each_place(|mut talk, sent, name| {
        talk.session.handle_write_closed(talk.now);
        stream(&mut talk);
        assert_eq!(talk.out(), "", "{name}");
        // What the server had said before is read, and nothing is sent for it.
        talk.eof();
        assert_eq!(talk.out(), "", "{name}");
        check(&mut talk, &sent, false, name);
    });
    each_place(|mut talk, sent, name| {
        if sent.server.last().is_some_and(|&octet| octet != b'\n')
            || sent.server.ends_with(b"250-mx.example.net\r\n")
            || sent.server.ends_with(b"250-PIPELINING\r\n")
            || sent.server.ends_with(b"250-ok\r\n")
        {
            return;
        }
        talk.session.handle_write_closed(talk.now);
        talk.say("421 bye\r\n");
        talk.eof();
        assert_eq!(talk.out(), "", "{name}");
        check(&mut talk, &sent, true, name);
    });
}

#[test]
fn writing_failed_and_the_server_had_answered() {
    // Nothing is sent any more, whatever the answer would have led to.
    let mut talk = Talk::new(config());
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.handle_write_closed(talk.now);
    talk.exchange("220 x\r\n", "");
    talk.say("250 x\r\n");
    assert_eq!(
        talk.fates(),
        ["m1 to1 not sent: a reply to nothing at EHLO: 250 x"]
    );

    let mut talk = Talk::new(config());
    talk.say("220 x\r\n");
    talk.out();
    talk.session.handle_write_closed(talk.now);
    talk.exchange("500 x\r\n", "");
    talk.eof();
    assert_eq!(talk.out(), "");

    // DATA was refused: no RSET. DATA was accepted: no content, no dot.
    for (rcpt, data, fate) in [
        ("250 x", "550 x", "m1 to1 refused at DATA: 550 x"),
        (
            "250 x",
            "354 x",
            "m1 to1 not sent: connection lost in the content",
        ),
        ("550 y", "354 x", "m1 to1 refused at RCPT: 550 y"),
        ("550 y", "503 x", "m1 to1 refused at RCPT: 550 y"),
    ] {
        let mut talk = Talk::open(config(), &["PIPELINING"]);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        talk.session.handle_write_closed(talk.now);
        talk.exchange(&format!("250 x\r\n{rcpt}\r\n{data}\r\n"), "");
        talk.eof();
        assert_eq!(talk.out(), "");
        let fates = talk.fates();
        assert!(fates.len() == 1 && fates[0].starts_with(fate), "{fates:?}");
    }

    // The content was sent, and its answer is on the way.
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["carol"])).unwrap();
    talk.out();
    talk.exchange("250 x\r\n250 x\r\n354 x\r\n", CONTENT);
    talk.session.handle_write_closed(talk.now);
    talk.exchange("250 taken\r\n", "");
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 taken"]);
    talk.eof();
    assert_eq!(
        talk.fates(),
        ["m2 to1 not sent: connection lost between commands"]
    );
}

#[test]
fn writing_failed_and_the_server_refuses_the_session() {
    for answers in [&["554 no\r\n"][..], &["220 x\r\n", "550 no\r\n"]] {
        let mut talk = Talk::new(config());
        talk.session.send(message(&["bob"])).unwrap();
        for (index, answer) in answers.iter().enumerate() {
            if index + 1 == answers.len() {
                talk.session.handle_write_closed(talk.now);
            }
            talk.say(answer);
            if index + 1 < answers.len() {
                talk.out();
            }
        }
        // Nor is it told QUIT.
        assert_eq!(talk.out(), "");
        talk.events();
        assert_eq!(*talk.error.unwrap().kind(), ErrorKind::Refused);
    }
}

#[test]
fn c_113_only_who_was_accepted_is_in_doubt() {
    let mut talk = Talk::open(config(), &[]);
    talk.session
        .send(message(&["bob", "no", "full", "waiting"]))
        .unwrap();
    for answer in ["250 x", "250 x", "550 no", "452 full", "354 x"] {
        talk.out();
        talk.say(format!("{answer}\r\n"));
    }
    assert_eq!(talk.out(), CONTENT);
    talk.eof();
    let lost = "connection lost at the end of the content";
    assert_eq!(
        talk.fates(),
        [
            format!("m1 to1 in doubt: {lost}"),
            "m1 to2 refused at RCPT: 550 no".into(),
            format!("m1 to3 not sent: {lost}"),
            format!("m1 to4 not sent: {lost}"),
        ]
    );
}

#[test]
fn writing_failed_in_the_content_and_the_reason_is_read() {
    for (answer, fate) in [
        (
            "552 too large\r\n",
            "m1 to1 refused in the content: 552 too large",
        ),
        ("451 disk\r\n", "m1 to1 refused in the content: 451 disk"),
        (
            "421 bye\r\n",
            "m1 to1 not sent: the server closed the session in the content: 421 bye",
        ),
        (
            "250 ok\r\n",
            "m1 to1 not sent: a reply to nothing in the content: 250 ok",
        ),
    ] {
        let content = "0123456789\r\n".repeat(20_000);
        let mut talk = Talk::open(config(), &["PIPELINING"]);
        talk.session
            .send(transaction(&["bob"]).content(content))
            .unwrap();
        talk.out();
        talk.say("250 x\r\n250 x\r\n354 x\r\n");
        talk.send(100_000);
        talk.session.handle_write_closed(talk.now);
        assert!(talk.session.body().is_none());
        talk.say(answer);
        assert_eq!(talk.fates(), [fate]);
    }
}

#[test]
fn c_112_an_early_552_while_content_is_on_its_way() {
    for streamed in [false, true] {
        for written in [false, true] {
            let content = "0123456789\r\n".repeat(5000);
            let made = transaction(&["bob", "carol"]);
            let made = if streamed {
                made
            } else {
                made.content(content.clone())
            };
            let mut talk = Talk::open(config(), &["PIPELINING"]);
            talk.session.send(made).unwrap();
            talk.session.send(message(&["dave"])).unwrap();
            talk.out();
            talk.say("250 x\r\n250 x\r\n550 x\r\n354 x\r\n");
            if streamed {
                talk.session.body().unwrap().write(content).unwrap();
            }
            let taken = talk.send(if written && streamed {
                usize::MAX
            } else {
                10_000
            });
            assert!(!taken.is_empty());
            assert_eq!(talk.session.phase(), Phase::Content);
            talk.say("552-5.3.4 too\r\n552 5.3.4 large\r\n");
            // The server would take QUIT for content.
            assert_eq!(talk.out(), "");
            assert!(talk.session.body().is_none());
            assert_eq!(
                talk.fates(),
                [
                    "m1 to1 refused in the content: 552 5.3.4 too / 5.3.4 large",
                    "m1 to2 refused at RCPT: 550 x",
                    "m2 to1 not sent: refused in the content: 552 5.3.4 too / 5.3.4 large",
                ]
            );
            assert!(talk.error.unwrap().is_transient());
        }
    }
}

/// A session in each state, with the name of it.
fn each_state(mut visit: impl FnMut(Talk, &str)) {
    let answers = [
        "220 x\r\n",
        "500 x\r\n",
        "250 x\r\n",
        "250 x\r\n",
        "250 x\r\n",
        "250 x\r\n",
        "550 x\r\n",
        "354 x\r\n",
    ];
    let names = [
        "greeting", "EHLO", "HELO", "NOOP", "MAIL", "RCPT", "RCPT", "DATA", "content", "end",
        "idle", "RSET", "QUIT",
    ];
    for (target, name) in names.iter().enumerate() {
        let mut talk = Talk::new(config());
        talk.session.noop().unwrap();
        talk.session.send(transaction(&["bob", "carol"])).unwrap();
        for answer in answers.iter().take(target) {
            talk.out();
            talk.say(answer);
        }
        talk.out();
        if target >= 8 {
            assert_eq!(talk.session.phase(), Phase::Content);
            talk.session.body().unwrap().write("x").unwrap();
            talk.out();
        }
        if target >= 9 {
            talk.session.body().unwrap().finish().unwrap();
            talk.out();
        }
        if target >= 10 {
            talk.say("250 x\r\n");
        }
        if target == 11 {
            talk.session.mail(transaction(&[])).unwrap();
            talk.out();
            talk.say("250 x\r\n");
            talk.session.reset().unwrap();
            talk.out();
        }
        if target == 12 {
            talk.session.quit().unwrap();
            talk.out();
        }
        talk.events();
        visit(talk, name);
    }
}

#[test]
fn every_state_has_an_end() {
    let errors = [
        (&b"\0\x01garbage\r\n"[..], "malformed"),
        (b"HTTP/1.1 200 OK\r\n", "malformed"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "malformed"),
        (b"250x\r\n", "malformed"),
        (b"25\r\n", "malformed"),
        (b"\n", "malformed"),
        (b"999 x\r\n", "unexpected"),
        (b"120 x\r\n", "unexpected"),
        (b"", "lost"),
        (b"421 x\r\n", "closing"),
    ];
    for (octets, what) in errors {
        each_state(|mut talk, name| {
            let open = !matches!(name, "idle" | "RSET" | "QUIT");
            talk.session.handle_input(octets, talk.now);
            let events = talk.events();
            if name == "QUIT" {
                assert_eq!(events, ["closed"]);
                return;
            }
            let finished = events
                .iter()
                .filter(|event| event.ends_with("finished"))
                .count();
            assert_eq!(finished, usize::from(open), "{name}: {events:?}");
            let error = talk.error.clone().unwrap();
            let unsolicited = what == "unexpected" && matches!(name, "idle" | "content");
            match (what, error.kind()) {
                ("unexpected", ErrorKind::Unsolicited) if unsolicited => {}
                ("unexpected", ErrorKind::Unexpected) if !unsolicited => {}
                ("malformed", ErrorKind::Malformed(_)) => {}
                ("lost", ErrorKind::ConnectionLost) => {}
                ("closing", ErrorKind::Closing) => {}
                (_, kind) => panic!("{name}: {kind:?} for {what}"),
            }
            assert_eq!(talk.out(), "", "{name}: no farewell to {what}");
            let in_doubt = events.iter().any(|event| event.contains("in doubt"));
            assert_eq!(in_doubt, name == "end" && what != "closing", "{events:?}");
            // The error is final: it repeats, and nothing can be asked for.
            for _ in 0..3 {
                talk.say("250 ok\r\n");
                talk.eof();
                talk.session.handle_timeout(talk.now);
                talk.session.handle_transmitted(9, talk.now);
                talk.session.handle_write_closed(talk.now);
                assert_eq!(talk.events(), [""; 0]);
                assert_eq!(talk.session.poll_event(), Err(error.clone()));
            }
            assert_eq!(
                talk.session.send(message(&["bob"])),
                Err(CommandError::Closed)
            );
            assert_eq!(
                talk.session.mail(message(&["bob"])),
                Err(CommandError::Closed)
            );
            assert_eq!(talk.session.noop(), Err(CommandError::Closed));
            assert_eq!(talk.session.quit(), Err(CommandError::Closed));
            assert_eq!(talk.session.data(), Err(CommandError::NoTransaction));
            assert_eq!(talk.session.reset(), Err(CommandError::NoTransaction));
            assert!(talk.session.body().is_none());
            assert!(!talk.session.is_idle() && !talk.session.is_reusable());
            assert_eq!(talk.remaining(), None);
            assert_eq!(talk.session.poll_event(), Err(error));
        });
    }
}

#[test]
fn c_059_c_060_limits_on_replies_hold_in_every_state() {
    each_state(|mut talk, name| {
        let mut fed = 0;
        while talk.error.is_none()
            && !talk
                .log
                .iter()
                .any(|event| format!("{event:?}") == "Closed")
        {
            talk.say("250-x\r\n");
            talk.events();
            fed += 1;
            assert!(fed <= 513, "{name}");
        }
        assert!(fed > 500, "{name}");
    });
    each_state(|mut talk, name| {
        talk.say(b"2".repeat(16 * 1024));
        assert_eq!(talk.events(), [""; 0], "{name}");
        talk.say("2");
        assert!(!talk.events().is_empty(), "{name}");
    });
}

#[test]
fn the_session_ends_while_a_transaction_is_in_stages() {
    let mut talk = Talk::open(config(), &[]);
    talk.session.mail(transaction(&[])).unwrap();
    talk.out();
    talk.say("250 ok\r\n");
    talk.say("421 bye\r\n");
    assert_eq!(
        talk.events(),
        [
            "m1 from 250 ok",
            "closing 421 bye",
            "m1 finished",
            "error the server closed the session between commands: 421 bye"
        ]
    );
    // It waits for its turn.
    let mut talk = Talk::new(config());
    talk.session.mail(transaction(&["bob"])).unwrap();
    talk.eof();
    assert_eq!(
        talk.fates(),
        ["m1 to1 not sent: connection lost at the greeting"]
    );
}
