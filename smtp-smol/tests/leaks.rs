//! What is left behind, in a file, and so a process, of its own: the counts are
//! those of a process.
#![cfg(target_os = "linux")]
#![allow(
    unexpected_cfgs,
    clippy::drop_non_drop,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic; and there is no TLS here yet"
)]

mod adapter;
#[path = "../../smtp-blocking/tests/common/mod.rs"]
mod common;

#[path = "../../smtp-blocking/tests/suite/leaks.rs"]
mod leaks;
