//! CRs and LFs that stand alone, in content without transparency.

use crate::wire::marks::{Marks, is_lone};

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
    /// The octet that came last.
    before: u8,
    /// What the first octet of the input is half of was reported.
    told: bool,
}

impl LineEnds {
    /// What stands at the front of `input`, of which there is some.
    pub(super) fn next(&mut self, input: &[u8]) -> Found {
        let told = core::mem::take(&mut self.told);
        let mut marks = if told {
            Marks::behind(input, 0)
        } else {
            Marks::new(self.before, input)
        };
        let lone = marks.find(|&(_, before, octet)| is_lone(before, octet));
        let length = match lone {
            Some((0, before, _)) => {
                self.told = true;
                return if before == b'\r' {
                    Found::LoneCr
                } else {
                    Found::LoneLf
                };
            }
            Some((place, _, _)) => place,
            None => input.len(),
        };
        let last = length.checked_sub(1).and_then(|last| input.get(last));
        self.before = last.copied().unwrap_or(self.before);
        Found::Content(length)
    }

    /// Whether the content ends with a lone CR. Reports it once.
    pub(super) fn ends_with_cr(&mut self) -> bool {
        core::mem::take(&mut self.before) == b'\r'
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
