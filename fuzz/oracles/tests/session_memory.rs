//! How much memory a session holds, whatever its peer says; and that twice as much
//! of it takes twice as many allocations, and no more. Counted, not timed; in one
//! test, since all of a program shares an allocator.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::alloc::System;

use smtp_oracles::{
    service::{self, DATA},
    talk::{Talk, config, made},
};
use smtp_proto::{
    Instant, TlsPolicy,
    client::Config,
    sasl::ServerMechanism,
    server::{Authentication, Event, Session},
    wire::ReplyLimits,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What was held at most, in octets, and how many allocations there were.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    held: usize,
    allocations: usize,
}

/// A session that hears octets, again and again.
trait Peer {
    fn hear(&mut self, octets: &[u8]);
}

impl Peer for Talk {
    fn hear(&mut self, octets: &[u8]) {
        self.say(octets);
        self.poll();
        // What was told is the application's.
        self.log = Vec::new();
        while let Some(out) = self.session.poll_transmit() {
            let octets = usize::try_from(out.octets()).unwrap();
            self.session.handle_transmitted(octets, self.now);
        }
    }
}

/// A server whose application takes everything and keeps nothing.
struct Taker(Session, bool);

impl Peer for Taker {
    fn hear(&mut self, octets: &[u8]) {
        if self.0.wants_input() {
            self.0.handle_input(octets, Instant::ORIGIN);
        }
        loop {
            while let Some(event) = self.0.poll_event().unwrap() {
                match event {
                    Event::Hello(hello) => hello.accept(),
                    Event::Authenticate(question) => question.unknown_user(),
                    Event::Mail(mail) => mail.accept(),
                    Event::Rcpt(rcpt) => rcpt.accept(),
                    Event::Data(data) => data.accept(),
                    Event::Message(message) => message.accept(),
                    _ => {}
                }
            }
            let Some(out) = self.0.poll_transmit().filter(|_| self.1) else {
                return;
            };
            let octets = usize::try_from(out.octets()).unwrap();
            self.0.handle_transmitted(octets, Instant::ORIGIN);
        }
    }
}

/// What `peer` uses that hears `octets` so often, and `step` of them at once.
fn used(mut peer: impl Peer, octets: &[u8], times: usize, step: usize) -> Used {
    let region = Region::new(GLOBAL);
    let mut used = Used::default();
    for _ in 0..times {
        for piece in octets.chunks(step) {
            peer.hear(piece);
            let change = region.change();
            let held = change
                .bytes_allocated
                .saturating_sub(change.bytes_deallocated);
            used.held = used.held.max(held);
        }
    }
    let change = region.change();
    used.allocations = change.allocations + change.reallocations;
    used
}

/// Says it so often, and twice as often: no more is held than `most`, and about twice
/// as many allocations are made.
fn check<P: Peer>(name: &str, most: usize, peer: impl Fn() -> P, octets: &[u8]) {
    let times = 1 + 100_000 / octets.len();
    for step in [1, 1000] {
        let once = used(peer(), octets, times, step);
        let twice = used(peer(), octets, 2 * times, step);
        assert!(
            once.held.max(twice.held) <= most,
            "{name}, {step}: {once:?} {twice:?}"
        );
        // A session that has ended early costs nothing at first; what is not linear
        // would be four times as much.
        let bound = 5 * once.allocations / 2 + 100;
        assert!(
            twice.allocations <= bound,
            "{name}, {step}: {once:?} {twice:?}"
        );
    }
}

const KIB: usize = 1024;

fn limited() -> Config {
    let mut limits = ReplyLimits::default();
    limits.line = 4 * KIB;
    limits.lines = 50;
    limits.total = 16 * KIB;
    limits.kept = 8 * KIB;
    config().reply_limits(limits)
}

/// At an open session with a transaction to so many.
fn client(recipients: usize) -> Talk {
    let mut talk = Talk::open(limited(), &["PIPELINING"]);
    for message in 0..2 {
        let made = made(message, recipients).content("x\r\n");
        talk.session.send(made).unwrap();
    }
    talk.hear(b"250 ok\r\n");
    talk
}

fn server(reads: bool) -> Taker {
    let own = Authentication::new()
        .mechanisms(ServerMechanism::ALL)
        .secrets_in_clear(true)
        .max_attempts(1_000_000);
    let config = service::config()
        .tls(TlsPolicy::Opportunistic)
        .authentication(own)
        .max_errors(usize::MAX)
        .max_junk_commands(usize::MAX)
        .max_recipients(100)
        .max_message_size(Some(1000));
    let mut server = Taker(Session::new(config, Instant::ORIGIN), true);
    server.hear(b"EHLO client.example.org\r\n");
    server.1 = reads;
    server
}

#[test]
fn memory_is_bounded_and_work_is_linear() {
    // The reply, once in pieces and once in whole, and what is small.
    let reply = 48 * KIB;
    let long = format!("550 5.1.1 {}\r\n", "x".repeat(3000));
    for (name, octets) in [
        ("a line without end", "2"),
        ("a reply without end", "250-text\r\n"),
        ("long lines without end", &long.replace("550 ", "550-")),
        ("replies to nothing", "250 ok\r\n"),
        ("empty lines", "\r\n"),
        ("refusals with long texts", &long),
        ("anything", "\0\u{ff}"),
    ] {
        check(name, reply, || client(1), octets.as_bytes());
        // For each recipient a fate, with its reply as far as that is kept.
        let fates = reply + 2 * (8 * KIB + 100 * 256);
        check(name, fates, || client(100), octets.as_bytes());
        check(name, reply, || Talk::new(limited()), octets.as_bytes());
    }
    let of_server = Session::INPUT_CAP + 64 * KIB;
    let rcpt = [
        DATA.trim_end_matches("DATA\r\n"),
        "RCPT TO:<x@example.net>\r\n",
    ]
    .concat();
    for (name, octets) in [
        ("a line without end", "x"),
        ("commands", "NOOP\r\n"),
        ("unknown commands", "FOO\r\n"),
        ("hellos", "EHLO client.example.org\r\n"),
        ("recipients", &rcpt),
        ("recipients without end", "RCPT TO:<bob@example.net>\r\n"),
        ("messages", &[DATA, "text\r\n.\r\n"].concat()),
        ("content without end", &[DATA, "text\r\n"].concat()),
        ("dots", "\r\n.\r"),
        ("chunks that nobody wants", "BDAT 10\r\n0123456789"),
        ("a chunk without end", "BDAT 99999999999 LAST\r\n"),
        ("responses", "AUTH LOGIN\r\nYWxpY2U=\r\nYWxpY2U=\r\n"),
        ("a response without end", "AUTH PLAIN\r\nAAAA"),
    ] {
        for reads in [true, false] {
            let name = format!("{name}, client reads: {reads}");
            check(&name, of_server, || server(reads), octets.as_bytes());
        }
    }
}
