//! CRs and LFs that stand alone, in content without transparency.

use memchr::memchr2;

/// What stands at the front of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// So many octets, with nothing to report among them.
    Content(usize),
    /// The CR that came last has no LF behind it.
    LoneCr,
    /// The LF that comes next has no CR in front of it.
    LoneLf,
}

/// Looks at content that comes in pieces of any size.
#[derive(Clone, Debug, Default)]
pub(super) struct LineEnds {
    /// The last octet was a CR.
    behind_cr: bool,
    /// The lone LF at the front of the input was reported.
    told_lf: bool,
}

impl LineEnds {
    /// What stands at the front of `input`, of which there is some.
    pub(super) fn next(&mut self, input: &[u8]) -> Found {
        let mut at = 0;
        match (input.first(), self.behind_cr) {
            (Some(b'\n'), behind_cr) => {
                if !behind_cr && !self.told_lf {
                    self.told_lf = true;
                    return Found::LoneLf;
                }
                at = 1;
            }
            (_, true) => {
                self.behind_cr = false;
                return Found::LoneCr;
            }
            _ => {}
        }
        self.told_lf = false;
        self.behind_cr = false;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let Some(offset) = memchr2(b'\r', b'\n', rest) else {
                return Found::Content(input.len());
            };
            at += offset;
            match input.get(at..) {
                Some([b'\r', b'\n', ..]) => at += 2,
                Some([b'\r', ..]) => {
                    self.behind_cr = true;
                    return Found::Content(at + 1);
                }
                _ if at > 0 => return Found::Content(at),
                _ => return Found::LoneLf,
            }
        }
    }

    /// Whether the content ends with a lone CR. Reports it once.
    pub(super) fn ends_with_cr(&mut self) -> bool {
        core::mem::take(&mut self.behind_cr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content, with `~` where half of a line end is missing.
    fn shown(input: &str, step: usize) -> String {
        let mut ends = LineEnds::default();
        let mut out = String::new();
        for mut piece in input.as_bytes().chunks(step) {
            while !piece.is_empty() {
                match ends.next(piece) {
                    Found::Content(length) => {
                        assert!(length > 0);
                        out += core::str::from_utf8(&piece[..length]).unwrap();
                        piece = &piece[length..];
                    }
                    Found::LoneCr | Found::LoneLf => out.push('~'),
                }
            }
        }
        if ends.ends_with_cr() {
            out.push('~');
        }
        assert!(!ends.ends_with_cr());
        out
    }

    #[test]
    fn s_097_lone_line_ends_in_every_fragmentation() {
        for (input, expected) in [
            ("a\r\nb\r\n\r\n", "a\r\nb\r\n\r\n"),
            ("a\nb", "a~\nb"),
            ("a\rb", "a\r~b"),
            ("\n\n", "~\n~\n"),
            ("\r\r\n\r", "\r~\r\n\r~"),
            ("\n\r\n\r", "~\n\r\n\r~"),
            ("\r\n\n.\n", "\r\n~\n.~\n"),
        ] {
            for step in 1..=input.len() {
                assert_eq!(shown(input, step), expected, "{input:?} by {step}");
            }
        }
    }
}
