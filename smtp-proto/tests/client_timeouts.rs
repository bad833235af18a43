//! Deadlines (RFC 5321 section 4.5.3.2), by the test's own clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use core::time::Duration;

use smtp_oracles::talk::{CONTENT, EHLO, Talk, config, mailbox, message, secs, transaction};
use smtp_proto::{
    Instant,
    client::{Config, ErrorKind, Phase, Pipelining, Session, Timeouts},
};

const MINUTE: u64 = 60;

/// A number of seconds for each phase that no other has.
fn distinct() -> Config {
    let mut timeouts = Timeouts::default();
    timeouts.greeting = secs(11);
    timeouts.hello = secs(12);
    timeouts.mail = secs(13);
    timeouts.rcpt = secs(14);
    timeouts.data = secs(15);
    timeouts.content = secs(16);
    timeouts.end_of_data = secs(17);
    timeouts.request = secs(18);
    timeouts.quit = secs(19);
    config().timeouts(timeouts)
}

/// Walks a session through all its phases. Calls `visit` in each, with its
/// name and the seconds that it has, before the server answers.
fn walk(mut visit: impl FnMut(&mut Talk, &str, u64) -> bool) {
    let mut talk = Talk::new(distinct());
    let mut visit = |talk: &mut Talk, name: &str, seconds: u64| !visit(talk, name, seconds);
    let session = &mut talk.session;
    session.noop().unwrap();
    session.send(transaction(&["bob"])).unwrap();
    session.send(message(&["carol"])).unwrap();
    session.noop().unwrap();
    session.quit().unwrap();
    for (name, answer, seconds) in [
        ("greeting", "220 x\r\n", 11),
        ("EHLO", "502 x\r\n", 12),
        ("HELO", "250 x\r\n", 12),
        ("NOOP", "250 x\r\n", 18),
        ("MAIL", "250 x\r\n", 13),
        ("RCPT", "250 x\r\n", 14),
        ("DATA", "354 x\r\n", 15),
    ] {
        talk.out();
        if visit(&mut talk, name, seconds) {
            return;
        }
        talk.say(answer);
    }
    talk.session.body().unwrap().write("x\r\n").unwrap();
    talk.send(1);
    if visit(&mut talk, "content", 16) {
        return;
    }
    talk.out();
    talk.session.body().unwrap().finish().unwrap();
    talk.send(2);
    if visit(&mut talk, "content", 16) {
        return;
    }
    talk.out();
    if visit(&mut talk, "end of data", 17) {
        return;
    }
    talk.say("250 x\r\n");
    talk.out();
    talk.say("250 x\r\n");
    talk.out();
    talk.say("550 x\r\n");
    talk.out();
    if visit(&mut talk, "RSET", 18) {
        return;
    }
    talk.say("250 x\r\n");
    talk.out();
    talk.say("250 x\r\n");
    talk.out();
    visit(&mut talk, "QUIT", 19);
}

const PHASES: usize = 12;

#[test]
fn c_123_c_124_c_125_the_defaults() {
    let defaults = Timeouts::default();
    for (time, minutes) in [
        (defaults.greeting, 5),
        (defaults.hello, 5),
        (defaults.mail, 5),
        (defaults.rcpt, 5),
        (defaults.data, 2),
        (defaults.content, 3),
        (defaults.end_of_data, 10),
        (defaults.request, 5),
    ] {
        assert_eq!(time, secs(minutes * MINUTE));
    }
    assert_eq!(defaults.quit, secs(30));
}

#[test]
fn c_123_c_126_each_phase_has_its_own_time() {
    let mut visited = 0;
    walk(|talk, name, seconds| {
        visited += 1;
        assert_eq!(talk.remaining(), Some(secs(seconds)), "{name}");
        // Time that has passed is not given back.
        talk.wait(secs(4));
        assert_eq!(talk.remaining(), Some(secs(seconds - 4)), "{name}");
        talk.now = talk.now + secs(4);
        true
    });
    assert_eq!(visited, PHASES);
}

#[test]
fn c_123_a_server_that_trickles_gets_no_more_time() {
    for target in 0..PHASES {
        let mut number = 0;
        walk(|talk, name, seconds| {
            number += 1;
            if number <= target {
                return true;
            }
            if name == "content" {
                return false;
            }
            // An octet a second, of a reply that never ends.
            let endless = b"250-a\r\n".iter().cycle();
            for (second, octet) in (1..seconds).zip(endless) {
                talk.now = talk.now + secs(1);
                talk.say([*octet]);
                assert_eq!(talk.remaining(), Some(secs(seconds - second)), "{name}");
                talk.session.handle_timeout(talk.now);
                assert!(talk.session.poll_timeout().is_some(), "{name}");
            }
            talk.wait(secs(1));
            assert_eq!(talk.session.poll_timeout(), None, "{name}");
            false
        });
    }
}

#[test]
fn c_130_what_is_told_at_the_deadline_and_not_before() {
    for target in 0..PHASES {
        let mut number = 0;
        walk(|talk, name, seconds| {
            number += 1;
            if number <= target {
                return true;
            }
            let almost = secs(seconds) - Duration::from_nanos(1);
            talk.events();
            talk.wait(almost);
            assert_eq!(talk.events(), [""; 0], "{name}");
            let phase = talk.session.phase();
            talk.wait(Duration::from_nanos(1));
            if name == "QUIT" {
                assert_eq!(talk.events(), ["closed"]);
                return false;
            }
            let events = talk.fates();
            let error = talk.error.clone().unwrap();
            assert_eq!(*error.kind(), ErrorKind::TimedOut, "{name}");
            assert_eq!(error.phase(), phase);
            assert!(error.is_transient());
            let in_doubt = events.iter().any(|event| event.contains("in doubt"));
            assert_eq!(in_doubt, name == "end of data", "{events:?}");
            // QUIT would be content, or the rest of a command.
            let quits = !matches!(name, "content" | "end of data");
            assert_eq!(talk.out(), if quits { "QUIT\r\n" } else { "" }, "{name}");
            false
        });
    }
}

#[test]
fn c_130_no_quit_behind_half_a_command() {
    let mut talk = Talk::open(distinct(), &[]);
    talk.session.noop().unwrap();
    talk.send(3);
    talk.wait(secs(18));
    assert_eq!(talk.out(), "");
    assert_eq!(
        talk.events(),
        ["error the server took too long at a command"]
    );
}

#[test]
fn c_128_with_several_commands_the_time_is_that_of_the_oldest() {
    let mut talk = Talk::open(distinct(), &["PIPELINING"]);
    talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.out();
    for (seconds, answer) in [
        (13, "250 a"),
        (14, "250-b"),
        (7, "250 b"),
        (14, "550 c"),
        (15, "354 d"),
    ] {
        assert_eq!(talk.remaining(), Some(secs(seconds)), "{answer}");
        talk.now = talk.now + secs(7);
        talk.say(format!("{answer}\r\n"));
    }
    assert_eq!(talk.remaining(), Some(secs(16)), "content");
}

#[test]
fn c_123_a_block_of_content_that_is_not_taken() {
    let block = usize::try_from(Timeouts::CONTENT_BLOCK).unwrap();
    let content = vec![b'x'; 40].into_iter().chain(*b"\r\n").cycle();
    let content: Vec<u8> = content.take(42 * 10_000).collect();
    let mut talk = Talk::open(distinct(), &[]);
    talk.session
        .send(transaction(&["bob"]).content(content))
        .unwrap();
    for answer in ["250 x\r\n", "250 x\r\n", "354 x\r\n"] {
        talk.out();
        talk.say(answer);
    }
    // Each block has its time.
    for _ in 0..3 {
        talk.now = talk.now + secs(15);
        assert_eq!(talk.send(block).len(), block);
        assert_eq!(talk.remaining(), Some(secs(16)));
    }
    // Part of a block is no block.
    for _ in 0..15 {
        talk.now = talk.now + secs(1);
        talk.send(block / 16);
    }
    assert_eq!(talk.remaining(), Some(secs(1)));
    talk.wait(secs(1));
    assert_eq!(
        talk.fates(),
        ["m1 to1 not sent: the server took too long in the content"]
    );
    assert_eq!(talk.out(), "");
}

#[test]
fn c_123_taking_nothing_is_no_progress() {
    let mut talk = Talk::open(distinct(), &[]);
    talk.session
        .send(transaction(&["bob"]).content("x"))
        .unwrap();
    for answer in ["250 x\r\n", "250 x\r\n", "354 x\r\n"] {
        talk.out();
        talk.say(answer);
    }
    talk.out();
    assert_eq!(talk.session.phase(), Phase::EndOfData);
    talk.now = talk.now + secs(7);
    talk.session.handle_transmitted(0, talk.now);
    assert_eq!(talk.remaining(), Some(secs(10)));
}

#[test]
fn c_123_a_request_after_a_long_pause_has_all_its_time() {
    let pause = secs(3600);
    for way in 0..4 {
        let mut talk = Talk::open(distinct(), &[]);
        assert_eq!(talk.remaining(), None);
        talk.now = talk.now + pause;
        talk.session.noop().unwrap();
        // The session has not heard what time it is: the deadline may lie in
        // the past, and whatever is handled next makes it right.
        match way {
            0 => talk.session.handle_timeout(talk.now),
            1 => drop(talk.out()),
            2 => talk.session.handle_transmitted(1, talk.now),
            _ => talk.say("25"),
        }
        if way < 3 {
            assert_eq!(talk.events(), [""; 0]);
            assert_eq!(talk.remaining(), Some(secs(18)), "{way}");
            talk.wait(secs(17));
            assert_eq!(talk.events(), [""; 0]);
        }
        talk.wait(secs(18));
        assert!(talk.events()[0].contains("took too long"), "{way}");
    }
}

#[test]
fn c_123_pauses_of_the_application_within_a_transaction() {
    let mut talk = Talk::open(distinct(), &[]);
    let pause = |talk: &mut Talk| {
        assert_eq!(talk.remaining(), None, "nothing is expected of the server");
        talk.wait(secs(3600));
        assert_eq!(talk.remaining(), None);
    };
    let wakes_up = |talk: &mut Talk, seconds| {
        // Time passes between the request and the driver's next look.
        talk.wait(secs(3600));
        assert_eq!(talk.remaining(), Some(secs(seconds)));
    };
    talk.session.mail(transaction(&[])).unwrap();
    wakes_up(&mut talk, 13);
    talk.out();
    talk.say("250 x\r\n");
    pause(&mut talk);
    talk.session.rcpt(mailbox("bob@example.net")).unwrap();
    wakes_up(&mut talk, 14);
    talk.out();
    talk.say("250 x\r\n");
    pause(&mut talk);
    talk.session.data().unwrap();
    wakes_up(&mut talk, 15);
    talk.out();
    talk.say("354 x\r\n");
    pause(&mut talk);
    for _ in 0..2 {
        talk.session.body().unwrap().write("x\r\n").unwrap();
        wakes_up(&mut talk, 16);
        talk.out();
        pause(&mut talk);
    }
    talk.session.body().unwrap().finish().unwrap();
    wakes_up(&mut talk, 16);
    talk.out();
    assert_eq!(talk.remaining(), Some(secs(17)));
    talk.say("250 x\r\n");
    pause(&mut talk);
    talk.session.quit().unwrap();
    wakes_up(&mut talk, 19);
    assert!(talk.error.is_none());
}

#[test]
fn c_123_more_requests_do_not_put_the_deadline_off() {
    let mut talk = Talk::open(distinct(), &["PIPELINING"]);
    talk.session.mail(transaction(&[])).unwrap();
    talk.out();
    for left in (1..13).rev() {
        talk.now = talk.now + secs(1);
        talk.session.rcpt(mailbox("bob@example.net")).unwrap();
        talk.out();
        assert_eq!(talk.remaining(), Some(secs(left)));
    }
    talk.wait(secs(1));
    assert!(
        talk.events()
            .last()
            .unwrap()
            .contains("took too long at MAIL")
    );
}

#[test]
fn c_126_a_time_of_for_ever_and_a_clock_that_goes_back() {
    let mut config = config();
    config = config.timeouts(Timeouts::all(Duration::MAX));
    let mut talk = Talk::new(config);
    assert_eq!(talk.session.poll_timeout(), None);
    talk.wait(Duration::MAX);
    talk.exchange("220 x\r\n", EHLO);
    assert_eq!(talk.session.poll_timeout(), None);

    let start = Instant::from_origin(secs(100));
    let mut session = Session::new(distinct(), start);
    session.handle_timeout(Instant::ORIGIN);
    session.handle_input(b"220 x\r\n", Instant::from_origin(secs(50)));
    assert_eq!(session.poll_timeout(), Some(start + secs(12)));
}

#[test]
fn what_could_not_be_written_leaves_little_time() {
    for target in 0..PHASES {
        let mut number = 0;
        walk(|talk, name, _| {
            number += 1;
            if number <= target {
                return true;
            }
            talk.session.handle_write_closed(talk.now);
            assert_eq!(talk.out(), "");
            assert_eq!(talk.remaining(), Some(secs(19)), "{name}");
            // Telling it again changes nothing.
            talk.now = talk.now + secs(9);
            talk.session.handle_write_closed(talk.now);
            assert_eq!(talk.remaining(), Some(secs(10)), "{name}");
            talk.events();
            talk.wait(secs(10));
            assert_eq!(talk.out(), "", "{name}");
            let events = talk.events();
            if name == "QUIT" {
                assert_eq!(events, ["closed"]);
            } else {
                assert!(
                    events.last().unwrap().contains("connection lost"),
                    "{events:?}"
                );
            }
            false
        });
    }
}

#[test]
fn c_123_a_command_that_waits_to_leave_uses_its_time_up() {
    // A server that does not read takes as long as one that does not answer.
    let mut talk = Talk::open(distinct(), &[]);
    talk.session.noop().unwrap();
    talk.session.handle_timeout(talk.now);
    assert_eq!(talk.remaining(), Some(secs(18)));
    talk.now = talk.now + secs(5);
    assert_eq!(talk.send(2), b"NO");
    assert_eq!(talk.remaining(), Some(secs(13)));
    talk.now = talk.now + secs(5);
    assert_eq!(talk.out(), "OP\r\n");
    assert_eq!(talk.remaining(), Some(secs(8)));
}

#[test]
fn c_123_the_end_of_the_content_has_its_time_from_when_it_has_left() {
    let mut talk = Talk::open(
        distinct().pipelining(Pipelining::AcrossTransactions),
        &["PIPELINING"],
    );
    for _ in 0..2 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    talk.out();
    talk.say("250 x\r\n250 x\r\n354 x\r\n");
    talk.now = talk.now + secs(5);
    // The group goes on behind it, and does not leave.
    assert_eq!(
        talk.send(CONTENT.len() + 2),
        format!("{CONTENT}RS").into_bytes()
    );
    assert_eq!(talk.session.phase(), Phase::EndOfData);
    assert_eq!(talk.remaining(), Some(secs(17)));
}
