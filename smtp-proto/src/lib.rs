//! SMTP
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod buffer;
pub mod client;
pub mod server;
mod time;
mod transcript;
pub mod types;
pub mod wire;

pub use buffer::Transmit;
pub use time::Instant;
pub use transcript::Entry;
