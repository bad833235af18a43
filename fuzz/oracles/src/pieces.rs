//! Ways to cut input into pieces, and what must not be in any output.

use std::fmt;

use crate::tape::Tape;

/// The lengths of pieces, used over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cuts(Vec<usize>);

impl Cuts {
    /// Everything at once.
    pub fn none() -> Self {
        Self(vec![usize::MAX])
    }

    /// One octet at a time.
    pub fn single() -> Self {
        Self(vec![1])
    }

    /// Of these lengths, some of which may be 0.
    pub fn of(mut lengths: Vec<usize>) -> Self {
        if lengths.iter().all(|&length| length == 0) {
            lengths.push(1);
        }
        Self(lengths)
    }

    /// A few lengths, most of them short; one octet at a time where there is
    /// nothing to decide.
    pub fn read(tape: &mut Tape<'_>) -> Self {
        let lengths = 1 + tape.below(4);
        Self::of(
            (0..lengths)
                .map(|_| match tape.below(24) {
                    23 => 300,
                    length => length,
                })
                .collect(),
        )
    }

    pub fn pieces<'a>(&self, octets: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut rest = octets;
        for &length in self.0.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }
}

/// The ways in which every input is cut: whole, by one, and two that are decided.
pub fn every_way(tape: &mut Tape<'_>) -> [Cuts; 4] {
    [
        Cuts::none(),
        Cuts::single(),
        Cuts::read(tape),
        Cuts::read(tape),
    ]
}

/// No CR without an LF behind it, and no LF without a CR in front.
pub fn assert_only_crlf(wire: &[u8]) {
    for (at, &octet) in wire.iter().enumerate() {
        match octet {
            b'\r' => assert_eq!(wire.get(at + 1), Some(&b'\n'), "lone CR at {at}"),
            b'\n' => assert!(at > 0 && wire[at - 1] == b'\r', "lone LF at {at}"),
            _ => {}
        }
    }
}

/// What prints as part of a line, or on one line of a log.
pub fn assert_on_one_line(printed: &(impl fmt::Display + ?Sized)) -> String {
    let printed = printed.to_string();
    assert!(!printed.contains(char::is_control), "{printed:?}");
    printed
}
