//! Authentication: SASL mechanisms, as exchanges of messages (RFC 4422).
//!
//! A [`Mechanism`] is one exchange, seen from the client. It knows nothing of
//! SMTP: the session picks it, encodes what it says, and bounds the exchange.

mod error;
mod mechanism;

pub use error::Error;
pub use mechanism::{Challenge, Mechanism};
