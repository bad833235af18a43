//! Clients and servers of ours in one process, on a network and a clock that are
//! simulated.
//!
//! A world has mailers with messages to send, receivers with a disk, and between
//! them connections that are slow, that cut what is said at any octet, that stall,
//! and that are lost in every way there is; receivers refuse this and that, think,
//! fall over before, while and after a message is written to the disk, and come
//! back. Everything in it is a function of one number. When nothing happens any
//! more, the books are balanced:
//!
//! - Who was told that a message was accepted for a recipient can rely on it: it
//!   was stored for them, once, octet for octet.
//! - What was told to be refused, or not to be sent, was not stored.
//! - What is in doubt is stored once or not at all, and was not sent again.
//! - Every transaction has ended once, with one fate for each recipient, in the
//!   words that the receiver had for this one.
//! - Nobody waits for ever, and nobody holds more than they may.
//! - Neither side ever said anything that the other could not make sense of.
//!
//! ```console
//! $ cargo test -p smtp-proto --test simulation
//! $ SIMULATION_SEED=123 cargo test -p smtp-proto --test simulation -- --nocapture
//! $ SIMULATION_SEEDS=1000000 cargo test --release -p smtp-proto --test simulation
//! ```
//!
//! The second runs one world, and shows what happened in it. The third runs many,
//! from `SIMULATION_FIRST` on (1 if it is not set), in as many threads as there are
//! processors, or as `SIMULATION_THREADS` says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails may panic, and says what it has seen"
)]

mod agenda;
mod application;
mod call;
mod chance;
mod channel;
mod guest;
mod ledger;
mod mailer;
mod network;
mod receiver;
mod settings;
mod world;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use agenda::{Seen, Trace};
use world::{Flaw, run};

/// How many worlds there are when nobody says otherwise.
const WORLDS: u64 = 3000;

/// What has to happen in so many worlds, or they show less than they say.
const KINDS: &[&str] = &[
    "DATA refused",
    "TLS failed",
    "TLS not offered",
    "a chunk refused",
    "a client that leaves without QUIT",
    "a client that vanishes",
    "a connection lost by a reset",
    "a connection lost by its end",
    "a connection lost without notice",
    "a connection that has to queue",
    "a connection that is turned away",
    "a crash before a commit",
    "a crash behind a commit",
    "a crash before the reply has left",
    "a crash behind the reply",
    "a failed authentication",
    "a full window",
    "a handshake",
    "a handshake that fails",
    "a host that does not listen",
    "a mailer that gives up",
    "a message tried again",
    "a probe that is answered",
    "a recipient refused",
    "a recipient too many",
    "a refusal that ends the session",
    "a reset for what came too late",
    "a reset for what was not read",
    "a restart",
    "a sender refused",
    "a session aborted by its server",
    "a session closed by 421",
    "a session that is used again",
    "a session that timed out",
    "a shutdown",
    "a stall",
    "a time-out of a client",
    "a time-out of a server",
    "a transaction given up in stages",
    "an answer that takes its time",
    "another configuration after an error",
    "content given up half-way",
    "content refused",
    "content refused half-way",
    "content that takes its time",
    "messages stored",
    "one direction that ends",
    "recipients accepted",
    "recipients in doubt",
    "recipients refused",
    "recipients to whom nothing was sent",
];

/// The number in this variable.
fn variable(name: &str) -> Option<u64> {
    Some(env::var(name).ok()?.parse().unwrap())
}

/// What is wrong with the world of this number, if anything is.
fn examine(seed: u64, flaw: Flaw) -> Result<Seen, String> {
    let report = catch_unwind(AssertUnwindSafe(|| run(seed, flaw, &Trace::OFF)))
        .map_err(|_| String::from("it panics"))?;
    match report.wrong.first() {
        None => Ok(report.seen),
        Some(wrong) => Err(wrong.clone()),
    }
}

#[test]
fn simulation() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        let trace = Trace::on();
        let report = catch_unwind(AssertUnwindSafe(|| run(seed, Flaw::None, &trace)));
        println!("{}", trace.text());
        let wrong = report.unwrap_or_else(|panic| resume_unwind(panic)).wrong;
        assert!(wrong.is_empty(), "world {seed}: {}", wrong.join("\n"));
        return;
    }
    let worlds = variable("SIMULATION_SEEDS").unwrap_or(WORLDS);
    let first = variable("SIMULATION_FIRST").unwrap_or(1);
    let threads = variable("SIMULATION_THREADS").unwrap_or_else(|| {
        let processors = thread::available_parallelism();
        processors.map_or(1, |processors| processors.get() as u64)
    });
    let next = AtomicU64::new(first);
    let seen = Mutex::new(Seen::default());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Seen::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + worlds {
                        break;
                    }
                    match examine(seed, Flaw::None) {
                        Ok(one) => own.add(&one),
                        Err(wrong) => panic!(
                            "world {seed}: {wrong}\nSIMULATION_SEED={seed} cargo test \
                             -p smtp-proto --test simulation -- --nocapture"
                        ),
                    }
                }
                seen.lock().unwrap().add(&own);
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    for (kind, count) in &seen.0 {
        println!("{count:10} {kind}");
    }
    for kind in KINDS {
        assert!(
            seen.0.contains_key(kind) || worlds < WORLDS,
            "never: {kind}"
        );
    }
}

#[test]
fn a_world_is_a_function_of_its_number() {
    for seed in 1..30 {
        let (first, second) = (Trace::on(), Trace::on());
        let seen = run(seed, Flaw::None, &first).seen;
        assert_eq!(seen, run(seed, Flaw::None, &second).seen);
        assert_eq!(first.text(), second.text());
        // Nor does it matter whether anybody watches.
        assert_eq!(seen, run(seed, Flaw::None, &Trace::OFF).seen);
    }
}

/// The number of the first world in which it is noticed.
fn noticed(flaw: Flaw) -> Option<u64> {
    (1..1000).find(|seed| !run(*seed, flaw, &Trace::OFF).wrong.is_empty())
}

#[test]
fn a_receiver_that_promises_too_early_is_noticed() {
    assert!(noticed(Flaw::AcceptsBeforeCommit).is_some());
}

#[test]
fn a_receiver_that_loses_dots_is_noticed() {
    assert!(noticed(Flaw::LosesDots).is_some());
}

#[test]
fn a_mailer_that_sends_again_what_is_in_doubt_is_noticed() {
    assert!(noticed(Flaw::SendsAgainInDoubt).is_some());
}
