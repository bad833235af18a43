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
