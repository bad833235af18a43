//! What an adapter has to do, in tests that the adapters share.

#![allow(
    clippy::drop_non_drop,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod adapter;
#[path = "../../smtp-blocking/tests/common/mod.rs"]
mod common;

#[path = "../../smtp-blocking/tests/suite/both_sides.rs"]
mod both_sides;
#[path = "../../smtp-blocking/tests/suite/connecting.rs"]
mod connecting;
#[path = "../../smtp-blocking/tests/suite/many.rs"]
mod many;
#[path = "../../smtp-blocking/tests/suite/messages.rs"]
mod messages;
#[cfg(not(feature = "tls"))]
#[path = "../../smtp-blocking/tests/suite/no_tls.rs"]
mod no_tls;
#[path = "../../smtp-blocking/tests/suite/pool.rs"]
mod pool;
#[path = "../../smtp-blocking/tests/suite/refusals.rs"]
mod refusals;
#[path = "../../smtp-blocking/tests/suite/requests.rs"]
mod requests;
#[path = "../../smtp-blocking/tests/suite/server.rs"]
mod server;
#[cfg(feature = "tls")]
#[path = "../../smtp-blocking/tests/suite/tls.rs"]
mod tls;
#[cfg(feature = "tls")]
#[path = "../../smtp-blocking/tests/suite/tls_server.rs"]
mod tls_server;
