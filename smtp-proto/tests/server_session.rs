//! The server session against scripted clients. Every dialogue is replayed
//! whole, octet by octet and at every split into two, and has to come out the
//! same. Names carry the number of the rule that they check.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::sync::{Arc, Mutex};

use smtp_oracles::service::{
    DATA, OPENED, Seen, Server, answer, at, brief, config, content, dialogue, every_way, message,
    play, replies,
};
use smtp_proto::{
    Instant, TlsPolicy,
    server::{
        Authentication, Config, Date, Discarded, Error, Event, LoneLineEndings, Rejection, Session,
        State, Timeouts,
    },
    types::{Capabilities, Capability},
};

// --- Whole dialogues --------------------------------------------------------

#[test]
fn t01_one_recipient_dots_in_the_content() {
    let input = [
        DATA,
        "Subject: dots\r\n\r\n..hidden file\r\n..\r\n...\r\nplain\r\n.\r\nQUIT\r\n",
    ]
    .concat();
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(
        codes,
        [
            "220",
            "250",
            "250 2.1.0",
            "250 2.1.5",
            "354",
            "250 2.0.0",
            "221 2.0.0"
        ]
    );
    assert_eq!(
        seen,
        [
            Seen::Hello("client.example.org".into()),
            Seen::Mail("<alice@example.org>".into()),
            Seen::Rcpt("<bob@example.net>".into()),
            Seen::Data,
            content(b"Subject: dots\r\n\r\n.hidden file\r\n.\r\n..\r\nplain\r\n"),
            message(&["<bob@example.net>"]),
            Seen::Closed,
        ]
    );
}

#[test]
fn t03_several_recipients_mixed_answers() {
    let input = [
        OPENED,
        "RCPT TO:<bob@example.net>\r\nRCPT TO:<nobody@example.net>\r\n\
         RCPT TO:<dave@example.net>\r\nRCPT TO:<erin@example.net>\r\nDATA\r\nx\r\n.\r\n",
    ]
    .concat();
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(
        codes[3..],
        [
            "250 2.1.5",
            "550 5.1.1",
            "450 4.2.1",
            "251 2.1.5",
            "354",
            "250 2.0.0"
        ]
    );
    assert_eq!(
        seen.last(),
        Some(&message(&["<bob@example.net>", "<erin@example.net>"]))
    );
}

#[test]
fn t04_s_126_a_group_is_answered_in_one_write() {
    let mut server = Server::new(config());
    server.send("EHLO client.example.org\r\n");
    server.client_reads = false;
    server.send(
        "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n\
         RCPT TO:<carol@example.net>\r\nDATA\r\n",
    );
    let slices: Vec<&[u8]> = server.session.poll_transmit().unwrap().slices().collect();
    assert_eq!(slices.len(), 1);
    let codes: Vec<String> = replies(slices[0]).iter().map(brief).collect();
    assert_eq!(codes, ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354"]);
    server.client_reads = true;
    server.send("x\r\n.\r\nQUIT\r\n");
    assert!(server.is_closed());
}

#[test]
fn t05_data_without_recipients() {
    let input = [
        OPENED,
        "RCPT TO:<nobody@example.net>\r\nDATA\r\n.\r\nRSET\r\nNOOP\r\n",
    ]
    .concat();
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(
        codes[3..],
        [
            "550 5.1.1",
            "503 5.5.1",
            "500 5.5.2",
            "250 2.0.0",
            "250 2.0.0"
        ]
    );
    assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::Reset)));
}

#[test]
fn t14_s_079_s_181_size() {
    let limited = config().max_message_size(Some(1_000_000));
    dialogue(
        &limited,
        &[
            ("EHLO client.example.org", "250"),
            ("MAIL FROM:<full@example.org> SIZE=900000", "452 4.3.1"),
            ("MAIL FROM:<alice@example.org> SIZE=2000000", "552 5.3.4"),
            (
                "MAIL FROM:<alice@example.org> SIZE=99999999999999999999",
                "552 5.3.4",
            ),
            ("MAIL FROM:<alice@example.org> SIZE=1000000", "250 2.1.0"),
            ("RCPT TO:<small@example.net>", "552 5.2.3"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
        ],
    );
    dialogue(
        &config().max_message_size(None),
        &[
            ("EHLO client.example.org", "250"),
            (
                "MAIL FROM:<alice@example.org> SIZE=99999999999",
                "250 2.1.0",
            ),
        ],
    );
}

#[test]
fn t15_s_115_to_s_120_inquiries_change_nothing() {
    let asking = config().ask_verify(true);
    let seen = dialogue(
        &asking,
        &[
            ("VRFY bob", "252 2.5.0"),
            ("VRFY Smith", "553 5.1.4"),
            ("VRFY carol", "250 2.1.5"),
            ("VRFY uwe", "252 2.5.0"),
            ("VRFY nobody", "550 5.1.1"),
            ("EXPN staff", "502 5.5.1"),
            ("HELP", "214 2.0.0"),
            ("FROB", "500 5.5.2"),
            ("NOOP ignored words", "250 2.0.0"),
            ("EHLO a", "250"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
            ("VRFY <bob@example.net>", "252 2.5.0"),
            ("HELP MAIL", "214 2.0.0"),
            ("NOOP", "250 2.0.0"),
            ("DATA", "354"),
        ],
    );
    assert!(seen.contains(&Seen::Inquiry("<bob@example.net>".into())));
    let mut server = Server::new(asking);
    assert_eq!(server.ask("VRFY carol").text(), "<carol@example.net>");
    assert_eq!(
        server.ask("VRFY Smith").text(),
        "ambiguous\n<joan@example.net>\n<john@example.net>"
    );
}

#[test]
fn s_116_s_119_inquiries_that_the_core_answers() {
    dialogue(
        &config(),
        &[
            ("VRFY bob", "252 2.5.0"),
            ("EXPN staff", "502 5.5.1"),
            ("VRFY", "501 5.5.4"),
        ],
    );
    let mut server = Server::new(config().ask_expand(true));
    assert!(server.ask("EHLO a").text().contains("\nEXPN\n"));
    let members = server.ask("EXPN staff");
    assert_eq!(members.text(), "<bob@example.net>\n<carol@example.net>");
}

#[test]
fn t16_source_routes_and_odd_paths() {
    let script = [
        ("EHLO client.example.org", "250"),
        (
            "MAIL FROM:<@relay.example.org:alice@example.org>",
            "250 2.1.0",
        ),
        (
            "RCPT TO:<@a.example.org,@b.example.org:bob@example.net>",
            "250 2.1.5",
        ),
        ("RCPT TO:<POSTMASTER>", "250 2.1.5"),
        ("RCPT TO:<\"odd > name\"@example.net>", "250 2.1.5"),
        ("RCPT TO:<carol@[IPv6:2001:db8::25]>", "550 5.7.1"),
        ("RCPT TO: <frank@example.net>", "501 5.5.4"),
        ("RCPT TO:<a..b@example.net>", "501 5.1.3"),
        ("RCPT TO:<u@[X9:zz]>", "501 5.1.3"),
        ("RCPT TO:<\"\"@example.net>", "553 5.1.3"),
        ("DATA", "354"),
    ];
    let seen = dialogue(&config(), &script);
    assert_eq!(seen[1], Seen::Mail("<alice@example.org>".into()));
    assert_eq!(seen[2], Seen::Rcpt("<bob@example.net>".into()));
    let mut server = Server::new(config().lenient_paths(true));
    for (line, code) in script {
        let lenient = if line.contains(": ") {
            "250 2.1.5"
        } else {
            code
        };
        assert_eq!(brief(&server.ask(line)), lenient, "{line}");
    }
    assert_eq!(server.session.envelope().unwrap().recipients().len(), 4);
}

// --- Connection --------------------------------------------------------------

#[test]
fn s_001_s_002_s_011_greeting() {
    let mut server = Server::new(config());
    assert_eq!(server.output, b"220 mx.example.net ESMTP\r\n");
    assert!(server.session.is_idle());
    server.ask("EHLO a");
    // Input that was there before the greeting left is served behind it.
    let mut server = Server::of(Session::new(config().greeting("x\ry"), at(0)));
    assert_eq!(server.output, b"220 mx.example.net x?y\r\n");
    server.send("QUIT\r\n");
    assert!(server.is_closed());
}

#[test]
fn s_003_refused_sessions_wait_for_quit() {
    let config = || config().authentication(Authentication::new());
    let mut server = Server::of(Session::refusing(config(), &Rejection::policy(), at(0)));
    assert_eq!(server.output, b"550 mx.example.net refused by policy\r\n");
    for line in [
        "EHLO a",
        "NOOP",
        "RSET",
        "FOO",
        "MAIL FROM:<bad",
        "HELP",
        "AUTH PLAIN",
    ] {
        assert_eq!(brief(&server.ask(line)), "503 5.5.1", "{line}");
    }
    assert_eq!(server.ask("QUIT").code().get(), 221);
    assert_eq!(server.seen, [Seen::Closed]);
    let away = Session::refusing(config(), &Rejection::service_not_available(), at(0));
    let server = Server::of(away);
    assert!(server.is_closed());
    assert!(server.output.starts_with(b"421 mx.example.net "));
}

#[test]
fn s_006_quit_from_every_state_drops_the_transaction() {
    for (before, discarded) in [
        ("", false),
        ("EHLO a\r\n", false),
        (OPENED, true),
        (&format!("{OPENED}RCPT TO:<bob@example.net>\r\n"), true),
    ] {
        let (codes, seen) = every_way(&config(), format!("{before}QUIT\r\nNOOP\r\n"));
        assert_eq!(codes.last().unwrap(), "221 2.0.0");
        assert_eq!(seen.last(), Some(&Seen::Closed));
        assert_eq!(seen.contains(&Seen::Discarded(Discarded::Quit)), discarded);
        assert!(!seen.iter().any(|seen| matches!(seen, Seen::Message(_))));
    }
}

#[test]
fn s_007_s_008_the_end_of_the_input_anywhere_accepts_nothing() {
    let input = format!("{DATA}a\r\n.\r");
    for end in 0..=input.len() {
        let mut server = Server::new(config());
        server.send(&input[..end]);
        let open = server.session.envelope().is_some();
        server.end();
        assert!(server.is_closed());
        assert!(
            !server
                .seen
                .iter()
                .any(|seen| matches!(seen, Seen::Message(_)))
        );
        let lost = Seen::Discarded(Discarded::EndOfInput);
        assert_eq!(server.seen.contains(&lost), open, "{end}");
    }
    // What was complete before is kept.
    let mut server = Server::new(config());
    server.send(format!("{DATA}a\r\n.\r\nMAIL FROM:<alice@exam"));
    server.end();
    assert!(server.seen.contains(&message(&["<bob@example.net>"])));
}

#[test]
fn s_009_shutdown_waits_for_what_is_going_on() {
    let mut server = Server::new(config());
    server.session.shutdown(at(1));
    server.drive();
    assert_eq!(brief(replies(&server.output).last().unwrap()), "421 4.3.2");
    assert!(server.is_closed());

    let mut server = Server::new(config());
    server.send(format!("{DATA}a\r\n"));
    server.session.shutdown(at(1));
    server.drive();
    assert!(!server.is_closed());
    server.send("b\r\n.\r\nMAIL FROM:<alice@example.org>\r\n");
    let codes: Vec<String> = replies(&server.output).iter().map(brief).collect();
    assert_eq!(codes[codes.len() - 2..], ["250 2.0.0", "421 4.3.2"]);
    assert!(server.is_closed());

    let mut server = Server::new(config());
    server.send(OPENED);
    server.session.shutdown(at(1));
    server.drive();
    let end = [Seen::Discarded(Discarded::Shutdown), Seen::Closed];
    assert_eq!(server.seen[2..], end);
}

#[test]
fn s_012_other_protocols_get_one_reply() {
    for input in [
        &b"GET / HTTP/1.1\r\nHost: mx.example.net\r\n\r\nQUIT\r\n"[..],
        b"POST /x HTTP/1.1\r\n\r\nMAIL FROM:<a@example.org>\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\nQUIT\r\n",
    ] {
        let (codes, seen) = every_way(&config(), input);
        assert_eq!(codes, ["220", "421 4.7.0"]);
        assert_eq!(seen, [Seen::Closed]);
    }
    dialogue(
        &config(),
        &[("NOOP", "250 2.0.0"), ("GET / HTTP/1.1", "500 5.5.2")],
    );
}

// --- Commands ----------------------------------------------------------------

#[test]
fn s_013_to_s_027_reading_commands() {
    let seen = dialogue(
        &config(),
        &[
            ("NOOP\nRSET", "500 5.5.2"),
            ("NOOP\rRSET", "500 5.5.2"),
            ("ehLo client.example.org", "250"),
            ("NOOP  x", "250 2.0.0"),
            (" NOOP", "500 5.5.2"),
            ("RSET now", "501 5.5.4"),
            ("DATA x", "501 5.5.4"),
            ("NOOP foo", "250 2.0.0"),
            ("TURN", "502 5.5.1"),
            ("STARTTLS", "502 5.5.1"),
            ("AUTH PLAIN AA==", "502 5.5.1"),
            ("FOO", "500 5.5.2"),
            ("MAIL FROM:<\u{fc}@example.org>", "501 5.1.7"),
            ("MAIL FROM:<a\x01@example.org>", "501 5.1.7"),
            ("VRFY a\0b", "501 5.5.4"),
            ("", "500 5.5.2"),
            ("mail from:<alice@example.org>", "250 2.1.0"),
            ("QUIT  \t", "221 2.0.0"),
        ],
    );
    assert_eq!(seen.last(), Some(&Seen::Closed));
    let mut server = Server::new(config());
    let before = server.output.len();
    server.send("NOOP\n");
    assert_eq!(server.output.len(), before);
}

#[test]
fn s_026_binary_lines_do_no_harm() {
    let mut line: Vec<u8> = (0..=255).filter(|b| !b"\r\n".contains(b)).collect();
    line.extend_from_slice(b"\r\nNOOP\r\n");
    let (codes, _) = every_way(&config(), line);
    assert_eq!(codes, ["220", "500 5.5.2", "250 2.0.0"]);
}

#[test]
fn s_028_to_s_031_s_038_hello() {
    let mut server = Server::new(config().smtputf8(true));
    let reply = server.ask("EHLO [192.0.2.1] foo");
    assert!(reply.to_string().starts_with("250 mx.example.net / "));
    let offered = Capabilities::from_reply(&reply);
    assert_eq!(offered.max_size(), Some(Config::DEFAULT_MAX_MESSAGE_SIZE));
    for capability in [
        Capability::Pipelining,
        Capability::EightBitMime,
        Capability::SmtpUtf8,
        Capability::Chunking,
        Capability::EnhancedStatusCodes,
        Capability::Help,
    ] {
        assert!(offered.has(&capability), "{capability}");
    }
    assert_eq!(server.session.hello().unwrap().as_str(), "[192.0.2.1]");
    // Listed, and so accepted.
    let mail = "MAIL FROM:<ü@example.org> size=5 body=8bitmime SMTPUTF8";
    assert_eq!(brief(&server.ask(mail)), "250 2.1.0");
    assert_eq!(server.ask("HELO a").to_string(), "250 mx.example.net");
}

#[test]
fn s_032_s_033_a_hello_resets_unless_it_is_refused() {
    let seen = dialogue(
        &config(),
        &[
            ("EHLO a", "250"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
            ("EHLO", "501 5.5.4"),
            ("EHLO bad.example.org", "550 5.7.1"),
            ("RCPT TO:<carol@example.net>", "250 2.1.5"),
            ("EHLO a", "250"),
            ("DATA", "503 5.5.1"),
        ],
    );
    let discarded: Vec<&Seen> = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Discarded(_)))
        .collect();
    assert_eq!(discarded, [&Seen::Discarded(Discarded::Hello)]);
}

#[test]
fn s_043_to_s_047_mail_and_rcpt_in_and_out_of_order() {
    dialogue(
        &config(),
        &[
            ("MAIL FROM:<alice@example.org>", "503 5.5.1"),
            ("RSET", "250 2.0.0"),
            ("MAIL FROM:<alice@example.org>", "503 5.5.1"),
            ("EHLO a", "250"),
            ("RCPT TO:<bob@example.net>", "503 5.5.1"),
            ("DATA", "503 5.5.1"),
            ("MAIL FROM:bad", "501 5.5.4"),
            ("MAIL FROM:<later@example.org>", "451 4.3.0"),
            ("RCPT TO:<bob@example.net>", "503 5.5.1"),
            ("MAIL FROM:<>", "250 2.1.0"),
            ("MAIL FROM:<alice@example.org>", "503 5.5.1"),
            ("DATA", "503 5.5.1"),
            ("RCPT TO:<nobody@example.net>", "550 5.1.1"),
            ("DATA", "503 5.5.1"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
            ("MAIL FROM:<alice@example.org>", "503 5.5.1"),
            ("RSET", "250 2.0.0"),
            ("DATA", "503 5.5.1"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("DATA", "503 5.5.1"),
        ],
    );
}

#[test]
fn s_044_a_transaction_has_nothing_of_the_one_before() {
    let input = format!(
        "{OPENED}RCPT TO:<bob@example.net>\r\nRSET\r\nMAIL FROM:<a@example.org>\r\n\
         RCPT TO:<carol@example.net>\r\nDATA\r\n.\r\nMAIL FROM:<a@example.org>\r\n\
         RCPT TO:<bob@example.net>\r\nDATA\r\n.\r\n"
    );
    let (_, seen) = every_way(&config(), input);
    let messages: Vec<&Seen> = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Message(_)))
        .collect();
    let expected = [
        message(&["<carol@example.net>"]),
        message(&["<bob@example.net>"]),
    ];
    assert_eq!(messages, expected.iter().collect::<Vec<_>>());
}

#[test]
fn s_054_to_s_057_parameters() {
    dialogue(
        &config(),
        &[
            ("EHLO a", "250"),
            ("MAIL FROM:<a@example.org> FOO=1", "555 5.5.4"),
            ("MAIL FROM:<a@example.org> SMTPUTF8", "555 5.5.4"),
            ("MAIL FROM:<a@example.org> SIZE=1 size=2", "501 5.5.4"),
            ("MAIL FROM:<a@example.org> BODY=foo", "501 5.5.4"),
            ("MAIL FROM:<a@example.org> BODY=BINARYMIME", "501 5.5.4"),
            ("MAIL FROM:<a@example.org> BODY", "501 5.5.4"),
            ("MAIL FROM:<a@example.org> SIZE=", "501 5.5.4"),
            (
                "MAIL FROM:<a@example.org> SIZE=123456789012345678901",
                "501 5.5.4",
            ),
            (
                "MAIL FROM:<a@example.org> size=5 body=8bitmime",
                "250 2.1.0",
            ),
            ("RCPT TO:<bob@example.net> NOTIFY=NEVER", "555 5.5.4"),
            ("HELO a", "250"),
            ("MAIL FROM:<a@example.org> SIZE=1", "555 5.5.4"),
            ("MAIL FROM:<a@example.org>", "250 2.1.0"),
        ],
    );
    let plain = config().eight_bit_mime(false);
    dialogue(
        &plain,
        &[
            ("EHLO a", "250"),
            ("MAIL FROM:<a@example.org> BODY=7BIT", "555 5.5.4"),
        ],
    );
}

#[test]
fn s_059_forwarding_tells_no_address_that_the_client_cannot_read() {
    let mut server = Server::new(config());
    server.send(OPENED);
    let moved = server.ask("RCPT TO:<erin@example.net>").text();
    assert!(moved.contains("<erin@mail.example.net>"), "{moved}");
    assert_eq!(server.ask("RCPT TO:<uwe@example.net>").code().get(), 250);
}

#[test]
fn s_061_recipients_over_the_limit_leave_the_others_alone() {
    let mut server = Server::new(config().max_recipients(100));
    server.send(OPENED);
    for number in 0..100 {
        let reply = server.ask(&format!("RCPT TO:<user{number}@example.net>"));
        assert_eq!(brief(&reply), "250 2.1.5");
    }
    for _ in 0..200 {
        assert_eq!(brief(&server.ask("RCPT TO:<one@example.net>")), "452 4.5.3");
    }
    server.send("DATA\r\nx\r\n.\r\n");
    assert!(matches!(server.seen.last(), Some(Seen::Message(to)) if to.len() == 100));
}

#[test]
fn s_183_s_184_addresses_beyond_us_ascii() {
    dialogue(
        &config().smtputf8(true),
        &[
            ("EHLO a", "250"),
            ("MAIL FROM:<\u{fc}@example.org>", "553 5.6.7"),
            ("MAIL FROM:<\u{fc}@example.org> SMTPUTF8=1", "501 5.5.4"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("RCPT TO:<\u{fc}@example.net>", "553 5.6.7"),
            ("RSET", "250 2.0.0"),
            ("MAIL FROM:<\u{fc}@example.org> SMTPUTF8", "250 2.1.0"),
            ("RCPT TO:<\u{fc}@b\u{fc}cher.example>", "250 2.1.5"),
            ("HELO a", "250"),
            ("MAIL FROM:<\u{fc}@example.org>", "501 5.1.7"),
        ],
    );
    let invalid = b"EHLO a\r\nMAIL FROM:<\xff@example.org> SMTPUTF8\r\n";
    let (codes, _) = every_way(&config().smtputf8(true), invalid);
    assert_eq!(codes[2], "501 5.5.4");
}

#[test]
fn s_189_enhanced_codes_behind_helo_too() {
    dialogue(
        &config(),
        &[
            ("HELO client.example.org", "250"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
        ],
    );
}

#[test]
fn s_099_s_100_s_101_long_lines() {
    let local = "a".repeat(64);
    let label = "b".repeat(59);
    let domain = [label.as_str(); 3].join(".");
    let mut server = Server::new(config());
    server.ask("EHLO a");
    let reply = server.ask(&format!("MAIL FROM:<{local}@{domain}>"));
    assert_eq!(brief(&reply), "250 2.1.0");
    let reply = server.ask(&format!("RCPT TO:<{local}@{domain}.bbbbbbbbb>"));
    assert_eq!(brief(&reply), "250 2.1.5");
    let reply = server.ask(&format!("RCPT TO:<{local}@{domain}.bbbbbbbbbb>"));
    assert_eq!(brief(&reply), "501 5.1.3");
    // Unknown, but not too long: the length of a line is one thing, what it
    // says is another.
    let reply = server.ask(&format!("RCPT TO:<b@example.net> X={}", "x".repeat(1000)));
    assert_eq!(brief(&reply), "555 5.5.4");

    let mut server = Server::new(config());
    let megabyte = "x".repeat(1024 * 1024);
    for piece in megabyte.as_bytes().chunks(10_000) {
        server.send(piece);
        assert!(server.session.wants_input());
    }
    assert_eq!(brief(&server.ask("")), "500 5.5.2");
    assert_eq!(brief(&server.ask("NOOP")), "250 2.0.0");
    let short = config().max_command_line(512);
    let line = |length: usize| format!("NOOP {}\r\n", "x".repeat(length - 7));
    let (codes, _) = every_way(&short, [line(505), line(513)].concat());
    assert_eq!(codes, ["220", "250 2.0.0", "500 5.5.2"]);
}

#[test]
fn s_005_s_104_too_many_errors_end_it() {
    let limited = config().max_errors(10);
    let mut server = Server::new(limited);
    for _ in 0..10 {
        assert_eq!(brief(&server.ask("FOO")), "500 5.5.2");
    }
    assert_eq!(brief(&server.ask("FOO")), "421 4.7.0");
    assert!(server.is_closed());
    let mut server = Server::new(config().max_errors(1000));
    for _ in 0..1000 {
        assert_eq!(brief(&server.ask("FOO")), "500 5.5.2");
    }
}

#[test]
fn s_208_too_many_refused_recipients_end_it() {
    let mut server = Server::new(config().max_refused_recipients(3));
    server.send(OPENED);
    for _ in 0..3 {
        assert_eq!(
            brief(&server.ask("RCPT TO:<nobody@example.net>")),
            "550 5.1.1"
        );
    }
    assert_eq!(
        brief(&server.ask("RCPT TO:<nobody@example.net>")),
        "421 4.7.0"
    );
    let end = [Seen::Discarded(Discarded::TooManyErrors), Seen::Closed];
    assert!(server.seen.ends_with(&end));
}

#[test]
fn a_refusal_with_421_ends_the_session() {
    let (codes, seen) = every_way(
        &config(),
        "EHLO a\r\nMAIL FROM:<away@example.org>\r\nNOOP\r\n",
    );
    assert_eq!(codes.last().unwrap(), "421 4.3.2");
    assert_eq!(seen.last(), Some(&Seen::Closed));
    let (_, seen) = every_way(&config(), format!("{OPENED}RCPT TO:<away@example.net>\r\n"));
    assert!(seen.ends_with(&[Seen::Discarded(Discarded::Shutdown), Seen::Closed]));
    // A message that was answered is not also discarded.
    let input = DATA.replace("alice", "bye") + "x\r\n.\r\n";
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(codes.last().unwrap(), "421 4.3.2");
    assert!(seen.ends_with(&[message(&["<bob@example.net>"]), Seen::Closed]));
}

// --- Content -----------------------------------------------------------------

#[test]
fn s_067_s_182_all_octets_are_kept() {
    let line: Vec<u8> = (0..=255).filter(|b| !b"\r\n".contains(b)).collect();
    let input = [DATA.as_bytes(), &line, b"\r\n.\r\n"].concat();
    let (_, seen) = every_way(&config(), input);
    assert!(seen.contains(&content(&[&line[..], b"\r\n"].concat())));
}

#[test]
fn s_068_s_069_nothing_else_ends_the_content() {
    let vectors: [&[u8]; 10] = [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\r\r\n.\r\r\n",
        b"\n\r.\r\n",
        b"\r\n.\r\r\n",
        b"\r\n.\0\r\n",
    ];
    let smuggled = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n";
    for vector in vectors {
        let input = [
            DATA.as_bytes(),
            b"a",
            vector,
            smuggled,
            b"x\r\n.\r\nNOOP\r\n",
        ]
        .concat();
        let lone = !vector.contains(&0);
        let (codes, seen) = every_way(&config(), &input);
        let verdict = if lone { "554 5.6.0" } else { "250 2.0.0" };
        assert_eq!(codes[4..], ["354", verdict, "250 2.0.0"], "{vector:?}");
        let told = if lone {
            Seen::Discarded(Discarded::LoneLineEnd)
        } else {
            message(&["<bob@example.net>"])
        };
        assert_eq!(seen.last(), Some(&told));
        let mails = seen.iter().filter(|seen| matches!(seen, Seen::Mail(_)));
        assert_eq!(mails.count(), 1);

        let repair = config().lone_line_endings(LoneLineEndings::Repair);
        let (codes, seen) = every_way(&repair, &input);
        assert_eq!(codes[4..], ["354", "250 2.0.0", "250 2.0.0"]);
        assert_eq!(seen.last(), Some(&message(&["<bob@example.net>"])));
    }
}

#[test]
fn s_071_s_073_s_083_what_belongs_to_the_content() {
    for text in [
        &b"x\r\n"[..],
        b"",
        b"\r\n",
        b"Received: nonsense\r\nno header\r\n",
    ] {
        let input = [DATA.as_bytes(), text, b".\r\nRCPT TO:<bob@example.net>\r\n"].concat();
        let (codes, seen) = every_way(&config(), input);
        assert_eq!(codes[4..], ["354", "250 2.0.0", "503 5.5.1"]);
        assert_eq!(seen.contains(&content(text)), !text.is_empty());
    }
}

#[test]
fn s_074_a_message_is_accepted_or_not_and_then_over() {
    let input = DATA.replace("alice", "lost") + "x\r\n.\r\nMAIL FROM:<alice@example.org>\r\n";
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(codes[4..], ["354", "554 5.0.0", "250 2.1.0"]);
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Discarded(_))));
    let mut server = Server::new(config());
    server.send(format!("{DATA}x\r\n.\r\n"));
    let last = replies(&server.output).last().unwrap().to_string();
    assert_eq!(last, "250 2.0.0 stored as 7Q1");
}

#[test]
fn s_077_s_078_long_lines_and_64_kib() {
    for length in [998, 999, 64 * 1024] {
        let mut server = Server::new(config());
        server.send(format!("{DATA}{}\r\n.\r\n", "x".repeat(length)));
        assert_eq!(brief(replies(&server.output).last().unwrap()), "250 2.0.0");
        let expected = content(format!("{}\r\n", "x".repeat(length)).as_bytes());
        assert!(server.seen.contains(&expected));
    }
}

#[test]
fn s_079_s_080_too_much_is_read_to_the_end_and_refused() {
    let limited = config().max_message_size(Some(100));
    let ask = |length: usize| {
        let mut server = Server::new(limited.clone());
        server.send(DATA.replace("org>\r\nRCPT", "org> SIZE=1\r\nRCPT"));
        server.send(format!("{}\r\n.\r\nNOOP\r\n", "x".repeat(length - 2)));
        let replies = replies(&server.output);
        (brief(&replies[replies.len() - 2]), server.seen)
    };
    assert_eq!(ask(100).0, "250 2.0.0");
    let (code, seen) = ask(101);
    assert_eq!(code, "552 5.3.4");
    assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::TooLarge)));

    // Told at once, and not for ever.
    let mut server = Server::new(limited);
    server.send(DATA);
    server.send([b'x'; 200]);
    assert_eq!(
        server.seen.last(),
        Some(&Seen::Discarded(Discarded::TooLarge))
    );
    assert!(server.session.envelope().is_none());
    for _ in 0..2000 {
        server.send([b'x'; 1000]);
    }
    assert!(server.is_closed());
    assert_eq!(brief(replies(&server.output).last().unwrap()), "552 5.3.4");
}

#[test]
fn s_072_content_refused_in_the_middle_is_answered_at_its_end() {
    let virus = DATA.replace("alice", "virus");
    let next = DATA.split_once("\r\n").unwrap().1;
    let input = format!("{virus}bad\r\nworse\r\n.\r\n{next}good\r\n.\r\n");
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(codes[5], "554 5.7.1");
    assert_eq!(codes.last().unwrap(), "250 2.0.0");
    assert_eq!(seen.iter().filter(|&seen| *seen == Seen::Data).count(), 2);
    assert_eq!(
        seen[4..7],
        [
            Seen::Mail("<alice@example.org>".into()),
            Seen::Rcpt("<bob@example.net>".into()),
            Seen::Data
        ]
    );
    assert_eq!(
        seen[7..],
        [content(b"good\r\n"), message(&["<bob@example.net>"])]
    );

    // Whatever else happens, nothing more is told of it.
    let limited = config().max_message_size(Some(100));
    for end in ["\nlone\r\n.\r\nNOOP\r\n", &"x".repeat(200), "QUIT\r\n"] {
        let mut server = Server::new(limited.clone());
        server.send(&virus);
        server.send("bad\r\n");
        assert!(server.session.envelope().is_none());
        server.send(end);
        server.end();
        assert_eq!(server.seen[3..], [Seen::Data, Seen::Closed], "{end:?}");
    }

    let mut server = Server::new(limited);
    server.send(DATA.replace("alice@example.org", "away@example.net"));
    assert_eq!(brief(&server.ask("x\r\n.")), "421 4.3.2");
    assert!(server.is_closed());
}

#[test]
fn s_079_refused_content_does_not_go_on_for_ever() {
    for rest in [&b"x"[..], b"\n"] {
        let mut server = Server::new(config().max_message_size(Some(100)));
        server.send(DATA.replace("alice", "virus") + "bad\r\n");
        let megabytes = (1..10).take_while(|_| {
            server.send(rest.repeat(1024 * 1024));
            !server.is_closed()
        });
        assert_eq!(megabytes.count(), 1, "{rest:?}");
        assert_eq!(brief(replies(&server.output).last().unwrap()), "554 5.7.1");
    }
    // It is for content that comes in, and nothing else.
    let mut server = Server::new(config());
    server.session.refuse_content(Rejection::policy());
    server.send(DATA);
    assert_eq!(brief(&server.ask("x\r\n.")), "250 2.0.0");
}

#[test]
fn s_129_behind_a_refused_data_come_commands() {
    let input = DATA.replace("alice", "nodata") + "x\r\n.\r\nRSET\r\n";
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(
        codes[4..],
        ["550 5.7.1", "500 5.5.2", "500 5.5.2", "250 2.0.0"]
    );
    assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::Reset)));
}

// --- Pipelining and bounds ---------------------------------------------------

#[test]
fn s_123_s_124_replies_are_in_the_order_of_the_commands() {
    let (codes, _) = every_way(
        &config(),
        "FOO\r\nNOOP\r\nHELP\r\nVRFY a\r\nETRN x\r\nEHLO a\r\n",
    );
    assert_eq!(
        codes[1..],
        [
            "500 5.5.2",
            "250 2.0.0",
            "214 2.0.0",
            "252 2.5.0",
            "502 5.5.1",
            "250"
        ]
    );
}

#[test]
fn back_pressure_a_client_that_does_not_read() {
    let mut server = Server::new(config().max_junk_commands(usize::MAX));
    server.client_reads = false;
    let mut sent = 0;
    while server.session.wants_input() {
        server.send("NOOP\r\n".repeat(100));
        sent += 100;
        assert!(sent < 10_000);
    }
    let waiting = server.session.poll_transmit().unwrap().octets();
    assert!(waiting < Session::OUTPUT_CAP + 512, "{waiting}");
    // Some more is kept, but not any amount.
    server.send("NOOP\r\n".repeat(1000));
    sent += 1000;
    assert_eq!(server.session.poll_transmit().unwrap().octets(), waiting);
    server.client_reads = true;
    server.drive();
    assert_eq!(replies(&server.output).len(), 1 + sent);
    assert!(server.session.wants_input() && server.session.is_idle());

    server.client_reads = false;
    while server.session.wants_input() {
        server.send("NOOP\r\n".repeat(100));
    }
    server.session.handle_input(&[b'x'; 100_000], at(0));
    assert_eq!(
        server.session.poll_event().unwrap_err(),
        Error::InputOverflow
    );
    assert_eq!(
        server.session.poll_event().unwrap_err(),
        Error::InputOverflow
    );
    assert_eq!(server.session.poll_timeout(), None);
    assert!(!server.session.wants_input());

    let mut server = Server::new(config());
    server.client_reads = false;
    server.send("NOOP\r\nNO");
    assert!(server.session.wants_input());
    server.session.handle_input(b"", at(0));
    assert!(!server.session.wants_input(), "nothing more will come");
}

#[test]
fn s_210_while_a_question_is_open_input_waits_up_to_a_cap() {
    let config = config().max_junk_commands(usize::MAX);
    let mut session = Session::new(config, at(0));
    let greeting = session.poll_transmit().unwrap().octets();
    session.handle_transmitted(usize::try_from(greeting).unwrap(), at(0));
    session.handle_input(b"EHLO a\r\n", at(0));
    let mut kept = 0;
    while session.wants_input() {
        assert!(matches!(session.poll_event(), Ok(Some(Event::Hello(_)))));
        session.handle_input(&b"NOOP\r\n".repeat(100), at(0));
        kept += 600;
    }
    assert!(kept <= Session::INPUT_CAP + Config::DEFAULT_MAX_COMMAND_LINE + 600);
    assert_eq!(session.poll_timeout(), None);
    let mut server = Server::of(session);
    server.drive();
    assert_eq!(replies(&server.output).len(), 1 + kept / 6);
}

#[test]
fn every_prefix_and_every_broken_octet_is_harmless() {
    let input = [DATA, "..x\r\n.\r\nVRFY bob\r\nRSET\r\nEHLO b\r\nQUIT\r\n"].concat();
    for end in 0..=input.len() {
        let mut server = Server::new(config());
        server.send(&input[..end]);
        server.end();
        assert!(server.is_closed());
        replies(&server.output);
    }
    for at in 0..input.len() {
        for octet in [0, b'\r', b'\n', b'.', b'<', b' ', 0xff] {
            let mut broken = input.clone().into_bytes();
            broken[at] = octet;
            let (output, _) = play(&config(), &[&broken], 0);
            let octets: Vec<&[u8]> = broken.chunks(1).collect();
            assert_eq!(play(&config(), &octets, 0).0, output);
            for reply in replies(&output) {
                let text = reply.lines().next().unwrap().to_vec();
                let bare = text.starts_with(b"mx.example.net") || reply.code().get() == 354;
                assert_eq!(reply.enhanced().is_none(), bare, "{reply}");
            }
        }
    }
}

// --- Time --------------------------------------------------------------------

#[test]
fn s_010_the_command_deadline_is_not_extended_by_single_octets() {
    let mut server = Server::new(config());
    server.pass(299);
    assert_eq!(server.seen, []);
    server.ask("NOOP");
    for _ in 0..2 {
        server.pass(149);
        server.send("N");
    }
    assert_eq!(server.session.poll_timeout(), Some(at(599)));
    server.pass(1);
    assert!(server.seen.is_empty());
    server.pass(1);
    assert_eq!(brief(replies(&server.output).last().unwrap()), "421 4.4.2");
    assert!(server.is_closed());
    assert_eq!(server.session.poll_timeout(), None);
}

#[test]
fn s_086_the_content_deadline_counts_blocks() {
    let mut server = Server::new(config());
    server.send(DATA);
    let block = usize::try_from(Timeouts::CONTENT_BLOCK).unwrap();
    for _ in 0..10 {
        server.pass(200);
        server.send(vec![b'x'; block]);
    }
    for _ in 0..29 {
        server.pass(10);
        server.send("x");
    }
    assert!(!server.is_closed());
    server.pass(10);
    assert_eq!(brief(replies(&server.output).last().unwrap()), "421 4.4.2");
    assert!(
        server
            .seen
            .ends_with(&[Seen::Discarded(Discarded::Timeout), Seen::Closed])
    );
}

#[test]
fn the_application_may_take_its_time() {
    let mut session = Session::new(config(), at(0));
    session.handle_transmitted(1000, at(0));
    session.handle_input(b"EHLO a\r\n", at(1));
    let Ok(Some(Event::Hello(_))) = session.poll_event() else {
        panic!("no question")
    };
    assert_eq!(session.poll_timeout(), None);
    session.handle_timeout(at(10_000));
    let Ok(Some(Event::Hello(hello))) = session.poll_event() else {
        panic!("the question is not asked again")
    };
    hello.accept();
    assert!(session.poll_event().unwrap().is_none());
    // The client did not have a chance to read the reply yet.
    session.handle_timeout(at(20_000));
    assert!(session.poll_event().unwrap().is_none());
    assert_eq!(session.state(), State::Ready);
    session.handle_transmitted(1000, at(20_001));
    assert_eq!(session.poll_timeout(), Some(at(20_301)));
}

#[test]
fn a_client_that_does_not_read_is_left() {
    let mut server = Server::new(config());
    server.send(OPENED);
    server.client_reads = false;
    server.send("NOOP\r\n");
    server.pass(299);
    assert!(!server.is_closed());
    server.pass(1);
    assert!(
        server
            .seen
            .ends_with(&[Seen::Discarded(Discarded::Timeout), Seen::Closed])
    );
    assert!(server.session.poll_transmit().is_none());

    let mut server = Server::new(config());
    server.client_reads = false;
    server.send("QUIT\r\n");
    assert!(!server.is_closed());
    server.pass(30);
    assert!(server.is_closed());
}

#[test]
fn a_timeout_before_the_deadline_does_nothing() {
    let mut server = Server::new(config());
    for _ in 0..100 {
        server.pass(2);
    }
    assert_eq!(server.session.poll_timeout(), Some(at(300)));
    assert_eq!(replies(&server.output).len(), 1);
}

// --- Trace -------------------------------------------------------------------

#[test]
fn s_160_the_trace_field_is_made_from_the_session() {
    let mut server = Server::new(config());
    server.send(DATA);
    let field = server
        .session
        .received(Date::new(1_795_331_100, 120))
        .with_peer("192.0.2.9".parse().unwrap())
        .with_id("7Q1");
    assert_eq!(
        field.to_string(),
        "Received: from client.example.org ([192.0.2.9]) by mx.example.net with ESMTP\r\n \
         id 7Q1 for <bob@example.net>; Sun, 22 Nov 2026 09:05:00 +0200\r\n"
    );
}

#[test]
fn the_transcript_has_every_line() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let mut session = Session::new(config(), at(0));
    session.set_transcript(move |entry| sink.lock().unwrap().push(entry.to_string()));
    let mut server = Server::of(session);
    server.send("F\x01O\r\n");
    server.send(DATA.replace("EHLO", "HELO"));
    server.send("..\r\n.\r\nQUIT\r\n");
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "S: 220 mx.example.net ESMTP",
            "C: F\\x01O",
            "S: 500 5.5.2 unknown command",
            "C: HELO client.example.org",
            "S: 250 mx.example.net",
            "C: MAIL FROM:<alice@example.org>",
            "S: 250 2.1.0 <alice@example.org> sender ok",
            "C: RCPT TO:<bob@example.net>",
            "S: 250 2.1.5 <bob@example.net> recipient ok",
            "C: DATA",
            "S: 354 go on, end with a dot on a line of its own",
            "C: (3 octets of content)",
            "S: 250 2.0.0 stored as 7Q1",
            "C: QUIT",
            "S: 221 2.0.0 mx.example.net bye",
        ]
    );
    assert!(!format!("{:?}", server.session).contains("content of"));
}

#[test]
fn s_208_vrfy_is_no_way_around_the_limit_on_refusals() {
    let mut session = Session::new(
        config().ask_verify(true).max_refused_recipients(3),
        Instant::ORIGIN,
    );
    session.handle_input(&b"VRFY nobody\r\n".repeat(5), Instant::ORIGIN);
    let mut asked = 0;
    while let Some(event) = session.poll_event().unwrap() {
        let Event::Verify(verify) = event else { break };
        verify.reject(&Rejection::no_such_user());
        asked += 1;
    }
    assert_eq!(asked, 4);
    assert_eq!(session.state(), State::Closing);
}

#[test]
fn debug_of_an_event_shows_no_content() {
    let mut session = Session::new(config(), Instant::ORIGIN);
    let dialogue = "HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\ncanary\r\n.\r\n";
    session.handle_input(dialogue.as_bytes(), Instant::ORIGIN);
    let mut contents = 0;
    while let Some(event) = session.poll_event().unwrap() {
        let shown = format!("{event:?}");
        assert!(
            !shown.contains("canary") && !shown.contains("99, 97"),
            "{shown}"
        );
        match event {
            Event::Content(_) => contents += 1,
            event => answer(event, &mut Vec::new()),
        }
    }
    assert_eq!(contents, 1);
}

#[test]
fn s_009_an_abort_says_421_whatever_is_going_on() {
    let envelope = "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<b@c>\r\nDATA\r\n";
    for (input, discards) in [("", false), ("EHLO a\r\n", false), (envelope, true)] {
        let mut server = Server::new(config());
        server.send(input);
        server.send("half a line");
        server.session.abort(at(1));
        server.drive();
        assert!(
            server
                .output
                .ends_with(b"421 4.3.2 mx.example.net shutting down\r\n")
        );
        let gone = Seen::Discarded(Discarded::Shutdown);
        assert_eq!(server.seen.contains(&gone), discards);
        assert_eq!(server.seen.last(), Some(&Seen::Closed));
        let length = server.output.len();
        server.session.abort(at(2));
        server.drive();
        assert_eq!(server.output.len(), length);
    }
    // An open question is forgotten.
    let mut session = Session::new(config(), Instant::ORIGIN);
    session.handle_input(b"EHLO a\r\n", Instant::ORIGIN);
    assert!(matches!(session.poll_event(), Ok(Some(Event::Hello(_)))));
    session.abort(at(1));
    assert!(matches!(session.poll_event(), Ok(None)));
    assert_eq!(session.state(), State::Closing);
}

#[test]
fn s_008_a_question_does_not_outlive_the_connection() {
    let lines = [
        "EHLO a\r\n",
        "MAIL FROM:<a@b>\r\n",
        "RCPT TO:<b@c>\r\n",
        "DATA\r\n",
        "hello\r\n.\r\n",
    ];
    for open in 0..lines.len() {
        let mut server = Server::new(config());
        server.send(lines[..open].concat());
        server.client_reads = false;
        server.session.handle_input(lines[open].as_bytes(), at(0));
        while let Ok(Some(Event::Content(_))) = server.session.poll_event() {}
        server.session.handle_write_closed(at(1));
        let before = server.seen.len();
        server.drive();
        let mut expected = vec![Seen::Discarded(Discarded::EndOfInput), Seen::Closed];
        if open < 2 {
            expected.remove(0);
        }
        assert_eq!(server.seen[before..], expected, "{}", lines[open]);
    }
}

#[test]
fn s_104_what_is_out_of_sequence_for_no_reason_is_a_mistake() {
    for line in ["RCPT TO:<bob@example.net>", "DATA", "BDAT 0 LAST"] {
        let mut server = Server::new(config().max_errors(2));
        server.ask("EHLO a");
        // What was not known before is no refusal that anything depends on.
        server.ask("FOO");
        assert_eq!(brief(&server.ask(line)), "503 5.5.1", "{line}");
        assert_eq!(brief(&server.ask(line)), "421 4.7.0", "{line}");
        assert!(server.is_closed());
        // Behind a refusal it is none.
        let mut server = Server::new(config().max_errors(2));
        server.ask("EHLO a");
        server.ask("MAIL FROM:<later@example.org>");
        for _ in 0..5 {
            assert_eq!(brief(&server.ask(line)), "503 5.5.1", "{line}");
        }
    }
}

#[test]
fn s_072_only_content_that_comes_in_can_be_refused() {
    // Between the envelope and the content.
    let mut server = Server::new(config());
    for line in DATA.lines() {
        assert!(!brief(&server.ask(line)).starts_with('5'), "{line}");
        if line != "DATA" {
            server.session.refuse_content(Rejection::policy());
        }
    }
    assert_eq!(brief(&server.ask("x\r\n.")), "250 2.0.0");

    // While the application is asked about the whole.
    let mut session = Session::new(config(), at(0));
    session.handle_input(format!("{DATA}x\r\n.\r\n").as_bytes(), at(0));
    loop {
        match session.poll_event().unwrap().unwrap() {
            Event::Message(_) => break,
            Event::Content(_) => {}
            event => answer(event, &mut Vec::new()),
        }
    }
    session.refuse_content(Rejection::policy());
    assert!(session.envelope().is_some());
    let Ok(Some(Event::Message(message))) = session.poll_event() else {
        panic!("the question is not asked again");
    };
    message.accept();
    assert!(session.poll_event().unwrap().is_none());
    let output = session
        .poll_transmit()
        .unwrap()
        .slices()
        .collect::<Vec<_>>();
    assert_eq!(
        brief(replies(&output.concat()).last().unwrap()),
        "250 2.0.0"
    );
}

#[test]
fn help_names_what_can_be_said() {
    let text = |config: Config| Server::new(config).ask("HELP").text();
    let plain = text(config().chunking(false));
    assert!(
        plain.starts_with("EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\n"),
        "{plain}"
    );
    let tls = config().tls(TlsPolicy::Opportunistic);
    let all = tls.authentication(Authentication::new()).ask_expand(true);
    let all = text(all);
    assert!(all.contains(" QUIT BDAT EXPN STARTTLS AUTH\n"), "{all}");
}

#[test]
fn the_usual_refusals() {
    for (rejection, codes) in [
        (Rejection::no_such_user(), "550 5.1.1"),
        (Rejection::relaying_denied(), "550 5.7.1"),
        (Rejection::bad_credentials(), "535 5.7.8"),
        (Rejection::authentication_unavailable(), "454 4.7.0"),
        (Rejection::policy(), "550 5.7.1"),
        (Rejection::mailbox_full(), "452 4.2.2"),
        (Rejection::insufficient_storage(), "452 4.3.1"),
        (Rejection::message_too_large(), "552 5.3.4"),
        (Rejection::try_again_later(), "451 4.3.0"),
        (Rejection::transaction_failed(), "554 5.0.0"),
        (Rejection::service_not_available(), "421 4.3.2"),
        (Rejection::too_many_connections(), "421 4.3.2"),
    ] {
        let text = rejection.text();
        assert_eq!(rejection.to_string(), format!("{codes} {text}"));
        assert!(!text.is_empty());
    }
}
