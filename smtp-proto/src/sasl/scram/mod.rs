//! SCRAM: both sides prove that they know the password, and neither shows it
//! (RFC 5802, RFC 7677).

mod client;
mod keys;
mod message;

pub(super) use client::Scram;
pub use keys::ScramHash;

/// The fewest iterations that are taken: what RFC 5802 section 5.1 asks of
/// servers at least. Fewer make a guess cheap for somebody who only pretends to
/// be the server.
const MIN_ITERATIONS: u32 = 4096;

/// The most iterations that a server may ask for, unless configured otherwise:
/// about a second of work, in which a client does nothing else.
const MAX_ITERATIONS: u32 = 1_000_000;

/// A name of a mechanism: the hash, and whether it binds to the channel.
pub(super) fn named(name: &str) -> Option<(ScramHash, bool)> {
    Some(match name {
        "SCRAM-SHA-1" => (ScramHash::Sha1, false),
        "SCRAM-SHA-1-PLUS" => (ScramHash::Sha1, true),
        "SCRAM-SHA-256" => (ScramHash::Sha256, false),
        "SCRAM-SHA-256-PLUS" => (ScramHash::Sha256, true),
        _ => return None,
    })
}
