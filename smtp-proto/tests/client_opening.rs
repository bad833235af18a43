//! The greeting, EHLO and HELO, and what the server offers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{EHLO, Talk, code, config, hello, mailbox, message, secs, transaction};
use smtp_proto::{
    client::{
        CommandError, Config, ErrorKind, ExtensionParameter, HeloFallback, Phase, Transaction,
    },
    types::{Capability, Host, Reply},
    wire::ReplyLimits,
};

fn greeted(text: &[u8]) -> Talk {
    let mut talk = Talk::new(config());
    talk.session.send(message(&["bob"])).unwrap();
    talk.say(text);
    talk
}

/// A session that was opened with this reply to EHLO.
fn offered(reply: &str) -> Talk {
    let mut talk = Talk::new(config());
    talk.exchange("220 x\r\n", EHLO);
    talk.say(reply);
    assert_eq!(talk.events(), ["ready"]);
    talk
}

fn kind(talk: &Talk) -> &ErrorKind {
    talk.error.as_ref().unwrap().kind()
}

#[test]
fn c_001_c_002_nothing_is_sent_before_the_whole_greeting() {
    let mut talk = Talk::new(config());
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.noop().unwrap();
    talk.session.quit().unwrap();
    assert_eq!(talk.out(), "");
    talk.exchange("220-mx hi\r\n220-rules\r\n", "");
    talk.exchange("220 ok\r", "");
    talk.exchange("\n", EHLO);
}

#[test]
fn c_003_c_007_c_090_any_2yz_and_any_text_is_a_greeting() {
    for greeting in [
        &b"220\r\n"[..],
        b"220 \r\n",
        b"220 ****\r\n",
        b"220-\r\n220\r\n",
        b"220 \xff\0\x07\n",
        b"250 hi\r\n",
        b"299 hi\r\n",
    ] {
        let mut talk = greeted(greeting);
        assert_eq!(talk.out(), EHLO, "{}", greeting.escape_ascii());
        assert_eq!(talk.events(), [""; 0]);
    }
}

#[test]
fn c_004_c_005_a_5yz_greeting_is_for_good_and_521_for_this_host() {
    for (greeting, without_mail) in [
        ("554 no mail here\r\n", false),
        ("521-mx\r\n521 none\r\n", true),
    ] {
        let mut talk = greeted(greeting.as_bytes());
        assert_eq!(talk.out(), "QUIT\r\n");
        talk.events();
        let error = talk.error.clone().unwrap();
        assert_eq!(*error.kind(), ErrorKind::Refused);
        assert_eq!(error.phase(), Phase::Greeting);
        assert!(!error.is_transient());
        assert_eq!(error.is_host_without_mail(), without_mail);
        // Whatever comes then changes nothing.
        talk.say("221 bye\r\n");
        talk.eof();
        assert_eq!(talk.events(), [""; 0]);
    }
}

#[test]
fn c_006_a_4yz_greeting_is_for_now() {
    for (greeting, out, refused) in [
        (&b"421 busy\r\n"[..], "", false),
        (b"450 later\r\n", "QUIT\r\n", true),
        (b"499 later\r\n", "QUIT\r\n", true),
    ] {
        let mut talk = greeted(greeting);
        assert_eq!(talk.out(), out);
        talk.events();
        let error = talk.error.unwrap();
        assert!(error.is_transient());
        assert_eq!(*error.kind() == ErrorKind::Refused, refused);
    }
}

#[test]
fn c_008_c_009_c_122_other_first_digits_are_no_greeting() {
    for greeting in ["354 go\r\n", "120 wait\r\n", "920 x\r\n", "020 x\r\n"] {
        let mut talk = greeted(greeting.as_bytes());
        assert_eq!(talk.out(), "", "{greeting}");
        talk.events();
        assert_eq!(*kind(&talk), ErrorKind::Unexpected);
        assert!(talk.error.unwrap().reply().is_some());
    }
}

#[test]
fn c_010_what_is_not_smtp_is_named_with_its_first_octets() {
    for (octets, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "HTTP"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "SSH"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "TLS"),
        (b"\r\n", ""),
        (b"220ok\r\n", "220ok"),
        (b"* OK IMAP4rev1\r\n", "IMAP4"),
    ] {
        let mut talk = greeted(octets);
        assert_eq!(talk.out(), "");
        let events = talk.events();
        assert!(events.last().unwrap().contains(name), "{events:?}");
        assert!(matches!(kind(&talk), ErrorKind::Malformed(_)));
    }
    // The end of the file brings to light what is no line.
    let mut talk = greeted(b"\x15\x03\x01\x00\x02\x02\x28");
    assert_eq!(talk.events(), [""; 0]);
    talk.eof();
    assert!(talk.events().last().unwrap().contains("TLS"));
    // The beginning of a reply is a reply that was cut off.
    for partial in ["2", "22", "220", "220-mx", "220-mx\r\n", "220-mx\r\n2"] {
        let mut talk = greeted(partial.as_bytes());
        talk.eof();
        talk.events();
        assert_eq!(*kind(&talk), ErrorKind::ConnectionLost, "{partial}");
    }
}

#[test]
fn c_011_a_reply_before_ehlo_has_left() {
    let mut talk = greeted(b"220 a\r\n250 b\r\n");
    talk.events();
    assert_eq!(*kind(&talk), ErrorKind::Unsolicited);
    assert_eq!(talk.out(), "", "EHLO is not sent any more");
    let mut talk = greeted(b"220 a\r\n421 bye\r\n");
    assert_eq!(talk.events()[0], "closing 421 bye");
    assert_eq!(*kind(&talk), ErrorKind::Closing);
    assert!(talk.error.unwrap().is_transient());
    // Half of EHLO has left: it cannot have been answered.
    let mut talk = greeted(b"220 a\r\n");
    talk.send(EHLO.len() - 1);
    talk.say("250 b\r\n");
    talk.events();
    assert_eq!(*kind(&talk), ErrorKind::Unsolicited);
}

#[test]
fn c_014_c_015_c_016_c_022_the_name() {
    for name in [
        "mta.example.org",
        "[192.0.2.7]",
        "[IPv6:2001:db8::7]",
        "xn--bcher-kva.example",
    ] {
        let mut talk = Talk::new(Config::new(&name.parse().unwrap()).unwrap());
        talk.exchange("220 x\r\n", &format!("EHLO {name}\r\n"));
        talk.exchange("502 x\r\n", &format!("HELO {name}\r\n"));
    }
}

#[test]
fn c_017_c_018_names_that_cannot_be_sent() {
    let u_label: Host = "b\u{fc}cher.example".parse().unwrap();
    assert!(Config::new(&u_label).is_err());
    for text in [
        "my_host.example",
        "a b",
        "a\r\nMAIL",
        "",
        "[2001:db8::7]",
        "a..b",
        ".a",
        "192.0.2.7 x",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text}");
    }
}

#[test]
fn c_019_c_020_what_is_followed_by_helo() {
    use HeloFallback::{AnyRefusal, Never, UnknownCommand};
    for (fallback, number, helo) in [
        (UnknownCommand, 500, true),
        (UnknownCommand, 502, true),
        (UnknownCommand, 501, false),
        (UnknownCommand, 504, false),
        (UnknownCommand, 550, false),
        (UnknownCommand, 450, false),
        (AnyRefusal, 550, true),
        (AnyRefusal, 501, true),
        (AnyRefusal, 450, false),
        (Never, 500, false),
        (Never, 502, false),
    ] {
        let mut config = config();
        config = config.helo_fallback(fallback);
        let mut talk = Talk::new(config);
        talk.exchange("220 x\r\n", EHLO);
        talk.say(format!("{number} no\r\n"));
        let name = format!("{fallback:?} {number}");
        if helo {
            assert_eq!(talk.out(), "HELO client.example.org\r\n", "{name}");
            assert_eq!(talk.events(), [""; 0], "{name}");
            continue;
        }
        assert_eq!(talk.out(), "QUIT\r\n", "{name}");
        talk.events();
        let error = talk.error.unwrap();
        assert_eq!(error.phase(), Phase::Ehlo, "{name}");
        assert_eq!(error.is_transient(), number < 500, "{name}");
        assert_eq!(code(error.reply()), Some(number));
    }
}

#[test]
fn c_020_c_134_helo_refused() {
    let mut talk = greeted(b"220 x\r\n");
    talk.out();
    talk.exchange("500 what\r\n", "HELO client.example.org\r\n");
    talk.exchange("550 no\r\n", "QUIT\r\n");
    assert_eq!(
        talk.events(),
        [
            "m1 to1 not sent: refused at HELO: 550 no",
            "m1 finished",
            "error refused at HELO: 550 no",
        ]
    );
    assert!(talk.session.noop().is_err());
}

#[test]
fn c_021_c_031_no_extension_is_used_that_was_not_offered() {
    let mut talk = Talk::new(config());
    talk.say("220 x\r\n");
    talk.out();
    talk.exchange("502 x\r\n", "HELO client.example.org\r\n");
    // HELO offers nothing, whatever its reply says.
    talk.say("250-mx\r\n250-SIZE\r\n250 PIPELINING\r\n");
    talk.events();
    assert_eq!(talk.session.capabilities().iter().count(), 0);
    let with = ExtensionParameter::new("DSN", "RET=HDRS".parse().unwrap()).unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.session
        .send(message(&["bob"]).parameter(with))
        .unwrap();
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org>\r\n");
    talk.exchange("550 no\r\n", "");
    assert_eq!(
        talk.events()[2..],
        [
            "m1 finished",
            "m2 to1 not sent: the server does not offer DSN",
            "m2 finished"
        ]
    );
}

#[test]
fn c_023_c_033_the_first_line_is_no_keyword() {
    let talk = offered("250-SIZE\r\n250 HELP\r\n");
    let offers = talk.session.capabilities();
    assert!(!offers.offers("SIZE"));
    assert!(offers.has(&Capability::Help));
    let talk = offered("250 PIPELINING\r\n");
    assert_eq!(talk.session.capabilities().iter().count(), 0);
}

#[test]
fn c_024_c_027_case_and_spaces() {
    let talk = offered("250-mx\r\n250-size  1000 \r\n250 pipelining\r\n");
    let offers = talk.session.capabilities();
    assert_eq!(offers.max_size(), Some(1000));
    assert!(offers.has(&Capability::Pipelining));
}

#[test]
fn c_025_auth_in_its_old_form() {
    let talk = offered("250-mx\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH LOGIN PLAIN CRAM-MD5\r\n");
    let offers = talk.session.capabilities();
    assert_eq!(offers.auth_mechanisms(), ["LOGIN", "PLAIN", "CRAM-MD5"]);
}

#[test]
fn c_026_c_028_odd_lines_are_kept_and_harm_nothing() {
    let talk = offered(
        "250-mx\r\n250-X-FOO a=b\r\n250-!!\r\n250-\r\n250-SMTPUTF8 foo\r\n250 8BITMIME\r\n",
    );
    let offers = talk.session.capabilities();
    assert_eq!(offers.raw_lines().count(), 5);
    assert!(offers.has(&Capability::EightBitMime));
    assert!(offers.has(&Capability::SmtpUtf8));
    assert!(offers.offers("x-foo"));
}

#[test]
fn c_029_c_230_size_in_its_forms() {
    for (line, limit) in [
        ("SIZE", None),
        ("SIZE 0", None),
        ("SIZE 12abc", None),
        ("SIZE -1", None),
        ("SIZE=5", None),
        ("SIZE 5", Some(5)),
        ("SIZE 99999999999999999999999", Some(u64::MAX)),
    ] {
        let talk = offered(&hello(&[line]));
        assert_eq!(talk.session.capabilities().max_size(), limit, "{line}");
    }
}

#[test]
fn c_030_only_a_250_offers() {
    let mut talk = offered("251-mx\r\n251 SIZE\r\n");
    assert_eq!(talk.session.capabilities().iter().count(), 0);
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org>\r\n");
}

#[test]
fn c_031_parameters_only_for_what_is_offered() {
    // Every subset of what could be asked for.
    let keywords = ["SIZE", "8BITMIME", "SMTPUTF8", "DSN", "PIPELINING"];
    for subset in 0..1_u32 << keywords.len() {
        let has = |index: usize| subset & (1 << index) != 0;
        let offer: Vec<&str> = (0..keywords.len())
            .filter(|&index| has(index))
            .map(|index| keywords[index])
            .collect();
        for (eight_bit, utf8, dsn) in
            (0..8).map(|wish| (wish & 1 != 0, wish & 2 != 0, wish & 4 != 0))
        {
            let mut talk = Talk::open(config(), &offer);
            let from = if utf8 {
                "\u{fc}@example.org"
            } else {
                "a@example.org"
            };
            let mut made = Transaction::new(mailbox(from)).recipient(mailbox("b@example.net"));
            made = made.content(if eight_bit { "\u{fc}\r\n" } else { "u\r\n" });
            if dsn {
                let ret = "RET=FULL".parse().unwrap();
                made = made.parameter(ExtensionParameter::new("dsn", ret).unwrap());
            }
            talk.session.send(made).unwrap();
            let out = talk.out();
            let possible = (!eight_bit || has(1)) && (!utf8 || has(2)) && (!dsn || has(3));
            assert_eq!(!out.is_empty(), possible, "{offer:?}");
            if possible {
                let line = out.lines().next().unwrap();
                assert_eq!(line.contains(" SIZE="), has(0), "{line}");
                assert_eq!(line.contains(" BODY=8BITMIME"), eight_bit, "{line}");
                assert_eq!(line.contains(" SMTPUTF8"), utf8, "{line}");
                assert_eq!(line.contains(" RET=FULL"), dsn, "{line}");
                assert_eq!(out.lines().count() == 3, has(4), "{out}");
            }
        }
    }
}

#[test]
fn c_034_the_names_that_the_server_gives_mean_nothing() {
    let mut talk = Talk::new(config());
    talk.exchange("220 evil.example ESMTP\r\n", EHLO);
    talk.exchange("250-evil.example\r\n250 HELP\r\n", "");
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org>\r\n");
    assert_eq!(
        talk.session.greeting().unwrap().text(),
        "evil.example ESMTP"
    );
}

#[test]
fn c_094_no_enhanced_code_in_greeting_and_hello() {
    let mut talk = Talk::new(config());
    talk.exchange("220 2.0.0 mx\r\n", EHLO);
    assert_eq!(
        talk.session.greeting().and_then(Reply::enhanced),
        None,
        "the text begins with digits and dots by chance"
    );
}

#[test]
fn c_013_requests_before_the_opening_wait() {
    let mut talk = Talk::new(config());
    talk.session.mail(transaction(&[])).unwrap();
    talk.session.rcpt(mailbox("bob@example.net")).unwrap();
    talk.session.data().unwrap();
    assert_eq!(talk.session.noop().map(|_| ()), Ok(()));
    assert!(!talk.session.is_idle());
    assert_eq!(talk.session.phase(), Phase::Greeting);
    talk.exchange("220 x\r\n", EHLO);
    assert_eq!(talk.session.phase(), Phase::Ehlo);
    talk.exchange("250 x\r\n", "MAIL FROM:<alice@example.org>\r\n");
    assert_eq!(talk.session.phase(), Phase::Mail);
}

#[test]
fn c_134_quit_that_was_asked_for_before_the_opening() {
    let mut talk = Talk::new(config());
    talk.session.quit().unwrap();
    assert_eq!(talk.session.quit(), Err(CommandError::Closed));
    assert_eq!(talk.session.noop(), Err(CommandError::Closed));
    talk.exchange("220 x\r\n", EHLO);
    talk.exchange("250 x\r\n", "QUIT\r\n");
    talk.say("221 x\r\n");
    assert_eq!(talk.events(), ["ready", "closed"]);
    assert_eq!(talk.remaining(), None);
    // The end is quiet.
    talk.eof();
    talk.wait(secs(1000));
    assert_eq!(talk.events(), [""; 0]);
    assert!(talk.error.is_none());
}

#[test]
fn the_limits_on_replies_are_those_that_were_set() {
    let mut limits = ReplyLimits::default();
    limits.lines = 2;
    let greeted = |lines: usize| {
        let mut talk = Talk::new(config().reply_limits(limits));
        talk.say("220-x\r\n".repeat(lines - 1) + "220 x\r\n");
        talk.out()
    };
    assert_eq!(greeted(2), EHLO);
    assert_eq!(greeted(3), "");
}
