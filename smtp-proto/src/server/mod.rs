//! The server side: a [`Session`] takes the octets that a client sends, asks the
//! application what it cannot know, and makes the replies.
//!
//! A driver gives it octets and time, and does what it says. This one serves a
//! client that has sent everything already:
//!
//! ```
//! use smtp_proto::{Instant, server::{Config, Event, Rejection, Session}, types::ForwardPath};
//!
//! let mut input = &b"EHLO client.example.org\r\n\
//!     MAIL FROM:<alice@example.org>\r\n\
//!     RCPT TO:<nobody@example.net>\r\n\
//!     RCPT TO:<bob@example.net>\r\n\
//!     DATA\r\n\
//!     ..hello\r\n\
//!     .\r\n\
//!     QUIT\r\n"[..];
//! let (mut output, mut spool) = (Vec::new(), Vec::new());
//!
//! let bob: ForwardPath = "bob@example.net".parse()?;
//! let config = Config::new("mx.example.net".parse()?)?;
//! let mut session = Session::new(config, Instant::ORIGIN);
//! 'connection: loop {
//!     while let Some(event) = session.poll_event()? {
//!         match event {
//!             Event::Hello(hello) => hello.accept(),
//!             Event::Mail(mail) => mail.accept(),
//!             Event::Rcpt(rcpt) if *rcpt.path() == bob => rcpt.accept(),
//!             Event::Rcpt(rcpt) => rcpt.reject(&Rejection::no_such_user()),
//!             Event::Data(data) => data.accept(),
//!             Event::Content(slice) => spool.extend_from_slice(slice),
//!             Event::Message(message) => message.accept_with("stored as 7Q1"),
//!             Event::Discarded(_) => spool.clear(),
//!             Event::Closed => break 'connection,
//!             _ => {}
//!         }
//!     }
//!     if let Some(transmit) = session.poll_transmit() {
//!         // `write`, which may take less than all of it.
//!         output.extend_from_slice(transmit.first());
//!         let n = transmit.first().len();
//!         session.handle_transmitted(n, Instant::ORIGIN);
//!         continue;
//!     }
//!     // `read`, until `session.poll_timeout()`.
//!     session.handle_input(input, Instant::ORIGIN);
//!     input = &[];
//! }
//! assert_eq!(spool, b".hello\r\n");
//! assert!(output.ends_with(b"250 2.0.0 stored as 7Q1\r\n221 2.0.0 mx.example.net bye\r\n"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! An application that has to think about an answer drops the question, and the
//! driver calls [`Session::poll_event`] again once it knows: it gets the same
//! question. No deadline runs meanwhile, and what the client sends is kept, up to
//! a limit.
//!
//! With a [`TlsPolicy`](crate::TlsPolicy) other than the default, the driver
//! performs a handshake when [`Event::StartTls`] says so, reading nothing in clear
//! before it, and reports with [`Session::handle_tls_established`] or
//! [`Session::handle_tls_failed`]. [`Session::poll_timeout`] says how long it may
//! take.
//!
//! With [`Config::authentication`] the application is asked who clients are
//! ([`Event::Authenticate`]), and the driver gives each session a seed first
//! ([`Session::set_seed`]).

mod authenticate;
mod authentication;
mod capabilities;
mod chunk;
mod clock;
mod command;
mod config;
mod content;
mod dialogue;
mod envelope;
mod error;
mod event;
mod exchange;
mod input;
mod line_ends;
mod question;
mod reading;
mod received;
mod reply;
mod session;
mod state;
mod tls;

pub use authenticate::Authenticate;
pub use authentication::Authentication;
pub use config::{Config, LoneLineEndings, Timeouts};
pub use envelope::{Envelope, Recipient};
pub use error::{ConfigError, Error};
pub use event::{Discarded, Event};
pub use exchange::Identity;
pub use question::{Data, Expand, Hello, Mail, Message, Rcpt, Verified, Verify};
pub use received::{Date, Received, ReturnPath};
pub use reply::Rejection;
pub use session::Session;
pub use state::{State, state_diagram};
