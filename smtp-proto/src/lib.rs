//! SMTP, client and server, as state machines that do no I/O.
//!
//! Octets that came from the peer go in, octets to send come out, and so do
//! events; time goes in as an argument, and deadlines come out. There is no
//! socket here, no clock, no thread, and no `std`: the same code runs below any
//! runtime, in a test that owns its clock, and in a fuzzer.
//!
//! | module | what it has |
//! |---|---|
//! | [`types`] | values, valid by construction: addresses, paths, replies, capabilities, commands |
//! | [`wire`] | octets to values and back: framing, parsers, transparency |
//! | [`sasl`] | authentication: the mechanisms, of both sides |
//! | [`client`] | [`client::Session`], which sends messages |
//! | [`server`] | [`server::Session`], which receives them |
//! | [`driver`] | what drivers have in common |
//! | `tls` | with the feature `rustls`: certificates, and errors of the handshake, for drivers |
//!
//! Who wants a ready-made connection takes an adapter: `smtp-blocking`, for
//! programs without async, or `smtp-smol`. Who writes one needs a loop of
//! twenty lines:
//!
//! ```no_run
//! use std::{io::{ErrorKind, Read, Write}, net::TcpStream, time::{self, Duration}};
//! use smtp_proto::{Instant, client::{Config, Event, Session, Transaction}, types::Mailbox};
//!
//! let mut stream = TcpStream::connect("mx.example.net:25")?;
//! stream.set_nodelay(true)?; // or the end of a message waits, for some 40 ms
//! let opened = time::Instant::now();
//! let now = || Instant::from_origin(opened.elapsed());
//!
//! let config = Config::new(&"client.example.org".parse()?)?;
//! let mut session = Session::new(config, now());
//! session.send(
//!     Transaction::new("alice@example.org".parse::<Mailbox>()?)
//!         .recipient("bob@example.net".parse::<Mailbox>()?)
//!         .content("Subject: hello\r\n\r\nHello.\r\n"),
//! )?;
//! session.quit()?;
//!
//! let mut buffer = [0; 4096];
//! loop {
//!     while let Some(event) = session.poll_event()? {
//!         match event {
//!             Event::Finished { outcome, .. } => println!("{}", outcome.fate()),
//!             Event::Closed => return Ok(()),
//!             _ => {}
//!         }
//!     }
//!     if let Some(out) = session.poll_transmit() {
//!         let n = stream.write(out.first())?;
//!         session.handle_transmitted(n, now());
//!         continue;
//!     }
//!     let wait = session.poll_timeout().map(|deadline| deadline.saturating_since(now()));
//!     stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
//!     match stream.read(&mut buffer) {
//!         Ok(n) => session.handle_input(&buffer[..n], now()),
//!         Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
//!             session.handle_timeout(now());
//!         }
//!         Err(_) => session.handle_input(&[], now()), // the end of the connection
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! (It leaves out what an adapter does about a peer that does not read, and writes
//! a slice at a time, where `write_vectored` takes all that
//! [`Transmit::slices`] has; see the examples `client_loop` and `server_loop`. A
//! driver with many messages is in the documentation of [`client`].)
//!
//! # What can be relied on
//!
//! - A refusal is an outcome, not an error; and what became of a message is
//!   always told, for each recipient: accepted, refused, not sent, or in doubt.
//!   Nothing in doubt is sent again.
//! - No value can hold a CR, LF or NUL that would end up in a command line.
//!   Content cannot hold anything that a server could take for its end.
//! - Whatever a peer sends, nothing panics, memory stays within the configured
//!   limits, the work is linear, and every wait has a deadline.

#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod buffer;
pub mod client;
pub mod driver;
pub mod sasl;
mod security;
pub mod server;
mod time;
#[cfg(feature = "rustls")]
pub mod tls;
mod tls_failure;
mod transcript;
pub mod types;
pub mod wire;

pub use buffer::Transmit;
pub use security::{TlsInfo, TlsPolicy};
pub use time::Instant;
pub use tls_failure::TlsFailure;
pub use transcript::Entry;
