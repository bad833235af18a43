//! Streams of the caller's own, which do everything that a stream may.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "common/blocking.rs"]
mod adapter;
mod common;

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use common::{
    Peer, SHORT, bounded, choppy::Choppy, config, hasty, lines, mailbox, session_error, to_bob,
};
use smtp_blocking::{Connection, Error, Stream};
use smtp_proto::{
    client::{self, Fate, NotSent, Outcome, Phase},
    wire::ReplyLimits,
};

/// A dialogue with everything in it, the content of which is returned.
fn server() -> Peer<Vec<u8>> {
    Peer::new(|mut talk| {
        talk.hello(&["PIPELINING", "SIZE"]);
        talk.turn("NOOP", "250-one\r\n250 two");
        talk.turn("MAIL", "250 ok");
        talk.turn("RCPT", "250 ok");
        talk.turn("RCPT", "550-no\r\n550 no");
        talk.turn("DATA", "354 go on");
        let content = talk.content();
        talk.say("250 ok\r\n");
        talk.quit();
        content
    })
}

fn dialogue<S: Stream>(stream: S, content: &[u8]) {
    let mut connection = Connection::open(stream, config()).unwrap();
    assert_eq!(connection.noop().unwrap().text(), "one\ntwo");
    let transaction = to_bob().recipient(mailbox("nobody@example.net"));
    let outcome = connection
        .send(transaction.content(content.to_vec()))
        .unwrap();
    let fates: Vec<_> = outcome.recipients().iter().map(Fate::is_accepted).collect();
    assert_eq!(fates, [true, false]);
    connection.quit().unwrap();
}

#[test]
fn c_306_short_reads_and_writes() {
    bounded(|| {
        for (most, octets) in [
            (1, 3000),
            (2, 3000),
            (3, 3000),
            (7, 20_000),
            (1000, 300_000),
        ] {
            let peer = server();
            let content = lines(octets);
            dialogue(Choppy::new(peer.stream(), most), &content);
            assert!(peer.join() == content, "{most}");
        }
    });
}

#[test]
fn c_312_interruptions_and_pauses_lose_nothing() {
    bounded(|| {
        for kind in [
            ErrorKind::Interrupted,
            ErrorKind::WouldBlock,
            ErrorKind::TimedOut,
        ] {
            for every in [3, 5, 7] {
                let peer = server();
                let content = lines(3000);
                let stream = Choppy::new(peer.stream(), 100).failing(every, kind);
                dialogue(stream, &content);
                assert!(peer.join() == content, "{kind} {every}");
            }
        }
    });
}

#[test]
fn m01_a_boxed_stream() {
    bounded(|| {
        let peer = server();
        let stream: Box<dyn Stream> = Box::new(peer.stream());
        dialogue(stream, b"hi\r\n");
        assert_eq!(peer.join(), b"hi\r\n");
    });
}

#[cfg(unix)]
#[test]
fn m01_a_unix_stream() {
    bounded(|| {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let server = thread::spawn(move || {
            let mut theirs = io::BufReader::new(theirs);
            let mut line = String::new();
            for answer in ["220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "221 bye\r\n"] {
                theirs.get_mut().write_all(answer.as_bytes()).unwrap();
                line.clear();
                io::BufRead::read_line(&mut theirs, &mut line).unwrap();
            }
        });
        let mut connection = Connection::open(ours, config()).unwrap();
        connection.noop().unwrap();
        connection.quit().unwrap();
        server.join().unwrap();
    });
}

/// C-309: whoever waits does not turn in circles.
#[test]
fn c_309_waiting_takes_few_calls() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.rest();
        });
        let config =
            common::with_timeouts(|timeouts| timeouts.request = Duration::from_millis(1200));
        let stream = Counted::new(peer.stream());
        let calls = Arc::clone(&stream.calls);
        let mut connection = Connection::open(stream, config).unwrap();
        let before = *calls.lock().unwrap();
        let start = Instant::now();
        session_error(connection.noop().unwrap_err());
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(1200), "{took:?}");
        assert!(took < Duration::from_millis(1500), "{took:?}");
        let [reads, writes, limits] = *calls.lock().unwrap();
        // One of each 500 ms, and the rest; the command, and QUIT.
        assert!(reads - before[0] <= 5, "{reads} reads");
        assert!(writes - before[1] <= 2, "{writes} writes");
        assert!(limits - before[2] <= 6, "{limits} limits");
        drop(connection);
        peer.join();
    });
}

/// The cost of a message, in calls of the system.
#[test]
fn c_306_a_small_message_takes_few_calls() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.hello(&["PIPELINING"]);
            for _ in 0..100 {
                talk.expect("MAIL");
                talk.expect("RCPT");
                talk.expect("DATA");
                talk.say("250 ok\r\n250 ok\r\n354 go on\r\n");
                talk.content();
                talk.say("250 ok\r\n");
            }
            talk.quit();
        });
        let stream = Counted::new(peer.stream());
        let calls = Arc::clone(&stream.calls);
        let mut connection = Connection::open(stream, config()).unwrap();
        let opening = *calls.lock().unwrap();
        for _ in 0..50 {
            connection.send(to_bob().content("hi\r\n")).unwrap();
            let sent = connection.send_with(to_bob(), |writer| writer.write_all(b"hi\r\n"));
            sent.unwrap();
        }
        let sent = *calls.lock().unwrap();
        let [reads, writes, limits] = [0, 1, 2].map(|kind| sent[kind] - opening[kind]);
        // The group, the content: a write and a read each.
        assert_eq!((reads, writes), (200, 200));
        // The limits are the same all the time.
        assert!(limits <= 2, "{limits}");
        connection.quit().unwrap();
        peer.join();
    });
}

/// Counts reads, writes, and changes of the time limits.
#[derive(Debug)]
struct Counted {
    stream: TcpStream,
    calls: Arc<Mutex<[usize; 3]>>,
}

impl Counted {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            calls: Arc::default(),
        }
    }

    fn count(&self, kind: usize) {
        self.calls.lock().unwrap()[kind] += 1;
    }
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.count(0);
        self.stream.read(to)
    }
}

impl Write for Counted {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.count(1);
        self.stream.write(from)
    }

    fn write_vectored(&mut self, from: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.count(1);
        self.stream.write_vectored(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Counted {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.count(2);
        self.stream.set_read_timeout(limit)
    }

    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.count(2);
        self.stream.set_write_timeout(limit)
    }
}

/// A peer in memory. What it says is read one piece after another; `Err` is a
/// read that fails.
#[derive(Debug)]
struct Scripted {
    says: VecDeque<Result<&'static str, ErrorKind>>,
    /// What it says for ever after; `Ok("")` is the end of the stream.
    at_last: Result<&'static str, ErrorKind>,
    /// How many octets are taken before writing fails.
    takes: usize,
    write_error: io::Result<usize>,
    taken: Arc<Mutex<Vec<u8>>>,
    limits_fail: bool,
}

impl Scripted {
    fn new(says: &[Result<&'static str, ErrorKind>]) -> Self {
        Self {
            says: says.iter().copied().collect(),
            at_last: Ok(""),
            takes: usize::MAX,
            write_error: Ok(0),
            taken: Arc::default(),
            limits_fail: false,
        }
    }

    fn at_last(mut self, said: Result<&'static str, ErrorKind>) -> Self {
        self.at_last = said;
        self
    }

    fn taking(mut self, octets: usize, then: io::Result<usize>) -> Self {
        self.takes = octets;
        self.write_error = then;
        self
    }
}

impl Read for Scripted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.says.pop_front().unwrap_or(self.at_last) {
            Err(kind) => Err(kind.into()),
            Ok(text) => {
                to[..text.len()].copy_from_slice(text.as_bytes());
                Ok(text.len())
            }
        }
    }
}

impl Write for Scripted {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let n = from.len().min(self.takes);
        if n == 0 {
            return match &self.write_error {
                Ok(n) => Ok(*n),
                Err(error) => Err(error.kind().into()),
            };
        }
        self.takes -= n;
        self.taken.lock().unwrap().extend_from_slice(&from[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Scripted {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        match self.limits_fail {
            true => Err(ErrorKind::Unsupported.into()),
            false => Ok(()),
        }
    }

    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(limit)
    }
}

const OPENING: [Result<&str, ErrorKind>; 2] = [Ok("220 mx\r\n"), Ok("250 mx\r\n")];
const EHLO: usize = "EHLO client.example.org\r\n".len();
const ENVELOPE: usize = EHLO
    + "MAIL FROM:<alice@example.org>\r\n".len()
    + "RCPT TO:<bob@example.net>\r\n".len()
    + "DATA\r\n".len();

/// What becomes of a message when the dialogue goes on like this, and the
/// content cannot be written.
fn fate(
    after_data: &[Result<&'static str, ErrorKind>],
    at_last: Result<&'static str, ErrorKind>,
    broken: io::Result<usize>,
) -> Outcome {
    let mut says = OPENING.to_vec();
    says.extend([Ok("250 ok\r\n"), Ok("250 ok\r\n"), Ok("354 go on\r\n")]);
    says.extend_from_slice(after_data);
    let stream = Scripted::new(&says)
        .at_last(at_last)
        .taking(ENVELOPE + 100, broken);
    let mut connection = Connection::open(stream, config()).unwrap();
    let outcome = connection.send(to_bob().content(lines(100_000))).unwrap();
    session_error(connection.noop().unwrap_err());
    outcome
}

#[test]
fn c_308_what_waits_to_be_read_explains_why_writing_failed() {
    bounded(|| {
        for kind in [
            ErrorKind::BrokenPipe,
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::Other,
            // Or did not fail, but had no end.
            ErrorKind::WouldBlock,
            ErrorKind::TimedOut,
        ] {
            let outcome = fate(
                &[Ok("552 5.3."), Ok("4 too large\r\n")],
                Ok(""),
                Err(kind.into()),
            );
            match outcome.fate() {
                Fate::Refused { phase, reply } => {
                    assert_eq!((*phase, reply.code().get()), (Phase::Content, 552));
                }
                other => panic!("{kind}: {other:?}"),
            }
            let outcome = fate(&[Ok("421 4.3.2 good night\r\n")], Ok(""), Err(kind.into()));
            match outcome.fate() {
                Fate::NotSent(NotSent::Session(error)) => {
                    assert_eq!(error.kind(), &client::ErrorKind::Closing, "{kind}");
                }
                other => panic!("{kind}: {other:?}"),
            }
        }
    });
}

#[test]
fn c_312_writing_that_fails_without_a_word_is_a_loss() {
    bounded(|| {
        for end in [Ok(""), Err(ErrorKind::ConnectionReset)] {
            let outcome = fate(&[], end, Err(ErrorKind::BrokenPipe.into()));
            match outcome.fate() {
                Fate::NotSent(NotSent::Session(error)) => {
                    assert_eq!(error.kind(), &client::ErrorKind::ConnectionLost);
                    assert!(error.is_transient());
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn c_312_a_stream_that_takes_nothing_is_a_loss() {
    bounded(|| {
        let outcome = fate(&[], Ok(""), Ok(0));
        assert!(matches!(outcome.fate(), Fate::NotSent(NotSent::Session(_))));
    });
}

#[test]
fn c_312_the_first_cause_is_told() {
    bounded(|| {
        let stream = Scripted::new(&OPENING)
            .at_last(Err(ErrorKind::ConnectionReset))
            .taking(EHLO, Err(ErrorKind::BrokenPipe.into()));
        let mut connection = Connection::open(stream, config()).unwrap();
        match connection.noop().unwrap_err() {
            Error::Session {
                error,
                cause: Some(cause),
            } => {
                assert_eq!(error.kind(), &client::ErrorKind::ConnectionLost);
                assert_eq!(cause.kind(), ErrorKind::BrokenPipe);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn c_307_what_comes_before_the_end_or_an_error_counts() {
    bounded(|| {
        for end in [Ok(""), Err(ErrorKind::ConnectionReset)] {
            let mut says = OPENING.to_vec();
            says.push(Ok("421 bye\r\n"));
            let stream = Scripted::new(&says).at_last(end);
            let mut connection = Connection::open(stream, config()).unwrap();
            let error = session_error(connection.noop().unwrap_err());
            assert_eq!(error.kind(), &client::ErrorKind::Closing);
        }
    });
}

#[test]
fn c_312_a_message_whose_end_had_left_is_in_doubt() {
    bounded(|| {
        for end in [Ok(""), Err(ErrorKind::ConnectionReset)] {
            let mut says = OPENING.to_vec();
            says.extend([Ok("250 ok\r\n"), Ok("250 ok\r\n"), Ok("354 go on\r\n")]);
            let stream = Scripted::new(&says).at_last(end);
            let mut connection = Connection::open(stream, config()).unwrap();
            let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
            assert!(matches!(outcome.fate(), Fate::InDoubt(_)), "{outcome:?}");
            assert!(!outcome.fate().is_transient());
        }
    });
}

#[test]
fn c_130_c_312_quit_is_said_through_interruptions() {
    bounded(|| {
        // They end, if by a limit of time.
        let stream =
            Scripted::new(&[Ok("554 no\r\n")]).taking(0, Err(ErrorKind::Interrupted.into()));
        session_error(Connection::open(stream, config()).unwrap_err());

        let peer = Peer::new(|mut talk| {
            talk.say("554 no\r\n");
            talk.rest()
        });
        let stream = Choppy::new(peer.stream(), 1).failing(2, ErrorKind::Interrupted);
        session_error(Connection::open(stream, config()).unwrap_err());
        assert_eq!(peer.join(), b"QUIT\r\n");
    });
}

/// A stream that knows no time limits could hang for ever: it is an error.
#[test]
fn c_309_a_stream_that_cannot_be_limited_is_refused() {
    bounded(|| {
        let mut stream = Scripted::new(&OPENING);
        stream.limits_fail = true;
        match Connection::open(stream, config()).unwrap_err() {
            Error::Session {
                cause: Some(cause), ..
            } => assert_eq!(cause.kind(), ErrorKind::Unsupported),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn m12_a_stream_that_never_has_anything_is_given_up() {
    bounded(|| {
        let stream = Scripted::new(&[]).at_last(Err(ErrorKind::WouldBlock));
        let start = Instant::now();
        let error = session_error(Connection::open(stream, hasty(SHORT)).unwrap_err());
        assert_eq!(error.kind(), &client::ErrorKind::TimedOut);
        let took = start.elapsed();
        assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
    });
}

/// C-309: a deadline counts also while there is always something to read.
#[test]
fn c_309_a_stream_that_always_has_more_is_given_up() {
    bounded(|| {
        for (says, more) in [("220", "-"), ("", "220-mx\r\n")] {
            let mut limits = ReplyLimits::default();
            limits.line = usize::MAX;
            limits.lines = usize::MAX;
            limits.total = usize::MAX;
            let config = hasty(SHORT).reply_limits(limits);
            let says: &[_] = if says.is_empty() { &[] } else { &[Ok(says)] };
            let stream = Scripted::new(says).at_last(Ok(more));
            let start = Instant::now();
            let error = session_error(Connection::open(stream, config).unwrap_err());
            assert_eq!(error.kind(), &client::ErrorKind::TimedOut);
            let took = start.elapsed();
            assert!(took >= SHORT && took < Duration::from_secs(2), "{took:?}");
        }
    });
}
