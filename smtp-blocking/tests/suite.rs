//! What an adapter has to do, in tests that the adapters share.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "common/blocking.rs"]
mod adapter;
mod common;

#[path = "suite/both_sides.rs"]
mod both_sides;
#[path = "suite/connecting.rs"]
mod connecting;
#[path = "suite/messages.rs"]
mod messages;
#[path = "suite/refusals.rs"]
mod refusals;
#[path = "suite/requests.rs"]
mod requests;
#[path = "suite/server.rs"]
mod server;
