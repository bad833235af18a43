//! What the benchmarks work on: the work, those who do it, the receiver that
//! they do it with, and the meter.

pub mod command;
pub mod meter;
pub mod parsers;
pub mod ratios;
pub mod receivers;
pub mod senders;
pub mod sink;
pub mod work;

/// Whatever went wrong ends a measurement.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
