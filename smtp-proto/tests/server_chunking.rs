//! The server session and content in chunks (BDAT, RFC 3030): what is a chunk, and
//! what becomes of it. Names carry the number of the rule that they check.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use smtp_oracles::service::{
    Seen, Server, at, brief, config, content, every_way, message, play, rejection, replies,
};
use smtp_proto::{
    TlsPolicy,
    server::{Authentication, Config, Discarded, LoneLineEndings, Session, State},
    types::{Capabilities, Capability},
};

/// The commands in front of the content.
const ENVELOPE: &str = "EHLO client.example.org\r\nMAIL FROM:<alice@example.org>\r\n\
    RCPT TO:<bob@example.net>\r\n";

/// What becomes of it: greeting, EHLO, MAIL, RCPT.
const OPENED: usize = 4;

const BINARY: &str = "EHLO client.example.org\r\n\
    MAIL FROM:<alice@example.org> BODY=BINARYMIME\r\nRCPT TO:<bob@example.net>\r\n";

/// Content that looks like commands, to whoever loses count.
const EVIL: &str = "x\r\nMAIL FROM:<mallory@example.org>\r\nBDAT 3 LAST\r\nQUIT\r\n.\r\n";

/// A chunk, with its command.
fn chunk(octets: impl AsRef<[u8]>, last: bool) -> Vec<u8> {
    let octets = octets.as_ref();
    let last = if last { " LAST" } else { "" };
    [
        format!("BDAT {}{last}\r\n", octets.len()).as_bytes(),
        octets,
    ]
    .concat()
}

fn bob() -> Seen {
    message(&["<bob@example.net>"])
}

/// The replies to `parts` behind the envelope, and what the application saw
/// behind its recipient.
fn behind_envelope(config: &Config, parts: &[&[u8]]) -> (Vec<String>, Vec<Seen>) {
    let (codes, seen) = every_way(config, [ENVELOPE.as_bytes(), &parts.concat()].concat());
    (codes[OPENED..].to_vec(), seen[3..].to_vec())
}

#[test]
fn t12_s_087_s_092_s_096_two_chunks_and_an_empty_last_one() {
    let first = "From: <alice@example.org>\r\n\r\n";
    let second = ".leading dot\r\n.\r\n..\r\nend";
    let (codes, seen) = behind_envelope(
        &config(),
        &[
            &chunk(first, false),
            &chunk(second, false),
            &chunk("", true),
            b"QUIT\r\n",
        ],
    );
    assert_eq!(codes, ["250 2.0.0", "250 2.0.0", "250 2.0.0", "221 2.0.0"]);
    let whole = [first, second].concat();
    assert_eq!(
        seen,
        [Seen::Data, content(whole.as_bytes()), bob(), Seen::Closed]
    );
}

#[test]
fn s_092_chunks_of_no_octets() {
    let (codes, seen) = behind_envelope(&config(), &[b"BDAT 0\r\nbdat 0  last\r\nNOOP\r\n"]);
    assert_eq!(codes, ["250 2.0.0", "250 2.0.0", "250 2.0.0"]);
    assert_eq!(seen, [Seen::Data, bob()]);
    let (codes, seen) = behind_envelope(&config(), &[b"BDAT 0 LAST\r\nRCPT TO:<a@b>\r\n"]);
    assert_eq!(codes, ["250 2.0.0", "503 5.5.1"]);
    assert_eq!(seen, [Seen::Data, bob()]);
}

#[test]
fn t13_s_088_s_089_after_a_refused_chunk_only_a_reset_leads_on() {
    let limited = config().max_message_size(Some(100));
    for reset in ["RSET\r\n", "EHLO client.example.org\r\n"] {
        let (codes, seen) = behind_envelope(
            &limited,
            &[
                &chunk(EVIL.repeat(2), false),
                &chunk(EVIL, false),
                &chunk(EVIL, true),
                b"BDAT 0 LAST\r\nDATA\r\nMAIL FROM:<carol@example.org>\r\nRCPT TO:<a@b>\r\nNOOP\r\n",
                reset.as_bytes(),
                b"MAIL FROM:<carol@example.org>\r\n",
            ],
        );
        let expected = [
            "552 5.3.4",
            "503 5.5.1",
            "503 5.5.1",
            "503 5.5.1",
            "503 5.5.1",
            "503 5.5.1",
            "503 5.5.1",
            "250 2.0.0",
        ];
        assert_eq!(codes[..8], expected);
        assert_eq!(codes[9..], ["250 2.1.0"]);
        // The application was not even asked.
        assert_eq!(seen[0], Seen::Discarded(Discarded::TooLarge));
        assert_eq!(seen.last(), Some(&Seen::Mail("<carol@example.org>".into())));
    }
}

#[test]
fn s_090_the_last_chunk_is_the_end() {
    let (codes, seen) = behind_envelope(
        &config(),
        &[
            &chunk("a\r\n", true),
            &chunk(EVIL, false),
            &chunk(EVIL, true),
            b"RSET\r\n",
        ],
    );
    assert_eq!(codes, ["250 2.0.0", "503 5.5.1", "503 5.5.1", "250 2.0.0"]);
    assert_eq!(seen, [Seen::Data, content(b"a\r\n"), bob()]);
}

#[test]
fn s_090_chunks_and_data_do_not_mix() {
    let (codes, seen) = behind_envelope(
        &config(),
        &[
            &chunk("a\r\n", false),
            b"DATA\r\n",
            &chunk(EVIL, true),
            b"RSET\r\n",
        ],
    );
    assert_eq!(codes, ["250 2.0.0", "503 5.5.1", "503 5.5.1", "250 2.0.0"]);
    assert_eq!(
        seen,
        [
            Seen::Data,
            content(b"a\r\n"),
            Seen::Discarded(Discarded::Reset)
        ]
    );
}

#[test]
fn s_091_binary_content_comes_in_chunks_only() {
    let input = [
        BINARY.as_bytes(),
        b"DATA\r\n",
        &chunk(EVIL, true),
        b"RSET\r\n",
    ]
    .concat();
    let (codes, seen) = every_way(&config().binary_mime(true), input);
    assert_eq!(codes[OPENED..], ["503 5.5.1", "503 5.5.1", "250 2.0.0"]);
    assert_eq!(seen[3..], [Seen::Discarded(Discarded::Reset)]);
}

#[test]
fn s_039_s_096_s_097_binary_content_is_any_octets() {
    let mut octets: Vec<u8> = (0..=255).collect();
    octets.extend_from_slice(b"\r\n.\r\n\n.\n\r\r\n\r");
    let input = [
        BINARY.as_bytes(),
        &chunk(&octets[..11], false),
        &chunk(&octets[11..], true),
    ]
    .concat();
    let offering = config().binary_mime(true);
    let (codes, seen) = every_way(&offering, &input);
    assert_eq!(codes[OPENED..], ["250 2.0.0", "250 2.0.0"]);
    assert_eq!(seen[3..], [Seen::Data, content(&octets), bob()]);

    let mut server = Server::new(offering);
    let offered = Capabilities::from_reply(&server.ask("EHLO a"));
    assert!(offered.has(&Capability::Chunking) && offered.has(&Capability::BinaryMime));
    // Not unless it is offered.
    let (codes, _) = every_way(&config(), &input);
    assert_eq!(codes[2], "501 5.5.4");
    let offering = config().binary_mime(true).chunking(false);
    let offered = Capabilities::from_reply(&Server::new(offering.clone()).ask("EHLO a"));
    assert!(!offered.has(&Capability::Chunking) && !offered.has(&Capability::BinaryMime));
    assert_eq!(every_way(&offering, &input).0[2], "501 5.5.4");
}

#[test]
fn s_093_behind_a_malformed_bdat_nothing_is_a_command() {
    for line in [
        "BDAT",
        "BDAT x",
        "BDAT -1",
        "BDAT 1 FIRST",
        "bdat 1LAST",
        "BDAT 18446744073709551616",
        "BDAT 000000000000000000001",
        "BDAT\t3 LAST",
        "BDAT 3\nLAST",
        "BDAT \u{fc}",
    ] {
        let (codes, seen) =
            behind_envelope(&config(), &[line.as_bytes(), b"\r\n", EVIL.as_bytes()]);
        let is_line = line.contains(['\n', '\t']);
        let first = if is_line { "500 5.5.2" } else { "501 5.5.4" };
        assert_eq!(codes, [first, "421 4.5.4"], "{line:?}");
        assert_eq!(
            seen,
            [Seen::Discarded(Discarded::TooManyErrors), Seen::Closed]
        );
    }
    let long = format!("BDAT 3{}LAST\r\nQUIT\r\n", " ".repeat(8192));
    let mut server = Server::new(config());
    server.send(format!("{ENVELOPE}{long}"));
    assert!(server.is_closed());
    let whole = server.output;
    assert!(whole.ends_with(b"421 4.5.4 mx.example.net cannot tell where the chunk ends\r\n"));
    let with_secrets = config().authentication(Authentication::new());
    for config in [config(), with_secrets] {
        for size in [1, 7, 4096] {
            let mut server = Server::new(config.clone());
            let input = format!("{ENVELOPE}{long}");
            for piece in input.as_bytes().chunks(size) {
                server.send(piece);
            }
            assert!(server.is_closed());
            let output = String::from_utf8_lossy(&server.output);
            assert!(
                server.output.ends_with(&whole[whole.len() - 60..]),
                "{output} {size}"
            );
        }
    }
    // The middle of a line that is too long may look like anything.
    for size in [1, 3, 4095, 4096, 4097, 5000] {
        let mut server = Server::new(config());
        let line = "BDAT ".repeat(2000).split_off(1) + "\r\nNOOP\r\n";
        for piece in line.as_bytes().chunks(size) {
            server.send(piece);
        }
        let codes: Vec<String> = replies(&server.output).iter().map(brief).collect();
        assert_eq!(codes, ["220", "500 5.5.2", "250 2.0.0"]);
    }
    // It is another command.
    let (codes, _) = every_way(&config(), "BDATA 3\r\nNOOP\r\n");
    assert_eq!(codes, ["220", "500 5.5.2", "250 2.0.0"]);
}

#[test]
fn s_094_without_an_accepted_recipient() {
    for recipients in ["", "RCPT TO:<nobody@example.net>\r\n"] {
        let input = [
            b"EHLO a\r\nMAIL FROM:<alice@example.org>\r\n".as_slice(),
            recipients.as_bytes(),
            &chunk(EVIL, true),
            b"RCPT TO:<bob@example.net>\r\nRSET\r\n",
        ]
        .concat();
        let (codes, seen) = every_way(&config(), input);
        let codes = &codes[codes.len() - 3..];
        assert_eq!(codes, ["503 5.5.1", "503 5.5.1", "250 2.0.0"]);
        assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::Reset)));
    }
}

/// S-123, and never an octet of a chunk taken for a command.
#[test]
fn s_088_chunks_that_may_not_come_are_thrown_away() {
    let chunks = [chunk(EVIL, false), chunk(EVIL, true)].concat();
    let ask = |config: &Config, hello: &str| {
        let (codes, seen) = every_way(config, [hello.as_bytes(), &chunks, b"NOOP\r\n"].concat());
        assert!(seen.iter().all(|seen| matches!(seen, Seen::Hello(_))));
        assert_eq!(codes.last().unwrap(), "250 2.0.0");
        codes[codes.len() - 3..][..2].to_vec()
    };
    assert_eq!(ask(&config(), ""), ["503 5.5.1"; 2]);
    assert_eq!(ask(&config(), "EHLO a\r\n"), ["503 5.5.1"; 2]);
    let secured = config().tls(TlsPolicy::Required);
    assert_eq!(ask(&secured, "EHLO a\r\n"), ["530 5.7.0"; 2]);
    let known = config().authentication(Authentication::new().required(true));
    assert_eq!(ask(&known, "EHLO a\r\n"), ["530 5.7.0"; 2]);
    assert_eq!(
        ask(&config().chunking(false), "EHLO a\r\n"),
        ["502 5.5.1"; 2]
    );

    let mut server = Server::of(Session::refusing(config(), &rejection(554, "5.7.1"), at(0)));
    server.send([&chunks[..], b"QUIT\r\n"].concat());
    let codes: Vec<String> = replies(&server.output).iter().map(brief).collect();
    assert_eq!(codes, ["554", "503 5.5.1", "503 5.5.1", "221 2.0.0"]);
}

#[test]
fn s_029_s_098_not_behind_helo_where_data_is_all_there_is() {
    let helo = ENVELOPE.replace("EHLO", "HELO");
    let input = [helo.as_bytes(), &chunk(EVIL, true), b"DATA\r\n..\r\n.\r\n"].concat();
    let off = config().chunking(false);
    for (config, refusal) in [(config(), "503 5.5.1"), (off, "502 5.5.1")] {
        let (codes, seen) = every_way(&config, &input);
        assert_eq!(codes[OPENED], refusal);
        assert_eq!(codes[OPENED + 1..], ["354", "250 2.0.0"]);
        assert_eq!(seen[3..], [Seen::Data, content(b".\r\n"), bob()]);
    }
}

#[test]
fn s_095_the_limit_is_on_all_chunks_together() {
    let limited = config().max_message_size(Some(100));
    let part = "x".repeat(50);
    let (codes, seen) = behind_envelope(
        &limited,
        &[&chunk(&part, false), &chunk(&part, true), b"NOOP\r\n"],
    );
    assert_eq!(codes, ["250 2.0.0"; 3]);
    assert_eq!(seen[2], bob());
    let (codes, seen) = behind_envelope(
        &limited,
        &[
            &chunk(&part, false),
            &chunk(part.repeat(2), true),
            b"NOOP\r\n",
        ],
    );
    assert_eq!(codes, ["250 2.0.0", "552 5.3.4", "250 2.0.0"]);
    // Nothing of a chunk that is too large is told, however it comes.
    assert_eq!(seen[1], content(part.as_bytes()));
    assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::TooLarge)));
}

#[test]
fn s_095_a_huge_chunk_is_thrown_away_as_it_comes_but_not_for_ever() {
    for (size, limit) in [
        (1 << 40, Some(1024 * 1024)),
        (u64::MAX, Some(1024 * 1024)),
        (u64::MAX, Some(u64::MAX - 1)),
    ] {
        let mut server = Server::new(config().max_message_size(limit));
        server.send(ENVELOPE);
        server.send(format!("BDAT {size} LAST\r\n"));
        let gone = Seen::Discarded(Discarded::TooLarge);
        assert_eq!(server.seen.last(), Some(&gone), "told at once");
        assert!(!server.session.is_idle());
        let before = server.output.len();
        let mut megabytes = 0;
        while !server.is_closed() && megabytes < 8 {
            server.send(vec![b'x'; 1024 * 1024]);
            megabytes += 1;
        }
        if limit == Some(1024 * 1024) {
            assert_eq!(megabytes, 4);
            let replies = replies(&server.output);
            assert_eq!(brief(replies.last().unwrap()), "552 5.3.4");
        } else {
            assert_eq!(server.output.len(), before);
        }
    }
}

#[test]
fn s_095_chunks_in_vain_count_together_and_anew_in_each_transaction() {
    // 1 MiB and twice the limit is thrown away of one transaction.
    let part = chunk(vec![b'x'; 400 * 1024], false);
    let mut server = Server::new(config().max_message_size(Some(100)).max_errors(1000));
    for _ in 0..5 {
        server.send(ENVELOPE);
        server.send(&part);
        server.send(&part);
        assert!(!server.is_closed());
        server.send("RSET\r\n");
    }
    server.send(ENVELOPE);
    let sent = (0..5).take_while(|_| {
        server.send(&part);
        !server.is_closed()
    });
    assert_eq!(sent.count(), 2);
}

#[test]
fn s_097_lone_line_ends_get_the_verdict_of_data() {
    for bad in [&b"a\n.\nb"[..], b"a\rb", b"\n", b"\r", b"\r\r\n"] {
        let (codes, seen) = behind_envelope(&config(), &[&chunk(bad, true), b"RSET\r\n"]);
        assert_eq!(codes, ["554 5.6.0", "250 2.0.0"], "{bad:?}");
        assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::LoneLineEnd)));
        let (codes, _) = behind_envelope(
            &config(),
            &[&chunk(bad, false), &chunk("x", true), b"RSET\r\n"],
        );
        let last = bad == b"\r";
        let first = if last { "250 2.0.0" } else { "554 5.6.0" };
        let second = if last { "554 5.6.0" } else { "503 5.5.1" };
        assert_eq!(codes, [first, second, "250 2.0.0"], "{bad:?}");
    }
    // A line end may stand in two chunks.
    let halves = [chunk("a\r", false), chunk("\nb", true)].concat();
    let (codes, seen) = behind_envelope(&config(), &[&halves]);
    assert_eq!(codes, ["250 2.0.0"; 2]);
    assert_eq!(seen[1], content(b"a\r\nb"));

    let repair = config().lone_line_endings(LoneLineEndings::Repair);
    let broken = [chunk("\na\r", false), chunk("b\nc\r", true)].concat();
    let (codes, seen) = behind_envelope(&repair, &[&broken]);
    assert_eq!(codes, ["250 2.0.0"; 2]);
    assert_eq!(seen[1], content(b"\r\na\r\nb\r\nc\r\n"));
}

#[test]
fn s_088_content_refused_by_the_application() {
    let nodata = ENVELOPE.replace("alice", "nodata");
    let next = ENVELOPE.split_once("\r\n").unwrap().1;
    let input = [
        nodata.as_bytes(),
        &chunk(EVIL, false),
        &chunk(EVIL, true),
        b"RSET\r\n",
        next.as_bytes(),
        &chunk("good\r\n", true),
    ]
    .concat();
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(
        codes[OPENED..],
        [
            "550 5.7.1",
            "503 5.5.1",
            "250 2.0.0",
            "250 2.1.0",
            "250 2.1.5",
            "250 2.0.0"
        ]
    );
    assert_eq!(seen[4], Seen::Discarded(Discarded::Reset));
    assert_eq!(seen.last(), Some(&bob()));

    // In the middle of a chunk: nothing more is told.
    let virus = ENVELOPE.replace("alice", "virus");
    let input = [
        virus.as_bytes(),
        &chunk(EVIL, false),
        &chunk(EVIL, true),
        b"RSET\r\n",
    ]
    .concat();
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(codes[OPENED..], ["554 5.7.1", "503 5.5.1", "250 2.0.0"]);
    assert_eq!(seen[3..], [Seen::Data]);

    // Between two chunks.
    let mut server = Server::new(config());
    server.send(ENVELOPE);
    server.send(chunk("a\r\n", false));
    assert_eq!(server.session.state(), State::Chunks);
    server.session.refuse_content(rejection(554, "5.7.1"));
    let before = server.output.len();
    server.send(chunk(EVIL, true));
    let codes = replies(&server.output[before..]);
    assert_eq!(codes.iter().map(brief).collect::<Vec<_>>(), ["554 5.7.1"]);
    assert_eq!(server.seen[3..], [Seen::Data, content(b"a\r\n")]);
    assert_eq!(server.session.state(), State::Failed);

    // At the end, as with DATA: the transaction is over.
    let lost = ENVELOPE.replace("alice", "lost");
    let input = [lost.as_bytes(), &chunk("a", true), next.as_bytes()].concat();
    let (codes, _) = every_way(&config(), input);
    assert_eq!(codes[OPENED..], ["554 5.0.0", "250 2.1.0", "250 2.1.5"]);

    // With 421, once the chunk has come.
    for sender in ["away@example.net", "bye@example.org"] {
        let gone = ENVELOPE.replace("alice@example.org", sender);
        let input = [gone.as_bytes(), &chunk("a\r\n", true), b"NOOP\r\n"].concat();
        let (codes, seen) = every_way(&config(), input);
        assert_eq!(codes[OPENED..], ["421 4.3.2"]);
        assert_eq!(seen.last(), Some(&Seen::Closed));
    }
}

#[test]
fn s_008_the_end_of_the_input_inside_a_chunk_accepts_nothing() {
    let input = [
        ENVELOPE.as_bytes(),
        &chunk("12345", false),
        &chunk("67890", true),
    ]
    .concat();
    for end in 0..input.len() {
        let mut server = Server::new(config());
        server.send(&input[..end]);
        server.end();
        assert!(server.is_closed());
        assert!(!server.seen.contains(&bob()), "{end}");
        let opened = server.seen.iter().any(|seen| matches!(seen, Seen::Mail(_)));
        let gone = Seen::Discarded(Discarded::EndOfInput);
        assert_eq!(server.seen.contains(&gone), opened, "{end}");
    }
}

#[test]
fn s_086_a_chunk_has_the_deadline_of_content() {
    for hello in [ENVELOPE, "EHLO a\r\n"] {
        let mut server = Server::new(config());
        server.send(hello);
        server.send("BDAT 100000 LAST\r\n");
        for _ in 0..4 {
            server.pass(290);
            server.send([b'x'; 4096]);
        }
        assert!(!server.is_closed());
        for _ in 0..2 {
            server.pass(150);
            server.send([b'x'; 100]);
        }
        assert!(server.is_closed());
        let replies = replies(&server.output);
        assert_eq!(brief(replies.last().unwrap()), "421 4.4.2");
    }
}

#[test]
fn s_009_shutdown_waits_for_the_chunk() {
    let mut server = Server::new(config());
    server.send(ENVELOPE);
    let first = chunk("12345", false);
    server.send(&first[..first.len() - 1]);
    server.session.shutdown(at(0));
    server.drive();
    assert!(!server.is_closed());
    server.send("5");
    let replies = replies(&server.output);
    let codes: Vec<String> = replies.iter().map(brief).collect();
    assert_eq!(codes[OPENED..], ["250 2.0.0", "421 4.3.2"]);
    assert!(server.is_closed());
    assert!(server.seen.contains(&Seen::Discarded(Discarded::Shutdown)));

    let mut server = Server::new(config());
    server.send(ENVELOPE);
    server.send("BDAT 10\r\n12345");
    server.session.abort(at(0));
    server.drive();
    assert!(server.is_closed());
}

#[test]
fn s_123_whole_transactions_back_to_back() {
    let next = ENVELOPE.split_once("\r\n").unwrap().1;
    let mut input = b"EHLO client.example.org\r\n".to_vec();
    let mut expected = vec!["220", "250"];
    for _ in 0..20 {
        input.extend(next.bytes());
        input.extend(chunk(EVIL, true));
        input.extend(b"RSET\r\n");
        expected.extend(["250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.0.0"]);
    }
    let (output, seen) = play(&config(), &[&input], 0);
    let codes: Vec<String> = replies(&output).iter().map(brief).collect();
    assert_eq!(codes, expected);
    assert_eq!(seen.iter().filter(|&seen| *seen == bob()).count(), 20);
    let octets: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(play(&config(), &octets, 1), (output, seen));
}

/// S-088: what was on its way when something was refused is no mistake.
#[test]
fn s_088_s_104_what_follows_a_refusal_does_not_count() {
    let config = config().max_errors(2).max_refused_recipients(1000);
    let mut input = b"EHLO a\r\n".to_vec();
    for sender in ["later", "full", "nodata", "alice"].repeat(5) {
        let mail = format!("MAIL FROM:<{sender}@example.org>\r\nRCPT TO:<nobody@example.net>\r\n");
        input.extend(mail.bytes());
        input.extend(chunk(EVIL, false));
        input.extend(chunk(EVIL, true));
        input.extend(b"RSET\r\n");
    }
    let (output, _) = play(&config, &[&input], 0);
    let replies = replies(&output);
    assert_eq!(replies.len(), 2 + 20 * 5);
    assert!(replies.iter().all(|reply| reply.code().get() != 421));
    // But out of the blue it does.
    let (output, _) = play(&config, &[&b"EHLO a\r\nBDAT 1\r\nx".repeat(3)], 0);
    assert!(output.ends_with(b"too many errors\r\n"));
}
