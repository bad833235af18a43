//! Content on its way out: transparency, line ends, chunks, and what is kept
//! out of sight.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use smtp_oracles::talk::{Talk, config, mailbox, transaction};
use smtp_proto::client::{
    CommandError, Config, ContentError, Fate, LineEndings, NotSent, Phase, Transaction,
};

fn repair() -> Config {
    let mut config = config();
    config = config.line_endings(LineEndings::Repair);
    config
}

/// A session whose server waits for the content of this transaction.
fn at_content(config: Config, made: Transaction) -> Talk {
    let mut talk = Talk::open(config, &["PIPELINING", "8BITMIME"]);
    talk.session.send(made).unwrap();
    let commands = talk.out().lines().count();
    talk.say("250 ok\r\n".repeat(commands - 1));
    talk.say("354 ok\r\n");
    talk
}

/// What goes over the wire for content that is given beforehand.
fn given(config: Config, content: &[u8]) -> Vec<u8> {
    let made = transaction(&["bob"]).content(content.to_vec());
    at_content(config, made).out_octets()
}

/// What goes over the wire for content that is given in these chunks, when the
/// output is taken in pieces of `piece` in between.
fn streamed(config: Config, chunks: &[&[u8]], piece: usize) -> Vec<u8> {
    let mut talk = at_content(config, transaction(&["bob"]));
    let mut out = Vec::new();
    for chunk in chunks {
        while talk.session.body().is_none() {
            out.extend(talk.send(piece));
        }
        let body = talk.session.body().unwrap();
        body.write(chunk.to_vec()).unwrap();
        out.extend(talk.send(piece));
    }
    while talk.session.body().is_none() {
        out.extend(talk.send(piece));
    }
    talk.session.body().unwrap().finish().unwrap();
    out.extend(talk.out_octets());
    assert_eq!(talk.session.phase(), Phase::EndOfData);
    talk.say("250 ok\r\n");
    assert!(talk.events().contains(&"m1 to1 accepted: 250 ok".into()));
    out
}

const VECTORS: [(&[u8], &[u8]); 12] = [
    (b"", b".\r\n"),
    (b"x", b"x\r\n.\r\n"),
    (b"x\r\n", b"x\r\n.\r\n"),
    (b"\r\n", b"\r\n.\r\n"),
    (b".", b"..\r\n.\r\n"),
    (b".a\r\n..\r\n.\r\n", b"..a\r\n...\r\n..\r\n.\r\n"),
    (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
    (b"a.b.\r\n", b"a.b.\r\n.\r\n"),
    (b"\r\n.\r\n\r\n.", b"\r\n..\r\n\r\n..\r\n.\r\n"),
    (
        b"a\r\n.\r\nQUIT\r\nMAIL FROM:<x>\r\n",
        b"a\r\n..\r\nQUIT\r\nMAIL FROM:<x>\r\n.\r\n",
    ),
    (b"\xc3\xbc\x01\x7f\r\n", b"\xc3\xbc\x01\x7f\r\n.\r\n"),
    (b"tail \r\n\r\n", b"tail \r\n\r\n.\r\n"),
];

const REPAIRED: [(&[u8], &[u8]); 10] = [
    (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\rb", b"a\r\nb\r\n.\r\n"),
    (b"a\r\r\nb", b"a\r\n\r\nb\r\n.\r\n"),
    (b"\n.\n", b"\r\n..\r\n.\r\n"),
    (b"\n.\r\n", b"\r\n..\r\n.\r\n"),
    (b"\r.\r\n", b"\r\n..\r\n.\r\n"),
    (b"\r\n.\n", b"\r\n..\r\n.\r\n"),
    (b"\r\n.\r", b"\r\n..\r\n.\r\n"),
    (b"a\r", b"a\r\n.\r\n"),
    (b"a\n\r.\r\r", b"a\r\n\r\n..\r\n\r\n.\r\n"),
];

#[test]
fn c_067_c_068_c_069_c_070_c_073_c_080_every_vector_and_every_split() {
    let both = VECTORS
        .iter()
        .map(|vector| (config(), vector))
        .chain(VECTORS.iter().map(|vector| (repair(), vector)))
        .chain(REPAIRED.iter().map(|vector| (repair(), vector)));
    for (config, (content, wire)) in both {
        let name = content.escape_ascii();
        assert_eq!(given(config.clone(), content), *wire, "{name}");
        assert_eq!(streamed(config.clone(), &[content], 1), *wire, "{name}");
        let octets: Vec<&[u8]> = content.chunks(1).collect();
        assert_eq!(streamed(config.clone(), &octets, 3), *wire, "{name}");
        for at in 0..=content.len() {
            let (first, second) = content.split_at(at);
            let split = [first, b"", second];
            assert_eq!(streamed(config.clone(), &split, 2), *wire, "{name} {at}");
        }
    }
}

#[test]
fn c_071_c_074_lone_line_ends_are_refused_by_default() {
    for (content, _) in REPAIRED {
        let mut talk = Talk::open(config(), &[]);
        let made = transaction(&["bob"]).content(content);
        assert!(
            matches!(talk.session.send(made), Err(CommandError::Content(_))),
            "{}",
            content.escape_ascii()
        );
        assert_eq!(talk.out(), "");
        for at in 0..=content.len() {
            let (first, second) = content.split_at(at);
            let mut talk = at_content(config(), transaction(&["bob"]));
            let wrote = [first, second]
                .into_iter()
                .try_for_each(|chunk| talk.session.body().unwrap().write(chunk))
                .and_then(|()| talk.session.body().unwrap().finish());
            assert!(wrote.is_err(), "{} {at}", content.escape_ascii());
            let out = talk.out_octets();
            assert!(
                !out.ends_with(b".\r\n") || out == b"..\r\n",
                "{}",
                out.escape_ascii()
            );
        }
    }
}

#[test]
fn c_058_c_076_c_077_what_else_is_refused_and_leaves_no_trace() {
    let long = "x".repeat(999);
    for (chunk, error) in [
        (&b"a\0"[..], ContentError::Nul { offset: 4 }),
        (long.as_bytes(), ContentError::LineTooLong { offset: 3 }),
        (b"a\nb", ContentError::LoneLf { offset: 4 }),
        (b"ab\rc", ContentError::LoneCr { offset: 5 }),
        (b"\xfc", ContentError::EightBit),
    ] {
        let mut talk = Talk::open(config(), &["PIPELINING"]);
        talk.session.send(transaction(&["bob"])).unwrap();
        talk.out();
        talk.say("250 ok\r\n250 ok\r\n354 ok\r\n");
        talk.session.body().unwrap().write("1\r\n").unwrap();
        assert_eq!(
            talk.session.body().unwrap().write(chunk.to_vec()),
            Err(error)
        );
        // The chunk is as if it had never been.
        talk.session.body().unwrap().write("2\r").unwrap();
        assert_eq!(
            talk.session.body().unwrap().finish(),
            Err(ContentError::LoneCr { offset: 4 })
        );
        talk.session.body().unwrap().write("\n.").unwrap();
        talk.session.body().unwrap().finish().unwrap();
        assert_eq!(talk.out(), "1\r\n2\r\n..\r\n.\r\n");
    }
}

#[test]
fn c_058_the_longest_line_in_any_chunks() {
    let line = [vec![b'.'; 998].as_slice(), b"\r\n"].concat();
    let wire = [b".", line.as_slice(), b".\r\n"].concat();
    assert_eq!(given(config(), &line), wire);
    for size in [1, 7, 512, 997, 998, 999] {
        let chunks: Vec<&[u8]> = line.chunks(size).collect();
        assert_eq!(streamed(config(), &chunks, usize::MAX), wire);
    }
    let mut any = config();
    any = any.max_line(None);
    let long = vec![b'x'; 200_000];
    assert_eq!(given(any, &long), [long.as_slice(), b"\r\n.\r\n"].concat());
}

#[test]
fn c_073_large_content_in_blocks_of_any_size() {
    // Longer than a block and than the window, every line with a dot in front.
    let content: Vec<u8> = b".dot\r\n"
        .iter()
        .chain(b"some text, and more of it\r\n")
        .copied()
        .cycle()
        .take(33 * 10_000)
        .collect();
    let text = String::from_utf8(content.clone()).unwrap();
    let wire = text.replace("\r\n.", "\r\n..").into_bytes();
    let wire = [b".", wire.as_slice(), b".\r\n"].concat();
    assert_eq!(given(config(), &content), wire);
    for (chunk, piece) in [(1000, 700), (65_537, 65_536), (content.len(), 9999)] {
        let chunks: Vec<&[u8]> = content.chunks(chunk).collect();
        assert_eq!(streamed(config(), &chunks, piece), wire, "{chunk}");
    }
}

#[test]
fn content_is_taken_only_while_little_of_it_waits() {
    let mut any = config();
    any = any.max_line(None);
    // Given beforehand: a bounded part of it is encoded at a time.
    let made = transaction(&["bob"]).content(vec![b'x'; 10_000_000]);
    let mut talk = at_content(any.clone(), made);
    let mut total = 0;
    loop {
        let pending = talk.pending().len();
        assert!(pending <= 2 * 512 * 1024 + 5, "{pending}");
        let sent = talk.send(4000).len();
        if sent == 0 {
            break;
        }
        total += sent;
    }
    assert_eq!(total, 10_000_000 + 5);
    // Streamed: no permission while much waits.
    let mut talk = at_content(any, transaction(&["bob"]));
    talk.session
        .body()
        .unwrap()
        .write(vec![b'x'; 64 * 1024 - 1])
        .unwrap();
    talk.session.body().unwrap().write("y").unwrap();
    assert!(talk.session.body().is_none());
    talk.send(1);
    assert!(talk.session.body().is_some());
    assert_eq!(talk.session.phase(), Phase::Content);
}

#[test]
fn c_075_body_exists_only_while_the_server_waits_for_content() {
    let mut talk = Talk::new(config());
    assert!(talk.session.body().is_none());
    talk.greet(&[]);
    assert!(talk.session.body().is_none());
    talk.session.send(transaction(&["bob"])).unwrap();
    for answer in ["250 ok\r\n", "250 ok\r\n"] {
        talk.out();
        assert!(talk.session.body().is_none());
        talk.say(answer);
    }
    assert_eq!(talk.out(), "DATA\r\n");
    assert!(talk.session.body().is_none());
    talk.say("354 ok\r\n");
    let id = talk.session.body().unwrap().transaction();
    talk.session.body().unwrap().finish().unwrap();
    assert!(talk.session.body().is_none());
    assert_eq!(talk.out(), ".\r\n");
    assert!(talk.session.body().is_none());
    talk.say("250 ok\r\n");
    assert!(talk.session.body().is_none());
    // Content that was given beforehand is nobody else's to give.
    let second = talk
        .session
        .send(transaction(&["bob"]).content("x"))
        .unwrap();
    assert!(second > id);
    for answer in ["250 ok\r\n", "250 ok\r\n", "354 ok\r\n"] {
        talk.out();
        talk.say(answer);
        assert!(talk.session.body().is_none());
    }
}

#[test]
fn c_078_content_that_is_given_up_is_never_ended() {
    for chunks in [&[][..], &["Subject: x\r\n"], &["a\r\n", "b"]] {
        let mut talk = at_content(config(), transaction(&["bob", "carol"]));
        for chunk in chunks {
            talk.session.body().unwrap().write(*chunk).unwrap();
        }
        let partly = talk.send(3);
        talk.session.body().unwrap().abort();
        assert!(talk.pending().is_empty(), "not even QUIT");
        assert!(!partly.ends_with(b".\r\n"));
        assert_eq!(
            talk.fates(),
            [
                "m1 to1 not sent: given up in the content",
                "m1 to2 not sent: given up in the content"
            ]
        );
        talk.say("250 ok\r\n");
        assert_eq!(talk.events(), [""; 0]);
        let error = talk.error.unwrap();
        assert!(error.is_transient());
    }
}

#[test]
fn c_080_recipients_never_come_into_the_content() {
    let blind = transaction(&["bob", "hidden"]).content("To: bob@example.net\r\n\r\nx\r\n");
    let out = at_content(config(), blind).out();
    assert_eq!(out, "To: bob@example.net\r\n\r\nx\r\n.\r\n");
}

#[test]
fn c_220_content_is_not_shown() {
    const SECRET: &str = "open sesame";
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    talk.session
        .set_transcript(move |entry| sink.lock().unwrap().push(entry.to_string()));
    let made = transaction(&["bob"]).content(format!("{SECRET}\r\n.{SECRET}\r\n"));
    let mut shown = format!("{made:?}");
    talk.session.send(made).unwrap();
    talk.session.send(transaction(&["carol"])).unwrap();
    shown += &format!("{:?}", talk.session);
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n354 ok\r\n");
    shown += &format!("{:?} {:?}", talk.session, talk.session.poll_transmit());
    talk.out();
    talk.say("250 ok\r\n");
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n354 ok\r\n");
    talk.session.body().unwrap().write(SECRET).unwrap();
    shown += &format!("{:?}", talk.session);
    shown += &format!("{:?}", talk.session.body());
    talk.out();
    talk.eof();
    talk.events();
    shown += &format!("{:?} {:?}", talk.error, talk.log);
    assert!(!shown.contains("sesame"), "{shown}");
    let lines = lines.lock().unwrap();
    assert_eq!(
        lines[..8],
        [
            "C: MAIL FROM:<alice@example.org>",
            "C: RCPT TO:<bob@example.net>",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 ok",
            "C: (27 octets of content)",
            "S: 250 ok"
        ]
    );
    assert!(!lines.concat().contains("sesame"));
}

#[test]
fn m_07_streamed_content_is_asked_for_again() {
    let mut talk = Talk::open(config(), &["PIPELINING"]);
    talk.session.send(transaction(&["bob", "carol"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n452 4.5.3 full\r\n354 ok\r\n");
    assert_eq!(talk.events().last().unwrap(), "m1 content");
    talk.session.body().unwrap().write("a").unwrap();
    talk.session.body().unwrap().finish().unwrap();
    assert_eq!(talk.out(), "a\r\n.\r\n");
    let again = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<carol@example.net>\r\nDATA\r\n";
    talk.exchange("250 ok\r\n", again);
    assert!(talk.session.body().is_none());
    talk.say("250 ok\r\n250 ok\r\n354 ok\r\n");
    assert_eq!(talk.events().last().unwrap(), "m1 content");
    // From its beginning: nothing of the first time is left.
    talk.session.body().unwrap().write(".a\r\n").unwrap();
    talk.session.body().unwrap().finish().unwrap();
    assert_eq!(talk.out(), "..a\r\n.\r\n");
    talk.say("250 again\r\n");
    assert_eq!(
        talk.fates(),
        ["m1 to1 accepted: 250 ok", "m1 to2 accepted: 250 again"]
    );
}

#[test]
fn m_07_what_is_lost_in_the_second_transaction() {
    let mut talk = Talk::open(config(), &[]);
    talk.session
        .send(transaction(&["bob", "carol", "dave"]).content("x"))
        .unwrap();
    for answer in [
        "250 ok\r\n",
        "250 ok\r\n",
        "452 full\r\n",
        "354 ok\r\n",
        "250 first\r\n",
    ] {
        talk.out();
        talk.say(answer);
    }
    for answer in ["250 ok\r\n", "250 ok\r\n", "550 no\r\n", "354 ok\r\n"] {
        talk.out();
        talk.say(answer);
    }
    assert_eq!(talk.out(), "x\r\n.\r\n");
    talk.eof();
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 accepted: 250 first",
            "m1 to2 in doubt: connection lost at the end of the content",
            "m1 to3 refused at RCPT: 550 no"
        ]
    );
}

#[test]
fn c_224_content_checks_come_before_anything_is_sent() {
    let mut talk = Talk::open(config(), &[]);
    let made = transaction(&["bob"]).content("\u{fc}\r\n");
    talk.session.send(made).unwrap();
    assert_eq!(talk.out(), "");
    assert_eq!(talk.fates().len(), 1);
    let fate = Fate::NotSent(NotSent::Needs8BitMime);
    assert!(!fate.is_transient() && fate.reply().is_none());
    assert!(talk.session.is_reusable());
    assert!(talk.session.rcpt(mailbox("a@b.example")).is_err());
}

#[test]
fn c_076_nul_where_it_is_allowed() {
    let made = || transaction(&["bob"]).content("a\0b\r\n");
    let mut talk = Talk::open(config(), &[]);
    let refused = talk.session.send(made());
    let nul = CommandError::Content(ContentError::Nul { offset: 1 });
    assert_eq!(refused, Err(nul));
    assert_eq!(
        at_content(config().nul_in_content(true), made()).out(),
        "a\0b\r\n.\r\n"
    );
}

#[test]
fn the_log_counts_what_came_piece_by_piece() {
    let mut talk = at_content(config(), transaction(&["bob"]));
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    talk.session
        .set_transcript(move |entry| sink.lock().unwrap().push(entry.to_string()));
    for piece in ["Subject: x\r\n", "\r\n", ".\r\n"] {
        talk.session.body().unwrap().write(piece).unwrap();
    }
    talk.session.body().unwrap().finish().unwrap();
    assert_eq!(
        lines.lock().unwrap().as_slice(),
        ["C: (17 octets of content)"]
    );
}

#[test]
fn content_is_given_up_when_its_fate_is_known() {
    // Shared with the caller, and long enough not to be copied.
    let content = Bytes::from(vec![b'x'; 900]);
    let mut talk = at_content(config(), transaction(&["bob"]).content(content.clone()));
    talk.out();
    assert!(!content.is_unique());
    talk.say("250 ok\r\n");
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 ok"]);
    assert!(content.is_unique());

    let mut talk = at_content(config(), transaction(&["bob"]).content(content.clone()));
    talk.eof();
    assert!(content.is_unique(), "nothing of it will be sent");
    talk.events();
}
