//! SCRAM: both sides prove that they know the password, and neither shows it
//! (RFC 5802, RFC 7677).

mod client;
mod keys;
mod message;
mod server;

pub(super) use client::Scram;
pub use keys::{ScramHash, ScramKeys};
pub(super) use server::Server;

/// The fewest iterations that are taken: what RFC 5802 section 5.1 asks of
/// servers at least. Fewer make a guess cheap for somebody who only pretends to
/// be the server.
const MIN_ITERATIONS: u32 = 4096;

/// The iterations of keys that the server derives from a stored password in
/// the exchange itself, where they protect nothing that is not stored.
const SERVER_ITERATIONS: u32 = MIN_ITERATIONS;

/// The mechanism of this name: its hash, and whether it binds.
fn named(name: &str) -> Option<(ScramHash, bool)> {
    let hash = [ScramHash::Sha256, ScramHash::Sha1];
    let mut all = hash
        .into_iter()
        .flat_map(|hash| [(hash, false), (hash, true)]);
    all.find(|&(hash, plus)| name_of(hash, plus) == name)
}

const fn name_of(hash: ScramHash, plus: bool) -> &'static str {
    match (hash, plus) {
        (_, false) => hash.mechanism(),
        (ScramHash::Sha1, true) => "SCRAM-SHA-1-PLUS",
        (ScramHash::Sha256, true) => "SCRAM-SHA-256-PLUS",
    }
}
