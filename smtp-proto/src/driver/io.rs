//! Reading and writing, in words of `std`.

use std::io::{Error, ErrorKind, IoSlice};

use crate::Transmit;

/// How many slices are written at once.
const SLICES: usize = 256;

/// As many as most output has: more cost more than they are worth.
const FEW: usize = 8;

/// Passes the output to `write` as slices for a vectored write: all of it, but
/// for what is in more slices than are written at once.
pub fn with_slices<T>(output: Transmit<'_>, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
    let mut slices = [IoSlice::new(&[]); FEW];
    let few = fill(&mut slices, output);
    if few.len() < FEW {
        write(few)
    } else {
        write(fill(&mut [IoSlice::new(&[]); SLICES], output))
    }
}

fn fill<'s, 'a>(slices: &'s mut [IoSlice<'a>], output: Transmit<'a>) -> &'s [IoSlice<'a>] {
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
