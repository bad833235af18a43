//! Decisions, read one after another from the end of a fuzzer's input.

use std::fmt;

/// The input of a target that has both: what a peer says, from the front, and
/// what is to be decided, from the back.
///
/// When there are none left each decision is 0, which stands for what is usual:
/// that is where shrinking leads.
#[derive(Clone, Debug)]
pub struct Tape<'a> {
    octets: &'a [u8],
}

impl<'a> Tape<'a> {
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    /// What a peer says, and the decisions: those stand behind the last NUL, and
    /// where there is no NUL there are none. So a plain transcript is an input,
    /// and to alter the one part does not alter the other.
    pub fn split(input: &'a [u8]) -> (&'a [u8], Self) {
        match input.iter().rposition(|octet| *octet == 0) {
            Some(at) => (&input[..at], Self::new(&input[at + 1..])),
            None => (input, Self::new(b"")),
        }
    }

    /// The next decision.
    pub const fn octet(&mut self) -> u8 {
        match self.octets.split_last() {
            Some((last, rest)) => {
                self.octets = rest;
                *last
            }
            None => 0,
        }
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        match n {
            0..=256 => usize::from(self.octet()) % n,
            _ => (usize::from(self.octet()) * 256 + usize::from(self.octet())) % n,
        }
    }

    /// One of these; the first is the usual one.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True now and then: once in `n` times.
    pub fn rarely(&mut self, n: u8) -> bool {
        self.octet() % n == n - 1
    }

    /// Whether there is nothing left to decide, or to say.
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// At most the first `n` of what is left, for the peer.
    pub fn front(&mut self, n: usize) -> &'a [u8] {
        let (front, rest) = self.octets.split_at(n.min(self.octets.len()));
        self.octets = rest;
        front
    }
}

/// An input that is shown as text, to be read in the report of a failure.
#[derive(Clone, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::Tape;

    #[test]
    fn decisions_come_from_the_back_and_octets_from_the_front() {
        let mut tape = Tape::new(b"250 ok\x05\x02");
        assert_eq!(tape.below(4), 2);
        assert!(tape.rarely(6));
        assert_eq!(tape.front(100), b"250 ok");
        assert_eq!(tape.one_of(&['a', 'b']), 'a');
        assert!(tape.is_empty());

        let (octets, mut tape) = Tape::split(b"250\0 ok\0\x05\x02");
        assert_eq!((octets, tape.octet()), (&b"250\0 ok"[..], 2));
        let (octets, tape) = Tape::split(b"250 ok\r\n");
        assert!(octets == b"250 ok\r\n" && tape.is_empty());
    }
}
