//! Content in chunks: BDAT (RFC 3030).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{Talk, config, message, secs, transaction};
use smtp_proto::{
    client::{
        Chunking, Config, ContentError, ErrorKind, LineEndings, Phase, Pipelining, RecipientPolicy,
    },
    types::BodyType,
};

const OFFERED: &[&str] = &["PIPELINING", "CHUNKING", "BINARYMIME"];
const GROUP: &str = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n";
const CHUNK: &str = "BDAT 22 LAST\r\nSubject: x\r\n\r\nHello.\r\n";

fn careful() -> Config {
    config().chunking(Chunking::WhenAccepted)
}

fn at_once() -> Config {
    config().chunking(Chunking::AtOnce)
}

/// The server accepts everything; returns what the client said, in flights.
fn flights(config: Config, keywords: &[&str], content: &[&[u8]]) -> Vec<String> {
    let mut talk = Talk::open(config, keywords);
    talk.session.send(transaction(&["bob"])).unwrap();
    let mut content = content.iter();
    let mut flights = Vec::new();
    loop {
        while let Some(body) = talk.session.body() {
            match content.next() {
                Some(chunk) => body.write(chunk.to_vec()).unwrap(),
                None => body.finish().unwrap(),
            }
        }
        let out = talk.out();
        if out.is_empty() {
            return flights;
        }
        let answers = out
            .lines()
            .filter(|line| {
                ["MAIL", "RCPT", "BDAT", "RSET"]
                    .iter()
                    .any(|verb| line.starts_with(verb))
            })
            .count();
        flights.push(out);
        talk.say("250 ok\r\n".repeat(answers));
    }
}

#[test]
fn c_158_c_161_chunks_where_they_are_offered_and_wanted() {
    // By default, and where they are not offered: DATA.
    for (config, keywords) in [
        (config(), OFFERED),
        (careful(), &["PIPELINING"]),
        (at_once(), &["PIPELINING"]),
    ] {
        let mut talk = Talk::open(config, keywords);
        talk.session.send(message(&["bob"])).unwrap();
        assert_eq!(talk.out(), format!("{GROUP}DATA\r\n"));
    }
    // Not before every RCPT is answered.
    let mut talk = Talk::open(careful(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.out(), GROUP);
    talk.exchange("250 ok\r\n", "");
    talk.exchange("250 ok\r\n", CHUNK);
    talk.say("250 ok\r\n");
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 ok"]);
    assert!(talk.session.is_reusable());
    // Or at once.
    let mut talk = Talk::open(at_once(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.out(), format!("{GROUP}{CHUNK}"));
    talk.say("250 ok\r\n250 ok\r\n250 taken\r\n");
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 taken"]);
}

#[test]
fn c_162_one_at_a_time_without_pipelining() {
    for config in [
        at_once().pipelining(Pipelining::Off),
        careful().pipelining(Pipelining::Off),
    ] {
        let config = config.chunk_size(10);
        let mut talk = Talk::open(config, OFFERED);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        talk.exchange("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n");
        talk.exchange("250 ok\r\n", "BDAT 10\r\nSubject: x");
        talk.exchange("250 ok\r\n", "BDAT 10\r\n\r\n\r\nHello.");
        talk.exchange("250 ok\r\n", "BDAT 2 LAST\r\n\r\n");
    }
}

#[test]
fn c_159_c_172_chunks_have_the_size_that_they_say() {
    let mut talk = Talk::open(at_once().chunk_size(10), OFFERED);
    let content = "12345678\r\n.\r\n5678\r\n12\r\n";
    talk.session
        .send(transaction(&["bob"]).content(content))
        .unwrap();
    assert_eq!(talk.out(), format!("{GROUP}BDAT 10\r\n12345678\r\n"));
    talk.exchange(
        "250 ok\r\n250 ok\r\n",
        "BDAT 10\r\n.\r\n5678\r\n1BDAT 3 LAST\r\n2\r\n",
    );
    talk.say("250 ok\r\n".repeat(3));
    assert_eq!(talk.fates(), ["m1 to1 accepted: 250 ok"]);
}

#[test]
fn the_window_bounds_the_chunks_that_are_unanswered() {
    let config = at_once().chunk_size(10).max_unanswered_chunks(2);
    let mut talk = Talk::open(config, OFFERED);
    talk.session
        .send(transaction(&["bob"]).content("12345678\r\n".repeat(5)))
        .unwrap();
    let chunk = "BDAT 10\r\n12345678\r\n";
    // No more than one before somebody is to get it.
    assert_eq!(talk.out(), format!("{GROUP}{chunk}"));
    talk.exchange("250 ok\r\n", "");
    talk.exchange("250 ok\r\n", chunk);
    talk.exchange("250 ok\r\n", chunk);
    talk.exchange(
        "250 ok\r\n250 ok\r\n",
        &format!("{chunk}BDAT 10 LAST\r\n12345678\r\n"),
    );
}

#[test]
fn c_167_content_that_comes_piece_by_piece() {
    let group = [GROUP.to_owned()];
    let with = |chunks: &str| [group.clone(), [chunks.to_owned()]].concat();
    let config = || careful().chunk_size(8);
    assert_eq!(flights(config(), OFFERED, &[]), with("BDAT 0 LAST\r\n"));
    assert_eq!(
        flights(config(), OFFERED, &[b"a\r\n", b"b\r\n", b"c\r\n", b".\r\n"]),
        with("BDAT 6\r\na\r\nb\r\nBDAT 6 LAST\r\nc\r\n.\r\n")
    );
    // Whatever is written at once is not divided.
    assert_eq!(
        flights(config(), OFFERED, &[b"1234567890\r\n", b"a\r\n"]),
        with("BDAT 12\r\n1234567890\r\nBDAT 3 LAST\r\na\r\n")
    );
    // At once: with the recipients.
    assert_eq!(
        flights(at_once(), OFFERED, &[b"a\r\n"]),
        [format!("{GROUP}BDAT 3 LAST\r\na\r\n")]
    );
}

#[test]
fn c_171_binary_content_piece_by_piece() {
    let mut talk = Talk::open(config().chunk_size(4), OFFERED);
    let made = transaction(&["bob"]).body(BodyType::BinaryMime);
    talk.session.send(made).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n");
    for piece in [&b"a\n\0\r"[..], b".\r\n", b"\xff"] {
        talk.session.body().unwrap().write(piece).unwrap();
    }
    talk.session.body().unwrap().finish().unwrap();
    // Nothing was looked at, and no line end was added.
    let out = talk.out_octets();
    assert_eq!(out, b"BDAT 4\r\na\n\0\rBDAT 4 LAST\r\n.\r\n\xff");
}

#[test]
fn content_that_was_given_waits_for_a_server_that_does_not_read() {
    let mut talk = Talk::open(at_once().chunk_size(100 * 1024), OFFERED);
    let line = "x".repeat(98) + "\r\n";
    let content = line.repeat(20 * 1024);
    talk.session
        .send(transaction(&["bob"]).content(content.clone()))
        .unwrap();
    let waiting = |talk: &Talk| talk.session.poll_transmit().unwrap().octets();
    talk.send(GROUP.len());
    talk.say("250 ok\r\n250 ok\r\n");
    // So much, and not all that may be unanswered.
    assert!(
        (512..=620).contains(&(waiting(&talk) / 1024)),
        "{}",
        waiting(&talk)
    );
    let before = waiting(&talk);
    talk.send(200 * 1024);
    let rest = before - 200 * 1024;
    assert!(waiting(&talk) > rest, "there is room for more");
}

#[test]
fn c_169_c_173_text_is_canonical_and_its_last_line_complete() {
    let last = |config: Config, content: &[&[u8]]| flights(config, OFFERED, content).pop().unwrap();
    assert_eq!(last(careful(), &[b"x"]), "BDAT 3 LAST\r\nx\r\n");
    assert_eq!(last(careful(), &[b"x\r", b"\n"]), "BDAT 3 LAST\r\nx\r\n");
    let repair = || careful().line_endings(LineEndings::Repair);
    assert_eq!(last(repair(), &[b".\nx\r"]), "BDAT 6 LAST\r\n.\r\nx\r\n");
    assert_eq!(
        last(repair(), &[b"x\r", b"\n", b"\n"]),
        "BDAT 5 LAST\r\nx\r\n\r\n"
    );
    let mut talk = Talk::open(careful(), OFFERED);
    talk.session.send(transaction(&["bob"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n");
    assert_eq!(
        talk.session.body().unwrap().write("a\nb"),
        Err(ContentError::LoneLf { offset: 1 })
    );
}

#[test]
fn c_173_dots_stand_alone_in_a_chunk_however_many_lines_they_are() {
    for lines in [63, 64, 65, 200] {
        let dots = ".\r\n".repeat(lines);
        // The lone LF in front has the rest repaired, and not passed as it is.
        let content = format!("x\n{dots}..y\r\n");
        let whole = format!("x\r\n{dots}..y\r\n");
        for config in [careful(), at_once()] {
            let config = config.line_endings(LineEndings::Repair);
            let out = flights(config, OFFERED, &[content.as_bytes()]).concat();
            assert_eq!(
                out,
                format!("{GROUP}BDAT {} LAST\r\n{whole}", whole.len()),
                "{lines}"
            );
        }
    }
}

#[test]
fn c_170_c_171_binary_content_is_not_looked_at_and_needs_both() {
    let binary = || {
        transaction(&["bob"])
            .body(BodyType::BinaryMime)
            .content(&b"a\n\0\r.\r\nb\xff"[..])
    };
    for keywords in [&OFFERED[..1], &OFFERED[..2], &["PIPELINING", "BINARYMIME"]] {
        let mut talk = Talk::open(config(), keywords);
        talk.session.send(binary()).unwrap();
        assert_eq!(talk.out(), "");
        assert_eq!(
            talk.fates(),
            ["m1 to1 not sent: the server does not take binary content"]
        );
    }
    // Whatever the settings are, and whatever it holds.
    let mut talk = Talk::open(config().line_endings(LineEndings::Repair), OFFERED);
    talk.session.send(binary()).unwrap();
    assert_eq!(
        talk.out(),
        "MAIL FROM:<alice@example.org> BODY=BINARYMIME\r\nRCPT TO:<bob@example.net>\r\n"
    );
    talk.say("250 ok\r\n250 ok\r\n");
    assert_eq!(talk.out_octets(), b"BDAT 9 LAST\r\na\n\0\r.\r\nb\xff");
}

#[test]
fn c_163_c_164_c_165_a_refused_chunk_is_the_end() {
    // The chunks behind it are in the pipeline; what is said to them is nothing new.
    let config = || at_once().chunk_size(10).max_unanswered_chunks(2);
    let content = "12345678\r\n".repeat(5);
    let mut talk = Talk::open(config(), OFFERED);
    talk.session
        .send(transaction(&["bob"]).content(content.clone()))
        .unwrap();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n", "BDAT 10\r\n12345678\r\n");
    talk.exchange("452 full\r\n", "");
    talk.exchange("503 no\r\n", "RSET\r\n");
    assert_eq!(talk.fates(), ["m1 to1 refused in the content: 452 full"]);
    talk.exchange("250 ok\r\n", &format!("{GROUP}BDAT 10\r\nSubject: x"));
    talk.exchange("250 ok\r\n250 ok\r\n", "BDAT 10\r\n\r\n\r\nHello.");
    // The last one refused.
    talk.exchange("250 ok\r\n250 ok\r\n", "BDAT 2 LAST\r\n\r\n");
    talk.exchange("554 no\r\n", "RSET\r\n");
    assert_eq!(
        talk.fates(),
        ["m2 to1 refused at the end of the content: 554 no"]
    );
    talk.say("250 ok\r\n");
    assert!(talk.session.is_reusable());
    // A last one that is accepted behind a failure is no delivery.
    let config = at_once().chunk_size(12);
    let mut talk = Talk::open(config, OFFERED);
    talk.session
        .send(transaction(&["bob"]).content("1234567890\r\n12\r\n"))
        .unwrap();
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n", "BDAT 4 LAST\r\n12\r\n");
    talk.say("452 full\r\n250 ok\r\n");
    assert_eq!(talk.fates(), ["m1 to1 refused in the content: 452 full"]);
    assert_eq!(talk.error.unwrap().kind(), &ErrorKind::Unexpected);
}

#[test]
fn a_refused_chunk_takes_the_permission_away() {
    let mut talk = Talk::open(careful().chunk_size(4), OFFERED);
    talk.session.send(transaction(&["bob"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n");
    talk.session.body().unwrap().write("abc\r\n").unwrap();
    talk.session.body().unwrap().write("def\r\n").unwrap();
    assert_eq!(talk.out(), "BDAT 5\r\nabc\r\n");
    assert!(talk.session.wants_content());
    talk.exchange("552 enough\r\n", "RSET\r\n");
    assert!(!talk.session.wants_content() && talk.session.body().is_none());
    assert_eq!(talk.fates(), ["m1 to1 refused in the content: 552 enough"]);
    talk.say("250 ok\r\n");
    assert!(talk.session.is_reusable());

    // Also while another chunk is unanswered.
    let mut talk = Talk::open(careful().chunk_size(4), OFFERED);
    talk.session.send(transaction(&["bob"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n");
    for piece in ["abc\r\n", "def\r\n", "ghi\r\n"] {
        talk.session.body().unwrap().write(piece).unwrap();
    }
    assert_eq!(talk.out(), "BDAT 5\r\nabc\r\nBDAT 5\r\ndef\r\n");
    talk.exchange("552 enough\r\n", "");
    assert!(!talk.session.wants_content() && talk.session.body().is_none());
    talk.exchange("503 no\r\n", "RSET\r\n");
}

#[test]
fn quit_needs_no_rset_before_it() {
    let mut talk = Talk::open(at_once(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.quit().unwrap();
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n552 no\r\n", "QUIT\r\n");
}

#[test]
fn nobody_accepted_is_nobody_sent_to() {
    // Before any content.
    let mut talk = Talk::open(careful(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n550 no\r\n", "RSET\r\n");
    assert_eq!(talk.fates(), ["m1 to1 refused at RCPT: 550 no"]);
    // With it: whatever the server says to the content, nobody has it.
    for (answer, next) in [("503 no", "RSET\r\n"), ("250 ok", "")] {
        let mut talk = Talk::open(at_once(), OFFERED);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        talk.exchange("250 ok\r\n550 no\r\n", "");
        talk.exchange(&format!("{answer}\r\n"), next);
        assert_eq!(talk.fates(), ["m1 to1 refused at RCPT: 550 no"]);
    }
    // Nor is it sent again.
    let mut talk = Talk::open(at_once(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("451 no\r\n503 no\r\n250 ok\r\n", "");
    assert_eq!(talk.fates(), ["m1 to1 refused at MAIL: 451 no"]);
    // The server accepts what it has no sender for.
    let mut talk = Talk::open(at_once(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.say("451 no\r\n250 ok\r\n250 ok\r\n");
    assert_eq!(
        talk.fates(),
        ["m1 to1 in doubt: a reply that makes no sense at the end of the content: 250 ok"]
    );
    // It refuses it, as it should.
    let mut talk = Talk::open(at_once(), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("451 no\r\n503 no\r\n503 no\r\n", "RSET\r\n");
    assert_eq!(talk.fates(), ["m1 to1 refused at MAIL: 451 no"]);
}

#[test]
fn all_or_nothing_holds_the_last_chunk_back() {
    let made = || {
        transaction(&["bob", "carol"])
            .policy(RecipientPolicy::AllOrNothing)
            .content("12345678\r\nabcdefgh\r\n")
    };
    let group = format!("{GROUP}RCPT TO:<carol@example.net>\r\n");
    let open = || {
        let mut talk = Talk::open(at_once().chunk_size(10), OFFERED);
        talk.session.send(made()).unwrap();
        assert_eq!(talk.out(), format!("{group}BDAT 10\r\n12345678\r\n"));
        talk
    };
    let mut talk = open();
    talk.exchange("250 ok\r\n250 ok\r\n", "");
    talk.exchange("250 ok\r\n", "BDAT 10 LAST\r\nabcdefgh\r\n");
    talk.say("250 ok\r\n250 taken\r\n");
    assert_eq!(
        talk.fates(),
        ["m1 to1 accepted: 250 taken", "m1 to2 accepted: 250 taken"]
    );
    let mut talk = open();
    talk.exchange("250 ok\r\n250 ok\r\n550 no\r\n", "");
    talk.exchange("250 ok\r\n", "RSET\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 not sent: another recipient was refused",
            "m1 to2 refused at RCPT: 550 no"
        ]
    );
}

#[test]
fn a_loss_leaves_in_doubt_what_has_left_in_full() {
    let all = format!("{GROUP}{CHUNK}");
    for sent in 0..=all.len() {
        let mut talk = Talk::open(at_once(), OFFERED);
        talk.session.send(message(&["bob"])).unwrap();
        talk.send(sent);
        talk.eof();
        let fate = talk.fates().remove(0);
        let in_doubt = fate.contains("in doubt");
        assert_eq!(in_doubt, sent == all.len(), "{sent}: {fate}");
    }
}

#[test]
fn chunks_in_vain_and_then_quit() {
    let mut talk = Talk::open(at_once().chunk_size(10).max_unanswered_chunks(1), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.quit().unwrap();
    assert_eq!(talk.out(), format!("{GROUP}BDAT 10\r\nSubject: x"));
    talk.exchange("250 ok\r\n550 no\r\n", "");
    talk.exchange("503 no\r\n", "QUIT\r\n");
    talk.say("221 bye\r\n");
    assert_eq!(
        talk.events().split_off(2),
        ["m1 to1 refused at RCPT: 550 no", "m1 finished", "closed"]
    );
}

#[test]
fn a_chunk_refused_behind_a_recipient_tells_nothing_new() {
    let mut talk = Talk::open(at_once().chunk_size(10), OFFERED);
    talk.session
        .send(message(&["bob", "no"]).policy(RecipientPolicy::AllOrNothing))
        .unwrap();
    talk.out();
    talk.exchange("250 ok\r\n250 ok\r\n550 no\r\n", "");
    talk.exchange("503 x\r\n", "RSET\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 not sent: another recipient was refused",
            "m1 to2 refused at RCPT: 550 no"
        ]
    );
}

#[test]
fn c_113_a_refused_sender_leaves_nothing_in_doubt() {
    for (replies, fate) in [
        ("", "m1 to1 in doubt: connection lost at MAIL"),
        ("550 no\r\n", "m1 to1 refused at MAIL: 550 no"),
        ("550 no\r\n503 no\r\n", "m1 to1 refused at MAIL: 550 no"),
        // Who knows what this server does.
        (
            "550 no\r\n250 ok\r\n",
            "m1 to1 in doubt: connection lost at the end of the content",
        ),
    ] {
        let mut talk = Talk::open(at_once(), OFFERED);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        if !replies.is_empty() {
            talk.say(replies);
        }
        talk.eof();
        assert_eq!(talk.fates(), [fate], "{replies}");
    }
}

#[test]
fn c_106_c_146_quit_waits_for_those_who_were_put_off() {
    let config = config().quit_with_content(true);
    let mut talk = Talk::open(config, OFFERED);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.session.quit().unwrap();
    talk.out();
    let content = "Subject: x\r\n\r\nHello.\r\n.\r\n";
    talk.exchange("250 ok\r\n250 ok\r\n452 full\r\n354 go\r\n", content);
    talk.exchange(
        "250 taken\r\n",
        "MAIL FROM:<alice@example.org>\r\nRCPT TO:<carol@example.net>\r\nDATA\r\n",
    );
    talk.exchange(
        "250 ok\r\n250 ok\r\n354 go\r\n",
        &format!("{content}QUIT\r\n"),
    );
    talk.say("250 too\r\n221 bye\r\n");
    assert_eq!(
        talk.fates(),
        ["m1 to1 accepted: 250 taken", "m1 to2 accepted: 250 too"]
    );
}

#[test]
fn c_167_pieces_fill_a_chunk_to_its_last_octet() {
    let chunks = flights(
        careful().chunk_size(10),
        OFFERED,
        &[b"123\r\n", b"678\r\n", b"\r\n"],
    );
    let both = "BDAT 10\r\n123\r\n678\r\nBDAT 2 LAST\r\n\r\n";
    assert_eq!(chunks, [GROUP, both]);
}

#[test]
fn what_is_going_on_is_what_the_server_is_to_answer() {
    let mut talk = Talk::open(at_once().chunk_size(10), OFFERED);
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    assert_eq!(talk.session.phase(), Phase::Mail);
    talk.say("250 ok\r\n");
    assert_eq!(talk.session.phase(), Phase::Rcpt);
    talk.eof();
    assert_eq!(talk.fates(), ["m1 to1 not sent: connection lost at RCPT"]);
    assert_eq!(talk.session.phase(), Phase::Idle);
}

#[test]
fn a_chunk_that_was_long_in_coming_has_all_its_time() {
    let mut talk = Talk::open(careful(), OFFERED);
    talk.session.send(transaction(&["bob"])).unwrap();
    talk.out();
    talk.say("250 ok\r\n250 ok\r\n");
    assert_eq!(talk.remaining(), None, "it is the application's turn");
    talk.wait(secs(3600));
    talk.session.body().unwrap().write("x\r\n").unwrap();
    talk.session.body().unwrap().finish().unwrap();
    // As long as a block of content may take to leave.
    assert_eq!(talk.remaining(), Some(secs(180)));
    assert_eq!(talk.out(), "BDAT 3 LAST\r\nx\r\n");
    assert_eq!(talk.remaining(), Some(secs(600)));
}
