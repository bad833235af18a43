//! SMTP over asynchronous streams, for smol.
//!
//! Every decision of the protocol is [`smtp_proto`]'s; this crate moves octets
//! and tells the time. It needs no particular executor: sockets and timers are
//! those of `async-io`, and a [`Server`] drives its connections itself.
//!
//! ```no_run
//! use smtp_proto::client::{Config, Transaction};
//! use smtp_proto::types::Mailbox;
//! use smtp_smol::Connection;
//!
//! # futures_lite::future::block_on(async {
//! let config = Config::new(&"client.example.org".parse()?)?;
//! let mut connection = Connection::connect("mx.example.net", 25, config).await?;
//! let outcome = connection
//!     .send(
//!         Transaction::new("alice@example.org".parse::<Mailbox>()?)
//!             .recipient("bob@example.net".parse::<Mailbox>()?)
//!             .content("Subject: hello\r\n\r\nHello.\r\n"),
//!     )
//!     .await?;
//! for fate in outcome.recipients() {
//!     println!("{fate}");
//! }
//! connection.quit().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # });
//! ```
//!
//! A [`Connector`] says whom to trust with TLS, and more that is the same for
//! every connection; a [`Pool`] uses connections again. TLS is rustls, with the
//! feature `tls`, which is on by default.
//!
//! For many messages over one connection there is [`Connection::send_all`], and
//! for content that is not in memory [`Connection::send_with`]; for a message whose
//! recipients are to be answered one by one, [`Connection::begin`]. A [`Server`]
//! receives, and asks a [`Service`].
//!
//! Nothing here waits for ever: every wait has the deadline that the session
//! gives it, and looking up a name and connecting have time limits of their
//! own. And nothing is lost with a future that is dropped: see [`Connection`].

mod alarm;
mod channel;
mod connect;
mod connection;
mod connector;
mod content;
mod handshake;
mod message;
mod opening;
mod pool;
mod requests;
mod sending;
mod server;
mod service;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod transport;

pub use connect::{Addresses, CONNECT_TIMEOUT, connect};
pub use connection::Connection;
pub use connector::Connector;
pub use content::ContentWriter;
pub use message::Message;
pub use pool::{Pool, Pooled};
pub use server::{Server, Shutdown};
#[cfg(feature = "tls")]
pub use service::serve_with_tls;
pub use service::{Service, serve};
pub use smtp_proto::{
    self,
    driver::{ConnectError, Error},
    server::Verified,
};

/// The code of the README, compiled. It is here because no other crate sees
/// everything that it uses.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
