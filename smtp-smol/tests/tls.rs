//! Futures that are dropped at any poll, inside TLS and on the way into it.
//!
//! The peer is in memory, and hesitates on each second call, so that each poll
//! of a future gets a little further.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "../../smtp-proto/tests/pki/mod.rs"]
mod pki;

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_io::Timer;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future::{block_on, or};
use pki::Ca;
use smtp_proto::{
    TlsPolicy,
    client::{Authentication, Config, Transaction},
    tls::{ClientTls, ServerTls, rustls::ServerConnection},
    types::Mailbox,
};
use smtp_smol::{Connection, Connector};

const HOST: &str = "mx.example.net";

/// The most that is read or written at once.
const MOUTHFUL: usize = 61;

const WHOLE: &str = "Subject: whole\r\n\r\nThis is all of it.\r\n";
const AFTER: &str = "Subject: after\r\n\r\nThis comes after it.\r\n";

/// What a peer has seen.
#[derive(Debug, Default)]
struct Seen {
    in_clear: Vec<String>,
    commands: Vec<String>,
    messages: Vec<String>,
    /// The end was announced.
    closed: bool,
}

/// A server that answers each command with yes.
struct Peer {
    tls: ServerConnection,
    secured: bool,
    seen: Arc<Mutex<Seen>>,
    line: Vec<u8>,
    content: Option<String>,
    /// The next line is a response.
    challenged: bool,
    /// Octets on their way to the client.
    says: VecDeque<u8>,
    reader: Option<Waker>,
    hesitates: [bool; 2],
}

impl Peer {
    fn new(policy: TlsPolicy, tls: &ServerTls) -> Self {
        let mut peer = Self {
            tls: tls.connection().unwrap(),
            secured: policy == TlsPolicy::Implicit,
            seen: Arc::default(),
            line: Vec::new(),
            content: None,
            challenged: false,
            says: VecDeque::new(),
            reader: None,
            hesitates: [false; 2],
        };
        peer.say("220 mx.example.net\r\n");
        peer
    }

    fn say(&mut self, text: &str) {
        if self.secured {
            self.tls.writer().write_all(text.as_bytes()).unwrap();
        } else {
            self.says.extend(text.as_bytes());
        }
    }

    fn hears(&mut self, mut octets: &[u8]) {
        if !self.secured {
            self.hears_text(octets);
            return;
        }
        while !octets.is_empty() {
            self.tls.read_tls(&mut octets).unwrap();
            let state = self.tls.process_new_packets().unwrap();
            self.seen.lock().unwrap().closed |= state.peer_has_closed();
            let mut text = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut text).unwrap();
            self.hears_text(&text);
        }
    }

    fn hears_text(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.line.push(octet);
            if octet == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                self.hears_line(&line);
            }
        }
    }

    fn hears_line(&mut self, line: &str) {
        let seen = Arc::clone(&self.seen);
        let mut seen = seen.lock().unwrap();
        if let Some(mut content) = self.content.take() {
            if line == ".\r\n" {
                seen.messages.push(content);
                self.say("250 stored\r\n");
            } else {
                content.push_str(line);
                self.content = Some(content);
            }
            return;
        }
        let line = line.trim_end();
        if self.secured {
            seen.commands.push(line.to_owned());
        } else {
            seen.in_clear.push(line.to_owned());
        }
        if std::mem::take(&mut self.challenged) {
            self.say("235 AUTH\r\n");
            return;
        }
        match line.split(' ').next().unwrap() {
            "EHLO" if self.secured => self.say("250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n"),
            "AUTH" if line == "AUTH PLAIN" => {
                self.challenged = true;
                self.say("334 \r\n");
            }
            "AUTH" => self.say("235 AUTH\r\n"),
            "EHLO" => self.say("250-mx\r\n250 STARTTLS\r\n"),
            "STARTTLS" => {
                self.say("220 go ahead\r\n");
                self.secured = true;
            }
            "DATA" => {
                self.content = Some(String::new());
                self.say("354 go on\r\n");
            }
            verb => self.say(&format!("250 {verb}\r\n")),
        }
    }

    fn hesitates(&mut self, direction: usize, context: &Context<'_>) -> bool {
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
        let peer = &mut *self;
        if peer.secured {
            while peer.tls.wants_write() {
                peer.tls.write_tls(&mut peer.says).unwrap();
            }
        }
        if peer.says.is_empty() {
            peer.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        if peer.hesitates(0, context) {
            return Poll::Pending;
        }
        let n = peer.says.len().min(MOUTHFUL).min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(peer.says.drain(..n)) {
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
        let n = octets.len().min(MOUTHFUL);
        self.hears(&octets[..n]);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A host, and whoever connects to it.
struct Host {
    policy: TlsPolicy,
    connector: Connector,
    tls: ServerTls,
}

impl Host {
    fn new(policy: TlsPolicy) -> Self {
        let config = Config::new(&"client.example.org".parse().unwrap()).unwrap();
        Self::with(config, policy)
    }

    fn with(config: Config, policy: TlsPolicy) -> Self {
        let ca = Ca::new("ca");
        let identity = ca.issue(&[HOST]);
        let trust = ClientTls::with_ca_pem(ca.pem.as_bytes()).unwrap();
        Self {
            policy,
            connector: Connector::new(config.tls(policy)).tls(trust),
            tls: ServerTls::from_pem(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap(),
        }
    }

    fn peer(&self) -> (Peer, Arc<Mutex<Seen>>) {
        let peer = Peer::new(self.policy, &self.tls);
        let seen = Arc::clone(&peer.seen);
        (peer, seen)
    }

    fn opened(&self) -> (Connection<Peer>, Arc<Mutex<Seen>>) {
        let (peer, seen) = self.peer();
        (soon(self.connector.open(peer, HOST)).unwrap(), seen)
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

/// Polls a future so often, and drops it.
fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

fn message(content: &'static str) -> Transaction {
    Transaction::new("alice@example.org".parse::<Mailbox>().unwrap())
        .recipient("bob@example.net".parse::<Mailbox>().unwrap())
        .content(content)
}

const POLICIES: [TlsPolicy; 2] = [TlsPolicy::Required, TlsPolicy::Implicit];

/// Cuts an opening at each of its polls, and then sends a message: over the
/// next connection, if this one was not opened. `secured` is what the server
/// hears inside TLS.
fn at_every_poll_of_an_opening(host: &Host, secured: &[&str]) {
    let mut polls = 0;
    let mut at_the_last_answer = false;
    loop {
        let (peer, seen) = host.peer();
        let opened = cut(host.connector.open(peer, HOST), polls);
        let done = opened.is_some();
        {
            let seen = seen.lock().unwrap();
            let in_clear = [EHLO, "STARTTLS"];
            assert!(in_clear.starts_with(&as_text(&seen.in_clear)), "{seen:?}");
            assert!(secured.starts_with(&as_text(&seen.commands)), "{seen:?}");
            let asked_all = seen.commands.len() == secured.len();
            assert!(asked_all || !done, "{seen:?}");
            at_the_last_answer |= asked_all && !done;
        }
        // What the connector has for its next connection is unharmed.
        let (mut connection, seen) = match opened {
            Some(opened) => (opened.unwrap(), seen),
            None => host.opened(),
        };
        let outcome = soon(connection.send(message(WHOLE))).unwrap();
        assert!(outcome.is_complete(), "after {polls} polls");
        soon(connection.quit()).unwrap();
        assert_eq!(seen.lock().unwrap().messages, [WHOLE]);
        if done {
            break;
        }
        polls += 1;
        assert!(polls < 10_000, "it has no end");
    }
    assert!(polls > 5, "only {polls} polls");
    assert!(at_the_last_answer);
}

const EHLO: &str = "EHLO client.example.org";

#[test]
fn m42_an_opening() {
    for policy in POLICIES {
        at_every_poll_of_an_opening(&Host::new(policy), &[EHLO]);
    }
}

#[test]
fn m42_an_opening_with_authentication() {
    // `\0alice\0wonderland` fits into the command line; the other does not.
    let short = ["AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ="];
    let response = format!("AGFsaWNlAHdv{}", "d293".repeat(150));
    let long = ["AUTH PLAIN", &response];
    let wow = format!("wo{}", "wow".repeat(150));
    for policy in POLICIES {
        for (password, expected) in [("wonderland", &short[..]), (&wow, &long)] {
            let config = Config::new(&"client.example.org".parse().unwrap()).unwrap();
            let authentication = Authentication::password("alice", password);
            let host = Host::with(config.authentication(authentication), policy);
            at_every_poll_of_an_opening(&host, &[&[EHLO], expected].concat());
        }
    }
}

fn as_text(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// Cuts `method` at each of its polls, and sends a message after it.
fn at_every_poll(method: &impl AsyncFn(&mut Connection<Peer>)) {
    for policy in POLICIES {
        let host = Host::new(policy);
        let mut polls = 0;
        loop {
            let (mut connection, seen) = host.opened();
            let done = cut(method(&mut connection), polls).is_some();
            let outcome = soon(connection.send(message(AFTER))).unwrap();
            assert!(outcome.is_complete(), "{outcome:?} after {polls} polls");
            assert_eq!(soon(connection.noop()).unwrap().text(), "NOOP");
            soon(connection.quit()).unwrap();
            let mut seen = seen.lock().unwrap();
            assert_eq!(seen.messages.pop().as_deref(), Some(AFTER));
            assert!(seen.messages.iter().all(|message| message == WHOLE));
            assert!(seen.messages.len() <= 1);
            assert_eq!(seen.commands.last().map(String::as_str), Some("QUIT"));
            if done {
                break;
            }
            polls += 1;
            assert!(polls < 10_000, "it has no end");
        }
        assert!(polls > 2, "only {polls} polls");
    }
}

#[test]
fn m42_commands_inside_tls() {
    at_every_poll(&async |connection| {
        assert_eq!(connection.noop().await.unwrap().text(), "NOOP");
        let reply = connection.verify("alice".parse().unwrap()).await;
        assert_eq!(reply.unwrap().text(), "VRFY");
    });
}

#[test]
fn m42_authentication_inside_tls() {
    for password in ["wonderland".to_owned(), "wonderland".repeat(50)] {
        at_every_poll(&async |connection| {
            let authentication = Authentication::password("alice", &password);
            assert_eq!(connection.noop().await.unwrap().text(), "NOOP");
            connection.authenticate(authentication).await.unwrap();
        });
    }
}

#[test]
fn m42_a_message_inside_tls() {
    at_every_poll(&async |connection| {
        let outcome = connection.send(message(WHOLE)).await.unwrap();
        assert!(outcome.is_complete());
    });
}

/// RFC 8314 section 3.4.
#[test]
fn c_190_the_end_is_announced() {
    let host = Host::new(TlsPolicy::Implicit);
    let (connection, seen) = host.opened();
    soon(connection.quit()).unwrap();
    assert!(seen.lock().unwrap().closed);
}
