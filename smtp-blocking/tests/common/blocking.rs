//! The adapter that the tests of the suite are about.

#![allow(unused_imports, reason = "each file of tests uses some of it")]

#[cfg(feature = "tls")]
pub(crate) use smtp_blocking::serve_with_tls;
pub(crate) use smtp_blocking::{
    Addresses, ConnectError, Connection, Connector, Error, Pool, Server, Service, Shutdown,
    Verified, connect, serve, smtp_proto,
};
