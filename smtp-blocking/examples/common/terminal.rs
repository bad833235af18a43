//! Talking to whoever started the program.

use std::{
    fmt,
    io::{self, Write},
};

/// Prints a line at once. Mail is moved whether or not anybody reads that.
pub(crate) fn say(line: impl fmt::Display) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// As [`say`], on standard error.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
