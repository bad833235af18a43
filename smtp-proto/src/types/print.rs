//! Printing that goes piece by piece into whatever takes text.

use core::fmt;

/// What prints itself without the detour through `format_args!`, which costs
/// more than all of a command line.
pub(crate) trait Print {
    /// As [`Display`](fmt::Display).
    ///
    /// # Errors
    /// Those of `out`.
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result;
}

impl Print for &str {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(self)
    }
}

/// A number, in decimal.
impl Print for u64 {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(itoa::Buffer::new().format(*self))
    }
}
