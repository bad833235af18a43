//! SMTP over asynchronous streams, for smol.
//!
//! Every decision of the protocol is [`smtp_proto`]'s; this crate moves octets
//! and tells the time. It has the client's side of what its blocking twin has,
//! for messages whose content is at hand: no stages, no server, no TLS yet.
//!
//! ```no_run
//! use smtp_proto::client::{Config, Transaction};
//! use smtp_proto::types::Mailbox;
//! use smtp_smol::Connection;
//!
//! # futures_lite::future::block_on(async {
//! let stream = async_io::Async::<std::net::TcpStream>::connect(([127, 0, 0, 1], 25)).await?;
//! let config = Config::new(&"client.example.org".parse()?)?;
//! let mut connection = Connection::open(stream, config).await?;
//! let outcome = connection
//!     .send(
//!         Transaction::new("alice@example.org".parse::<Mailbox>()?)
//!             .recipient("bob@example.net".parse::<Mailbox>()?)
//!             .content("Subject: hello\r\n\r\nHello.\r\n"),
//!     )
//!     .await?;
//! println!("{}", outcome.fate());
//! connection.quit().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # });
//! ```

mod connection;
mod error;
mod transport;

pub use connection::Connection;
pub use error::Error;
pub use smtp_proto;

/// The code of the README, compiled. It is here because no other crate sees
/// everything that it uses.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
