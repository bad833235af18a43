//! What is left behind, in a file, and so a process, of its own: the counts are
//! those of a process.
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

#[path = "suite/leaks.rs"]
mod leaks;
