//! What an adapter has to do, in tests that the adapters share.

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

#[path = "../../smtp-blocking/tests/suite/both_sides.rs"]
mod both_sides;
#[path = "../../smtp-blocking/tests/suite/connecting.rs"]
mod connecting;
#[path = "../../smtp-blocking/tests/suite/messages.rs"]
mod messages;
#[path = "../../smtp-blocking/tests/suite/refusals.rs"]
mod refusals;
#[path = "../../smtp-blocking/tests/suite/requests.rs"]
mod requests;
#[path = "../../smtp-blocking/tests/suite/server.rs"]
mod server;
