//! What a receiver has accepted is there after it was killed: each message once,
//! and whole.
//!
//! The example that stores in a Maildir runs as a process of its own, clients
//! load it, and it is killed (SIGKILL) when they have heard of so many messages,
//! and a moment later; then it begins again in the same directory.
//! `KILL_ROUNDS` says how often, and `KILL_SEED` what the moments are.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use smtp_proto::client::{Chunking, Config, Fate, Outcome, Pipelining, Transaction};

use crate::RECEIVER;
use crate::adapter::{Connection, Error, smtp_proto};
use crate::common::{config, from_alice, joined, mailbox, to_bob};

const ROUNDS: u64 = 20;
const SEED: u64 = 1;

/// How many messages each client sends, if it may.
const MESSAGES: u64 = 40;

/// The most that is heard of before the kill: not all that is sent.
const HEARD: u64 = 60;

/// The longest time from there to the kill, in microseconds.
const MOMENT: u64 = 4000;

/// The most octets of a message, so that some take several writes.
const LARGEST: u64 = 200_000;

/// More than any of it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message of the test: the round, the client, and its number.
type Name = (u64, u64, u64);

/// What became of it, as the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Accepted,
    /// It was refused, or not sent at all.
    Not,
    InDoubt,
}

// ---- the receiver ----

struct Receiver {
    process: Child,
    address: SocketAddr,
}

impl Receiver {
    fn start(maildir: &Path) -> Self {
        Self::from_command(&mut Command::new(example()), maildir)
    }

    fn from_command(command: &mut Command, maildir: &Path) -> Self {
        let mut process = command
            .args(["--listen", "127.0.0.1:0", "--maildir"])
            .arg(maildir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap();
        Self {
            address: address.parse().unwrap(),
            process,
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // SIGKILL: the process has no say in it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Beside the directory of this test. `cargo test` builds it when it builds all
/// tests of the package.
fn example() -> PathBuf {
    let this = env::current_exe().unwrap();
    let built = this.parent().and_then(Path::parent).unwrap();
    let example = built.join("examples").join(RECEIVER);
    assert!(
        example.exists(),
        "{} is not built: cargo build --example {RECEIVER}",
        example.display()
    );
    example
}

// ---- the clients ----

/// Each in a way of its own.
fn settings(client: u64) -> Config {
    let config = config();
    match client {
        0 => config.pipelining(Pipelining::Off),
        1 => config,
        2 => config.pipelining(Pipelining::AcrossTransactions),
        3 => config
            .pipelining(Pipelining::AcrossTransactions)
            .chunking(Chunking::AtOnce),
        _ => config.chunking(Chunking::WhenAccepted),
    }
}

const CLIENTS: u64 = 5;

/// A generator of numbers that nothing hangs on (splitmix64).
fn random(state: u64) -> u64 {
    let mut z = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What is in a message follows from its name. Most are small.
fn content((round, client, number): Name) -> Vec<u8> {
    let random = random(round << 32 | client << 16 | number);
    let most = if random.is_multiple_of(8) {
        LARGEST
    } else {
        2000
    };
    let octets = usize::try_from(random / 8 % most).unwrap();
    let mut content = format!("Subject: {round} {client} {number}\r\n\r\n").into_bytes();
    for line in 0.. {
        if content.len() >= octets {
            break;
        }
        let dots = ".".repeat(line % 3);
        let fill = "x".repeat((line + content.len()) % 61);
        content.extend_from_slice(format!("{dots}{number} {line} {fill}\r\n").as_bytes());
    }
    content.extend_from_slice(b"the end\r\n");
    content
}

/// Every seventh is for somebody whom the receiver refuses.
fn is_refused((_, _, number): Name) -> bool {
    number % 7 == 6
}

fn transaction(name: Name) -> Transaction {
    let transaction = if is_refused(name) {
        from_alice().recipient(mailbox("nobody@example.net"))
    } else {
        to_bob()
    };
    transaction.content(content(name))
}

/// Sends over one connection, and tells of each message what became of it.
fn send(address: SocketAddr, round: u64, client: u64, told: &mpsc::Sender<(Name, Told)>) {
    let host = address.ip().to_string();
    // Who comes too late has not sent anything.
    let Ok(mut connection) = Connection::connect(&host, address.port(), settings(client)) else {
        return;
    };
    let names = (0..MESSAGES).map(|number| (round, client, number));
    let _ = connection.send_all(
        names.map(|name| (name, transaction(name))),
        |name, sent: Result<Outcome, Error>| {
            let fate = match sent.as_ref().map(Outcome::fate) {
                Ok(Fate::Accepted(_)) => Told::Accepted,
                Ok(Fate::InDoubt(_)) => Told::InDoubt,
                Ok(Fate::Refused { .. } | Fate::NotSent(_)) | Err(_) => Told::Not,
                Ok(other) => panic!("{other:?}"),
            };
            let _ = told.send((name, fate));
        },
    );
}

// ---- the Maildir ----

/// The messages that are visible, by name. All have to be whole.
fn stored(maildir: &Path, about: &str) -> HashMap<Name, usize> {
    let mut stored = HashMap::new();
    for entry in fs::read_dir(maildir.join("new")).unwrap() {
        let path = entry.unwrap().path();
        let octets = fs::read(&path).unwrap();
        let path = path.display();
        let name = name(&octets).unwrap_or_else(|| panic!("{path} has no subject: {about}"));
        let whole = content(name);
        assert!(octets.ends_with(&whole), "{path} is not whole: {about}");
        let trace = &octets[..octets.len() - whole.len()];
        assert!(trace.starts_with(b"Return-Path: <alice@example.org>\r\nReceived: "));
        assert!(!trace.windows(8).any(|window| window == b"Subject:"));
        *stored.entry(name).or_default() += 1;
    }
    stored
}

/// What the subject says.
fn name(octets: &[u8]) -> Option<Name> {
    let text = String::from_utf8_lossy(octets);
    let subject = text
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "))?;
    let mut numbers = subject.split(' ').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

/// A directory that is gone when the test has passed.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let name = format!("{test}-{RECEIVER}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

// ---- the rounds ----

/// Lets the receiver work, and kills it. What the clients were told.
fn round(maildir: &Path, round: u64, seed: u64) -> HashMap<Name, Told> {
    let receiver = Receiver::start(maildir);
    let address = receiver.address;
    let (sender, fates) = mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let told = sender.clone();
            thread::spawn(move || send(address, round, client, &told))
        })
        .collect();
    drop(sender);
    let random = random(seed ^ round.rotate_left(40));
    let heard = usize::try_from(random % HEARD).unwrap();
    let mut told: HashMap<Name, Told> = fates.iter().take(heard).collect();
    let moment = Duration::from_micros(random / HEARD % MOMENT);
    let since = Instant::now();
    while since.elapsed() < moment {
        std::hint::spin_loop();
    }
    drop(receiver);
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match fates.recv_timeout(left) {
            Ok((name, fate)) => {
                let earlier = told.insert(name, fate);
                assert_eq!(earlier, None, "{name:?} was told twice");
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the clients go on and on"),
        }
    }
    clients.into_iter().for_each(|client| joined(client.join()));
    told
}

#[test]
fn s_074_what_was_accepted_outlives_a_receiver_that_is_killed() {
    let number = |name: &str, default| match env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    };
    let rounds = number("KILL_ROUNDS", ROUNDS);
    let seed = number("KILL_SEED", SEED);
    let directory = Directory::new("kill");
    let maildir = &directory.0;
    let mut told = HashMap::new();
    let mut cut = 0;
    for number in 0..rounds {
        let new = round(maildir, number, seed);
        let accepted = |(name, fate): (&Name, &Told)| is_refused(*name) || *fate == Told::Accepted;
        let all = CLIENTS * MESSAGES;
        cut += u64::from((new.len() as u64) < all || !new.iter().all(accepted));
        told.extend(new);
        let about = format!("round {number}, KILL_SEED={seed}");
        let stored = stored(maildir, &about);
        for (name, times) in &stored {
            assert_eq!(*times, 1, "{name:?} is there {times} times: {about}");
            let fate = told.get(name);
            assert!(
                matches!(fate, Some(Told::Accepted | Told::InDoubt)),
                "{name:?} is there, and was told {fate:?}: {about}"
            );
        }
        for (name, fate) in &told {
            assert!(
                *fate != Told::Accepted || stored.contains_key(name),
                "{name:?} was accepted, and is lost: {about}"
            );
        }
    }
    let count = |fate| told.values().filter(|&&told| told == fate).count();
    let (accepted, not, in_doubt) = (
        count(Told::Accepted),
        count(Told::Not),
        count(Told::InDoubt),
    );
    // So many rounds are about something.
    assert!(
        rounds < ROUNDS || accepted > 0 && not > 0 && in_doubt > 0 && cut > rounds / 2,
        "{accepted} accepted, {not} not, {in_doubt} in doubt, {cut} rounds cut short"
    );
    let mut refused = told.iter().filter(|(name, _)| is_refused(**name));
    assert!(refused.all(|(_, &fate)| fate != Told::Accepted));
    // It works as ever where it was killed so often.
    let receiver = Receiver::start(maildir);
    assert_eq!(goes_through(&receiver, rounds), MESSAGES);
}

/// How many messages of one client are answered as they should be.
fn goes_through(receiver: &Receiver, round: u64) -> u64 {
    let (sender, fates) = mpsc::channel();
    send(receiver.address, round, 1, &sender);
    drop(sender);
    let told = fates.iter();
    told.filter(|(name, fate)| is_refused(*name) == (*fate == Told::Not))
        .filter(|(_, fate)| *fate != Told::InDoubt)
        .count() as u64
}

/// It neither ends nor stays deaf.
#[test]
fn s_208_a_receiver_out_of_descriptors_goes_on_when_there_are_some_again() {
    let directory = Directory::new("descriptors");
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 24 && exec \"$0\" \"$@\""]);
    let receiver = Receiver::from_command(shell.arg(example()), &directory.0);
    for round in 0..3 {
        let crowd: Vec<TcpStream> = (0..60)
            .map(|_| TcpStream::connect(receiver.address).unwrap())
            .collect();
        let mut heard = [0; 4];
        (&crowd[0]).read_exact(&mut heard).unwrap();
        assert_eq!(heard, *b"220 ");
        // The system has taken the last one, and the receiver cannot.
        let last = &crowd[59];
        last.set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        assert!((&*last).read(&mut heard).is_err());
        drop(crowd);
        // Those that have left are still to be served, and take their part.
        let until = Instant::now() + PATIENCE;
        while goes_through(&receiver, round) < MESSAGES {
            assert!(Instant::now() < until, "it is deaf");
        }
    }
}
