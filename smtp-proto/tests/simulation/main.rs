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
//! $ SIMULATION_SEEDS=1000000 cargo test --release -p smtp-proto --test simulation -- --nocapture
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
mod chance;
mod channel;
mod ledger;
mod mailer;
mod network;
mod receiver;
mod settings;
mod world;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use agenda::Seen;
use world::{Flaw, Report, run};

/// How many worlds there are when nobody says otherwise.
const WORLDS: u64 = 3000;

/// The number in this variable.
fn variable(name: &str) -> Option<u64> {
    Some(env::var(name).ok()?.parse().unwrap())
}

/// What is wrong with the world of this number, if anything is.
fn examine(seed: u64, flaw: Flaw) -> Result<Seen, String> {
    let report = catch_unwind(AssertUnwindSafe(|| run(seed, flaw, false)))
        .map_err(|_| String::from("it panics"))?;
    match report.wrong.first() {
        None => Ok(report.seen),
        Some(wrong) => Err(wrong.clone()),
    }
}

#[test]
fn simulation() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        // What was traced before a panic is worth seeing, too.
        let Report { wrong, trace, .. } = run(seed, Flaw::None, true);
        println!("{trace}");
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
}

#[test]
fn a_world_is_a_function_of_its_number() {
    for seed in 1..30 {
        let (one, other) = (run(seed, Flaw::None, true), run(seed, Flaw::None, true));
        assert_eq!(one.trace, other.trace);
        assert_eq!(one.seen, other.seen);
        // Nor does it matter whether anybody watches.
        assert_eq!(one.seen, run(seed, Flaw::None, false).seen);
    }
}

/// The number of the first world in which it is noticed.
fn noticed(flaw: Flaw) -> Option<u64> {
    (1..1000).find(|seed| !run(*seed, flaw, false).wrong.is_empty())
}

#[test]
fn a_receiver_that_promises_too_early_is_noticed() {
    assert!(noticed(Flaw::AcceptsBeforeCommit).is_some());
}

#[test]
fn a_mailer_that_sends_again_what_is_in_doubt_is_noticed() {
    assert!(noticed(Flaw::SendsAgainInDoubt).is_some());
}
