//! The content of a message as it comes in, and what may be wrong with it.

use super::{
    config::{Config, LoneLineEndings},
    event::Discarded,
    line_ends::{Found, LineEnds},
    reply::{self, Rejection, Said, Say},
};
use crate::wire::{Unstuffed, Unstuffer};

/// How much more than twice the largest message is read, in octets, of content
/// that was found at fault. Clients do not listen before the end; but there has
/// to be an end.
const MAX_EXCESS: u64 = 1024 * 1024;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many octets of content at the front of the input.
    Received(usize),
    /// Octets that take part in the content without being in the input.
    Made(&'static [u8]),
    /// The content is at fault. What follows of it is read and thrown away.
    Fault(Discarded),
    /// The end of the content.
    End,
    /// Content at fault goes on and on: time to leave.
    Endless,
}

/// Why content is refused before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    LoneLineEnd,
    /// The application wants no more of it.
    Refused(Rejection),
}

impl Say for Fault {
    fn said(&self) -> Said<'_> {
        match self {
            Self::TooLarge => Said::Fixed(reply::TOO_LARGE),
            Self::LoneLineEnd => Said::Fixed(reply::LONE_LINE_END),
            Self::Refused(rejection) => Said::Rejection(rejection),
        }
    }
}

impl Fault {
    /// Whether the session ends with the reply.
    pub(super) const fn closes(&self) -> bool {
        match self {
            Self::TooLarge | Self::LoneLineEnd => false,
            Self::Refused(rejection) => rejection.closes(),
        }
    }
}

/// The content of one message.
#[derive(Debug)]
pub(super) struct Content {
    unstuffer: Unstuffer,
    line_ends: LineEnds,
    lone_line_endings: LoneLineEndings,
    /// Any octets may come, in chunks.
    binary: bool,
    max_octets: Option<u64>,
    max_excess: u64,
    /// Octets of content so far.
    octets: u64,
    /// Octets of content thrown away so far.
    excess: u64,
    fault: Option<Fault>,
}

impl Content {
    pub(super) fn new(config: &Config) -> Self {
        let largest = config
            .max_message_size
            .unwrap_or(Config::DEFAULT_MAX_MESSAGE_SIZE);
        Self {
            unstuffer: Unstuffer::new(),
            line_ends: LineEnds::default(),
            binary: false,
            lone_line_endings: config.lone_line_endings,
            max_octets: config.max_message_size,
            max_excess: largest.saturating_mul(2).saturating_add(MAX_EXCESS),
            octets: 0,
            excess: 0,
            fault: None,
        }
    }

    /// Content that comes in chunks.
    pub(super) fn of_chunks(config: &Config, binary: bool) -> Self {
        Self {
            binary,
            ..Self::new(config)
        }
    }

    /// How many octets are read of what is at fault.
    pub(super) const fn max_excess(&self) -> u64 {
        self.max_excess
    }

    /// How many octets of content there were.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// What is wrong with it.
    pub(super) const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Finds fault with it for the application.
    pub(super) fn refuse(&mut self, rejection: Rejection) {
        self.fault.get_or_insert(Fault::Refused(rejection));
    }

    /// Reads `input` up to the next piece. Returns how many octets to drop from
    /// the front of it first, and the piece; without one, all of the input was
    /// read.
    pub(super) fn next(&mut self, input: &[u8]) -> (usize, Option<Piece>) {
        let mut rest = input;
        loop {
            let unstuffed = self.unstuffer.next(&mut rest);
            let read = input.len() - rest.len();
            let piece = match unstuffed {
                None => return (read, None),
                Some(Unstuffed::End) => Some(Piece::End),
                Some(Unstuffed::Content(slice)) => self.content(slice, read),
                Some(Unstuffed::DotLines(lines)) => {
                    self.count(lines.len()).unwrap_or(Some(Piece::Made(lines)))
                }
                Some(Unstuffed::LoneCr) => self.lone(b"\n"),
                Some(Unstuffed::LoneLf) => self.lone(b"\r"),
            };
            match piece {
                Some(Piece::Received(length)) => return (read - length, piece),
                Some(_) => return (read, piece),
                None => {}
            }
        }
    }

    /// As [`next`](Self::next), for `octets` of a chunk: all is content, and the
    /// end is not among it.
    pub(super) fn next_of_chunk(&mut self, octets: &[u8]) -> (usize, Option<Piece>) {
        if octets.is_empty() {
            return (0, None);
        }
        let found = if self.binary || self.fault.is_some() {
            Found::Content(octets.len())
        } else {
            self.line_ends.next(octets)
        };
        match found {
            Found::Content(length) => match self.count(length) {
                None => (0, Some(Piece::Received(length))),
                Some(piece) => (length, piece),
            },
            Found::LoneCr => (0, self.lone(b"\n")),
            Found::LoneLf => (0, self.lone(b"\r")),
        }
    }

    /// What there is to tell at the end of the last chunk.
    pub(super) fn last(&mut self) -> Option<Piece> {
        self.line_ends
            .ends_with_cr()
            .then(|| self.lone(b"\n"))
            .flatten()
    }

    fn content(&mut self, slice: &[u8], read: usize) -> Option<Piece> {
        if let Some(piece) = self.count(slice.len()) {
            return piece;
        }
        // The slice is what was read last, unless it is the CR that was held
        // back while it could have been part of the end.
        Some(if slice.len() <= read {
            Piece::Received(slice.len())
        } else {
            Piece::Made(b"\r")
        })
    }

    /// A CR or LF without `missing`, which is the other half of a line end.
    fn lone(&mut self, missing: &'static [u8]) -> Option<Piece> {
        if self.fault.is_some() {
            return None;
        }
        match self.lone_line_endings {
            LoneLineEndings::Refuse => {
                self.fault = Some(Fault::LoneLineEnd);
                Some(Piece::Fault(Discarded::LoneLineEnd))
            }
            LoneLineEndings::Repair => self
                .count(missing.len())
                .unwrap_or(Some(Piece::Made(missing))),
        }
    }

    /// Counts octets of content. `Some` if they are not for the application:
    /// what to do instead.
    fn count(&mut self, more: usize) -> Option<Option<Piece>> {
        self.octets = self.octets.saturating_add(more as u64);
        if self.fault.is_some() {
            self.excess = self.excess.saturating_add(more as u64);
            return Some((self.excess > self.max_excess).then_some(Piece::Endless));
        }
        if self.max_octets.is_some_and(|max| self.octets > max) {
            self.fault = Some(Fault::TooLarge);
            return Some(Some(Piece::Fault(Discarded::TooLarge)));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("mx.example.net".parse().unwrap()).unwrap()
    }

    /// Feeds `input` in pieces of `step` octets. Returns the content, the first
    /// fault, and what stands behind the end if there was one.
    fn read(config: &Config, input: &[u8], step: usize) -> (Vec<u8>, Option<Fault>, Option<usize>) {
        let mut content = Content::new(config);
        let mut out = Vec::new();
        let mut at = 0;
        for end in (step..input.len() + step).step_by(step) {
            let end = end.min(input.len());
            loop {
                let (dropped, piece) = content.next(&input[at..end]);
                at += dropped;
                match piece {
                    None => break,
                    Some(Piece::Received(length)) => {
                        out.extend_from_slice(&input[at..at + length]);
                        at += length;
                    }
                    Some(Piece::Made(made)) => out.extend_from_slice(made),
                    Some(Piece::Fault(_)) => {}
                    Some(Piece::End | Piece::Endless) => {
                        return (out, content.fault().cloned(), Some(at));
                    }
                }
            }
            assert_eq!(at, end);
        }
        (out, content.fault().cloned(), None)
    }

    #[test]
    fn s_066_s_071_dots_and_the_end_at_every_fragmentation() {
        let input = b"..a\r\n.b\r\n.\rc\r\n.\r\nQUIT";
        let config = config().lone_line_endings(LoneLineEndings::Repair);
        for step in 1..input.len() {
            let (content, fault, end) = read(&config, input, step);
            assert_eq!(content, b".a\r\nb\r\n\r\nc\r\n");
            assert_eq!((fault, end), (None, Some(input.len() - 4)));
        }
    }

    #[test]
    fn s_068_what_is_not_the_end_in_every_fragmentation() {
        let vectors: [&[u8]; 10] = [
            b"\n.\n",
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\r\r\n.\r\r\n",
            b"\n\r.\r\n",
            b"\r\n.\r\r\n",
            b"\r\n.\0\r\n",
        ];
        for vector in vectors {
            let input = [b"a", vector, b"MAIL FROM:<evil@example.org>\r\n.\r\n"].concat();
            for step in 1..=input.len() {
                let (_, fault, end) = read(&config(), &input, step);
                assert_eq!(end, Some(input.len()), "{vector:?}");
                let lone = !vector.contains(&0);
                assert_eq!(fault, lone.then_some(Fault::LoneLineEnd), "{vector:?}");
                let repair = config().lone_line_endings(LoneLineEndings::Repair);
                let (content, fault, end) = read(&repair, &input, step);
                assert_eq!((fault, end), (None, Some(input.len())));
                for (index, &byte) in content.iter().enumerate() {
                    match byte {
                        b'\r' => assert_eq!(content.get(index + 1), Some(&b'\n')),
                        b'\n' => assert_eq!(content[index - 1], b'\r'),
                        _ => {}
                    }
                }
            }
        }
    }

    #[test]
    fn s_079_over_the_limit_is_read_to_the_end() {
        let config = config().max_message_size(Some(5));
        assert_eq!(
            read(&config, b"abc\r\n.\r\n", 1),
            (b"abc\r\n".to_vec(), None, Some(8))
        );
        let (content, fault, end) = read(&config, b"abcd\r\n.\r\nX", 1);
        assert_eq!(content.len(), 5);
        assert_eq!((fault, end), (Some(Fault::TooLarge), Some(9)));
    }

    #[test]
    fn endless_content_has_an_end() {
        let config = config().max_message_size(Some(5));
        let mut content = Content::new(&config);
        let block = [b'x'; 1000];
        let mut total = 0;
        while !matches!(content.next(&block), (_, Some(Piece::Endless))) {
            total += 1000;
            assert!(total < 2 * MAX_EXCESS);
        }
        assert!(total >= MAX_EXCESS);
    }
}
