//! The adapter that the tests of the suite are about.

#![allow(unused_imports, reason = "each file of tests uses some of it")]

pub(crate) use smtp_blocking::{
    Addresses, ConnectError, Connection, Error, Server, Service, Shutdown, Verified, connect,
    serve, smtp_proto,
};
