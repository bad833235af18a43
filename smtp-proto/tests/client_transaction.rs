//! MAIL, RCPT, DATA and the other commands: how they are written, and what the
//! replies to them mean.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{CONTENT, Talk, config, mailbox, message, transaction};
use smtp_proto::{
    client::{Event, ExtensionParameter, Fate, NotSent, Outcome, Recipient, Transaction},
    types::{Argument, BodyType, ForwardPath, Host, LocalPart, Mailbox, RawCommand, ReversePath},
};

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";
const BOB: &str = "RCPT TO:<bob@example.net>\r\n";
const CAROL: &str = "RCPT TO:<carol@example.net>\r\n";

fn outcomes(talk: &Talk) -> Vec<Outcome> {
    let finished = |event: &Event| match event {
        Event::Finished { outcome, .. } => Some(outcome.clone()),
        _ => None,
    };
    talk.log.iter().filter_map(finished).collect()
}

/// The line of MAIL or RCPT for these addresses.
fn lines(from: ReversePath, to: ForwardPath, keywords: &[&str]) -> (String, String) {
    let mut talk = Talk::open(config(), keywords);
    talk.session
        .send(Transaction::new(from).recipient(to).content(""))
        .unwrap();
    let mail = talk.out();
    talk.say("250 ok\r\n");
    (mail, talk.out())
}

#[test]
fn c_035_c_036_c_037_c_038_every_command_octet_by_octet() {
    let mut talk = Talk::open(config(), &["HELP"]);
    let argument = |text| Argument::new(text).unwrap();
    let session = &mut talk.session;
    session.verify(argument(" joe smith ")).unwrap();
    session.expand(argument("staff")).unwrap();
    session.help(None).unwrap();
    session.help(Some(argument("MAIL"))).unwrap();
    session.noop().unwrap();
    let raw = RawCommand::new("ETRN example.org ").unwrap();
    session.command(raw).unwrap();
    session.send(message(&["bob"])).unwrap();
    session.mail(transaction(&["carol"])).unwrap();
    for line in [
        "VRFY joe smith\r\n",
        "EXPN staff\r\n",
        "HELP\r\n",
        "HELP MAIL\r\n",
        "NOOP\r\n",
        "ETRN example.org\r\n",
        MAIL,
        BOB,
    ] {
        assert_eq!(talk.out(), line);
        talk.say("250 ok\r\n");
    }
    assert_eq!(talk.out(), "DATA\r\n");
    talk.exchange("354 ok\r\n", CONTENT);
    talk.exchange("250 ok\r\n", MAIL);
    talk.exchange("250 ok\r\n", CAROL);
    talk.say("250 ok\r\n");
    talk.session.reset().unwrap();
    assert_eq!(talk.out(), "RSET\r\n");
    talk.session.quit().unwrap();
    talk.exchange("250 ok\r\n", "QUIT\r\n");
    talk.say("221 ok\r\n");
    assert_eq!(talk.events().last().unwrap(), "closed");
}

#[test]
fn c_039_c_047_paths_have_angle_brackets() {
    let (mail, rcpt) = lines(ReversePath::Null, ForwardPath::Postmaster, &[]);
    assert_eq!(
        (&mail[..], &rcpt[..]),
        ("MAIL FROM:<>\r\n", "RCPT TO:<Postmaster>\r\n")
    );
    assert!("bob".parse::<ForwardPath>().is_err());
    assert!("<bob>".parse::<ForwardPath>().is_err());
}

#[test]
fn c_040_c_043_c_044_c_045_c_046_how_addresses_are_written() {
    for (given, written) in [
        ("Bob@EXAMPLE.net", "<Bob@EXAMPLE.net>"),
        ("\"joe\"@x.example", "<joe@x.example>"),
        ("\"joe smith\"@x.example", "<\"joe smith\"@x.example>"),
        ("\"a\\b\"@x.example", "<ab@x.example>"),
        ("\"a\\\"b\\\\\"@x.example", "<\"a\\\"b\\\\\"@x.example>"),
        ("\"a > b@c\"@x.example", "<\"a > b@c\"@x.example>"),
        ("u@[IPv6:2001:db8::1]", "<u@[IPv6:2001:db8::1]>"),
        ("u@[192.0.2.1]", "<u@[192.0.2.1]>"),
        ("<@a.example,@b.example:u@c.example>", "<u@c.example>"),
    ] {
        let (mail, rcpt) = lines(given.parse().unwrap(), given.parse().unwrap(), &[]);
        assert_eq!(mail, format!("MAIL FROM:{written}\r\n"));
        assert_eq!(rcpt, format!("RCPT TO:{written}\r\n"));
    }
    for wrong in [
        "u@[2001:db8::1]",
        "u@[192.0.2.256]",
        "u@#1234",
        "@a:b@c@d",
        "a b@c",
    ] {
        assert!(wrong.parse::<Mailbox>().is_err(), "{wrong}");
    }
}

#[test]
fn c_041_c_224_no_octet_above_127_without_smtputf8() {
    for (from, to) in [
        ("\u{fc}@a.example", "b@c.example"),
        ("a@b.example", "b@\u{fc}.example"),
    ] {
        let made = || {
            Transaction::new(mailbox(from))
                .recipient(mailbox(to))
                .recipient(mailbox("x@y.example"))
        };
        let mut talk = Talk::open(config(), &["8BITMIME"]);
        talk.session.send(made().content("x\r\n")).unwrap();
        let out = talk.out();
        assert!(out.is_ascii());
        talk.say("550 no\r\n");
        talk.events();
        // A sender that cannot be named ends it, a recipient only itself.
        let fates = outcomes(&talk).remove(0);
        let needs = Fate::NotSent(NotSent::NeedsSmtpUtf8);
        assert_eq!(fates.recipients()[0], needs);
        assert_eq!(fates.recipients()[1] == needs, out.is_empty());
        assert_eq!(out.is_empty(), from.starts_with('\u{fc}'));
    }
}

#[test]
fn c_224_a_header_beyond_ascii_needs_smtputf8() {
    for (keywords, mail) in [
        (&["8BITMIME"][..], None),
        (&["8BITMIME", "SMTPUTF8"], Some(" BODY=8BITMIME SMTPUTF8\r")),
    ] {
        let mut talk = Talk::open(config(), keywords);
        let content = "Subject: \u{fc}\r\n\r\nx\r\n";
        talk.session
            .send(message(&["bob"]).smtputf8().content(content))
            .unwrap();
        match mail {
            Some(parameters) => assert!(talk.out().contains(parameters)),
            None => {
                assert_eq!(talk.out(), "");
                talk.events();
                let outcome = outcomes(&talk).remove(0);
                assert_eq!(outcome.fate(), &Fate::NotSent(NotSent::NeedsSmtpUtf8));
            }
        }
    }
}

#[test]
fn c_041_arguments_and_parameters_beyond_ascii() {
    // RFC 6531 section 3.7.4.2 has a parameter of VRFY and EXPN for that, which
    // is not sent here.
    let mut talk = Talk::open(config(), &["SMTPUTF8"]);
    let argument = Argument::new("j\u{fc}rgen").unwrap();
    assert!(talk.session.verify(argument.clone()).is_err());
    assert!(talk.session.expand(argument.clone()).is_err());
    assert!(talk.session.help(Some(argument)).is_err());
    let raw = RawCommand::new("XVRFY j\u{fc}rgen").unwrap();
    assert!(talk.session.command(raw).is_err());
    assert_eq!(talk.out(), "");
    // A parameter may be UTF-8 in a transaction with SMTPUTF8 only.
    let orcpt = || {
        let parameter = "ORCPT=utf-8;\u{fc}@example.net".parse().unwrap();
        ExtensionParameter::new("DSN", parameter).unwrap()
    };
    let to = Recipient::new(mailbox("bob@example.net")).parameter(orcpt());
    for (keywords, mail) in [
        (&["DSN"][..], MAIL.to_string()),
        (&["DSN", "SMTPUTF8"], MAIL.replace(">\r", "> SMTPUTF8\r")),
    ] {
        let mut talk = Talk::open(config(), keywords);
        talk.session
            .send(message(&["carol"]).recipient(to.clone()))
            .unwrap();
        assert_eq!(talk.out(), mail);
        talk.exchange("250 ok\r\n", CAROL);
        talk.say("550 no\r\n");
        assert_eq!(talk.out_octets().is_ascii(), keywords.len() == 1);
        let mut talk = Talk::open(config(), keywords);
        talk.session
            .send(message(&["carol"]).parameter(orcpt()))
            .unwrap();
        assert_eq!(talk.out_octets().is_empty(), keywords.len() == 1);
    }
}

#[test]
fn c_042_m_05_injection_cannot_be_expressed() {
    for text in [
        "a@x>\r\nRCPT TO:<b@x",
        "a\0@x",
        "a\n@x",
        "\"a\r\n\"@x",
        "a@x\r\n",
        "a@x>",
    ] {
        assert!(text.parse::<Mailbox>().is_err());
        assert!(text.parse::<ForwardPath>().is_err());
        assert!(text.parse::<ReversePath>().is_err());
    }
    for text in ["a\r\nDATA", "a\nb", "a\rb", "a\0", ""] {
        assert!(Argument::new(text).is_err());
        assert!(RawCommand::new(text).is_err());
        assert!(RawCommand::new(&format!("ETRN {text}")).is_err() || text.is_empty());
        assert!(text.parse::<Host>().is_err());
        assert!(LocalPart::new(text).is_err());
        assert!(
            ExtensionParameter::new(
                "X",
                format!("K={text}").parse().unwrap_or("K".parse().unwrap())
            )
            .is_ok()
        );
        assert!(
            format!("K={text}")
                .parse::<smtp_proto::types::Parameter>()
                .is_err()
        );
        assert!(ExtensionParameter::new(text, "K".parse().unwrap()).is_err());
    }
}

#[test]
fn c_048_m_06_parameters_in_their_order() {
    let mut talk = Talk::open(config(), &["SIZE", "8BITMIME", "SMTPUTF8", "DSN"]);
    let dsn = |text: &str| ExtensionParameter::new("DSN", text.parse().unwrap()).unwrap();
    let made = Transaction::new(mailbox("\u{fc}@example.org"))
        .parameter(dsn("RET=HDRS"))
        .parameter(dsn("ENVID=Q+2B17"))
        .recipient(
            Recipient::new(mailbox("bob@example.net"))
                .parameter(dsn("NOTIFY=SUCCESS,FAILURE"))
                .parameter(dsn("ORCPT=rfc822;bob@example.net")),
        )
        .content("\u{fc}\r\n");
    talk.session.send(made).unwrap();
    assert_eq!(
        talk.out(),
        "MAIL FROM:<\u{fc}@example.org> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=Q+2B17\r\n"
    );
    talk.exchange(
        "250 ok\r\n",
        "RCPT TO:<bob@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@example.net\r\n",
    );
}

#[test]
fn c_237_c_248_a_parameter_whose_extension_is_not_offered() {
    let dsn = ExtensionParameter::new("DSN", "NOTIFY=NEVER".parse().unwrap()).unwrap();
    let mut talk = Talk::open(config(), &["SIZE"]);
    let quiet = Recipient::new(mailbox("bob@example.net")).parameter(dsn);
    talk.session
        .send(message(&["carol"]).recipient(quiet))
        .unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", CAROL);
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.exchange("354 ok\r\n", CONTENT);
    talk.say("250 ok\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 accepted: 250 ok",
            "m1 to2 not sent: the server does not offer DSN"
        ]
    );
}

#[test]
fn c_076_c_221_c_222_c_226_eight_bit_content() {
    let eight = "Subject: x\r\n\r\n\u{fc}\r\n";
    let mail_line = |made: Transaction, keywords: &[&str]| {
        let mut talk = Talk::open(config(), keywords);
        talk.session.send(made).unwrap();
        talk.out()
    };
    let made = || transaction(&["bob"]);
    assert_eq!(mail_line(made().content(eight), &[]), "");
    let with_body = "MAIL FROM:<alice@example.org> BODY=8BITMIME\r\n";
    assert_eq!(mail_line(made().content(eight), &["8BITMIME"]), with_body);
    assert_eq!(mail_line(message(&["bob"]), &["8BITMIME"]), MAIL);
    // Content that is to come: what was said of it, or what the server takes.
    assert_eq!(mail_line(made(), &["8BITMIME"]), with_body);
    assert_eq!(mail_line(made(), &[]), MAIL);
    let seven = made().body(BodyType::SevenBit);
    assert_eq!(mail_line(seven, &["8BITMIME"]), MAIL);
    let binary = made().body(BodyType::EightBitMime);
    assert_eq!(mail_line(binary, &[]), "");
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(made().content(eight)).unwrap();
    talk.events();
    let fate = outcomes(&talk).remove(0).recipients()[0].clone();
    assert_eq!(fate, Fate::NotSent(NotSent::Needs8BitMime));
    assert!(!fate.is_transient());
}

#[test]
fn c_229_m_22_size_counts_what_is_sent_without_dots() {
    for (content, size) in [(".a\r\n", 4), ("", 0), ("x", 3), ("a\r\n.\r\n", 6)] {
        let mut talk = Talk::open(config(), &["SIZE 6"]);
        talk.session
            .send(transaction(&["bob"]).content(content))
            .unwrap();
        assert_eq!(
            talk.out(),
            format!("MAIL FROM:<alice@example.org> SIZE={size}\r\n")
        );
    }
}

#[test]
fn c_230_c_231_limits_on_size() {
    for (offer, told, sent) in [
        ("SIZE 1000", Some(1000), true),
        ("SIZE 1000", Some(1001), false),
        ("SIZE 0", Some(u64::MAX), true),
        ("SIZE", Some(u64::MAX), true),
        ("SIZE 1000", None, true),
    ] {
        let mut talk = Talk::open(config(), &[offer]);
        let mut made = transaction(&["bob"]);
        if let Some(size) = told {
            made = made.size(size);
        }
        talk.session.send(made).unwrap();
        let out = talk.out();
        assert_eq!(!out.is_empty(), sent, "{offer} {told:?}");
        assert_eq!(out.contains("SIZE="), sent && told.is_some());
        if !sent {
            talk.events();
            let fate = outcomes(&talk).remove(0).recipients()[0].clone();
            let too_large = NotSent::TooLarge {
                size: 1001,
                limit: 1000,
            };
            assert_eq!(fate, Fate::NotSent(too_large));
            assert!(!fate.is_transient());
        }
    }
}

#[test]
fn c_096_c_088_replies_count_and_their_text_does_not() {
    // Texts that speak of other commands, codes that nobody has seen.
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    assert_eq!(talk.out(), MAIL);
    talk.exchange("299 550 RCPT refused\r\n", BOB);
    talk.exchange("259 354 send\r\n", CAROL);
    talk.exchange("550 250 OK accepted\r\n", "DATA\r\n");
    talk.exchange("399 250 no\r\n", CONTENT);
    talk.say("200-421\r\n200 554 lost\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 accepted: 200 421 / 554 lost",
            "m1 to2 refused at RCPT: 550 250 OK accepted"
        ]
    );
}

#[test]
fn c_098_any_2yz_to_rcpt_accepts() {
    for number in [250, 251, 252, 259, 200, 299] {
        let mut talk = Talk::open(config(), &[]);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        talk.exchange("250 ok\r\n", BOB);
        talk.exchange(&format!("{number} ok\r\n"), "DATA\r\n");
    }
}

#[test]
fn c_099_c_101_c_232_mail_refused_needs_no_rset_and_is_not_remembered() {
    for number in [451, 452, 499, 550, 552, 555, 599] {
        let mut talk = Talk::open(config(), &[]);
        talk.session.send(message(&["bob"])).unwrap();
        talk.session.send(message(&["carol"])).unwrap();
        talk.out();
        talk.exchange(&format!("{number} no\r\n"), MAIL);
        assert_eq!(
            talk.fates(),
            [format!("m1 to1 refused at MAIL: {number} no")]
        );
        let fate = outcomes(&talk).remove(0).recipients()[0].clone();
        assert_eq!(fate.is_transient(), number < 500);
    }
}

#[test]
fn c_103_c_132_no_data_without_a_recipient_but_rset() {
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", BOB);
    talk.exchange("550 no\r\n", CAROL);
    talk.exchange("450 no\r\n", "RSET\r\n");
    talk.exchange("250 ok\r\n", MAIL);
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 refused at RCPT: 550 no",
            "m1 to2 refused at RCPT: 450 no"
        ]
    );
}

#[test]
fn c_108_vrfy_252_is_told_as_it_is() {
    let mut talk = Talk::open(config(), &[]);
    let request = talk.session.verify(Argument::new("bob").unwrap()).unwrap();
    talk.out();
    talk.say("252 perhaps\r\n");
    assert_eq!(talk.events(), ["r1 252 perhaps"]);
    assert!(matches!(&talk.log[1], Event::Reply { request: id, .. } if *id == request));
}

#[test]
fn c_110_c_111_c_233_what_the_answer_to_the_content_means() {
    for (number, transient) in [
        (250, false),
        (451, true),
        (452, true),
        (552, false),
        (554, false),
    ] {
        let mut talk = Talk::open(config(), &["PIPELINING"]);
        talk.session.send(message(&["bob", "carol"])).unwrap();
        talk.out();
        talk.exchange("250 ok\r\n250 ok\r\n250 ok\r\n354 ok\r\n", CONTENT);
        talk.say(format!("{number} x\r\n"));
        talk.events();
        let outcome = outcomes(&talk).remove(0);
        for fate in outcome.recipients() {
            assert_eq!(fate.is_accepted(), number == 250);
            assert_eq!(fate.is_transient(), transient, "{number}");
        }
        assert_eq!(outcome.is_complete(), number == 250);
        assert!(talk.session.is_reusable(), "{number}");
    }
}

#[test]
fn c_116_c_118_codes_stay_apart() {
    for number in [455, 501, 504, 530, 555, 556] {
        let mut talk = Talk::open(config(), &[]);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        talk.say(format!("{number} 5.1.10 x\r\n"));
        talk.events();
        let outcome = outcomes(&talk).remove(0);
        assert_eq!(outcome.fate().reply().unwrap().code().get(), number);
    }
}

#[test]
fn c_120_rset_and_noop_refused() {
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.send(message(&["carol"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", BOB);
    talk.exchange("550 no\r\n", "RSET\r\n");
    talk.exchange("551 what?\r\n", "QUIT\r\n");
    assert_eq!(
        talk.events()[3..],
        [
            "m1 finished",
            "m2 to1 not sent: refused at RSET: 551 what?",
            "m2 finished",
            "error refused at RSET: 551 what?"
        ]
    );
    // That one message spoilt the session says nothing about the next.
    let fate = outcomes(&talk)[1].recipients()[0].clone();
    assert!(fate.is_transient());

    let mut talk = Talk::open(config(), &[]);
    talk.session.noop().unwrap();
    talk.out();
    talk.say("500 ?\r\n");
    assert_eq!(talk.events(), ["r1 500 ?"]);
    assert!(talk.session.is_reusable());
}

#[test]
fn c_121_c_134_quit_ends_whatever_is_answered() {
    for answer in [
        &b"221 bye\r\n"[..],
        b"500 ?\r\n",
        b"354 ?\r\n",
        b"421 x\r\n",
        b"\0\0\x1a\n",
        b"x",
    ] {
        let mut talk = Talk::open(config(), &[]);
        talk.session.quit().unwrap();
        assert_eq!(talk.out(), "QUIT\r\n");
        talk.say(answer);
        talk.eof();
        assert_eq!(talk.events(), ["closed"]);
        assert!(talk.error.is_none());
    }
}

#[test]
fn c_122_3yz_where_nothing_can_go_on() {
    let answers = ["250 ok\r\n", "250 ok\r\n", "354 ok\r\n"];
    for wrong in 0..=answers.len() {
        let mut talk = Talk::open(config(), &[]);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        for answer in &answers[..wrong] {
            talk.say(answer);
            talk.out();
        }
        let codes: &[u16] = if wrong == 2 {
            &[250, 120, 999]
        } else {
            &[354, 334, 100, 650]
        };
        let code = codes[wrong % codes.len()];
        talk.say(format!("{code} x\r\n"));
        assert_eq!(talk.out(), "");
        let fates = talk.fates();
        assert_eq!(fates.len(), 1);
        assert_eq!(fates[0].contains("in doubt"), wrong == 3, "{fates:?}");
        let error = talk.error.unwrap();
        assert_eq!(error.reply().unwrap().code().get(), code);
        assert!(error.is_transient());
    }
}

#[test]
fn c_085_c_139_lines_with_different_codes_spoil_the_session() {
    let mut talk = Talk::open(config(), &[]);
    talk.session.noop().unwrap();
    talk.out();
    talk.say("250-a\r\n550 b\r\n");
    assert_eq!(talk.events(), ["r1 550 a / b"]);
    assert!(talk.session.is_idle());
    assert!(!talk.session.is_reusable());
}

#[test]
fn c_139_when_a_session_may_be_used_again() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    assert!(talk.session.is_reusable());
    talk.session.send(message(&["bob"])).unwrap();
    assert!(!talk.session.is_idle());
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n354 ok\r\n", CONTENT);
    assert!(!talk.session.is_idle());
    talk.say("250 ok\r\n");
    assert!(talk.session.is_reusable());
    // The beginning of a reply that nothing asked for.
    talk.say("4");
    assert!(!talk.session.is_reusable());
}

#[test]
fn c_060_long_replies_to_many_recipients_are_kept_in_part() {
    let names: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(message(&names)).unwrap();
    talk.out();
    let line = format!("550-5.1.1 {}\r\n", "x".repeat(10_000));
    let refusal = format!("{}550 5.1.1 no\r\n", line.repeat(5));
    talk.say(format!("250 ok\r\n{}554 nobody\r\n", refusal.repeat(40)));
    talk.out();
    talk.say("250 reset\r\n");
    talk.events();
    let outcome = outcomes(&talk).remove(0);
    let replies = || {
        outcome
            .recipients()
            .iter()
            .map(|fate| fate.reply().unwrap())
    };
    assert_eq!(replies().count(), 40);
    assert!(
        replies()
            .map(smtp_proto::types::Reply::text_len)
            .sum::<usize>()
            <= 1024 * 1024
    );
    for reply in replies() {
        assert_eq!(reply.code().get(), 550);
        assert_eq!(reply.enhanced().unwrap().to_string(), "5.1.1");
    }
}

#[test]
fn debug_shows_no_content() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    let transaction = message(&["bob"]).content("canary\r\n");
    assert!(!format!("{transaction:?}").contains("canary"));
    talk.session.send(transaction).unwrap();
    talk.out();
    talk.say("250 a\r\n250 b\r\n354 c\r\n");
    assert!(!format!("{:?}", talk.session).contains("canary"));
    let transmit = format!("{:?}", talk.session.poll_transmit());
    assert!(!transmit.contains("canary"), "{transmit}");
}

#[test]
fn smtputf8_is_not_asked_for_without_need() {
    let dsn = ExtensionParameter::new("DSN", "NOTIFY=NEVER".parse().unwrap()).unwrap();
    let bob = || Recipient::new(mailbox("bob@example.net"));
    let long = format!("{}@example.net", "x".repeat(65));
    let utf8 = ExtensionParameter::new("DSN", "ORCPT=utf-8;\u{fc}@a.example".parse().unwrap());
    for (recipient, needs) in [
        (bob(), false),
        (bob().parameter(dsn), false),
        (Recipient::new(mailbox(&long)), false),
        (bob().parameter(utf8.unwrap()), true),
        (Recipient::new(mailbox("\u{fc}@example.net")), true),
    ] {
        let config = config().long_local_parts(true);
        let mut talk = Talk::open(config, &["SMTPUTF8", "DSN"]);
        let made = Transaction::new(mailbox("alice@example.org")).recipient(recipient.clone());
        talk.session.send(made.content("x\r\n")).unwrap();
        assert_eq!(talk.out().contains("SMTPUTF8"), needs, "{recipient:?}");
    }
}

#[test]
fn only_the_outcome_is_told_to_those_who_want_no_more() {
    assert!(message(&["bob"]).has_content() && !transaction(&["bob"]).has_content());
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    let made = transaction(&["bob", "carol"]).outcome_only();
    talk.session.send(made.content("x\r\n")).unwrap();
    talk.out();
    talk.exchange("250 a\r\n250 b\r\n550 c\r\n354 d\r\n", "x\r\n.\r\n");
    assert_eq!(talk.events(), [""; 0]);
    talk.say("250 e\r\n");
    assert_eq!(
        talk.events(),
        [
            "m1 to1 accepted: 250 e",
            "m1 to2 refused at RCPT: 550 c",
            "m1 finished"
        ]
    );
}
