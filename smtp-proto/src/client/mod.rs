//! The client side: a session that sends messages.
//!
//! [`Session`] is the machine, [`Config`] what it should do, [`Transaction`]
//! what to send, [`Event`] what it has to say, [`Outcome`] what became of a
//! message.
//!
//! With a [`TlsPolicy`](crate::TlsPolicy) other than the default, the driver
//! performs a handshake when [`Event::StartTls`] says so, reading nothing in clear
//! before it, and reports with [`Session::handle_tls_established`] or
//! [`Session::handle_tls_failed`]. [`Session::poll_timeout`] says how long it may
//! take. From then on, what the session is given and gives is what is inside TLS.
//!
//! With [`Config::authentication`], the driver gives each session a seed first
//! ([`Session::set_seed`]).
//!
//! # Many messages
//!
//! [`Config::pipelining`] and [`Config::chunking`] say how far ahead of the replies
//! a session may be, with servers that offer `PIPELINING` (RFC 2920) and `CHUNKING`
//! (RFC 3030):
//!
//! | pipelining | chunking | round trips a message | in doubt at most |
//! |---|---|---|---|
//! | [`Off`](Pipelining::Off) | any | one for each command | 1 message |
//! | [`WithinTransaction`](Pipelining::WithinTransaction) | any | 2 (1 with `AtOnce`) | 1 |
//! | [`AcrossTransactions`](Pipelining::AcrossTransactions) | [`WhenNeeded`](Chunking::WhenNeeded) | 1 | 1 |
//! | `AcrossTransactions` | [`AtOnce`](Chunking::AtOnce) | 1 for several messages | [`Config::max_unanswered_messages`] |
//!
//! What is in doubt when a session ends was sent in full and has no reply. It is
//! never sent again here; whatever else was lost
//! [may be](Outcome::may_be_sent_again), over another session, and after
//! [`GroupDropped`](ErrorKind::GroupDropped) with [another
//! configuration](Config::after).
//!
//! A driver keeps the session fed. All that there is to it is one step in its loop:
//!
//! ```
//! use smtp_proto::{Instant, types::Mailbox};
//! use smtp_proto::client::{Chunking, Config, Pipelining, Session, Transaction};
//!
//! # fn drain(session: &mut Session, now: Instant) -> Vec<u8> {
//! #     let mut sent = Vec::new();
//! #     while let Some(out) = session.poll_transmit() {
//! #         let n = out.first().len();
//! #         sent.extend_from_slice(out.first());
//! #         session.handle_transmitted(n, now);
//! #     }
//! #     sent
//! # }
//! let now = Instant::ORIGIN;
//! let config = Config::new(&"client.example.org".parse()?)?
//!     .pipelining(Pipelining::AcrossTransactions)
//!     .chunking(Chunking::AtOnce);
//! let mut session = Session::new(config, now);
//! # session.handle_input(b"220 mx.example.net\r\n", now);
//! # drain(&mut session, now);
//! # session.handle_input(b"250-mx.example.net\r\n250-PIPELINING\r\n250 CHUNKING\r\n", now);
//! let (alice, bob): (Mailbox, Mailbox) =
//!     ("alice@example.org".parse()?, "bob@example.net".parse()?);
//! let mut messages = [b"Hi.\r\n", b"Ho.\r\n"].into_iter();
//!
//! // After `poll_event`, and before `poll_transmit`:
//! while session.wants_transaction() {
//!     let Some(content) = messages.next() else { break };
//!     let transaction = Transaction::new(alice.clone())
//!         .recipient(bob.clone())
//!         .content(&content[..])
//!         .outcome_only();
//!     session.send(transaction)?;
//! }
//! // In one write, and answered by seven replies:
//! assert_eq!(drain(&mut session, now), b"\
//!     MAIL FROM:<alice@example.org>\r\n\
//!     RCPT TO:<bob@example.net>\r\n\
//!     BDAT 5 LAST\r\nHi.\r\n\
//!     RSET\r\n\
//!     MAIL FROM:<alice@example.org>\r\n\
//!     RCPT TO:<bob@example.net>\r\n\
//!     BDAT 5 LAST\r\nHo.\r\n");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod answer;
mod authentication;
mod body;
mod config;
mod content;
mod delivery;
mod error;
mod event;
mod exchange;
mod feed;
mod handshake;
mod outcome;
mod pipeline;
mod recipients;
mod replies;
mod requests;
mod reuse;
mod session;
mod state;
mod timeouts;
mod transaction;
mod work;

pub use authentication::{Authentication, AuthenticationError};
pub use body::Body;
pub use config::{Chunking, Config, HeloFallback, Pipelining};
pub use content::{ContentError, LineEndings};
pub use error::{CommandError, Error, ErrorKind, Phase};
pub use event::{Event, RequestId, TransactionId};
pub use outcome::{Fate, NotSent, Outcome};
pub use reuse::{PoolPolicy, Reuse};
pub use session::Session;
pub use state::state_diagram;
pub use timeouts::Timeouts;
pub use transaction::{ExtensionParameter, Recipient, RecipientPolicy, Transaction};
