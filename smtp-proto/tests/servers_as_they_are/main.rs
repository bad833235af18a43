//! Oddities of servers in use, as public issue trackers and the sources of servers
//! and clients show them, and what the client makes of each.
//!
//! Every test has the number of an oddity; the numbers are names and nothing
//! more. A server's octets come whole and one at a time, the client's leave in the
//! same two ways, and both must come to the same ([`twins::Twins`]).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod auth;
mod end;
mod framing;
mod opening;
mod transaction;
mod twins;
