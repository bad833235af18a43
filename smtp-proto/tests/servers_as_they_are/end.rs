//! The content, its end, and the end of the session.

use smtp_oracles::talk::{CONTENT, EHLO, config, hello, secs, transaction};
use smtp_proto::{
    client::{
        Chunking, CommandError, Config, ContentError, ErrorKind, Fate, LineEndings, Phase,
        Pipelining, PoolPolicy, Reuse,
    },
    types::Capability,
};

use super::twins::{MAIL, RCPT, Twins, sent};

const CHUNKING: &[&str] = &["PIPELINING", "CHUNKING"];

fn chunked() -> Config {
    config().chunking(Chunking::WhenAccepted).chunk_size(10)
}

/// A session at its MAIL, with a message of this content.
fn with_content(config: Config, keywords: &[&str], content: &str) -> Twins {
    let mut twins = Twins::open(config, keywords);
    let made = || transaction(&["bob"]).content(content.to_owned());
    twins.ask(|session| assert!(session.send(made()).is_ok()));
    twins
}

/// 552, 451 or 421 while the content is on its way, some servers several times over:
/// they have heard enough. Nothing more is sent, not even QUIT, which would be
/// content; the session ends, and the answer is the message's. With chunks there is
/// a way back.
#[test]
fn q64_an_early_answer_to_the_content() {
    let long = "0123456789\r\n".repeat(1000);
    for (answer, fate) in [
        (
            "552 5.3.4 too large\r\n552 5.3.4 too large\r\n",
            "refused in the content: 552",
        ),
        ("451 4.3.1 disk full\r\n", "refused in the content: 451"),
        (
            "421 4.3.0 bye\r\n",
            "not sent: the server closed the session in the content: 421",
        ),
    ] {
        for writing_fails in [false, true] {
            let mut twins = with_content(config(), &["PIPELINING"], &long);
            twins.out();
            twins.say("250 ok\r\n250 ok\r\n354 go\r\n");
            twins.transmit(5000);
            if writing_fails {
                twins.write_closed();
            }
            twins.exchange(answer, "");
            let fates = twins.fates();
            assert!(fates[0].starts_with(&format!("m1 to1 {fate}")), "{fates:?}");
        }
    }
    let mut twins = with_content(chunked(), CHUNKING, &long);
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}"));
    twins.say("250 ok\r\n250 ok\r\n");
    twins.out();
    twins.say("552 5.3.4 too large\r\n");
    // The chunks that had left are answered, and then the session is as it was.
    twins.say("503 no\r\n".repeat(Config::DEFAULT_MAX_UNANSWERED_CHUNKS - 1));
    assert_eq!(twins.out(), "RSET\r\n");
    twins.say("250 ok\r\n");
    assert_eq!(
        twins.fates(),
        ["m1 to1 refused in the content: 552 5.3.4 too large"]
    );
    assert!(twins.get(smtp_proto::client::Session::is_reusable));
}

/// The answer to the content takes minutes: chatmail servers were seen to need 218
/// seconds for 2 MB. Ten minutes are waited, as RFC 5321 has it; who gives up
/// earlier makes duplicates.
#[test]
fn q65_the_last_answer_takes_minutes() {
    let mut twins = sent();
    assert_eq!(twins.remaining(), Some(secs(600)));
    twins.wait(secs(218));
    assert_eq!(twins.events(), [""; 0]);
    twins.wait(secs(381));
    twins.say("250 at last\r\n");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 at last"]);

    let mut twins = sent();
    twins.wait(secs(600));
    assert!(twins.fates()[0].starts_with("m1 to1 in doubt: the server took too long"));
}

/// BDAT never answered (Exchange); `BDAT 0` refused (Postfix: 551, Exim: 504);
/// `BDAT 0 LAST` taken for something else (Exchange). An empty chunk is sent for
/// empty content only: the last octets go with LAST, also if nobody knew that they
/// were the last when they came.
#[test]
fn q67_chunks_are_not_empty() {
    let mut twins = with_content(chunked(), CHUNKING, "12345678\r\n12345678\r\n");
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}"));
    let chunks = "BDAT 10\r\n12345678\r\nBDAT 10 LAST\r\n12345678\r\n";
    twins.exchange("250 ok\r\n250 ok\r\n", chunks);
    twins.exchange("250 ok\r\n250 taken\r\n", "");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 taken"]);

    let mut twins = Twins::open(chunked(), CHUNKING);
    twins.ask(|session| assert!(session.send(transaction(&["bob"])).is_ok()));
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n", "");
    for line in ["12345678\r\n", "12345678\r\n"] {
        twins.ask(|session| session.body().unwrap().write(line).unwrap());
    }
    assert_eq!(twins.out(), "BDAT 10\r\n12345678\r\n");
    twins.ask(|session| session.body().unwrap().finish().unwrap());
    assert_eq!(twins.out(), "BDAT 10 LAST\r\n12345678\r\n");

    let mut twins = with_content(chunked(), CHUNKING, "");
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n", "BDAT 0 LAST\r\n");

    // No answer: as with DATA.
    let mut twins = with_content(chunked(), CHUNKING, "x\r\n");
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n", "BDAT 3 LAST\r\nx\r\n");
    assert_eq!(twins.remaining(), Some(secs(600)));
    twins.wait(secs(600));
    assert!(twins.fates()[0].starts_with("m1 to1 in doubt: "));
}

/// A chunk that is refused and then not thrown away, but read as commands
/// (go-smtp; Postfix, in places, until 2026): what is in it, the author of the message has
/// chosen. Chunks go to those only who have accepted a recipient, unless it is
/// asked for, and none follows a refused one.
#[test]
fn q68_no_chunk_for_a_server_that_does_not_want_it() {
    let evil = "RSET\r\nMAIL FROM:<evil@example.org>\r\n";
    let mut twins = with_content(config().chunking(Chunking::WhenAccepted), CHUNKING, evil);
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}"));
    twins.exchange("250 ok\r\n", "");
    twins.exchange("550 no\r\n", "RSET\r\n");
    assert_eq!(twins.fates(), ["m1 to1 refused at RCPT: 550 no"]);

    let mut twins = with_content(chunked().max_unanswered_chunks(1), CHUNKING, evil);
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n", "BDAT 10\r\nRSET\r\nMAIL");
    twins.exchange("502 5.5.1 not in this state\r\n", "RSET\r\n");
    assert_eq!(
        twins.fates(),
        ["m1 to1 refused in the content: 502 5.5.1 not in this state"]
    );
    // By default, DATA it is, whatever is offered.
    let mut twins = with_content(config(), CHUNKING, evil);
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
}

/// `550 5.6.11` to a bare LF (Office 365), 554 (Postfix since 3.9), 451 (qmail). None
/// is ever sent: it is refused before anything is, or repaired if that is asked
/// for.
#[test]
fn q69_bare_line_ends() {
    for content in [
        "a\nb\r\n",
        "a\rb\r\n",
        "a\r\r\n",
        "a\n.\nb\r\n",
        "a\r\n.\rb\r\n",
    ] {
        for chunking in [Chunking::WhenNeeded, Chunking::WhenAccepted] {
            let config = config().chunking(chunking);
            let mut twins = Twins::open(config.clone(), CHUNKING);
            let made = || transaction(&["bob"]).content(content);
            twins.ask(|session| {
                assert!(matches!(
                    session.send(made()),
                    Err(CommandError::Content(
                        ContentError::LoneCr { .. } | ContentError::LoneLf { .. }
                    ))
                ));
            });
            assert_eq!(twins.out(), "");

            let config = config.line_endings(LineEndings::Repair);
            let mut twins = with_content(config, CHUNKING, content);
            let mut out = twins.out();
            out += &{
                twins.say("250 ok\r\n250 ok\r\n");
                twins.out()
            };
            if chunking == Chunking::WhenNeeded {
                twins.say("354 go\r\n");
                out += &twins.out();
            }
            let text = out.replace("\r\n", "");
            assert!(!text.contains(['\r', '\n']), "{out:?}");
            assert!(text.contains('a'));
        }
    }
}

/// `500 Line too long` (OpenSMTPD), lines cut in two (Postfix): what is longer than
/// 998 octets is refused before it is sent. It can be allowed; it is never
/// folded, since that breaks signatures.
#[test]
fn q70_lines_over_998() {
    let long = format!("{}\r\n", "x".repeat(999));
    let mut twins = Twins::open(config(), &[]);
    let made = || transaction(&["bob"]).content(long.clone());
    twins.ask(|session| {
        assert!(matches!(
            session.send(made()),
            Err(CommandError::Content(ContentError::LineTooLong { .. }))
        ));
    });
    assert_eq!(twins.out(), "");
    let fits = format!("{}\r\n", "x".repeat(998));
    with_content(config(), &[], &fits);
    let mut twins = with_content(config().max_line(None), &["PIPELINING"], &long);
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n354 go\r\n", &format!("{long}.\r\n"));
}

/// A dot at the start of a line where one piece of content ends and the next
/// begins: what several clients got wrong. Every way to cut a text in two.
#[test]
fn q72_dots_at_the_edges_of_pieces() {
    let content = "a\r\n.\r\n..b\r\n.";
    for cut in 0..=content.len() {
        let mut twins = Twins::open(config(), &["PIPELINING"]);
        twins.ask(|session| assert!(session.send(transaction(&["bob"])).is_ok()));
        twins.out();
        twins.say("250 ok\r\n250 ok\r\n354 go\r\n");
        let mut out = twins.out();
        let (first, second) = content.split_at(cut);
        for piece in [first.to_owned(), second.to_owned()] {
            twins.ask(|session| session.body().unwrap().write(piece.clone()).unwrap());
            out += &twins.out();
        }
        twins.ask(|session| session.body().unwrap().finish().unwrap());
        out += &twins.out();
        assert_eq!(out, "a\r\n..\r\n...b\r\n..\r\n.\r\n", "cut at {cut}");
    }
}

/// `421 closing connection` in place of any answer, or while nothing was asked
/// (GMX, Gmail: `451-4.4.2 Timeout - closing connection`; Exchange has 451 for it,
/// too). It ends the session; what was not sent may be sent again, over another.
#[test]
fn q73_421_at_any_moment() {
    // While it is idle: a pool throws the session away.
    for (words, is_closing) in [
        (
            "421 gmx.net Service closing transmission channel - command timeout\r\n",
            true,
        ),
        (
            "451-4.4.2 Timeout - closing connection.\r\n451 4.4.2 bye\r\n",
            false,
        ),
    ] {
        let mut twins = Twins::open(config(), &[]);
        assert!(twins.get(smtp_proto::client::Session::is_reusable));
        twins.say(words);
        twins.eof();
        let reuse = |session: &_| PoolPolicy::default().reuse(session, secs(0));
        assert_eq!(twins.get(reuse), Reuse::Never);
        let error = twins.error();
        assert_eq!(*error.kind() == ErrorKind::Closing, is_closing);
        assert!(error.is_transient());
        assert_eq!(error.phase(), Phase::Idle);
    }
    // In a group: one 421 for all that is left.
    let mut twins = Twins::open(config(), &["PIPELINING"]);
    twins.send(&["bob", "carol"]);
    twins.send(&["dave"]);
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n421 4.7.0 too much\r\n", "");
    twins.eof();
    let closed = "not sent: the server closed the session at RCPT: 421 4.7.0 too much";
    assert_eq!(
        twins.fates(),
        [
            format!("m1 to1 {closed}"),
            format!("m1 to2 {closed}"),
            format!("m2 to1 {closed}"),
        ]
    );
    assert!(twins.outcome().may_be_sent_again());
    // Behind the content it is a refusal.
    let mut twins = sent();
    twins.say("421 4.3.2 shutting down\r\n");
    let refused = "m1 to1 refused at the end of the content: 421 4.3.2 shutting down";
    assert_eq!(twins.fates(), [refused]);
    assert!(twins.outcome().fate().is_transient());
}

/// `502 Unimplemented (#5.5.1)` to RSET (eYou), or RSET counted as junk (Postfix
/// under stress, after the first). None is sent that is not needed; where it was,
/// a refusal ends the session, and changes nothing about what was answered before.
#[test]
fn q74_rset_refused() {
    let mut twins = Twins::open(config(), &[]);
    twins.send(&["bob"]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), MAIL, "no RSET before the first message");
    for (reply, answer) in [
        ("250 ok\r\n", RCPT),
        ("250 ok\r\n", "DATA\r\n"),
        ("354 go\r\n", CONTENT),
        ("250 one\r\n", MAIL), // Nor behind one that was accepted.
        ("250 ok\r\n", RCPT),
        ("550 5.1.1 who?\r\n", "RSET\r\n"),
    ] {
        twins.exchange(reply, answer);
    }
    twins.exchange("502 Unimplemented (#5.5.1)\r\n", "QUIT\r\n");
    assert_eq!(
        twins.fates(),
        [
            "m1 to1 accepted: 250 one",
            "m2 to1 refused at RCPT: 550 5.1.1 who?"
        ]
    );
    let error = twins.error();
    assert_eq!(
        (error.kind(), error.phase()),
        (&ErrorKind::Refused, Phase::Rset)
    );
}

/// QUIT answered with anything, or by the end of the connection, with or without a
/// close_notify of TLS (Amazon SES; Google). Everything has been said before.
#[test]
fn q76_quit_without_an_answer() {
    let ends: [fn(&mut Twins); 5] = [
        Twins::eof,
        Twins::write_closed_and_eof,
        |twins| twins.say("250 ok\r\n"),
        |twins| twins.say("500 what?\r\n"),
        |twins| twins.wait(secs(30)),
    ];
    for end in ends {
        let mut twins = sent();
        twins.say("250 queued\r\n");
        assert_eq!(twins.fates(), ["m1 to1 accepted: 250 queued"]);
        twins.ask(|session| session.quit().unwrap());
        assert_eq!(twins.out(), "QUIT\r\n");
        end(&mut twins);
        assert_eq!(twins.events(), ["closed"]);
    }
}

/// 421, 451 or 452 to MAIL after so many messages over one connection. What was
/// refused may be sent over another; a pool is told how many messages one carries,
/// or the server says so (`LIMITS MAILMAX=2`, RFC 9422).
#[test]
fn q77_so_many_messages_and_no_more() {
    for (answer, again) in [
        ("421 4.7.0 too many messages\r\n", true),
        ("451 4.7.0 too many messages\r\n", false),
        ("452 4.5.3 too many messages\r\n", false),
    ] {
        let mut twins = sent();
        twins.say("250 one\r\n");
        twins.send(&["bob"]);
        assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
        twins.say(answer);
        if !again {
            twins.say("503 no\r\n503 no\r\n");
        }
        let outcome = twins.outcome();
        assert!(outcome.fate().is_transient());
        assert_eq!(outcome.may_be_sent_again(), again);
        assert!(
            again
                || matches!(
                    outcome.fate(),
                    Fate::Refused {
                        phase: Phase::Mail,
                        ..
                    }
                )
        );
    }
    let mut twins = Twins::new(config());
    twins.exchange("220 mx\r\n", EHLO);
    twins.exchange(hello(&["PIPELINING", "LIMITS MAILMAX=2 RCPTMAX=100"]), "");
    let policy = PoolPolicy::default();
    let reuse = |session: &_| policy.reuse(session, secs(0));
    for expected in [Reuse::AtOnce, Reuse::Never] {
        twins.send(&["bob"]);
        twins.out();
        twins.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
        twins.say("250 ok\r\n");
        assert_eq!(twins.get(reuse), expected);
    }
}

/// PIPELINING is offered, and the answers are held back until more input comes
/// (RFC 2920 section 3.2 forbids it; Indy did). The time for a reply ends it, with
/// nothing sent, and the next connection to that server goes one command at a
/// time, which it can do.
#[test]
fn q78_answers_that_are_held_back() {
    let mut twins = Twins::open(config(), &["PIPELINING"]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
    twins.exchange("250 ok\r\n", "");
    assert_eq!(twins.remaining(), Some(secs(300)));
    twins.wait(secs(300));
    assert!(twins.outcome().may_be_sent_again());
    let error = twins.error();
    assert_eq!(
        (error.kind(), error.phase()),
        (&ErrorKind::TimedOut, Phase::Rcpt)
    );

    let mut without = Twins::open(config(), &[]);
    without.send(&["bob"]);
    assert_eq!(without.out(), MAIL);
    without.wait(secs(300));
    assert!(
        config().after(&without.error()).is_none(),
        "it was one at a time"
    );

    let slower = config().after(&error).unwrap();
    assert!(slower.after(&error).is_none());
    let mut twins = Twins::open(slower, &["PIPELINING"]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), MAIL);
    twins.exchange("250 ok\r\n", RCPT);
}

/// PIPELINING is offered, and what comes in one packet is lost (VPOP3), or the
/// server stops behind 354 (Exchange 2010, hMailServer). The same remedy; what had
/// left in full is in doubt.
#[test]
fn q79_a_group_that_is_lost() {
    for (answers, phase) in [("", Phase::Mail), ("250 ok\r\n250 ok\r\n", Phase::Data)] {
        let mut twins = Twins::open(config(), &["PIPELINING"]);
        twins.send(&["bob"]);
        twins.out();
        twins.say(answers);
        twins.wait(secs(300));
        let error = twins.error();
        assert_eq!((error.kind(), error.phase()), (&ErrorKind::TimedOut, phase));
        assert!(twins.outcome().may_be_sent_again());
        assert!(config().after(&error).is_some());
        let across = config().pipelining(Pipelining::AcrossTransactions);
        assert!(across.after(&error).is_some());
        let lock_step = config().pipelining(Pipelining::Off);
        assert!(lock_step.after(&error).is_none());
    }
    let mut twins = sent();
    twins.wait(secs(600));
    assert!(twins.fates()[0].starts_with("m1 to1 in doubt: "));
    let error = twins.error();
    assert!(
        config().after(&error).is_none(),
        "it is no matter of groups"
    );
}

/// `554 5.5.0 Error: SMTP protocol synchronization` (Postfix), `554 SMTP
/// synchronization error` (Exim), `500 Pipelining not supported` (OpenSMTPD), `421 You
/// talk too soon`: for those who send more before the answer to EHLO, DATA, NOOP or
/// VRFY, or without having been offered PIPELINING. One is never among them.
#[test]
fn q80_nothing_is_sent_too_soon() {
    let mut twins = Twins::new(config());
    twins.ask(|session| assert!(session.noop().is_ok()));
    twins.ask(|session| assert!(session.verify("bob".parse().unwrap()).is_ok()));
    twins.send(&["bob"]);
    twins.ask(|session| assert!(session.noop().is_ok()));
    twins.ask(|session| session.quit().unwrap());
    assert_eq!(twins.out(), "");
    for (reply, answer) in [
        ("220 mx\r\n", EHLO),
        ("250-mx\r\n250 PIPELINING\r\n", "NOOP\r\n"),
        ("250 ok\r\n", "VRFY bob\r\n"),
        ("252 perhaps\r\n", &format!("{MAIL}{RCPT}DATA\r\n")),
        ("250 ok\r\n250 ok\r\n", ""),
        ("354 go\r\n", CONTENT),
        ("250 ok\r\n", "NOOP\r\n"),
        ("250 ok\r\n", "QUIT\r\n"),
    ] {
        twins.exchange(reply, answer);
    }
    let mut twins = Twins::open(config(), &["8BITMIME", "SIZE"]);
    assert!(twins.get(|session| session.capabilities().has(&Capability::EightBitMime)));
    twins.send(&["bob"]);
    let size = " SIZE=22\r\n";
    assert_eq!(twins.out(), format!("{}{size}", MAIL.trim_end()));
    twins.exchange("250 ok\r\n", RCPT);
    twins.exchange("250 ok\r\n", "DATA\r\n");
    twins.exchange("354 go\r\n", CONTENT);
}
