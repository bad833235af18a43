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
#[path = "suite/many.rs"]
mod many;
#[path = "suite/messages.rs"]
mod messages;
#[cfg(not(feature = "tls"))]
#[path = "suite/no_tls.rs"]
mod no_tls;
#[path = "suite/pool.rs"]
mod pool;
#[path = "suite/refusals.rs"]
mod refusals;
#[path = "suite/requests.rs"]
mod requests;
#[path = "suite/server.rs"]
mod server;
#[cfg(feature = "tls")]
#[path = "suite/tls.rs"]
mod tls;
#[cfg(feature = "tls")]
#[path = "suite/tls_server.rs"]
mod tls_server;
