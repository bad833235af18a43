//! What a reply looks like.

use smtp_oracles::talk::{CONTENT, EHLO, config, secs};
use smtp_proto::{
    client::{Chunking, ErrorKind, Phase},
    types::{EnhancedCode, Reply},
    wire::{ReplyLimits, ReplyParseError, ReplyParser},
};

use super::twins::{MAIL, RCPT, Twins, sent, sent_with};

/// One reply out of these octets.
fn read(octets: &[u8]) -> Reply {
    let mut parser = ReplyParser::default();
    let mut rest = octets;
    let reply = parser.parse(&mut rest).unwrap().unwrap();
    assert!(rest.is_empty());
    reply
}

/// Small servers, and appliances with a list of codes to answer: `250\r\n`. RFC
/// 5321 section 4.2 tells clients to take it, and so they must be able to for
/// every command.
#[test]
fn q01_a_code_alone_is_a_reply() {
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange("220\r\n", EHLO);
    twins.exchange("250\r\n", MAIL);
    twins.exchange("250\r\n", RCPT);
    twins.exchange("250\r\n", "DATA\r\n");
    twins.exchange("354\r\n", CONTENT);
    twins.exchange("250\r\n", "");
    assert_eq!(
        twins.events(),
        [
            "ready",
            "m1 from 250",
            "m1 to1 250",
            "m1 to1 accepted: 250",
            "m1 finished"
        ]
    );
    twins.ask(|session| session.quit().unwrap());
    assert_eq!(twins.out(), "QUIT\r\n");
    twins.say("221\r\n");
    assert_eq!(twins.events(), ["closed"]);
}

/// Scripts in place of a server, and some embedded ones, end their lines with LF
/// alone. Harmless to a client; what it sends ends with CRLF all the same.
#[test]
fn q02_lines_of_a_server_may_end_with_lf() {
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange("220 mx\n", EHLO);
    twins.exchange("250-mx\n250 PIPELINING\n", &format!("{MAIL}{RCPT}DATA\r\n"));
    twins.exchange("250 ok\n250 ok\r\n354 go\n", CONTENT);
    twins.say("250 queued\n");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 queued"]);
    assert!(twins.get(smtp_proto::client::Session::is_reusable));
}

/// `250 \r\n`, and spaces at the end of a text, come from format strings with
/// nothing to fill in. They mean nothing: neither to a code, nor to an enhanced
/// one, nor to a keyword. The text itself is kept as it came.
#[test]
fn q03_spaces_at_the_end_mean_nothing() {
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange("220 \r\n", EHLO);
    twins.exchange(
        "250-mx \r\n250-SIZE 1000 \r\n250 PIPELINING  \r\n",
        &format!("{} SIZE=22\r\n{RCPT}DATA\r\n", MAIL.trim_end()),
    );
    twins.exchange("250 \r\n250 2.1.5 \r\n354 \r\n", CONTENT);
    twins.say("250 2.0.0  \r\n");
    assert!(twins.fates()[0].starts_with("m1 to1 accepted: 250 2.0.0"));
    let reply = read(b"250 2.1.5 ok  \r\n");
    assert_eq!(reply.enhanced(), EnhancedCode::new(2, 1, 5));
    assert_eq!(reply.lines().next(), Some(&b"2.1.5 ok  "[..]));
}

/// `220-mx\r\n521 5.7.1 no\r\n`: a proxy or a filter that changes its mind within
/// a reply. Clients judge by the first line, by the last, or give up; the last is
/// what most do, and what the server decided last. It is used no further.
#[test]
fn q04_of_different_codes_the_last_counts_and_the_session_is_used_up() {
    let mut twins = Twins::new(config());
    twins.exchange("220-mx\r\n521 5.7.1 no\r\n", "QUIT\r\n");
    let error = twins.error();
    assert_eq!(*error.kind(), ErrorKind::Refused);
    assert!(error.is_host_without_mail());

    let mut twins = sent();
    twins.say("550-spam?\r\n250 well, no\r\n");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 spam? / well, no"]);
    assert!(twins.get(smtp_proto::client::Session::is_idle));
    assert!(!twins.get(smtp_proto::client::Session::is_reusable));
    assert!(read(b"550-x\r\n250 y\r\n").is_mixed());
    // The text of another class is not taken for an enhanced code.
    assert_eq!(read(b"250-2.0.0 x\r\n550 y\r\n").enhanced(), None);
}

/// `250 Nice to meet you.\r\nSIZE\r\n`, of an early smtp4dev: the reply has ended
/// with its first line, so that `SIZE` is no reply at all. Nothing has been sent
/// that could be lost.
#[test]
fn q05_keywords_without_a_code_are_no_reply() {
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange("220 smtp4dev ready\r\n", EHLO);
    twins.exchange("250 Nice to meet you.\r\nSIZE\r\n", "");
    let malformed = "not an SMTP reply: \"SIZE\"";
    assert_eq!(
        twins.events(),
        [
            "ready".into(),
            format!("m1 to1 not sent: at MAIL: {malformed}"),
            "m1 finished".into(),
            format!("error at MAIL: {malformed}"),
        ]
    );
    assert!(matches!(
        twins.error().kind(),
        ErrorKind::Malformed(ReplyParseError::Malformed(line)) if line == b"SIZE"
    ));
}

/// `220-mx\r\n220 mx\r\n`: Exchange, mail providers with a word to spammers, and
/// everybody with Exim's default banner for a while. The greeting is a reply as
/// any other.
#[test]
fn q06_a_greeting_of_several_lines() {
    let mut twins = Twins::new(config());
    twins.exchange("220-mx.example.net ESMTP\r\n220-\r\n220-No spam.\r\n", "");
    twins.exchange("220 Ready\r\n", EHLO);
    let text = twins.get(|session| session.greeting().map(Reply::text));
    assert_eq!(text.unwrap(), "mx.example.net ESMTP\n\nNo spam.\nReady");
}

/// `250 a\r\n250 b\r\n`, two replies where one with two lines was meant; SubEtha
/// SMTP had one for the chunk and one for the message after `BDAT n LAST`. The
/// first is the answer, and it stands. The second shows that counting is in
/// vain from here on: the session ends, before anything else is asked.
#[test]
fn q08_two_replies_for_one_command() {
    let mut twins = sent();
    twins.send(&["carol"]);
    twins.exchange("250 taken\r\n250 really\r\n", "");
    let unsolicited = "a reply to nothing at MAIL: 250 really";
    assert_eq!(
        twins.fates(),
        [
            "m1 to1 accepted: 250 taken".into(),
            format!("m2 to1 not sent: {unsolicited}"),
        ]
    );
    assert_eq!(*twins.error().kind(), ErrorKind::Unsolicited);

    let config = config().chunking(Chunking::WhenAccepted);
    let mut twins = Twins::open(config, &["CHUNKING"]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), MAIL);
    twins.exchange("250 ok\r\n", RCPT);
    let chunk = CONTENT.strip_suffix(".\r\n").unwrap();
    twins.exchange(
        "250 ok\r\n",
        &format!("BDAT {} LAST\r\n{chunk}", chunk.len()),
    );
    twins.say("250 22 octets\r\n250 queued\r\n");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 22 octets"]);
    assert!(!twins.get(smtp_proto::client::Session::is_reusable));
}

/// A line without three digits, from a server that prints its warnings to the
/// wrong place. Postfix once skipped such lines, and the answer to QUIT was then
/// taken for that to the content: mail was lost. It ends the session, and content
/// that had left is in doubt, whatever comes behind it.
#[test]
fn q09_garbage_between_replies_is_never_an_acceptance() {
    for garbage in [
        "Warning: disk\r\n",
        "\r\n",
        "25\r\n",
        "2500 x\r\n",
        "25O ok\r\n",
    ] {
        let config = config().quit_with_content(true);
        let mut twins = Twins::open(config, &["PIPELINING"]);
        twins.send(&["bob"]);
        twins.ask(|session| session.quit().unwrap());
        assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
        let group = format!("{CONTENT}QUIT\r\n");
        twins.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &group);
        twins.exchange(format!("{garbage}250 ok\r\n221 bye\r\n"), "");
        let fates = twins.fates();
        assert_eq!(fates.len(), 1);
        assert!(fates[0].starts_with("m1 to1 in doubt: "), "{fates:?}");
        assert!(matches!(twins.error().kind(), ErrorKind::Malformed(_)));
    }
    // Before the content, nothing is.
    let mut twins = Twins::open(config(), &[]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), MAIL);
    twins.exchange("Warning: disk\r\n250 ok\r\n", "");
    assert!(twins.fates()[0].starts_with("m1 to1 not sent: "));
}

/// smtp.qq.com and smtp.163.com answer QUIT with octets such as
/// `\0\0\0\x1a\0\0\0\n`, in place of 221 or behind it: what they meant to send
/// inside TLS, it seems. What was accepted before remains so.
#[test]
fn q10_binary_octets_at_the_end() {
    for last in [
        &b"\0\0\0\x1a\0\0\0\n"[..],
        b"221 Bye\r\n\0\0\0\x1a\0\0\0",
        b"\x17\x03\x03\0\x1a\0\0\n",
    ] {
        let mut twins = sent();
        twins.say("250 queued\r\n");
        assert_eq!(twins.fates(), ["m1 to1 accepted: 250 queued"]);
        twins.ask(|session| session.quit().unwrap());
        assert_eq!(twins.out(), "QUIT\r\n");
        twins.exchange(last, "");
        twins.eof();
        assert_eq!(twins.events(), ["closed"]);
    }
    // Where nobody has said QUIT the session ends, and the message remains sent.
    let mut twins = sent();
    twins.say("250 queued\r\n");
    twins.say(b"\0\0\0\x1a\0\0\0\n");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 queued"]);
    assert!(matches!(twins.error().kind(), ErrorKind::Malformed(_)));
}

/// A NUL in a text, of servers that print a buffer with its terminator. It is kept,
/// and shown as an escape.
#[test]
fn q11_nul_in_a_text() {
    let mut twins = sent();
    twins.say(b"550 no\0 such\0 user\r\n");
    assert_eq!(
        twins.fates(),
        ["m1 to1 refused at the end of the content: 550 no\\u{0} such\\u{0} user"]
    );
    assert!(twins.get(smtp_proto::client::Session::is_reusable));
    let reply = read(b"550 a\0b\r\n");
    assert_eq!(reply.lines().next(), Some(&b"a\0b"[..]));
}

/// `535 Error: \xc7\xeb...` of 163.com and smtp.qq.com is GBK, as their users
/// read it; others send Latin-1. A text is octets; what is printed of it has
/// replacement characters, and the code counts.
#[test]
fn q12_text_of_any_encoding() {
    for text in [
        &b"550 black ip. (\xb7\xa2\xd0\xc5)\r\n"[..],
        b"550 Empf\xe4nger unbekannt\r\n",
        "550 \u{6536}\u{4ef6}\u{4eba}\r\n".as_bytes(),
    ] {
        let mut twins = sent();
        twins.say(text);
        let fates = twins.fates();
        assert!(fates[0].contains("refused at the end of the content: 550 "));
        let reply = read(text);
        let line = reply.lines().next().unwrap();
        assert_eq!(line, text[4..].strip_suffix(b"\r\n").unwrap());
    }
}

/// Lines of some thousand octets, from filters that put a URL with all their
/// findings into one: more than the 512 of RFC 5321, and than many clients take.
/// 16 KiB are read; beyond, the session ends, since the rest of such a line would
/// have to be waited for. How much, is the application's to choose.
#[test]
fn q13_long_lines() {
    let mut twins = sent();
    let text = "x".repeat(8 * 1024);
    twins.say(format!("250 {text}\r\n"));
    assert_eq!(twins.fates(), [format!("m1 to1 accepted: 250 {text}")]);
    assert!(twins.get(smtp_proto::client::Session::is_reusable));

    let mut twins = sent();
    twins.say(format!("250 {}", "x".repeat(16 * 1024)));
    assert_eq!(
        *twins.error().kind(),
        ErrorKind::Malformed(ReplyParseError::LineTooLong)
    );

    let mut limits = ReplyLimits::default();
    limits.line = 600;
    let mut twins = sent_with(config().reply_limits(limits));
    twins.say(format!("250 {}\r\n", "x".repeat(595)));
    assert!(twins.fates()[0].starts_with("m1 to1 in doubt: "));
}

/// `220-x\r\n` for ever: tarpits, and servers that want a client to hang. Lines,
/// octets and time have an end, of which the first decides.
#[test]
fn q14_replies_without_an_end() {
    let mut twins = Twins::new(config());
    twins.say("220-x\r\n".repeat(512));
    assert_eq!(twins.events(), [""; 0]);
    twins.say("220-x\r\n");
    assert_eq!(
        *twins.error().kind(),
        ErrorKind::Malformed(ReplyParseError::TooManyLines)
    );

    let mut twins = Twins::new(config());
    let line = format!("220-{}\r\n", "x".repeat(1018));
    twins.say(line.repeat(64));
    assert_eq!(twins.events(), [""; 0]);
    twins.say("2");
    assert_eq!(
        *twins.error().kind(),
        ErrorKind::Malformed(ReplyParseError::TooLong)
    );

    // A line a minute makes no time of its own.
    let mut twins = Twins::new(config());
    for _ in 0..4 {
        twins.wait(secs(60));
        twins.exchange("220-patience\r\n", "");
    }
    twins.wait(secs(60));
    assert_eq!(*twins.error().kind(), ErrorKind::TimedOut);
}

/// One octet in a segment, or a segment that ends anywhere: every server, over a
/// line with losses. Every place is tried.
#[test]
fn q15_replies_cut_anywhere() {
    let flights = [
        (&b"220-mx\r\n220 mx\r\n"[..], EHLO),
        (b"250-mx\r\n250 8BITMIME\r\n", MAIL),
        (b"250 2.1.0 ok\r\n", RCPT),
        (b"250-2.1.5 ok\r\n250 2.1.5 really\r\n", "DATA\r\n"),
        (b"354 go\r\n", CONTENT),
    ];
    for (number, (flight, _)) in flights.iter().enumerate() {
        for cut in 1..flight.len() {
            let mut twins = Twins::new(config());
            twins.send(&["bob"]);
            for (other, (flight, answer)) in flights.iter().enumerate() {
                if other == number {
                    twins.exchange(&flight[..cut], "");
                    twins.exchange(&flight[cut..], answer);
                } else {
                    twins.exchange(flight, answer);
                }
            }
            twins.say("250 2.0.0 queued\r\n");
            assert_eq!(twins.fates(), ["m1 to1 accepted: 250 2.0.0 queued"]);
        }
    }
}

/// `250-foo\r\n` and the end of the connection: a server that was stopped, or a
/// load balancer in between. The reply has no end, so it is none; what it might
/// have become nobody knows.
#[test]
fn q16_the_last_line_never_comes() {
    let mut twins = sent();
    twins.say("250-ok\r\n250-queued as\r\n");
    assert!(!twins.get(smtp_proto::client::Session::is_reusable));
    twins.eof();
    assert_eq!(
        twins.fates(),
        ["m1 to1 in doubt: connection lost at the end of the content"]
    );
    let error = twins.error();
    assert_eq!(*error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(error.phase(), Phase::EndOfData);
}

/// Enhanced codes are absent, cut short, of another class than the reply, or on
/// some lines only (OpenSMTPD has them on the first). One that fits is taken from
/// whichever line has it; one that does not is text.
#[test]
fn q17_enhanced_codes_as_they_come() {
    for (octets, code) in [
        (&b"250 ok\r\n"[..], None),
        (b"550 5.1\r\n", None),
        (b"550 5.1.\r\n", None),
        (b"550 2.1.1 ok\r\n", None),
        (b"550 5.1.1\r\n", Some((5, 1, 1))),
        (b"550 #5.1.1 no\r\n", None),
        (b"550-5.7.708 first\r\n550 last\r\n", Some((5, 7, 708))),
        (b"550-first\r\n550 5.1.1 last\r\n", Some((5, 1, 1))),
        (b"550-2.0.0 first\r\n550 5.1.1 last\r\n", Some((5, 1, 1))),
    ] {
        let expected =
            code.map(|(class, subject, detail)| EnhancedCode::new(class, subject, detail).unwrap());
        assert_eq!(
            read(octets).enhanced(),
            expected,
            "{}",
            octets.escape_ascii()
        );
        // The basic code decides whatever stands behind it.
        let mut twins = sent();
        twins.say(octets);
        let accepted = octets.starts_with(b"250");
        assert_eq!(twins.fates()[0].contains(" accepted: "), accepted);
    }
}

/// Codes that no RFC has. 2 to 5 mean what their first digit says; 0, 1 and 6 to
/// 9 mean nothing to any command, and what was sent is in doubt.
#[test]
fn q18_codes_never_seen_before() {
    for (code, fate) in [
        ("299", "m1 to1 accepted: 299 x"),
        ("499", "m1 to1 refused at the end of the content: 499 x"),
        ("599", "m1 to1 refused at the end of the content: 599 x"),
    ] {
        let mut twins = sent();
        twins.say(format!("{code} x\r\n"));
        assert_eq!(twins.fates(), [fate]);
        assert!(twins.get(smtp_proto::client::Session::is_reusable));
    }
    for code in ["000", "120", "354", "650", "999"] {
        let mut twins = sent();
        twins.say(format!("{code} x\r\n"));
        assert!(twins.fates()[0].starts_with("m1 to1 in doubt: "), "{code}");
        assert_eq!(*twins.error().kind(), ErrorKind::Unexpected);
    }
}
