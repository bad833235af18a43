//! What the benchmarks work on.

/// The size of [`content`], in octets.
pub const LEN: usize = 1 << 20;

/// One MiB of a line, over and over.
#[must_use]
pub fn content(line: &str) -> Vec<u8> {
    line.bytes()
        .cycle()
        .take(LEN / line.len() * line.len())
        .collect()
}
