//! Commands in groups (RFC 2920), and transactions with many recipients.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{CONTENT, Talk, config, mailbox, message, transaction};
use smtp_proto::{
    client::{Config, Event, Fate, Pipelining, Transaction},
    types::Argument,
};

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";

fn off() -> Config {
    let mut config = config();
    config = config.pipelining(Pipelining::Off);
    config
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("r{n}")).collect()
}

fn to_many(count: usize) -> Transaction {
    let names = names(count);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    message(&names)
}

/// The fates of the only transaction.
fn fates(talk: &mut Talk) -> Vec<Fate> {
    talk.events();
    let mut finished = talk.log.iter().filter_map(|event| match event {
        Event::Finished { outcome, .. } => Some(outcome.recipients().to_vec()),
        _ => None,
    });
    let fates = finished.next().unwrap();
    assert!(finished.next().is_none());
    fates
}

/// A server that answers each command as it comes, by a rule: the number of
/// the command among those of its verb in this transaction, and its line.
fn serve(talk: &mut Talk, mut rule: impl FnMut(usize, &str) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rcpts = 0;
    let mut in_content = false;
    loop {
        let out = talk.out();
        if out.is_empty() {
            return lines;
        }
        let mut answers = String::new();
        for line in out.lines() {
            if in_content {
                in_content = line != ".";
                if !in_content {
                    answers += &rule(0, ".");
                }
                continue;
            }
            lines.push(line.to_owned());
            let number = if line.starts_with("RCPT") {
                rcpts += 1;
                rcpts
            } else {
                0
            };
            if line.starts_with("MAIL") {
                rcpts = 0;
            }
            let answer = rule(number, line);
            in_content = answer.starts_with('3');
            answers += &answer;
        }
        talk.say(answers);
    }
}

#[test]
fn c_133_c_141_one_at_a_time_unless_offered_and_wanted() {
    for (config, keywords) in [
        (config(), &[][..]),
        (config(), &["X-PIPELINING"]),
        (off(), &["PIPELINING"]),
    ] {
        let mut talk = Talk::open(config, keywords);
        talk.session.send(message(&["bob", "carol"])).unwrap();
        for line in [
            MAIL,
            "RCPT TO:<bob@example.net>\r\n",
            "RCPT TO:<carol@example.net>\r\n",
        ] {
            assert_eq!(talk.out(), line);
            // The beginning of a reply is no reply.
            talk.exchange("250-ok\r\n25", "");
            talk.say("0 ok\r\n");
        }
        assert_eq!(talk.out(), "DATA\r\n");
        talk.exchange("354 ok\r\n", CONTENT);
    }
}

#[test]
fn c_142_c_143_data_and_the_others_are_last_in_their_group() {
    let mut talk = Talk::open(config(), &["PIPELINING", "HELP"]);
    let argument = || Argument::new("x").unwrap();
    talk.session.noop().unwrap();
    talk.session.verify(argument()).unwrap();
    talk.session.expand(argument()).unwrap();
    talk.session.help(None).unwrap();
    talk.session.command("ETRN x".parse().unwrap()).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.quit().unwrap();
    for line in [
        "NOOP\r\n",
        "VRFY x\r\n",
        "EXPN x\r\n",
        "HELP\r\n",
        "ETRN x\r\n",
    ] {
        assert_eq!(talk.out(), line);
        talk.say("250 ok\r\n");
    }
    let group = [MAIL, "RCPT TO:<bob@example.net>\r\nDATA\r\n"].concat();
    assert_eq!(talk.out(), group);
    talk.exchange("250 ok\r\n250 ok\r\n", "");
    talk.exchange("354 ok\r\n", CONTENT);
    talk.exchange("250 ok\r\n", "QUIT\r\n");
}

#[test]
fn c_147_c_153_every_reply_is_told_once_and_in_order() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session
        .send(message(&["bob", "carol", "bob"]))
        .unwrap();
    talk.out();
    talk.say("250-a\r\n250 b\r\n550 c\r\n250-d\r\n250-e\r\n250 f\r\n450 g\r\n354 h\r\n");
    assert_eq!(
        talk.events(),
        [
            "m1 from 250 a / b",
            "m1 to1 550 c",
            "m1 to2 250 d / e / f",
            "m1 to3 450 g"
        ]
    );
    assert_eq!(talk.out(), CONTENT);
}

#[test]
fn c_148_c_149_nobody_accepted_and_data_accepted() {
    for (last, then) in [
        ("554 nothing", true),
        ("250 ok", true),
        ("354 ?", false),
        ("421 x", false),
    ] {
        let mut talk = Talk::open(config(), &["PIPELINING"]);
        talk.session.send(message(&["bob", "carol"])).unwrap();
        talk.session.send(message(&["dave"])).unwrap();
        talk.out();
        talk.exchange("250 ok\r\n550 b\r\n452 c\r\n354 ok\r\n", ".\r\n");
        talk.say(format!("{last}\r\n"));
        assert_eq!(talk.out().starts_with("MAIL"), then, "{last}");
        let fates = talk.fates();
        assert_eq!(
            fates[..2],
            [
                "m1 to1 refused at RCPT: 550 b",
                "m1 to2 refused at RCPT: 452 c"
            ]
        );
        assert!(!talk.session.is_reusable());
    }
}

#[test]
fn c_150_mail_refused_and_the_rest_of_the_group() {
    // Nobody is accepted, or somebody is by mistake; DATA is refused or not.
    for (replies, out, fails) in [
        ("550 no\r\n503 x\r\n503 x\r\n503 x\r\n", "NOOP\r\n", false),
        ("550 no\r\n503 x\r\n503 x\r\n354 x\r\n", ".\r\n", false),
        ("550 no\r\n250 x\r\n503 x\r\n503 x\r\n", "RSET\r\n", false),
        ("550 no\r\n250 x\r\n250 x\r\n354 x\r\n", "", true),
    ] {
        let mut talk = Talk::open(config(), &["PIPELINING"]);
        talk.session.send(message(&["bob", "carol"])).unwrap();
        talk.session.noop().unwrap();
        talk.out();
        talk.exchange(replies, out);
        if !fails && out != "NOOP\r\n" {
            talk.exchange("250 ok\r\n", "NOOP\r\n");
        }
        assert_eq!(
            talk.fates(),
            [
                "m1 to1 refused at MAIL: 550 no",
                "m1 to2 refused at MAIL: 550 no"
            ]
        );
        assert_eq!(talk.error.is_some(), fails, "{replies}");
    }
}

#[test]
fn c_150_a_recipient_accepted_behind_a_refused_mail_without_data() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.mail(transaction(&["bob", "carol"])).unwrap();
    talk.out();
    // The server has begun what it refused: the next MAIL would be nested.
    talk.exchange("550 no\r\n503 x\r\n250 x\r\n", "RSET\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 refused at MAIL: 550 no",
            "m1 to2 refused at MAIL: 550 no"
        ]
    );
}

#[test]
fn c_151_data_refused_though_there_is_a_recipient() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.session.quit().unwrap();
    talk.out();
    // QUIT ends the transaction as well as RSET.
    talk.exchange("250 ok\r\n250 ok\r\n550 no\r\n451 later\r\n", "QUIT\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 refused at DATA: 451 later",
            "m1 to2 refused at RCPT: 550 no"
        ]
    );
}

#[test]
fn c_152_c_154_421_and_too_many_replies() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n421 bye\r\n250 x\r\n354 x\r\n");
    assert_eq!(talk.out(), "");
    let fates = talk.fates();
    assert_eq!(fates.len(), 2);
    assert!(
        fates
            .iter()
            .all(|fate| fate.contains("not sent: the server closed"))
    );

    let mut talk = Talk::open(config(), &[]);
    talk.session.noop().unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n");
    assert_eq!(
        talk.events(),
        [
            "r1 250 ok",
            "error a reply to nothing between commands: 250 ok"
        ]
    );
}

#[test]
fn c_155_unanswered_commands_are_bounded() {
    // 1000 recipients, and a server that answers one command at a time.
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(to_many(1000)).unwrap();
    let mut unanswered = 0;
    let mut octets = Vec::new();
    let mut most = (0, 0);
    let mut all = String::new();
    loop {
        let out = talk.out();
        for line in out.split_inclusive("\r\n") {
            octets.push(line.len());
            unanswered += 1;
        }
        all += &out;
        most = (most.0.max(unanswered), most.1.max(octets.iter().sum()));
        if out.is_empty() && unanswered == 1 {
            break;
        }
        talk.say("250 ok\r\n");
        octets.remove(0);
        unanswered -= 1;
    }
    let commands = Config::DEFAULT_MAX_UNANSWERED_COMMANDS;
    let limit = Config::DEFAULT_MAX_UNANSWERED_OCTETS;
    assert!(
        most.0 == commands || most.1 > limit - 30,
        "{most:?}: no group is as large as it may be"
    );
    assert!(most.0 <= commands && most.1 <= limit, "{most:?}");
    let expected: String = names(1000)
        .iter()
        .map(|name| format!("RCPT TO:<{name}@example.net>\r\n"))
        .collect();
    assert_eq!(all, [MAIL, &expected, "DATA\r\n"].concat());
    talk.exchange("354 ok\r\n", CONTENT);
    talk.say("250 ok\r\n");
    assert!(fates(&mut talk).iter().all(Fate::is_accepted));
}

#[test]
fn a_hundred_recipients_are_one_group() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(to_many(100)).unwrap();
    assert!(talk.out().ends_with("DATA\r\n"));
    talk.exchange(&("250 ok\r\n".repeat(101) + "354 go\r\n"), CONTENT);
}

#[test]
fn c_155_the_bounds_are_configurable_and_a_long_line_goes_alone() {
    for (commands, octets, first) in [
        (2, 4096, [MAIL, "RCPT TO:<r0@example.net>\r\n"].concat()),
        (100, 70, [MAIL, "RCPT TO:<r0@example.net>\r\n"].concat()),
        (100, 57, [MAIL, "RCPT TO:<r0@example.net>\r\n"].concat()),
        (100, 56, MAIL.to_string()),
        (100, 5, MAIL.to_string()),
        (0, 0, MAIL.to_string()),
        (1, 4096, MAIL.to_string()),
    ] {
        let mut config = config();
        config = config.max_unanswered_commands(commands);
        config = config.max_unanswered_octets(octets);
        let mut talk = Talk::open(config, &["PIPELINING"]);
        talk.session.send(to_many(3)).unwrap();
        assert_eq!(talk.out(), first, "{commands} {octets}");
        let rest = serve(&mut talk, |_, _| unreachable!());
        assert!(rest.is_empty());
        for _ in first.lines() {
            talk.say("250 ok\r\n");
        }
        serve(&mut talk, |_, line| {
            if line == "DATA" {
                "354 x\r\n".into()
            } else {
                "250 ok\r\n".into()
            }
        });
        assert!(fates(&mut talk).iter().all(Fate::is_accepted));
    }
}

#[test]
fn m_07_c_061_c_104_c_106_the_rest_goes_into_further_transactions() {
    // A server that takes `limit` recipients, and says so in several ways.
    for pipelining in [true, false] {
        for (count, limit, answer) in [
            (150, 100, "452 4.5.3 too many"),
            (25, 10, "452 too many"),
            (25, 10, "552 too many"),
            (25, 10, "550 5.5.3 too many"),
            (7, 1, "452-4.5.3 too\r\n452 4.5.3 many"),
            (4, 2, "452 x"),
            (300, 299, "452 x"),
        ] {
            let name = format!("{pipelining} {count} {limit} {answer}");
            let config = if pipelining { config() } else { off() };
            let mut talk = Talk::open(config, &["PIPELINING"]);
            talk.session.send(to_many(count)).unwrap();
            let mut accepted = Vec::new();
            let mut transactions = 0;
            let lines = serve(&mut talk, |number, line| {
                match line.split(' ').next().unwrap() {
                    "RCPT" if number > limit => format!("{answer}\r\n"),
                    "RCPT" => {
                        accepted.push(line.to_owned());
                        "250 ok\r\n".into()
                    }
                    "DATA" => "354 ok\r\n".into(),
                    "." => {
                        transactions += 1;
                        format!("250 number {transactions}\r\n")
                    }
                    _ => "250 ok\r\n".into(),
                }
            });
            // Each recipient was accepted once, in order.
            let expected: Vec<String> = names(count)
                .iter()
                .map(|name| format!("RCPT TO:<{name}@example.net>"))
                .collect();
            assert_eq!(accepted, expected, "{name}");
            assert_eq!(transactions, count.div_ceil(limit), "{name}");
            assert!(!lines.contains(&"RSET".into()), "{name}");
            for (index, fate) in fates(&mut talk).iter().enumerate() {
                let text = fate.reply().unwrap().text();
                assert!(fate.is_accepted(), "{name}");
                assert_eq!(text, format!("number {}", index / limit + 1), "{name}");
            }
            assert!(talk.session.is_reusable());
        }
    }
}

#[test]
fn c_105_c_106_what_is_no_sign_of_too_many() {
    // The first recipient of all, a mailbox, a policy.
    for answers in [
        ["452 x", "250 ok"],
        ["250 ok", "452 4.2.2 mailbox full"],
        ["250 ok", "552 5.2.3 too big"],
        ["250 ok", "450 4.7.1 greylisted"],
        ["250 ok", "550 x"],
    ] {
        let mut talk = Talk::open(off(), &[]);
        talk.session.send(to_many(2)).unwrap();
        let lines = serve(&mut talk, |number, line| match line {
            "DATA" => "354 ok\r\n".into(),
            "." => "250 ok\r\n".into(),
            _ if number > 0 => format!("{}\r\n", answers[number - 1]),
            _ => "250 ok\r\n".into(),
        });
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(
            fates(&mut talk)
                .iter()
                .filter(|fate| fate.is_accepted())
                .count(),
            1
        );
    }
}

#[test]
fn m_07_an_end_comes_however_the_server_behaves() {
    // One is taken each time, then nobody at all; and content refused.
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(to_many(5)).unwrap();
    let mut data = 0;
    let lines = serve(&mut talk, |number, line| match line {
        "DATA" => {
            data += 1;
            "354 ok\r\n".into()
        }
        "." if data == 3 => "554 no\r\n".into(),
        "." => "250 ok\r\n".into(),
        _ if number > 1 || number == 1 && data == 2 && line.contains("r1") => "452 x\r\n".into(),
        _ => "250 ok\r\n".into(),
    });
    assert_eq!(lines.iter().filter(|line| *line == "DATA").count(), 3);
    let fates: Vec<String> = fates(&mut talk).iter().map(ToString::to_string).collect();
    assert_eq!(
        fates,
        [
            "accepted: 250 ok",
            "accepted: 250 ok",
            "refused at the end of the content: 554 no",
            "refused at RCPT: 452 x",
            "refused at RCPT: 452 x"
        ]
    );
    assert!(talk.session.is_reusable());
}

#[test]
fn c_135_duplicates_are_kept() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(message(&["bob", "bob", "BOB"])).unwrap();
    let lines = serve(&mut talk, |number, line| match line {
        "DATA" => "354 ok\r\n".into(),
        _ if number == 2 => "450 again?\r\n".into(),
        _ => "250 ok\r\n".into(),
    });
    assert_eq!(
        lines[1..4],
        [
            "RCPT TO:<bob@example.net>",
            "RCPT TO:<bob@example.net>",
            "RCPT TO:<BOB@example.net>"
        ]
    );
    let fates = fates(&mut talk);
    assert_eq!(
        fates.iter().map(Fate::is_accepted).collect::<Vec<_>>(),
        [true, false, true]
    );
}

#[test]
fn staged_recipients_go_out_in_groups() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.mail(transaction(&["a", "b"])).unwrap();
    talk.session.rcpt(mailbox("c@example.net")).unwrap();
    assert_eq!(talk.out().lines().count(), 4);
    talk.session.rcpt(mailbox("d@example.net")).unwrap();
    assert_eq!(talk.out(), "RCPT TO:<d@example.net>\r\n");
    talk.session.data().unwrap();
    assert_eq!(talk.out(), "DATA\r\n");
    talk.say("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n452 4.5.3 full\r\n354 ok\r\n");
    assert_eq!(talk.events().last().unwrap(), "m1 content");
    talk.session.body().unwrap().finish().unwrap();
    talk.out();
    talk.say("250 ok\r\n");
    // Its content cannot be had again.
    assert_eq!(talk.fates()[3], "m1 to4 refused at RCPT: 452 4.5.3 full");
    assert_eq!(talk.out(), "");
}

#[test]
fn c_149_every_reply_of_a_refused_group_is_awaited() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    for _ in 0..2 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    let group = [MAIL, "RCPT TO:<bob@example.net>\r\nDATA\r\n"].concat();
    assert_eq!(talk.out(), group);
    for reply in ["550 no\r\n", "503 no\r\n"] {
        talk.exchange(reply, "");
        assert!(talk.fates().is_empty(), "DATA is unanswered");
    }
    talk.exchange("503 no\r\n", &group);
    assert_eq!(talk.fates(), ["m1 to1 refused at MAIL: 550 no"]);
    // The server wants content for nobody: it gets none.
    for reply in ["550 no\r\n", "503 no\r\n"] {
        talk.exchange(reply, "");
    }
    talk.exchange("354 go\r\n", ".\r\n");
    assert!(talk.fates().is_empty());
    talk.say("554 what for?\r\n");
    assert_eq!(talk.fates(), ["m2 to1 refused at MAIL: 550 no"]);
}
