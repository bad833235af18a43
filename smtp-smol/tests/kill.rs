//! The example of a receiver, killed at any moment.
#![cfg(unix)]
#![allow(
    clippy::drop_non_drop,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod adapter;
#[path = "../../smtp-blocking/tests/common/mod.rs"]
mod common;

#[path = "../../smtp-blocking/tests/suite/kill.rs"]
mod kill;

const RECEIVER: &str = "smol-receive";
