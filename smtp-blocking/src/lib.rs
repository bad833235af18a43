//! SMTP over blocking streams, for programs without an async runtime.
//!
//! Every decision of the protocol is [`smtp_proto`]'s; this crate moves octets
//! and tells the time. It depends on little else that is not in `std`: the
//! buffers that content is handed over in, the random numbers of the system, and,
//! with the feature `tls`, which is on by default, rustls.
//!
//! ```no_run
//! use smtp_blocking::Connection;
//! use smtp_proto::client::{Config, Transaction};
//! use smtp_proto::types::Mailbox;
//!
//! let config = Config::new(&"client.example.org".parse()?)?;
//! let mut connection = Connection::connect("mx.example.net", 25, config)?;
//! let outcome = connection.send(
//!     Transaction::new("alice@example.org".parse::<Mailbox>()?)
//!         .recipient("bob@example.net".parse::<Mailbox>()?)
//!         .content("Subject: hello\r\n\r\nHello.\r\n"),
//! )?;
//! for fate in outcome.recipients() {
//!     println!("{fate}");
//! }
//! connection.quit()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For many messages over one connection there is [`Connection::send_all`], and
//! for content that is not in memory [`Connection::send_with`]; for a message whose
//! recipients are to be answered one by one, [`Connection::begin`]. A [`Server`]
//! receives, and asks a [`Service`].
//!
//! Nothing here waits for ever: every wait has the deadline that the session
//! gives it, and looking up a name and connecting have time limits of their
//! own.

mod channel;
mod connect;
mod connection;
mod connector;
mod content;
mod message;
mod pool;
mod requests;
mod sending;
mod server;
mod service;
mod stream;
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
pub use stream::Stream;
