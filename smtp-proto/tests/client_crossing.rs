//! Several transactions in one group (RFC 2920 section 3.1).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{CONTENT, Talk, config, message, secs, transaction};
use smtp_proto::client::{Chunking, Config, ErrorKind, Event, Pipelining};

const OFFERED: &[&str] = &["PIPELINING", "CHUNKING"];
const ENVELOPE: &str = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n";
const CHUNK: &str = "BDAT 22 LAST\r\nSubject: x\r\n\r\nHello.\r\n";

fn across() -> Config {
    config().pipelining(Pipelining::AcrossTransactions)
}

/// Up to `depth` messages on their way.
fn deep(depth: usize) -> Config {
    across()
        .chunking(Chunking::AtOnce)
        .max_unanswered_messages(depth)
}

fn envelope() -> String {
    format!("{ENVELOPE}DATA\r\n")
}

/// A session that has sent the content of the first of `messages`, and the group
/// behind it.
fn crossed(config: Config, messages: usize) -> Talk {
    let mut talk = Talk::open(config, OFFERED);
    for _ in 0..messages {
        talk.session.send(message(&["bob"])).unwrap();
    }
    assert_eq!(talk.out(), envelope());
    let behind = format!("{CONTENT}RSET\r\n{}", envelope());
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &behind);
    talk
}

#[test]
fn c_146_one_round_trip_a_message() {
    let mut talk = crossed(across(), 3);
    let behind = format!("{CONTENT}RSET\r\n{}", envelope());
    talk.exchange(
        "250 one\r\n250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        &behind,
    );
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 one"]);
    talk.exchange(
        "250 two\r\n250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        CONTENT,
    );
    talk.say("250 three\r\n");
    assert_eq!(
        talk.fates(),
        ["m2 to1 accepted: 250 two", "m3 to1 accepted: 250 three"]
    );
    assert!(talk.session.is_reusable());
    assert_eq!(talk.session.transactions(), 3);
}

#[test]
fn rset_only_where_the_server_may_have_kept_something() {
    // After an answer that is a yes there is no need of it; servers were seen to
    // keep what they refused.
    let mut talk = Talk::open(config(), OFFERED);
    let mut before = "";
    for answer in ["250 ok", "554 no", "250 ok", "451 no", "451 no", "250 ok"] {
        talk.session.send(message(&["bob"])).unwrap();
        assert_eq!(talk.out(), format!("{before}{}", envelope()));
        if !before.is_empty() {
            talk.say("250 reset\r\n");
        }
        talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
        talk.say(format!("{answer}\r\n"));
        assert!(talk.session.is_reusable());
        before = if answer == "250 ok" { "" } else { "RSET\r\n" };
    }
    // One at a time; and QUIT needs none.
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    for (server, client) in [
        ("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n"),
        ("250 ok\r\n", "DATA\r\n"),
        ("354 go\r\n", CONTENT),
        ("554 no\r\n", "RSET\r\n"),
        ("250 ok\r\n", "MAIL FROM:<alice@example.org>\r\n"),
    ] {
        talk.out();
        talk.exchange(server, client);
    }
    let mut talk = crossed(across(), 2);
    talk.session.quit().unwrap();
    talk.exchange(
        "554 no\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        CONTENT,
    );
    talk.exchange("554 no\r\n", "QUIT\r\n");
}

#[test]
fn only_where_it_is_offered_and_wanted() {
    for (config, keywords) in [
        (config(), OFFERED),
        (across(), &["CHUNKING"]),
        (deep(5), &["CHUNKING"]),
        (config().chunking(Chunking::AtOnce), OFFERED),
    ] {
        let mut talk = Talk::open(config, keywords);
        talk.session.send(message(&["bob"])).unwrap();
        talk.session.send(message(&["bob"])).unwrap();
        let mut ends = 0;
        for _ in 0..20 {
            let out = talk.out();
            // The content of the first, and nothing behind it.
            if out.ends_with(".\r\n") {
                ends += 1;
                assert!(!out.contains("RSET"));
            }
            let answers = out.lines().filter(|line| {
                ["MAIL", "RCPT", "BDAT"]
                    .iter()
                    .any(|verb| line.starts_with(verb))
                    || *line == "."
            });
            let mut answers = "250 ok\r\n".repeat(answers.count());
            if out.ends_with("DATA\r\n") {
                answers += "354 go\r\n";
            }
            if !answers.is_empty() {
                talk.say(answers);
            }
        }
        assert_eq!(ends, 2);
        assert_eq!(talk.fates().len(), 2);
    }
    // Nothing behind QUIT, NOOP, or what cannot be sent.
    let mut talk = Talk::open(across(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["büro"])).unwrap();
    talk.session.noop().unwrap();
    talk.session.quit().unwrap();
    assert_eq!(talk.out(), envelope());
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
    talk.exchange("250 ok\r\n", "NOOP\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 accepted: 250 ok",
            "m2 to1 not sent: the server takes ASCII addresses only"
        ]
    );
    talk.exchange("250 ok\r\n", "QUIT\r\n");
}

#[test]
fn whole_transactions_one_behind_the_other() {
    let mut talk = Talk::open(deep(10), OFFERED);
    for _ in 0..25 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    let one = format!("RSET\r\n{ENVELOPE}{CHUNK}");
    // Ten messages, and the envelope of the next.
    let first = one.repeat(10)["RSET\r\n".len()..].to_owned();
    assert_eq!(talk.out(), format!("{first}RSET\r\n{ENVELOPE}"));
    let answers = "250 ok\r\n".repeat(4);
    // All the answers in one piece: ten more.
    let all = format!("250 ok\r\n250 ok\r\n250 ok\r\n{}", answers.repeat(9));
    let rest = format!("{CHUNK}{}RSET\r\n{ENVELOPE}", one.repeat(9));
    talk.say(all);
    assert_eq!(talk.out(), rest);
    assert_eq!(talk.fates().len(), 10);
    // Answers one at a time: nothing until half are in, and then a group.
    for _ in 0..4 {
        talk.exchange(&answers, "");
    }
    talk.exchange(&answers, &format!("{CHUNK}{}", one.repeat(4)));
    talk.say(answers.repeat(10));
    talk.say("250 ok\r\n");
}

#[test]
fn as_deep_as_configured() {
    for depth in 1..5 {
        let mut talk = Talk::open(deep(depth), OFFERED);
        for _ in 0..9 {
            talk.session.send(message(&["bob"])).unwrap();
        }
        assert_eq!(talk.out().matches("BDAT").count(), depth);
        talk.eof();
        let fates = talk.fates();
        assert_eq!(fates.len(), 9);
        let (in_doubt, not_sent) = fates.split_at(depth);
        assert!(in_doubt.iter().all(|fate| fate.contains("in doubt")));
        assert!(not_sent.iter().all(|fate| fate.contains("not sent")));
    }
}

#[test]
fn careful_chunks_cross_with_their_envelope() {
    let mut talk = Talk::open(across().chunking(Chunking::WhenAccepted), OFFERED);
    for _ in 0..3 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    assert_eq!(talk.out(), ENVELOPE);
    let group = format!("{CHUNK}RSET\r\n{ENVELOPE}");
    talk.exchange("250 ok\r\n250 ok\r\n", &group);
    talk.exchange("250 ok\r\n250 reset\r\n250 ok\r\n250 ok\r\n", &group);
    talk.exchange("250 ok\r\n250 reset\r\n250 ok\r\n250 ok\r\n", CHUNK);
}

#[test]
fn the_bound_on_unanswered_commands_holds() {
    let mut talk = Talk::open(deep(50).max_unanswered_commands(10), OFFERED);
    for _ in 0..50 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    let mut said = 0;
    loop {
        let out = talk.out();
        let commands = out
            .lines()
            .filter(|line| {
                ["RSET", "MAIL", "RCPT", "BDAT"]
                    .iter()
                    .any(|verb| line.starts_with(verb))
            })
            .count();
        assert!(commands <= 10);
        if commands == 0 {
            break;
        }
        said += commands;
        talk.say("250 ok\r\n".repeat(commands));
    }
    assert_eq!(said, 50 * 4 - 1);
    assert_eq!(talk.fates().len(), 50);
}

#[test]
fn a_refusal_concerns_its_own_message() {
    // The content of the first, then each place of the second.
    for (answers, second) in [
        (
            "554 a\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
            "m2 to1 accepted: 250 ok",
        ),
        (
            "554 a\r\n250 ok\r\n451 b\r\n503 ok\r\n503 go\r\n",
            "m2 to1 refused at MAIL: 451 b",
        ),
        (
            "554 a\r\n250 ok\r\n250 ok\r\n550 b\r\n554 no\r\n",
            "m2 to1 refused at RCPT: 550 b",
        ),
        (
            "554 a\r\n250 ok\r\n250 ok\r\n550 b\r\n354 go\r\n",
            "m2 to1 refused at RCPT: 550 b",
        ),
        (
            "554 a\r\n250 ok\r\n250 ok\r\n250 ok\r\n451 b\r\n",
            "m2 to1 refused at DATA: 451 b",
        ),
    ] {
        let mut talk = crossed(across(), 2);
        talk.say(answers);
        let out = talk.out();
        if !out.is_empty() {
            talk.say("250 ok\r\n");
        }
        assert_eq!(
            talk.fates(),
            ["m1 to1 refused at the end of the content: 554 a", second]
        );
        assert!(talk.session.is_reusable());
    }
}

#[test]
fn c_149_nobody_is_left_and_the_group_has_crossed() {
    let mut talk = crossed(across(), 2);
    talk.exchange(
        "250 ok\r\n250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n",
        ".\r\n",
    );
    talk.say("554 nobody\r\n");
    assert!(talk.session.is_reusable());
}

#[test]
fn a_further_transaction_comes_before_the_others() {
    let mut talk = Talk::open(across(), OFFERED);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    let behind = format!("{CONTENT}RSET\r\n{}", envelope());
    talk.exchange("250 ok\r\n250 ok\r\n452 later\r\n354 go\r\n", &behind);
    let carol = "RSET\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<carol@example.net>\r\nDATA\r\n";
    talk.exchange(
        "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        &format!("{CONTENT}{carol}"),
    );
    talk.exchange(
        "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        &behind,
    );
    talk.exchange(
        "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        CONTENT,
    );
    talk.say("250 ok\r\n");
    let mut fates = talk.fates();
    fates.sort();
    assert_eq!(
        fates,
        [
            "m1 to1 accepted: 250 ok",
            "m1 to2 accepted: 250 ok",
            "m2 to1 accepted: 250 ok",
            "m3 to1 accepted: 250 ok"
        ]
    );
}

#[test]
fn a_server_that_drops_the_group_is_found_out() {
    // It says nothing more: within a time of its own.
    let mut talk = crossed(across(), 3);
    talk.say("250 ok\r\n");
    assert_eq!(talk.remaining(), Some(secs(30)));
    talk.wait(secs(30));
    let dropped = "not sent: the server does not take commands in one group with content";
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 accepted: 250 ok".to_owned(),
            format!("m2 to1 {dropped}"),
            format!("m3 to1 {dropped}")
        ]
    );
    let error = talk.error.clone().unwrap();
    assert_eq!(error.kind(), &ErrorKind::GroupDropped);
    assert!(error.is_transient());
    let after = across().after(&error).unwrap();
    let mut talk = Talk::open(after, OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
    // It refuses.
    let mut talk = crossed(across(), 2);
    talk.say("250 ok\r\n503 one at a time\r\n");
    let events = talk.events().join("\n");
    assert!(events.contains("m1 to1 accepted: 250 ok"), "{events}");
    assert!(events.contains(&format!("m2 to1 {dropped}")), "{events}");
    assert!(talk.log.iter().all(|event| *event != Event::Closed));
    // It closes.
    for last in ["", "421 bye\r\n"] {
        let mut talk = crossed(across(), 2);
        talk.say(["250 ok\r\n", last].concat());
        talk.eof();
        let fates = talk.fates();
        assert_eq!(fates[0], "m1 to1 accepted: 250 ok");
        assert!(fates[1].starts_with("m2 to1 not sent"), "{fates:?}");
        let error = talk.error.clone().unwrap();
        assert!(across().after(&error).is_some());
        assert!(config().after(&error).is_none());
    }
    // It waits for nothing before the content is answered.
    let mut talk = crossed(across(), 2);
    talk.wait(secs(599));
    assert!(talk.events().iter().all(|event| !event.contains("error")));
    talk.wait(secs(1));
    assert!(talk.fates()[0].contains("in doubt"));
}

#[test]
fn an_early_refusal_is_of_the_message_whose_content_it_is() {
    let mut talk = Talk::open(across().max_line(None), OFFERED);
    let large = transaction(&["bob"]).content(vec![b'x'; 100_000]);
    talk.session.send(large).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n354 go\r\n");
    talk.send(5000);
    talk.say("552 enough\r\n");
    let fates = talk.fates();
    assert_eq!(fates[0], "m1 to1 refused in the content: 552 enough");
    assert!(fates[1].starts_with("m2 to1 not sent"), "{fates:?}");
}

#[test]
fn closing_in_a_group() {
    // 421 for the content of the first: refused. What had not left, is not sent.
    let mut talk = crossed(across(), 2);
    talk.say("421 bye\r\n");
    let fates = talk.fates();
    assert_eq!(
        fates[0],
        "m1 to1 refused at the end of the content: 421 bye"
    );
    assert!(fates[1].starts_with("m2 to1 not sent"), "{fates:?}");
    // Where whole transactions had left, the server may have taken them.
    let mut talk = Talk::open(deep(3), OFFERED);
    for _ in 0..4 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n250 one\r\n250 ok\r\n421 bye\r\n");
    let fates = talk.fates();
    assert_eq!(fates[0], "m1 to1 accepted: 250 one");
    assert!(fates[1].contains("in doubt"), "{fates:?}");
    assert!(fates[2].contains("in doubt"), "{fates:?}");
    assert!(fates[3].contains("not sent"), "{fates:?}");
}

#[test]
fn quit_with_the_last_content() {
    let open = |config: Config| {
        let mut talk = Talk::open(config.quit_with_content(true), OFFERED);
        talk.session.send(message(&["bob"])).unwrap();
        talk.session.quit().unwrap();
        talk.out();
        talk
    };
    let mut talk = open(config());
    let group = format!("{CONTENT}QUIT\r\n");
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &group);
    talk.say("250 taken\r\n");
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 taken"]);
    talk.say("221 bye\r\n");
    assert_eq!(talk.events(), ["closed"]);
    // Without the answer to QUIT.
    let mut talk = open(config());
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &group);
    talk.say("250 taken\r\n");
    talk.eof();
    let events = talk.events();
    assert_eq!(events.last().unwrap(), "closed", "{events:?}");
    // Without the answer to the content.
    let mut talk = open(config());
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &group);
    talk.eof();
    assert!(talk.fates()[0].contains("in doubt"));
    assert!(talk.error.is_some());
    // With all of it.
    let mut talk = Talk::open(deep(5).quit_with_content(true), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.quit().unwrap();
    assert_eq!(talk.out(), format!("{ENVELOPE}{CHUNK}QUIT\r\n"));
    talk.say("250 ok\r\n250 ok\r\n250 ok\r\n221 bye\r\n");
    assert_eq!(talk.fates().len(), 1);
    assert_eq!(talk.log.last(), Some(&Event::Closed));
    // Not with HELO, and not in lock-step.
    let mut talk = Talk::open(config().quit_with_content(true), &[]);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.quit().unwrap();
    talk.out();
    for _ in 0..2 {
        talk.say("250 ok\r\n");
        talk.out();
    }
    talk.exchange("354 go\r\n", CONTENT);
}

#[test]
fn recipients_that_were_put_off_come_before_quit() {
    let mut talk = Talk::open(config().quit_with_content(true), OFFERED);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.session.quit().unwrap();
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n452 later\r\n354 go\r\n", CONTENT);
    let carol = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<carol@example.net>\r\nDATA\r\n";
    talk.exchange("250 ok\r\n", carol);
    let group = format!("{CONTENT}QUIT\r\n");
    talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &group);
    talk.say("250 ok\r\n221 bye\r\n");
    assert_eq!(
        talk.fates(),
        ["m1 to1 accepted: 250 ok", "m1 to2 accepted: 250 ok"]
    );
    assert_eq!(talk.log.last(), Some(&Event::Closed));
    // In the same group as RCPT it is too late.
    let mut talk = Talk::open(deep(5).quit_with_content(true), OFFERED);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.session.quit().unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n452 later\r\n250 ok\r\n221 bye\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 accepted: 250 ok",
            "m1 to2 refused at RCPT: 452 later"
        ]
    );
    assert_eq!(talk.log.last(), Some(&Event::Closed));
}

#[test]
fn a_driver_is_told_how_many_are_of_use() {
    let mut talk = Talk::open(deep(3), OFFERED);
    let mut given = 0;
    while talk.session.wants_transaction() {
        talk.session.send(message(&["bob"])).unwrap();
        given += 1;
    }
    // Three on their way, one begun, three that wait.
    assert_eq!(given, 7);
    let mut talk = Talk::open(config(), OFFERED);
    assert!(talk.session.wants_transaction());
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    assert!(!talk.session.wants_transaction());
    talk.session.quit().unwrap();
    assert!(!talk.session.wants_transaction());
}

#[test]
fn the_deadline_begins_when_the_group_has_left() {
    let mut talk = Talk::open(across(), OFFERED);
    for _ in 0..2 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    assert_eq!(talk.out(), envelope());
    talk.say("250 ok\r\n250 ok\r\n354 go\r\n");
    // The rest is kept by a connection that takes no more.
    assert_eq!(talk.send(CONTENT.len()), CONTENT.as_bytes());
    talk.say("250 one\r\n");
    talk.now = talk.now + secs(40);
    assert_eq!(talk.out(), format!("RSET\r\n{}", envelope()));
    assert_eq!(talk.session.poll_timeout(), Some(talk.now + secs(30)));
}

#[test]
fn nothing_crosses_once_the_server_was_odd() {
    let mut talk = Talk::open(across(), OFFERED);
    for _ in 0..2 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    assert_eq!(talk.out(), envelope());
    // Lines that do not agree: it may answer what follows as oddly.
    talk.say("250-ok\r\n251 ok\r\n250 ok\r\n354 go\r\n");
    assert_eq!(talk.out(), CONTENT);
    talk.exchange("250 one\r\n", &envelope());
}
