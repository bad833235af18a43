//! What the benchmarks work on: the work, those who do it, the receiver that
//! they do it with, and the meter.

pub mod command;
pub mod meter;
pub mod parsers;
pub mod receivers;
pub mod senders;
pub mod sink;
pub mod work;

/// The size of [`content`], in octets.
pub const LEN: usize = 1 << 20;

/// Whatever went wrong ends a measurement.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One MiB of a line, over and over.
#[must_use]
pub fn content(line: &str) -> Vec<u8> {
    work::repeated(line, LEN)
}
