//! The receiver under attack, in a file, and so a process, of its own: what is
//! counted is that of a process.
#![cfg(target_os = "linux")]
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

#[path = "../../smtp-blocking/tests/suite/attack.rs"]
mod attack;
