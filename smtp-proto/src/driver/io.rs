//! Reading and writing, in words of `std`.

use std::io::{Error, ErrorKind, IoSlice};

use crate::Transmit;

/// How many slices are written at once.
pub const SLICES: usize = 32;

/// Fills `slices` with the output, for a vectored write. Returns those that are
/// filled.
pub fn fill<'s, 'a>(
    slices: &'s mut [IoSlice<'a>; SLICES],
    output: Transmit<'a>,
) -> &'s [IoSlice<'a>] {
    let mut used = 0;
    for (to, from) in slices.iter_mut().zip(output.slices()) {
        *to = IoSlice::new(from);
        used += 1;
    }
    slices.get(..used).unwrap_or_default()
}

/// Whether a failure to accept a connection is that of the connection, so that
/// the next can be accepted at once.
#[must_use]
pub fn is_of_the_connection(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}
