//! A thousand sessions at once, clients and server, in one thread.
//!
//! Each client connects, waits until all are there, and sends a message. Prints
//! what became of them, and the most memory that the program took.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_io::Timer;
use futures_lite::{
    StreamExt,
    future::{block_on, or, zip},
};
use futures_util::stream::FuturesUnordered;
use smtp_proto::{
    client,
    server::{self, Data, Message, Rcpt, Rejection},
    types::Mailbox,
};
use smtp_smol::{Connection, Error, Server, Service};

const SESSIONS: usize = 1000;

/// How many octets of content each message has, about.
const CONTENT_LEN: usize = 10_000;

/// How many connect at a time: the queue of a listener is not longer.
const AT_A_TIME: usize = 100;

/// A program that takes longer has failed.
const TIME_LIMIT: Duration = Duration::from_secs(60);

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let too_long = async {
        Timer::after(TIME_LIMIT).await;
        Err("it takes too long".into())
    };
    let result = block_on(or(all(), too_long));
    let (text, code) = match result {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (format!("failed: {error}"), ExitCode::FAILURE),
    };
    let _ = writeln!(io::stdout(), "{text}");
    code
}

async fn all() -> Result<String, Failure> {
    make_room()?;
    let start = Instant::now();
    let server = Server::bind("127.0.0.1:0")?.max_connections(SESSIONS);
    let address = server.local_addr()?;
    let shutdown = server.shutdown_handle();
    let config = server::Config::new("mx.example.net".parse()?)?;
    let counts = Arc::new(Counts::default());
    let serving = server.run(&config, |_peer| Counter(Arc::clone(&counts)));
    let sending = async {
        let sent = clients(address).await;
        let at_once = counts.most_sessions();
        shutdown.shutdown();
        sent.map(|()| at_once)
    };
    let (served, sent) = zip(serving, sending).await;
    served?;
    let at_once = sent?;

    let messages = counts.messages.load(Ordering::Relaxed);
    if (at_once, messages) != (SESSIONS, SESSIONS) {
        return Err(format!("{at_once} sessions at once, {messages} messages").into());
    }
    let octets = counts.octets.load(Ordering::Relaxed);
    let took = start.elapsed().as_secs_f32();
    let memory = match peak_memory() {
        Some(kib) => format!("{} MiB at most", kib / 1024),
        None => "unknown".to_owned(),
    };
    Ok(format!(
        "{at_once} sessions at once, {messages} messages, {octets} octets of content\n\
         time: {took:.1} s, memory (clients and server): {memory}"
    ))
}

/// Opens all sessions, and then sends a message over each.
async fn clients(address: SocketAddr) -> Result<(), Failure> {
    let config = client::Config::new(&"client.example.org".parse()?)?;
    let mut connections = Vec::with_capacity(SESSIONS);
    while connections.len() < SESSIONS {
        let some: FuturesUnordered<_> = (0..AT_A_TIME)
            .map(|_| open(address, config.clone()))
            .collect();
        let opened: Vec<_> = some.collect().await;
        for connection in opened {
            connections.push(connection?);
        }
    }

    let alice: Mailbox = "alice@example.org".parse()?;
    let bob: Mailbox = "bob@example.net".parse()?;
    let line = "A line of some message or other.\r\n";
    let content = line.repeat(CONTENT_LEN / line.len());
    let mut sending: FuturesUnordered<_> = connections
        .into_iter()
        .map(|mut connection| {
            let transaction = client::Transaction::new(alice.clone())
                .recipient(bob.clone())
                .content(content.clone());
            async move {
                let outcome = connection.send(transaction).await?;
                connection.quit().await?;
                Ok::<_, Error>(outcome)
            }
        })
        .collect();
    while let Some(outcome) = sending.next().await {
        let outcome = outcome?;
        if !outcome.is_complete() {
            return Err(outcome.fate().to_string().into());
        }
    }
    Ok(())
}

async fn open(address: SocketAddr, config: client::Config) -> Result<Connection, Error> {
    Connection::connect(&address.ip().to_string(), address.port(), config).await
}

/// What the server has seen.
#[derive(Default)]
struct Counts {
    sessions: AtomicUsize,
    most_sessions: AtomicUsize,
    messages: AtomicUsize,
    octets: AtomicUsize,
}

impl Counts {
    fn most_sessions(&self) -> usize {
        self.most_sessions.load(Ordering::Relaxed)
    }
}

/// Counts messages, and forgets them.
struct Counter(Arc<Counts>);

impl Service for Counter {
    fn start(&mut self, _: &mut server::Session) {
        let sessions = self.0.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.most_sessions.fetch_max(sessions, Ordering::Relaxed);
    }

    async fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    async fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    async fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.0.octets.fetch_add(piece.len(), Ordering::Relaxed);
        Ok(())
    }

    async fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        let number = self.0.messages.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(format!("counted as number {number}"))
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sees to it that there are enough file descriptors: two for each session, one
/// for either side.
#[cfg(unix)]
fn make_room() -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = 2 * SESSIONS as u64 + 100;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let limit = Rlimit {
            current: Some(needed),
            maximum,
        };
        let set = setrlimit(Resource::Nofile, limit);
        set.map_err(|error| format!("{needed} file descriptors: {error}"))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_room() -> Result<(), Failure> {
    Ok(())
}

/// The most memory that this process has had, in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
