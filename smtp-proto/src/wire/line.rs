//! Framing of command lines, as a server reads them.

use memchr::memchr;

/// What stands at the start of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// No whole line yet. Nothing was consumed.
    Partial,
    /// A line, without its CRLF.
    Line(&'a [u8]),
    /// The end of a line that was longer than the limit. Its octets are gone.
    TooLong,
}

/// Finds command lines in a buffer.
///
/// Only CRLF ends a line (RFC 5321 section 2.3.8): a line with a lone CR or LF
/// in it is one line. A line over the limit is dropped as it comes, so that the
/// buffer does not grow, and reported once, at its end.
#[derive(Clone, Debug)]
pub struct CommandFramer {
    max_line: usize,
    /// How much of the buffer is known to hold no line end.
    scanned: usize,
    discarding: bool,
}

impl CommandFramer {
    /// A framer for lines of at most `max_line` octets, CRLF included.
    #[must_use]
    pub const fn new(max_line: usize) -> Self {
        Self {
            max_line,
            scanned: 0,
            discarding: false,
        }
    }

    /// Looks at the start of `buffer`, which holds what earlier calls did not
    /// consume and whatever has come since. Returns what is there, and how many
    /// octets to drop from the buffer once the line has been dealt with.
    ///
    /// Each octet is looked at once, however it is split.
    pub fn frame<'a>(&mut self, buffer: &'a [u8]) -> (Framed<'a>, usize) {
        if let Some(length) = self.line_end(buffer) {
            let end = length + 2;
            self.scanned = 0;
            let too_long = core::mem::take(&mut self.discarding) || end > self.max_line;
            return match buffer.get(..length) {
                Some(line) if !too_long => (Framed::Line(line), end),
                _ => (Framed::TooLong, end),
            };
        }
        // A CR at the end may be half of a line end.
        let whole = buffer.len() - usize::from(buffer.ends_with(b"\r"));
        if self.discarding || buffer.len() >= self.max_line {
            self.discarding = true;
            self.scanned = 0;
            return (Framed::Partial, whole);
        }
        self.scanned = whole;
        (Framed::Partial, 0)
    }

    /// Where the first CRLF begins.
    fn line_end(&self, buffer: &[u8]) -> Option<usize> {
        let mut from = self.scanned;
        loop {
            let lf = from + memchr(b'\n', buffer.get(from..)?)?;
            // The CR is not in front of what is unseen: one at the end counts
            // as unseen.
            if lf > self.scanned && buffer.get(lf - 1) == Some(&b'\r') {
                return Some(lf - 1);
            }
            from = lf + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_101_a_line_over_the_limit_is_dropped_and_reported_once() {
        let mut framer = CommandFramer::new(8);
        assert_eq!(framer.frame(b"NOOP 123"), (Framed::Partial, 8));
        assert_eq!(framer.frame(b"456\r"), (Framed::Partial, 3));
        assert_eq!(framer.frame(b"\r\nQUIT\r\n"), (Framed::TooLong, 2));
        assert_eq!(framer.frame(b"QUIT\r\n"), (Framed::Line(b"QUIT"), 6));
    }

    /// A line that comes slowly takes no more work for it: all that was looked at
    /// before is passed over, but for a CR at the end.
    #[test]
    fn s_101_each_octet_is_looked_at_once() {
        let line = [&b"\rx\nx".repeat(1000)[..], b"\r\n"].concat();
        for max_line in [100, 10_000] {
            let mut framer = CommandFramer::new(max_line);
            let (mut from, mut looked_at) = (0, 0);
            for end in 1..=line.len() {
                looked_at += end - from - framer.scanned;
                from += framer.frame(&line[from..end]).1;
            }
            assert_eq!(from, line.len());
            assert!(looked_at <= 2 * line.len(), "{looked_at}");
        }
    }

    #[test]
    fn s_013_only_crlf_ends_a_line() {
        let mut framer = CommandFramer::new(64);
        assert_eq!(framer.frame(b"NOOP\nRSET\r"), (Framed::Partial, 0));
        assert_eq!(
            framer.frame(b"NOOP\nRSET\r\n"),
            (Framed::Line(b"NOOP\nRSET"), 11)
        );
        assert_eq!(
            framer.frame(b"\n\n\r\r\nQUIT\r\n"),
            (Framed::Line(b"\n\n\r"), 5)
        );
    }
}
