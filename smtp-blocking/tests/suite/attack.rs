//! The receiver under attack: it keeps its bounds, serves the others meanwhile,
//! and afterwards has what it had before. The counts are those of a process, so
//! that the tests take turns.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    alloc::System,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::net::sockopt::{
    set_socket_linger, set_socket_recv_buffer_size, set_socket_send_buffer_size,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::adapter::{Server, smtp_proto};
use crate::common::{
    Talk, bounded, joined,
    load::Load,
    serving::{Seen, Serving, YES, content_begins, local, mx, timeouts},
};
use smtp_proto::server::{Config, Discarded, Rejection, Session};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static TURN: Mutex<()> = Mutex::new(());

/// What a round may leave on the heap: queues that have grown, and a session or
/// two that have ended and wait for the next poll to be freed. Had each of a round
/// left something, it would be more.
const HEAP_SLACK: usize = 32 * 1024;

/// The most that one session holds while the service holds nothing: its input
/// with room to grow, its output, a command line, and the buffer of the driver.
const SESSION_HEAP: usize = 2 * Session::INPUT_CAP + 96 * 1024;

fn load() -> Load {
    Load {
        heap: heap(),
        ..Load::now()
    }
}

/// Octets of the heap that are in use.
fn heap() -> usize {
    let stats = COUNTING.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Runs an attack so that what is set up once is; then again, after which the
/// process has no more than before.
fn withstands<R: FnMut()>(rounds: usize, set_up: impl FnOnce() -> R + Send + 'static) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    bounded(move || {
        let mut round = set_up();
        (0..2).for_each(|_| round());
        let before = Load::settled(load, None);
        (0..rounds).for_each(|_| round());
        let allowed = Load {
            heap: before.heap + HEAP_SLACK,
            ..before
        };
        let after = Load::settled(load, Some(allowed));
        assert!(
            after.is_no_more_than(allowed),
            "{after:?}, and {before:?} before"
        );
    });
}

/// A message from somebody who means no harm.
fn is_served(serving: &Serving) {
    let mut talk = serving.when_there_is_a_place();
    talk.ask("HELO x", "250 ");
    content_begins(&mut talk);
    talk.say("hi\r\n.\r\n");
    talk.expect("250 2.0.0 stored");
    talk.ask("QUIT", "221 ");
    talk.ended();
    drop(talk);
    let stored = |seen: &Vec<Seen>| matches!(seen.last(), Some(Seen::Message(..)));
    assert!(
        std::iter::from_fn(|| serving.reports.recv().ok()).any(|seen| stored(&seen)),
        "the message is missing"
    );
}

/// Closes a connection by a reset.
fn reset(talk: Talk) {
    set_socket_linger(&talk.stream, Some(Duration::ZERO)).unwrap();
    drop(talk);
}

// ---- too many ----

#[test]
fn s_208_no_more_sessions_than_configured_whoever_comes_and_goes() {
    const PLACES: usize = 6;
    withstands(5, || {
        let serving = Serving::start(mx(), local().max_connections(PLACES), YES);
        move || {
            let mut inside: Vec<Talk> = (0..PLACES)
                .map(|_| serving.when_there_is_a_place())
                .collect();
            for (number, talk) in inside.iter_mut().enumerate() {
                match number % 3 {
                    0 => {}
                    1 => talk.ask("HELO x", "250 "),
                    _ => {
                        talk.ask("HELO x", "250 ");
                        content_begins(talk);
                        talk.say("half a li");
                    }
                }
            }
            let leave: [fn(Talk); 3] = [
                |mut talk| {
                    talk.say("QUIT\r\n");
                    talk.rest();
                },
                drop,
                reset,
            ];
            for leave in leave {
                for _ in 0..5 {
                    let mut turned_away = Talk::connect(serving.address);
                    turned_away.expect("421 mx.example.net too many");
                    turned_away.ended();
                }
                // The first place is that of one who can say QUIT.
                leave(inside.remove(0));
                serving.reports.recv().unwrap();
                inside.insert(0, serving.when_there_is_a_place());
            }
            drop(inside);
            (0..PLACES).for_each(|_| drop(serving.reports.recv().unwrap()));
        }
    });
}

#[test]
fn s_208_a_crowd_that_only_stands_about() {
    const PLACES: usize = 5;
    withstands(3, || {
        let serving = Serving::start(mx(), local().max_connections(PLACES), YES);
        move || {
            let before = load();
            let crowd: Vec<TcpStream> = (0..100)
                .map(|_| TcpStream::connect(serving.address).unwrap())
                .collect();
            let mut served = 0;
            for mut stream in &crowd {
                let mut code = [0; 3];
                stream.read_exact(&mut code).unwrap();
                served += usize::from(code == *b"220");
            }
            assert_eq!(served, PLACES);
            let during = load();
            assert!(during.threads <= before.threads + PLACES, "{during:?}");
            let most = before.descriptors + crowd.len() + 3 * PLACES;
            assert!(during.descriptors <= most, "{during:?}");
            let most = before.heap + PLACES * SESSION_HEAP;
            assert!(during.heap <= most, "{during:?}, {before:?}");
            drop(crowd);
            (0..PLACES).for_each(|_| drop(serving.reports.recv().unwrap()));
            is_served(&serving);
        }
    });
}

#[test]
fn s_208_many_that_come_and_reset_at_once() {
    withstands(3, || {
        let serving = Serving::new(YES);
        move || {
            for _ in 0..100 {
                reset(Talk::connect(serving.address));
            }
            is_served(&serving);
            while serving
                .reports
                .recv_timeout(Duration::from_millis(50))
                .is_ok()
            {}
        }
    });
}

// ---- too slow ----

const SLOW: Duration = Duration::from_millis(700);

/// A clock on a machine that is busy.
const LATE: Duration = Duration::from_secs(10);

/// Clients that have begun something that they end an octet at a time.
fn slow_ones(serving: &Serving) -> Vec<(Talk, &'static [u8])> {
    let content = |after: &str| {
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        talk.say(after);
        talk
    };
    let chunk = |size: &str| {
        let mut talk = serving.greeted();
        talk.ask("MAIL FROM:<>", "250 ");
        talk.ask("RCPT TO:<bob@example.net>", "250 ");
        talk.say(format!("BDAT {size}\r\n"));
        talk
    };
    let mut fresh = Talk::connect(serving.address);
    fresh.expect("220 ");
    vec![
        (fresh, b"E"),
        (serving.greeted(), b"N"),
        (serving.greeted(), b"\r"),
        (serving.greeted(), b"\n"),
        (content(""), b"x"),
        (content("line\r\n"), b"."),
        (content(""), b"\n"),
        (chunk("1000000 LAST"), b"x"),
        (chunk("1000000"), b"x"),
    ]
}

/// Lets all of them send an octet now and then, until each was told something,
/// which has to be the end, at its time.
fn trickle(slow: Vec<(Talk, &'static [u8])>, since: Instant) {
    for (talk, _) in &slow {
        talk.stream.set_nonblocking(true).unwrap();
    }
    let mut left = slow;
    while !left.is_empty() {
        thread::sleep(Duration::from_millis(10));
        let (told, silent): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(talk, _)| talk.stream.peek(&mut [0]).is_ok());
        left = silent;
        for (talk, octet) in &mut left {
            talk.say(octet);
        }
        for (mut talk, octet) in told {
            let took = since.elapsed();
            assert!(took < SLOW + LATE, "{}: {took:?}", octet.escape_ascii());
            talk.stream.set_nonblocking(false).unwrap();
            talk.expect("421 4.4.2");
            talk.ended();
        }
    }
    assert!(since.elapsed() > SLOW / 2);
}

fn impatient() -> Config {
    timeouts(|timeouts| {
        timeouts.command = SLOW;
        timeouts.content = SLOW;
    })
}

#[test]
fn s_010_s_208_those_who_trickle_are_cut_and_the_others_served_meanwhile() {
    withstands(2, || {
        let serving = Serving::start(impatient(), local().max_connections(10), YES);
        move || {
            let since = Instant::now();
            let slow = slow_ones(&serving);
            let count = slow.len();
            let trickling = thread::spawn(move || trickle(slow, since));
            let mut others = 0;
            let mut cut = 0;
            while cut < count {
                // The last one may not quite have left.
                let mut talk = serving.when_there_is_a_place();
                talk.ask("HELO x", "250 ");
                content_begins(&mut talk);
                talk.say("hi\r\n.\r\n");
                talk.expect("250 2.0.0 stored");
                talk.ask("QUIT", "221 ");
                others += 1;
                for seen in serving.reports.try_iter() {
                    match seen.last() {
                        Some(Seen::Message(..)) => {}
                        // With a lone LF the content was no good before that.
                        Some(Seen::Discarded(Discarded::Timeout | Discarded::LoneLineEnd)) => {
                            cut += 1;
                        }
                        Some(Seen::Discarded(why)) => panic!("{why:?}"),
                        _ => cut += 1,
                    }
                }
            }
            assert!(others > 3, "{others}");
            joined(trickling.join());
            // The last of the others may not have reported yet.
            is_served(&serving);
        }
    });
}

#[test]
fn s_208_whoever_takes_all_the_places_and_trickles_has_them_for_a_deadline() {
    withstands(2, || {
        let serving = Serving::start(impatient(), local().max_connections(9), YES);
        move || {
            let since = Instant::now();
            let slow = slow_ones(&serving);
            let mut turned_away = Talk::connect(serving.address);
            turned_away.expect("421 ");
            turned_away.ended();
            let trickling = thread::spawn(move || trickle(slow, since));
            is_served(&serving);
            let took = since.elapsed();
            assert!(took < SLOW + LATE, "{took:?}");
            joined(trickling.join());
            let rest = serving.reports.recv_timeout(Duration::from_secs(5));
            drop(rest);
            while serving
                .reports
                .recv_timeout(Duration::from_millis(50))
                .is_ok()
            {}
        }
    });
}

/// A client that says the same until nobody takes any more of it, and reads
/// nothing.
fn says_without_reading(serving: &Serving, first: &str, group: &str) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address).unwrap();
    set_socket_recv_buffer_size(&stream, 4096).unwrap();
    let limit = Some(Duration::from_millis(100));
    stream.set_write_timeout(limit).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    loop {
        match stream.write(group.as_bytes()) {
            Ok(n) if n == group.len() => {}
            Ok(_) => return stream,
            Err(error) => {
                // It was not turned away.
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{first}");
                return stream;
            }
        }
    }
}

#[test]
fn s_208_s_210_those_who_read_nothing_are_cut_and_take_no_memory() {
    const PATIENT: Duration = Duration::from_millis(1500);
    const AGAIN: [&str; 5] = [
        "NOOP\r\n",
        "VRFY bob\r\n",
        "HELP\r\n",
        "RSET\r\n",
        // The service of the test writes down each that it accepts.
        "RCPT TO:<bob@example.net>\r\n",
    ];
    const RECIPIENTS: usize = Config::DEFAULT_MAX_RECIPIENTS * 1024;
    withstands(1, || {
        let config = timeouts(|timeouts| timeouts.output = PATIENT)
            .max_junk_commands(usize::MAX)
            .max_errors(usize::MAX);
        // What the system buffers is not what is tested: less is quicker.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        set_socket_send_buffer_size(&listener, 128 * 1024).unwrap();
        let serving = Serving::start(config, Server::new(listener), YES);
        let groups = AGAIN.map(|again| again.repeat(10_000));
        move || {
            let before = heap();
            let since = Instant::now();
            let streams: Vec<TcpStream> = groups
                .iter()
                .map(|group| says_without_reading(&serving, "HELO x\r\nMAIL FROM:<>\r\n", group))
                .collect();
            let most = heap().saturating_sub(before);
            assert!(most <= AGAIN.len() * SESSION_HEAP + RECIPIENTS, "{most}");
            // The sessions end while the clients are still there.
            AGAIN
                .iter()
                .for_each(|_| drop(serving.reports.recv().unwrap()));
            let took = since.elapsed();
            assert!(took > PATIENT / 2 && took < PATIENT + 2 * LATE, "{took:?}");
            drop(streams);
            is_served(&serving);
        }
    });
}

// ---- too much ----

/// Says the same again and again, as long as somebody listens, but no more than
/// so many octets in all. Returns the most that the heap had grown by.
fn pours(talk: &mut Talk, octets: usize) -> usize {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    let before = heap();
    let mut most = 0;
    for _ in 0..octets.div_ceil(PIECE.len()) {
        if talk.stream.write_all(&PIECE).is_err() {
            break;
        }
        most = most.max(heap().saturating_sub(before));
    }
    most
}

#[test]
fn s_101_a_mebibyte_of_a_command_is_one_mistake() {
    withstands(3, || {
        let serving = Serving::new(YES);
        move || {
            let mut talk = serving.greeted();
            for start in ["", "NOOP ", "MAIL FROM:<", "RCPT TO:<"] {
                talk.say(start);
                let most = pours(&mut talk, 1 << 20);
                assert!(most <= SESSION_HEAP, "{most}");
                talk.ask("", "500 5.5.");
            }
            content_begins(&mut talk);
            talk.say(".\r\n");
            talk.expect("250 ");
            talk.ask("QUIT", "221 ");
            talk.ended();
            drop(talk);
            serving.reports.recv().unwrap();
        }
    });
}

#[test]
fn s_010_s_101_a_command_without_end_is_cut_and_takes_no_memory() {
    withstands(2, || {
        let serving = Serving::start(impatient(), local(), YES);
        move || {
            let mut talk = serving.greeted();
            let since = Instant::now();
            let most = pours(&mut talk, usize::MAX);
            assert!(most <= SESSION_HEAP, "{most}");
            let took = since.elapsed();
            assert!(took > SLOW / 2 && took < SLOW + LATE, "{took:?}");
            serving.reports.recv().unwrap();
        }
    });
}

#[test]
fn s_095_content_without_line_ends_and_beyond_the_size_takes_no_memory() {
    const SIZE: u64 = 256 * 1024;
    withstands(2, || {
        let serving = Serving::start(mx().max_message_size(Some(SIZE)), local(), YES);
        move || {
            // The service of the test keeps what it is given.
            let kept = 2 * usize::try_from(SIZE).unwrap() + SESSION_HEAP;
            let twice = 2 * usize::try_from(SIZE).unwrap();
            let mut talk = serving.greeted();
            content_begins(&mut talk);
            let most = pours(&mut talk, twice);
            assert!(most <= kept, "{most}");
            talk.say("\r\n.\r\n");
            talk.expect("552 5.3.4");
            // In chunks, the first is refused at its command.
            talk.ask("MAIL FROM:<>", "250 ");
            talk.ask("RCPT TO:<bob@example.net>", "250 ");
            talk.say(format!("BDAT {twice}\r\n"));
            let most = pours(&mut talk, twice);
            assert!(most <= kept, "{most}");
            talk.expect("552 5.3.4");
            talk.ask("RSET", "250 ");
            // Those without an end have one all the same.
            let mut chunk = serving.greeted();
            chunk.ask("MAIL FROM:<>", "250 ");
            chunk.ask("RCPT TO:<bob@example.net>", "250 ");
            chunk.say("BDAT 18446744073709551615 LAST\r\n");
            content_begins(&mut talk);
            for mut talk in [talk, chunk] {
                let most = pours(&mut talk, usize::MAX);
                assert!(most <= kept, "{most}");
                drop(talk);
                let seen = serving.reports.recv().unwrap();
                let stored = seen.iter().any(|seen| matches!(seen, Seen::Message(..)));
                assert!(!stored, "too large");
            }
            is_served(&serving);
        }
    });
}

// ---- much, but no more than can be had ----

/// The commands of a client that sends without waiting, and the codes that they
/// are answered with.
fn commands(count: usize) -> (String, Vec<&'static str>) {
    let mut said = String::from("EHLO client.example.org\r\n");
    let mut codes = vec!["220", "250"];
    // Any sequence that does not repeat: an answer that is missing, or there
    // twice, moves all that follow.
    let mut state = 88_172_645_463_325_252_u64;
    for number in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (command, answers): (String, &[&str]) = match state % 6 {
            0 => ("NOOP\r\n".to_owned(), &["250"]),
            1 => ("VRFY bob\r\n".to_owned(), &["252"]),
            2 => ("HELP\r\n".to_owned(), &["214"]),
            3 => (
                format!(
                    "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<nobody@b>\r\nRSET {number}\r\nRSET\r\n"
                ),
                &["250", "250", "550", "501", "250"],
            ),
            4 => (
                format!("MAIL FROM:<>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n{number}\r\n.\r\n"),
                &["250", "250", "354", "250"],
            ),
            _ => (
                "MAIL FROM:<>\r\nRCPT TO:<bob@example.net>\r\nBDAT 2\r\n\r\nBDAT 3 LAST\r\n.\r\n"
                    .to_owned(),
                &["250", "250", "250", "250"],
            ),
        };
        said.push_str(&command);
        codes.extend(answers);
    }
    said.push_str("QUIT\r\n");
    codes.push("221");
    (said, codes)
}

#[test]
fn s_123_ten_thousand_commands_in_one_breath_are_answered_in_order_and_once() {
    withstands(1, || {
        let config = mx()
            .max_errors(usize::MAX)
            .max_refused_recipients(usize::MAX);
        let serving = Serving::start(config, local(), |_, about| match about {
            "<nobody@b>" => Err(Rejection::no_such_user()),
            _ => Ok(()),
        });
        let (said, expected) = commands(10_000);
        move || {
            let mut talk = Talk::connect(serving.address);
            let mut stream = talk.stream.try_clone().unwrap();
            let octets = said.clone();
            let saying = thread::spawn(move || stream.write_all(octets.as_bytes()));
            let heard = String::from_utf8(talk.rest()).unwrap();
            joined(saying.join()).unwrap();
            let codes: Vec<&str> = heard
                .lines()
                .filter(|line| line.get(3..4) != Some("-"))
                .map(|line| &line[..3])
                .collect();
            let wrong = codes.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!(wrong, None);
            assert_eq!(codes.len(), expected.len());
            drop(talk);
            let seen = serving.reports.recv().unwrap();
            let stored = seen.iter().filter(|seen| matches!(seen, Seen::Message(..)));
            let contents = said.matches("DATA\r\n").count() + said.matches("LAST\r\n").count();
            assert_eq!(stored.count(), contents);
        }
    });
}

// ---- leaving early ----

/// A whole session, in pieces, and how many messages are stored when a piece has
/// come.
const WHOLE: [(&str, usize); 9] = [
    ("EHLO client.example.org\r\nMAIL FROM:<a@b>\r\n", 0),
    ("RCPT TO:<bob@example.net>\r\nDATA\r\n", 0),
    ("first\r\n..\r\n.\n\r\n.\r", 0),
    ("\n", 0),
    (
        "MAIL FROM:<a@b>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nhi\r\n.\r",
        0,
    ),
    ("\n", 1),
    (
        "MAIL FROM:<a@b>\r\nRCPT TO:<bob@example.net>\r\nBDAT 5\r\nsec\r\nBDAT 4 LAST\r\non",
        0,
    ),
    ("d.", 1),
    ("RSET\r\nQUIT\r\n", 0),
];

fn leave(way: usize, mut talk: Talk) {
    match way {
        0 => {
            talk.shut();
            talk.rest();
        }
        1 => drop(talk),
        2 => reset(talk),
        _ => drop(talk.stream.shutdown(Shutdown::Both)),
    }
}

/// What every prefix of the session leaves behind, whichever way the client goes:
/// the messages whose end has come, whole. A reset may take with it what was not
/// read yet.
#[test]
fn s_007_s_008_clients_that_leave_after_any_octet_in_any_way() {
    const CONTENTS: [&[u8]; 2] = [b"hi\r\n", b"sec\r\nond."];
    let whole: String = WHOLE.iter().map(|(piece, _)| *piece).collect();
    withstands(1, move || {
        let serving = Serving::new(YES);
        move || {
            let mut complete = 0;
            let mut pieces = WHOLE.iter().scan(0, |end, (piece, stored)| {
                *end += piece.len();
                Some((*end, *stored))
            });
            let mut next = pieces.next();
            for length in 0..=whole.len() {
                if let Some((end, stored)) = next
                    && end == length
                {
                    complete += stored;
                    next = pieces.next();
                }
                for way in 0..4 {
                    let mut talk = Talk::connect(serving.address);
                    talk.say(&whole[..length]);
                    leave(way, talk);
                    let seen = serving.reports.recv().unwrap();
                    let contents: Vec<&[u8]> = seen
                        .iter()
                        .filter_map(|seen| match seen {
                            Seen::Message(_, content) => Some(content.as_slice()),
                            _ => None,
                        })
                        .collect();
                    let sent = &CONTENTS[..complete];
                    if way == 0 {
                        assert_eq!(contents, sent, "{length}: {seen:?}");
                    } else {
                        assert!(sent.starts_with(&contents), "{way} {length}: {seen:?}");
                    }
                }
                if length % 20 == 0 {
                    is_served(&serving);
                }
            }
            assert_eq!(complete, CONTENTS.len());
        }
    });
}

#[test]
fn s_007_clients_that_say_no_more_hear_all_the_replies() {
    withstands(5, || {
        let serving = Serving::start(mx().max_junk_commands(usize::MAX), local(), YES);
        move || {
            // In each state, and one that has many replies to come.
            let help = "HELP\r\n".repeat(5000);
            let said = [
                "",
                "HELO x\r\n",
                "HELO x\r\nNOO",
                "HELO x\r\nMAIL FROM:<>\r\n",
                "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n",
                "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 5\r\nx",
                &help,
            ];
            for said in said {
                let mut talk = Talk::connect(serving.address);
                let mut stream = talk.stream.try_clone().unwrap();
                let octets = said.to_owned();
                let saying = thread::spawn(move || {
                    stream.write_all(octets.as_bytes()).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                });
                let heard = String::from_utf8(talk.rest()).unwrap();
                joined(saying.join());
                // A chunk has no answer of its own before it has come.
                let answers = said.matches("\r\n").count()
                    - said.matches("\nx\r\n").count()
                    - said.matches("BDAT").count();
                let last = |line: &&str| line.get(3..4) != Some("-");
                let heard = heard.lines().filter(last).count();
                assert_eq!(heard, 1 + answers, "{said:.60}");
                drop(talk);
                let seen = serving.reports.recv().unwrap();
                assert!(!seen.iter().any(|seen| matches!(seen, Seen::Message(..))));
            }
        }
    });
}
