//! Futures that are dropped: each method at each of its polls, and then another
//! request, which is answered right or refused for a reason.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    cell::Cell,
    collections::VecDeque,
    future::Future,
    io,
    net::{Ipv4Addr, TcpListener},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_io::Timer;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{
    AsyncWriteExt,
    future::{block_on, or},
};
use smtp_proto::{
    client::{
        Authentication, CommandError, Config, ErrorKind, Fate, NotSent, Outcome, Timeouts,
        Transaction,
    },
    types::Mailbox,
};
use smtp_smol::{Addresses, Connection, Error};

/// A server in memory that answers every command with its own verb, and fails
/// the test when a command does not belong where it comes. It hesitates before
/// each read and write, and says little at a time.
#[derive(Default)]
struct Peer {
    line: Vec<u8>,
    says: VecDeque<u8>,
    reader: Option<Waker>,
    hesitates: [bool; 2],
    open: bool,
    /// The content that comes in.
    content: Option<Vec<u8>>,
    /// The next line is a response.
    challenged: bool,
    authenticated: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    commands: Vec<String>,
    messages: Vec<String>,
    pace: Pace,
}

/// How the peer answers.
#[derive(Default, PartialEq, Eq)]
enum Pace {
    #[default]
    Hesitating,
    Brisk,
    Silent,
}

/// The most that is read at once.
const MOUTHFUL: usize = 9;

impl Peer {
    fn new(pipelining: bool) -> (Self, Arc<Mutex<Seen>>) {
        let peer = Self {
            says: VecDeque::from(b"220 mx\r\n".to_vec()),
            ..Self::default()
        };
        let seen = Arc::clone(&peer.seen);
        seen.lock().unwrap().commands.push(match pipelining {
            true => "250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n".to_owned(),
            false => "250-mx\r\n250 AUTH PLAIN\r\n".to_owned(),
        });
        (peer, seen)
    }

    fn hears(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.line.push(octet);
            if octet == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                let reply = self.hears_line(&line);
                self.says.extend(reply.as_bytes());
            }
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn hears_line(&mut self, line: &str) -> String {
        let mut seen = self.seen.lock().unwrap();
        if let Some(content) = &mut self.content {
            if line != ".\r\n" {
                content.extend_from_slice(line.as_bytes());
                return String::new();
            }
            let content = String::from_utf8(self.content.take().unwrap()).unwrap();
            self.open = false;
            let reply = format!("250 stored {}\r\n", content.len());
            seen.messages.push(content);
            return reply;
        }
        let line = line.trim_end();
        if std::mem::take(&mut self.challenged) {
            self.authenticated = true;
            return "235 AUTH\r\n".to_owned();
        }
        seen.commands.push(line.to_owned());
        let verb = line.split(' ').next().unwrap();
        match verb {
            "EHLO" => return seen.commands[0].clone(),
            "AUTH" => {
                assert!(!self.open, "authentication in a transaction");
                assert!(!self.authenticated, "authenticated again");
                self.challenged = line == "AUTH PLAIN";
                if self.challenged {
                    return "334 \r\n".to_owned();
                }
                self.authenticated = line != WRONG;
                let code = if self.authenticated { 235 } else { 535 };
                return format!("{code} AUTH\r\n");
            }
            "MAIL" => {
                assert!(!self.open, "a transaction in a transaction");
                self.open = true;
            }
            "RCPT" => assert!(self.open, "no transaction"),
            "RSET" => self.open = false,
            "DATA" => {
                assert!(self.open, "no transaction");
                self.content = Some(Vec::new());
                return "354 DATA\r\n".to_owned();
            }
            _ => {}
        }
        format!("250 {verb}\r\n")
    }

    fn hesitates(&mut self, direction: usize, context: &Context<'_>) -> bool {
        if self.seen.lock().unwrap().pace != Pace::Hesitating {
            return false;
        }
        self.hesitates[direction] = !self.hesitates[direction];
        if self.hesitates[direction] {
            context.waker().wake_by_ref();
        }
        self.hesitates[direction]
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let is_silent = self.seen.lock().unwrap().pace == Pace::Silent;
        if self.says.is_empty() || is_silent {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        if self.hesitates(0, context) {
            return Poll::Pending;
        }
        let n = self.says.len().min(MOUTHFUL).min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.says.drain(..n)) {
            *to = from;
        }
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(1, context) {
            return Poll::Pending;
        }
        // Commands and lines of content are cut in the middle.
        let n = octets.len().min(11);
        self.hears(&octets[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Waits for it, but not for ever.
fn soon<T>(future: impl Future<Output = T>) -> T {
    block_on(or(async { Some(future.await) }, async {
        Timer::after(Duration::from_secs(10)).await;
        None
    }))
    .expect("it hangs")
}

fn opened(pipelining: bool) -> (Connection<Peer>, Arc<Mutex<Seen>>) {
    let (peer, seen) = Peer::new(pipelining);
    let config = Config::new(&"client.example.org".parse().unwrap()).unwrap();
    (soon(Connection::open(peer, config)).unwrap(), seen)
}

/// Polls a future so often, and drops it.
fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// Not the password.
const WRONG: &str = "AUTH PLAIN AGFsaWNlAHdyb25n";

fn password(password: &str) -> Authentication {
    Authentication::password("alice", password).secrets_in_clear(true)
}

const WHOLE: &str = "Subject: whole\r\n\r\nThis is all of it.\r\n";
const AFTER: &str = "Subject: after\r\n\r\nThis comes after it.\r\n";

fn from(name: &str) -> Transaction {
    Transaction::new(format!("{name}@example.org").parse::<Mailbox>().unwrap())
}

fn bob() -> Mailbox {
    "bob@example.net".parse().unwrap()
}

#[track_caller]
fn stored(outcome: &Outcome, content: &str) {
    assert!(outcome.is_complete(), "{outcome:?}");
    let text = outcome.fate().reply().unwrap().text();
    assert_eq!(text, format!("stored {}", content.len()));
}

/// As [`stored`], but for a session that has ended on the way.
#[track_caller]
fn stored_or_lost(outcome: &Outcome, content: &str) -> Result<(), Error> {
    if let Fate::NotSent(NotSent::Session(error)) = outcome.fate() {
        return Err(Error::Session {
            error: error.clone(),
            cause: None,
        });
    }
    stored(outcome, content);
    Ok(())
}

/// What is tried after the cut.
#[derive(Clone, Copy, Debug)]
enum After {
    Commands,
    Send,
    SendWith,
    Stages,
    Authenticate,
    Quit,
}

const AFTERS: [After; 6] = [
    After::Commands,
    After::Send,
    After::SendWith,
    After::Stages,
    After::Authenticate,
    After::Quit,
];

async fn request(mut connection: Connection<Peer>, after: After) -> Result<(), Error> {
    match after {
        After::Commands => {
            assert_eq!(connection.noop().await?.text(), "NOOP");
            let reply = connection.verify("bob".parse().unwrap()).await?;
            assert_eq!(reply.text(), "VRFY");
        }
        After::Send => {
            let transaction = from("after").recipient(bob()).content(AFTER);
            stored_or_lost(&connection.send(transaction).await?, AFTER)?;
        }
        After::SendWith => {
            let transaction = from("after").recipient(bob());
            let outcome = connection
                .send_with(transaction, async |writer| {
                    writer.write_all(AFTER.as_bytes()).await
                })
                .await?;
            stored_or_lost(&outcome, AFTER)?;
        }
        After::Stages => {
            let mut message = connection.begin(from("after")).await?;
            assert_eq!(message.rcpt(bob()).await?.text(), "RCPT");
            let mut content = message.content().await?;
            content.write_all(AFTER.as_bytes()).await.unwrap();
            stored_or_lost(&content.finish().await?, AFTER)?;
        }
        After::Authenticate => {
            match connection.authenticate(password("wonderland")).await {
                Err(Error::Command(CommandError::Authenticated)) => {}
                answer => answer?,
            }
            assert_eq!(connection.session().authenticated(), Some("PLAIN"));
        }
        After::Quit => {}
    }
    connection.quit().await
}

/// Whether the session may have ended because of the cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    /// Because nobody supplies the content any more.
    InContent,
}

/// Cuts `method` at each of its polls, and tries everything after it.
fn at_every_poll(end: End, method: impl AsyncFn(&mut Connection<Peer>)) {
    for pipelining in [true, false] {
        for after in AFTERS {
            let mut ended = 0;
            let mut polls = 0;
            loop {
                let (mut connection, seen) = opened(pipelining);
                let done = cut(method(&mut connection), polls).is_some();
                let result = soon(request(connection, after));
                let place = format!("{after:?} after {polls} polls");
                match &result {
                    Ok(()) => {}
                    Err(Error::Session { error, .. }) if end == End::InContent && !done => {
                        assert_eq!(*error.kind(), ErrorKind::Aborted, "{place}");
                        ended += 1;
                    }
                    Err(error) => panic!("{place}: {error}"),
                }
                let seen = seen.lock().unwrap();
                let mut messages = seen.messages.clone();
                let told = matches!(after, After::Send | After::SendWith | After::Stages);
                if told && result.is_ok() {
                    assert_eq!(messages.pop().as_deref(), Some(AFTER), "{place}");
                }
                assert!(messages.iter().all(|message| message == WHOLE), "{place}");
                assert!(messages.len() <= 1, "{place}");
                let last = seen.commands.last().unwrap();
                assert_eq!(last == "QUIT", result.is_ok(), "{place}");
                if done {
                    break;
                }
                polls += 1;
                assert!(polls < 10_000, "it has no end");
            }
            assert!(polls > 3, "only {polls} polls");
            assert_eq!(ended > 0, end == End::InContent, "{after:?}");
        }
    }
}

#[test]
fn m42_a_command() {
    at_every_poll(End::Never, async |connection| {
        assert_eq!(connection.noop().await.unwrap().text(), "NOOP");
    });
    at_every_poll(End::Never, async |connection| {
        let reply = connection.verify("alice".parse().unwrap()).await;
        assert_eq!(reply.unwrap().text(), "VRFY");
    });
    at_every_poll(End::Never, async |connection| {
        let reply = connection.expand("staff".parse().unwrap()).await;
        assert_eq!(reply.unwrap().text(), "EXPN");
    });
    at_every_poll(End::Never, async |connection| {
        assert_eq!(connection.help(None).await.unwrap().text(), "HELP");
    });
    at_every_poll(End::Never, async |connection| {
        let reply = connection.command("XYZZY plugh".parse().unwrap()).await;
        assert_eq!(reply.unwrap().text(), "XYZZY");
    });
}

#[test]
fn m42_authentication() {
    at_every_poll(End::Never, async |connection| {
        let answer = connection.authenticate(password("wonderland")).await;
        answer.unwrap();
        assert_eq!(connection.session().authenticated(), Some("PLAIN"));
    });
    // After a challenge: this is too long for the command line.
    let long = "wonderland".repeat(50);
    at_every_poll(End::Never, async |connection| {
        connection.authenticate(password(&long)).await.unwrap();
    });
    at_every_poll(End::Never, async |connection| {
        let error = connection.authenticate(password("wrong")).await;
        assert!(matches!(error, Err(Error::NotAuthenticated(_))));
        assert_eq!(connection.session().authenticated(), None);
    });
    // Behind a command that nobody waited for.
    at_every_poll(End::Never, async |connection| {
        cut(connection.verify("alice".parse().unwrap()), 1);
        let answer = connection.authenticate(password("wonderland")).await;
        answer.unwrap();
    });
}

#[test]
fn m42_several_commands_none_of_which_was_waited_for() {
    at_every_poll(End::Never, async |connection| {
        for polls in 1..4 {
            cut(connection.noop(), polls);
            cut(connection.verify("alice".parse().unwrap()), polls);
        }
        assert_eq!(connection.help(None).await.unwrap().text(), "HELP");
    });
}

#[test]
fn m42_a_message_whose_content_was_given_is_sent_all_the_same() {
    at_every_poll(End::Never, async |connection| {
        let transaction = from("alice").recipients([bob(), bob()]).content(WHOLE);
        stored(&connection.send(transaction).await.unwrap(), WHOLE);
    });
}

#[test]
fn m42_of_many_messages_those_that_were_taken_are_sent() {
    for polls in 0.. {
        let (mut connection, seen) = opened(true);
        let taken = Cell::new(0);
        let mut told = 0;
        let many = (0..3).map(|_| {
            taken.set(taken.get() + 1);
            ((), from("alice").recipient(bob()).content(WHOLE))
        });
        let sending = connection.send_all(many, |(), sent| {
            stored(&sent.unwrap(), WHOLE);
            told += 1;
        });
        let done = cut(sending, polls).is_some();
        assert!(told <= taken.get(), "{told} after {polls} polls");
        assert_eq!(soon(connection.noop()).unwrap().text(), "NOOP");
        let messages = &seen.lock().unwrap().messages;
        assert_eq!(messages.len(), taken.get(), "after {polls} polls");
        if done {
            assert_eq!((told, taken.get()), (3, 3));
            assert!(polls > 3, "only {polls} polls");
            break;
        }
    }
}

#[test]
fn m42_a_message_and_quit() {
    for polls in 0.. {
        let (connection, seen) = opened(true);
        let transaction = from("alice").recipient(bob()).content(WHOLE);
        let done = cut(connection.send_and_quit(transaction), polls);
        let seen = seen.lock().unwrap();
        assert!(seen.messages.iter().all(|message| message == WHOLE));
        if let Some(outcome) = done {
            stored(&outcome.unwrap(), WHOLE);
            assert_eq!(seen.commands.last().unwrap(), "QUIT");
            assert!(polls > 3, "only {polls} polls");
            break;
        }
    }
}

#[test]
fn m42_a_message_whose_content_is_written_is_sent_whole_or_not_at_all() {
    at_every_poll(End::InContent, async |connection| {
        let transaction = from("alice").recipients([bob(), bob()]);
        let outcome = connection
            .send_with(transaction, async |writer| {
                for part in WHOLE.split_inclusive(' ') {
                    writer.write_all(part.as_bytes()).await?;
                    writer.flush().await?;
                }
                Ok(())
            })
            .await;
        stored(&outcome.unwrap(), WHOLE);
    });
}

#[test]
fn m42_a_sender_and_recipients_are_taken_back() {
    at_every_poll(End::Never, async |connection| {
        let mut message = connection.begin(from("alice")).await.unwrap();
        for _ in 0..3 {
            assert_eq!(message.rcpt(bob()).await.unwrap().text(), "RCPT");
        }
    });
    // With recipients that nobody waited for.
    at_every_poll(End::Never, async |connection| {
        let mut message = connection.begin(from("alice")).await.unwrap();
        cut(message.rcpt(bob()), 1);
        cut(message.rcpt(bob()), 2);
        assert_eq!(message.rcpt(bob()).await.unwrap().text(), "RCPT");
    });
}

#[test]
fn m42_stages_are_sent_whole_or_not_at_all() {
    at_every_poll(End::InContent, async |connection| {
        let mut message = connection.begin(from("alice")).await.unwrap();
        message.rcpt(bob()).await.unwrap();
        let mut content = message.content().await.unwrap();
        for part in WHOLE.split_inclusive(' ') {
            content.write_chunk(part).await.unwrap();
        }
        stored(&content.finish().await.unwrap(), WHOLE);
    });
}

#[test]
fn m42_a_writer_that_is_dropped_ends_the_session() {
    for after in AFTERS {
        let (mut connection, seen) = opened(true);
        soon(async {
            let message = connection.begin(from("alice").recipient(bob()));
            let mut content = message.await.unwrap().content().await.unwrap();
            content.write_all(b"half of it").await.unwrap();
            // To close is not to end.
            content.close().await.unwrap();
        });
        assert!(!connection.session().is_reusable());
        match soon(request(connection, after)).unwrap_err() {
            Error::Session { error, .. } => assert_eq!(*error.kind(), ErrorKind::Aborted),
            other => panic!("{other:?}"),
        }
        assert!(seen.lock().unwrap().messages.is_empty());
    }
}

/// A reply that came in time counts, whenever somebody looks.
#[test]
fn m42_nobody_looks_for_longer_than_the_server_may_take() {
    let (peer, seen) = Peer::new(true);
    let config = Config::new(&"client.example.org".parse().unwrap()).unwrap();
    let limit = Duration::from_millis(30);
    let config = config.timeouts(Timeouts::all(limit));
    let mut connection = soon(Connection::open(peer, config)).unwrap();
    for _ in 0..3 {
        seen.lock().unwrap().pace = Pace::Silent;
        assert!(cut(connection.noop(), 5).is_none());
        std::thread::sleep(limit * 2);
        seen.lock().unwrap().pace = Pace::Brisk;
        assert_eq!(soon(connection.help(None)).unwrap().text(), "HELP");
    }
    seen.lock().unwrap().pace = Pace::Silent;
    let error = soon(connection.noop()).unwrap_err();
    assert!(
        matches!(&error, Error::Session { error, .. } if *error.kind() == ErrorKind::TimedOut),
        "{error}"
    );
}

/// A recipient whose answer nobody waited for is one all the same.
#[test]
fn m42_a_recipient_that_was_dropped_is_in_the_outcome() {
    let (mut connection, seen) = opened(true);
    soon(async {
        let mut message = connection.begin(from("alice")).await.unwrap();
        cut(message.rcpt(bob()), 1);
        message.rcpt(bob()).await.unwrap();
        let content = message.content().await.unwrap();
        let outcome = content.finish().await.unwrap();
        assert_eq!(outcome.recipients().len(), 2);
        assert!(outcome.is_complete());
    });
    assert_eq!(seen.lock().unwrap().messages, [""]);
}

/// Nothing of a chunk was written when its future was dropped before the end.
#[test]
fn m42_a_chunk_is_written_or_not() {
    for polls in 0.. {
        let (mut connection, seen) = opened(true);
        let done = soon(async {
            let message = connection.begin(from("alice").recipient(bob())).await;
            let mut content = message.unwrap().content().await.unwrap();
            let long = "0123456789abcd\r\n".repeat(100);
            content.write_chunk(long).await.unwrap();
            let done = cut(content.write_chunk("end\r\n"), polls).is_some();
            content.finish().await.unwrap();
            done
        });
        let message = &seen.lock().unwrap().messages[0];
        assert_eq!(message.ends_with("end\r\n"), done);
        if done {
            assert!(polls > 1);
            break;
        }
    }
}

#[test]
fn m42_an_address_that_was_being_tried_is_tried_again() {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let both = listeners.each_ref().map(|one| one.local_addr().unwrap());
    let mut addresses = Addresses::new("mx.example.net", 25, Duration::from_secs(5), both.to_vec());
    cut(addresses.connect_next(), 1);
    for address in both {
        assert!(addresses.has_next());
        let stream = soon(addresses.connect_next()).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    }
    assert!(!addresses.has_next());
}
