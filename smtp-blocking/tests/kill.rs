//! The example of a receiver, killed at any moment.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "common/blocking.rs"]
mod adapter;
mod common;

#[path = "suite/kill.rs"]
mod kill;

const RECEIVER: &str = "receive";
