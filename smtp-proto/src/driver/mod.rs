//! What drivers have in common, whatever they wait with.
//!
//! A driver of its own needs none of this: the `poll_*` and `handle_*` methods
//! of the two sessions are all that there is to know. With the feature `std`
//! there are the errors that the adapters of this workspace return, too, what
//! they connect and write with, and the books of many messages (`Batch`).

#[cfg(feature = "std")]
mod batch;
#[cfg(feature = "std")]
mod connect;
#[cfg(feature = "std")]
mod error;
#[cfg(feature = "std")]
mod io;
mod stock;

#[cfg(feature = "std")]
pub use batch::Batch;
#[cfg(feature = "std")]
pub use connect::{Addresses, ConnectError};
#[cfg(feature = "std")]
pub use error::Error;
#[cfg(feature = "std")]
pub use io::{is_of_the_connection, with_slices};
pub use stock::Stock;

use crate::{Instant, Transmit, client, server};

/// The half of a session that its driver sees, of either side.
///
/// The methods are those of the same names of [`client::Session`] and
/// [`server::Session`].
pub trait Machine {
    /// What is to be sent.
    fn poll_transmit(&self) -> Option<Transmit<'_>>;
    /// When to call [`handle_timeout`](Self::handle_timeout).
    fn poll_timeout(&self) -> Option<Instant>;
    /// The transport took the first `n` octets of the output.
    fn handle_transmitted(&mut self, n: usize, now: Instant);
    /// Input has come; nothing at all is the end of it.
    fn handle_input(&mut self, input: &[u8], now: Instant);
    /// Time has passed.
    fn handle_timeout(&mut self, now: Instant);
    /// A write failed.
    fn handle_write_closed(&mut self, now: Instant);
    /// Whether to read. A client always listens.
    fn wants_input(&self) -> bool;
    /// Whether what comes may be a password, so that it is not to be left lying in
    /// a buffer of the driver's.
    fn expects_secrets(&self) -> bool;
}

macro_rules! machine {
    ($session:ty, $wants_input:expr, $expects_secrets:expr) => {
        impl Machine for $session {
            fn poll_transmit(&self) -> Option<Transmit<'_>> {
                self.poll_transmit()
            }
            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }
            fn handle_transmitted(&mut self, n: usize, now: Instant) {
                self.handle_transmitted(n, now);
            }
            fn handle_input(&mut self, input: &[u8], now: Instant) {
                self.handle_input(input, now);
            }
            fn handle_timeout(&mut self, now: Instant) {
                self.handle_timeout(now);
            }
            fn handle_write_closed(&mut self, now: Instant) {
                self.handle_write_closed(now);
            }
            fn wants_input(&self) -> bool {
                $wants_input(self)
            }
            fn expects_secrets(&self) -> bool {
                $expects_secrets(self)
            }
        }
    };
}

machine!(client::Session, |_: &Self| true, |_: &Self| false);
machine!(
    server::Session,
    server::Session::wants_input,
    server::Session::expects_secrets
);
