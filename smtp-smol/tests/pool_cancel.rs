//! The futures of a pool, dropped at each of their polls: while they connect,
//! probe what was kept, send, and send again.
//!
//! The host lives between the polls, and says little at a time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use std::{
    collections::{BTreeSet, VecDeque},
    future::Future,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use smtp_proto::{
    client::{Config, PoolPolicy, Transaction},
    types::Mailbox,
};
use smtp_smol::{Connector, Error, Pool};

/// The most that is said at once: each reply is at least three of these long, so
/// that no command is passed over, whether or not a poll or two came too early.
const MOUTHFUL: usize = 4;

/// As many connections as the pool may have.
const PLACES: usize = 2;

/// More polls than anything takes.
const MANY: usize = 5_000;

/// A server that takes every message.
struct Host {
    listener: TcpListener,
    peers: Vec<Peer>,
    /// It closes a connection at the second MAIL.
    is_tired: bool,
    /// The last command that it heard.
    last: String,
    messages: Vec<String>,
    moved: bool,
}

struct Peer {
    stream: TcpStream,
    line: Vec<u8>,
    says: VecDeque<u8>,
    content: Option<String>,
    transactions: usize,
}

impl Host {
    fn new(is_tired: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            listener,
            peers: Vec::new(),
            is_tired,
            last: String::new(),
            messages: Vec::new(),
            moved: false,
        }
    }

    /// Hears all that has come, and says a little. Whether there was anything.
    fn step(&mut self) -> bool {
        self.moved = false;
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            self.moved = true;
            self.peers.push(Peer {
                stream,
                line: Vec::new(),
                says: b"220 mx\r\n".to_vec().into(),
                content: None,
                transactions: 0,
            });
        }
        let mut peers = std::mem::take(&mut self.peers);
        peers.retain_mut(|peer| self.step_with(peer));
        self.peers = peers;
        self.moved
    }

    /// Whether the connection goes on.
    fn step_with(&mut self, peer: &mut Peer) -> bool {
        let mut octets = [0; 1024];
        match peer.stream.read(&mut octets) {
            Ok(0) => return false,
            Ok(n) => {
                self.moved = true;
                for &octet in &octets[..n] {
                    peer.line.push(octet);
                    if octet == b'\n' {
                        let line = String::from_utf8(std::mem::take(&mut peer.line)).unwrap();
                        if !self.hears(peer, &line) {
                            return false;
                        }
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        let n = peer.says.len().min(MOUTHFUL);
        let says: Vec<_> = peer.says.drain(..n).collect();
        self.moved |= n > 0;
        peer.stream.write_all(&says).is_ok()
    }

    fn hears(&mut self, peer: &mut Peer, line: &str) -> bool {
        if let Some(mut content) = peer.content.take() {
            if line == ".\r\n" {
                self.messages.push(content);
                peer.says.extend(b"250 stored\r\n");
            } else {
                content.push_str(line);
                peer.content = Some(content);
            }
            return true;
        }
        let verb = line.trim_end().split(' ').next().unwrap();
        verb.clone_into(&mut self.last);
        match verb {
            "MAIL" => {
                peer.transactions += 1;
                if self.is_tired && peer.transactions > 1 {
                    return false;
                }
            }
            "DATA" => peer.content = Some(String::new()),
            _ => {}
        }
        let code = if verb == "DATA" { 354 } else { 250 };
        peer.says.extend(format!("{code} {verb}\r\n").as_bytes());
        true
    }

    /// Polls a future so often, and drops it. While nothing happens, all polls
    /// count as one.
    fn cut<T>(&mut self, future: impl Future<Output = T>, polls: usize) -> Option<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        let mut counted = 0;
        let mut was_idle = false;
        for _ in 0..MANY {
            if counted == polls {
                return None;
            }
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            let is_idle = !self.step();
            if is_idle {
                thread::sleep(Duration::from_millis(1));
            }
            counted += usize::from(!is_idle || !was_idle);
            was_idle = is_idle;
        }
        panic!("it hangs");
    }

    fn serve<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.cut(future, usize::MAX).expect("an end")
    }

    /// Waits until everybody has left.
    fn end(mut self) -> Vec<String> {
        for _ in 0..MANY {
            self.step();
            if self.peers.is_empty() {
                return self.messages;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("a connection was kept");
    }
}

fn message(text: &str) -> Transaction {
    Transaction::new("alice@example.org".parse::<Mailbox>().unwrap())
        .recipient("bob@example.net".parse::<Mailbox>().unwrap())
        .content(format!("{text}\r\n").into_bytes())
}

/// What the pool has when the future is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Nothing,
    /// A connection that has to answer a NOOP before it is used.
    One,
    /// One that is lost after that.
    Tired,
}

/// Cuts `method`, which may send the text that it is given, at each of its polls.
/// The server has heard each of these commands last when it was cut.
fn at_every_poll(kept: Kept, heard: &[&str], method: &impl AsyncFn(&Pool, &str)) {
    let mut host = Host::new(kept == Kept::Tired);
    let port = host.listener.local_addr().unwrap().port();
    let config = Config::new(&"client.example.org".parse().unwrap()).unwrap();
    let policy = PoolPolicy::default()
        .max_connections(PLACES)
        .max_wait(Duration::from_millis(5))
        .probe_after(Duration::ZERO);
    let pool = Pool::new(Connector::new(config), "127.0.0.1", port, policy);
    let mut cut_at = BTreeSet::new();
    let mut polls = 0;
    loop {
        pool.close();
        if kept != Kept::Nothing {
            let before = format!("before {polls}");
            let outcome = host.serve(pool.send(message(&before))).unwrap();
            assert!(outcome.is_complete(), "{outcome:?}");
        }
        host.last.clear();
        let text = format!("cut {polls}");
        let done = host.cut(method(&pool, &text), polls).is_some();
        if !done {
            cut_at.insert(host.last.clone());
        }
        // There are as many places as before, and not more.
        let mut held = Vec::new();
        for _ in 0..PLACES {
            let mut connection = host.serve(pool.get()).unwrap();
            let reply = host.serve(connection.noop()).unwrap();
            assert_eq!(reply.text(), "NOOP");
            held.push(connection);
        }
        let one_more = host.serve(pool.get());
        assert!(matches!(one_more, Err(Error::PoolExhausted)));
        drop(held);
        let after = format!("after {polls}");
        let outcome = host.serve(pool.send(message(&after))).unwrap();
        assert!(outcome.is_complete(), "{outcome:?} after {polls} polls");
        if done {
            break;
        }
        polls += 1;
        assert!(polls < 1000, "it has no end");
    }
    pool.close();
    let messages = host.end();
    let times = |text: String| messages.iter().filter(|&one| *one == text).count();
    for number in 0..=polls {
        let before = usize::from(kept != Kept::Nothing);
        assert_eq!(times(format!("before {number}\r\n")), before);
        assert_eq!(times(format!("after {number}\r\n")), 1);
        assert!(times(format!("cut {number}\r\n")) <= 1);
    }
    for verb in heard {
        assert!(cut_at.contains(*verb), "{kept:?}: {verb} in {cut_at:?}");
    }
    // One that was not cut has sent what it had to send.
    let sends = usize::from(heard.contains(&"DATA"));
    assert_eq!(times(format!("cut {polls}\r\n")), sends);
}

#[test]
fn m42_a_connection_that_nobody_waits_for() {
    let get = &async |pool: &Pool, _: &str| drop(pool.get().await.unwrap());
    at_every_poll(Kept::Nothing, &["", "EHLO"], get);
    at_every_poll(Kept::One, &["", "NOOP"], get);
}

#[test]
fn m42_a_message_that_nobody_waits_for() {
    let send = &async |pool: &Pool, text: &str| {
        let outcome = pool.send(message(text)).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
    };
    let envelope = ["MAIL", "RCPT", "DATA"];
    at_every_poll(
        Kept::Nothing,
        &[&["", "EHLO"], &envelope[..]].concat(),
        send,
    );
    at_every_poll(Kept::One, &[&["", "NOOP"], &envelope[..]].concat(), send);
    // Found to be lost at MAIL, and sent over another.
    let again = ["", "NOOP", "MAIL", "EHLO", "RCPT", "DATA"];
    at_every_poll(Kept::Tired, &again, send);
}
