//! What the tests share: a bound on their time, and peers that follow a script.

#![allow(dead_code, reason = "each file of tests uses some of it")]

pub(crate) mod choppy;
#[cfg(target_os = "linux")]
pub(crate) mod load;
#[cfg(feature = "tls")]
#[path = "../../../smtp-proto/tests/pki/mod.rs"]
pub(crate) mod pki;
#[cfg(feature = "tls")]
pub(crate) mod secured;
pub(crate) mod serving;

use std::{
    any::Any,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    panic::resume_unwind,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::adapter::{Connection, Error};
use smtp_proto::{
    client::{self, Config, Transaction},
    types::{ForwardPath, Mailbox},
};

/// More than any test takes, on a machine that is busy.
const WATCHDOG: Duration = Duration::from_secs(20);

/// A peer that hears nothing for so long has been forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15);

/// A time that a test may wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(60);

/// Runs a test, and fails it when it takes too long.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match finished.recv_timeout(WATCHDOG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("still running after {WATCHDOG:?}"),
        _ => joined(thread.join()),
    }
}

/// Passes a panic on.
pub(crate) fn joined<T>(result: Result<T, Box<dyn Any + Send>>) -> T {
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// One end of a dialogue, by the line.
pub(crate) struct Talk {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Talk {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(FORGOTTEN)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    /// Sends octets as they are.
    pub(crate) fn say(&mut self, octets: impl AsRef<[u8]>) {
        // A client may have left already; what it heard is for the test to see.
        let _ = self.stream.write_all(octets.as_ref());
    }

    /// The next line without its line end; empty at the end.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}, after {line:?}"),
        }
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// The next line begins so.
    #[track_caller]
    pub(crate) fn expect(&mut self, start: &str) {
        let line = self.hear();
        assert!(line.starts_with(start), "{line:?}, not {start:?}");
    }

    /// Says a line, and hears a reply of one line.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str, answer: &str) {
        self.say(format!("{line}\r\n"));
        self.expect(answer);
    }

    /// A line that begins so, and the answer to it.
    #[track_caller]
    pub(crate) fn turn(&mut self, start: &str, answer: &str) {
        self.expect(start);
        self.say(format!("{answer}\r\n"));
    }

    /// The greeting, and the answer to EHLO with these keywords.
    #[track_caller]
    pub(crate) fn hello(&mut self, keywords: &[&str]) {
        self.say("220 mx.example.net\r\n");
        self.expect("EHLO client.example.org");
        let mut lines = vec!["mx.example.net"];
        lines.extend(keywords);
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            self.say(format!("250{separator}{line}\r\n"));
        }
    }

    /// MAIL, one RCPT and DATA are answered with yes.
    #[track_caller]
    pub(crate) fn envelope(&mut self) {
        self.turn("MAIL", "250 ok");
        self.turn("RCPT", "250 ok");
        self.turn("DATA", "354 go on");
    }

    /// The content, without what transparency adds.
    pub(crate) fn content(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let start = content.len();
            let n = self.reader.read_until(b'\n', &mut content).unwrap();
            assert!(n > 0, "the content ended early");
            let line = &content[start..];
            if line == b".\r\n" {
                content.truncate(start);
                return content;
            }
            if line.starts_with(b".") {
                content.remove(start);
            }
        }
    }

    #[track_caller]
    pub(crate) fn quit(&mut self) {
        self.turn("QUIT", "221 bye");
        self.ended();
    }

    /// Nothing more comes.
    #[track_caller]
    pub(crate) fn ended(&mut self) {
        assert_eq!(self.rest(), b"");
    }

    /// All that comes until the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
        rest
    }

    /// Lets some octets of content go by.
    pub(crate) fn swallow(&mut self, octets: u64) {
        let read = std::io::copy(&mut self.reader.by_ref().take(octets), &mut std::io::sink());
        assert_eq!(read.unwrap(), octets);
    }

    /// Sends nothing more, and goes on reading.
    pub(crate) fn shut(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// A server that follows a script for one connection.
pub(crate) struct Peer<T = ()> {
    pub(crate) address: SocketAddr,
    thread: thread::JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn new(script: impl FnOnce(Talk) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            script(Talk::new(stream))
        });
        Self { address, thread }
    }

    pub(crate) fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    pub(crate) fn open(&self, config: Config) -> Result<Connection, Error> {
        Connection::open(self.stream(), config)
    }

    pub(crate) fn connect(&self) -> Connection {
        self.open(config()).unwrap()
    }

    /// What the script returned, or a panic if it did.
    pub(crate) fn join(self) -> T {
        joined(self.thread.join())
    }
}

/// A client with the default time-outs, none of which a test waits for.
pub(crate) fn config() -> Config {
    Config::new(&"client.example.org".parse().unwrap()).unwrap()
}

/// A client that waits no longer than `time`, for anything.
pub(crate) fn hasty(time: Duration) -> Config {
    config().timeouts(client::Timeouts::all(time))
}

/// A client with other time-outs.
pub(crate) fn with_timeouts(change: impl FnOnce(&mut client::Timeouts)) -> Config {
    let mut timeouts = client::Timeouts::default();
    change(&mut timeouts);
    config().timeouts(timeouts)
}

pub(crate) fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

pub(crate) fn path(text: &str) -> ForwardPath {
    text.parse().unwrap()
}

/// From Alice to Bob, without content.
pub(crate) fn to_bob() -> Transaction {
    from_alice().recipient(mailbox("bob@example.net"))
}

pub(crate) fn from_alice() -> Transaction {
    Transaction::new(mailbox("alice@example.org"))
}

/// How the session ended.
#[track_caller]
pub(crate) fn session_error(error: Error) -> client::Error {
    match error {
        Error::Session { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

/// So many octets of content, in lines that tell where they are, some of which
/// begin with dots.
pub(crate) fn lines(octets: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(octets + 100);
    let mut number = 0;
    while content.len() < octets {
        let dots = ".".repeat(number % 3);
        let fill = "x".repeat(number % 61);
        write!(content, "{dots}{number} {fill}\r\n").unwrap();
        number += 1;
    }
    content
}
