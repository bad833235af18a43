//! The receiver under attack, in a file, and so a process, of its own: what is
//! counted is that of a process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "common/blocking.rs"]
mod adapter;
mod common;

#[path = "suite/attack.rs"]
mod attack;
