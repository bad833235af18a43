//! What must hold for `smtp-proto` whatever peers, networks and callers do, as
//! functions that panic if it does not.
//!
//! The same function is called by a fuzz target (`../fuzz_targets`), by property
//! tests on stable, and by the test that replays the corpus and every past
//! finding.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "an oracle says no by a panic"
)]
#![allow(missing_docs, reason = "only the tests of this workspace use it")]

pub mod client;
pub mod dialogue;
pub mod relay;
pub mod server;
pub mod service;
pub mod talk;
pub mod tape;
