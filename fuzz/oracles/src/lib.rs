//! What must hold for `smtp-proto` whatever peers, networks and callers do, as
//! functions that panic if it does not.
//!
//! The same function is called by a fuzz target (`../fuzz_targets`), by property
//! tests on stable, and by the test that replays the corpus and every past
//! finding.
//!
//! A module with the name of a target has its oracle. Those beside them are what
//! oracles and tests are made of:
//!
//! | module | what it has |
//! |---|---|
//! | [`talk`] | a client session, driven by the text of a test |
//! | [`service`] | a server session with an application, driven in the same way |
//! | [`mod@line`] | the two, with a connection between them that can be cut |
//! | [`relay`], [`agreement`] | a server that decides by a rule, and what must not matter to what it makes of a message |
//! | [`tape`], [`pieces`] | the decisions in an input, and the ways to cut octets |
//! | [`values`] | what prints and parses |
//! | [`seeds`] | what a fuzzer begins with |
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "an oracle says no by a panic"
)]
#![allow(missing_docs, reason = "only the tests of this workspace use it")]

pub mod agreement;
pub mod chunks;
pub mod client;
pub mod commands;
pub mod dialogue;
pub mod dots;
pub mod ehlo;
pub mod line;
pub mod pair;
pub mod paths;
pub mod pieces;
pub mod relay;
pub mod replies;
pub mod sasl;
pub mod seeds;
pub mod server;
pub mod service;
pub mod talk;
pub mod tape;
pub mod values;
pub mod xtext;

pub use chunks::chunks;
pub use client::client;
pub use commands::commands;
pub use dialogue::dialogue;
pub use dots::dots;
pub use ehlo::ehlo;
pub use pair::pair;
pub use paths::paths;
pub use replies::replies;
pub use sasl::sasl;
pub use server::server;
pub use xtext::xtext;

/// An oracle: it takes a fuzzer's input, and panics if something does not hold.
pub type Oracle = fn(&[u8]);

/// Every fuzz target, by its name: of its file in `../fuzz_targets`, and of its
/// directories in `../seeds`, `../corpus` and `../findings`.
pub const TARGETS: &[(&str, Oracle)] = &[
    ("chunks", chunks),
    ("client", client),
    ("commands", commands),
    ("dialogue", dialogue),
    ("dots", dots),
    ("ehlo", ehlo),
    ("pair", pair),
    ("paths", paths),
    ("replies", replies),
    ("sasl", sasl),
    ("server", server),
    ("xtext", xtext),
];
