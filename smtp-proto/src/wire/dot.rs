//! Transparency: dot-stuffing and its inverse (RFC 5321 section 4.5.2).
//!
//! Both are incremental and copy nothing: what comes out are slices of what
//! went in, and marks between them.

use super::marks::{Marks, NEAR, is_lone, near_mark};

/// How many lines that are a dot each are passed on at once.
const DOT_LINES: usize = 64;
const LINES_OF_CONTENT: [u8; 3 * DOT_LINES] = repeated(*b".\r\n");
const LINES_ON_THE_WIRE: [u8; 4 * DOT_LINES] = repeated(*b"..\r\n");

/// Where in a line the last octet was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the start of the content, or behind a CRLF.
    LineStart,
    /// Behind anything else.
    Text,
    /// Behind a CR.
    Cr,
    /// Behind a dot at the start of a line, which was held back.
    Dot,
    /// Behind a CR behind such a dot, both held back.
    DotCr,
}

impl At {
    /// An octet that leads there.
    #[inline]
    const fn octet(self) -> u8 {
        match self {
            Self::LineStart => b'\n',
            Self::Cr | Self::DotCr => b'\r',
            Self::Text | Self::Dot => b' ',
        }
    }

    /// Where content is behind an octet, with an LF where there was none.
    #[inline]
    const fn behind(octet: u8) -> Self {
        match octet {
            b'\n' => Self::LineStart,
            b'\r' => Self::Cr,
            _ => Self::Text,
        }
    }
}

const fn repeated<const N: usize, const ALL: usize>(line: [u8; N]) -> [u8; ALL] {
    let mut lines = [0; ALL];
    let (mut all, _) = lines.as_chunks_mut::<N>();
    while let Some((first, rest)) = all.split_first_mut() {
        *first = line;
        all = rest;
    }
    lines
}

/// What goes over the wire in place of content, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuffed<'a> {
    /// A slice of the content, as it is.
    Content(&'a [u8]),
    /// A dot, put in front of one at the start of a line.
    Dot,
    /// A CR, put in front of an LF that had none.
    Cr,
    /// An LF, put behind a CR that had none.
    Lf,
    /// Many lines of the content that are a dot each: who fills a message with
    /// such lines is not to take more time for it.
    DotLines {
        /// The lines as they are in the content.
        content: &'a [u8],
        /// The lines with a dot in front of each.
        stuffed: &'static [u8],
    },
}

impl<'a> Stuffed<'a> {
    /// The octets.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        match self {
            Self::Content(slice) => slice,
            Self::DotLines { stuffed, .. } => stuffed,
            Self::Dot => b".",
            Self::Cr => b"\r",
            Self::Lf => b"\n",
        }
    }
}

/// Dot-stuffing of content that comes in chunks of any size.
///
/// Lone CRs and LFs are completed to CRLF, so that no sequence that some server
/// takes for the end of the content can come out, whatever goes in. (To refuse
/// such content instead, look at it first.)
///
/// ```
/// use smtp_proto::wire::Stuffer;
///
/// let mut out = Vec::new();
/// let mut stuffer = Stuffer::new();
/// for chunk in [&b"a\r\n"[..], b".b\n", b"."] {
///     stuffer.stuff(chunk, |piece| out.extend_from_slice(piece.octets()));
/// }
/// out.extend_from_slice(stuffer.finish());
/// assert_eq!(out, b"a\r\n..b\r\n..\r\n.\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct Stuffer(At);

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Stuffer {
    /// At the start of the content.
    #[must_use]
    pub const fn new() -> Self {
        Self(At::LineStart)
    }

    /// Passes what stands for `chunk` on the wire to `emit`, piece by piece.
    #[inline]
    pub fn stuff<'a>(&mut self, chunk: &'a [u8], mut emit: impl FnMut(Stuffed<'a>)) {
        let Some(&last) = chunk.last() else {
            return;
        };
        let mut marks = Marks::new(self.0.octet(), chunk);
        // How much of the chunk was passed on.
        let mut from = 0;
        while let Some((place, before, octet)) = marks.next() {
            if from < place {
                emit(Stuffed::Content(chunk.get(from..place).unwrap_or_default()));
                from = place;
            }
            if is_lone(before, octet) {
                emit(if before == b'\r' {
                    Stuffed::Lf
                } else {
                    Stuffed::Cr
                });
                if octet == b'.' {
                    emit(Stuffed::Dot);
                }
            } else if is_dot_lines(chunk, place) {
                from = place + LINES_OF_CONTENT.len();
                emit(Stuffed::DotLines {
                    content: chunk.get(place..from).unwrap_or_default(),
                    stuffed: &LINES_ON_THE_WIRE,
                });
                marks.skip_to(from);
            } else {
                emit(Stuffed::Dot);
            }
        }
        if from < chunk.len() {
            emit(Stuffed::Content(chunk.get(from..).unwrap_or_default()));
        }
        self.0 = At::behind(last);
    }

    /// Takes note of a chunk that is known to go over the wire as it is.
    #[inline]
    pub(crate) const fn pass(&mut self, chunk: &[u8]) {
        if let Some(&last) = chunk.last() {
            self.0 = At::behind(last);
        }
    }

    /// What ends the content: the rest of the last line end if there is need of
    /// one, and the end-of-data sequence. Content that ends in CRLF, and empty
    /// content, get no line added.
    #[must_use]
    pub const fn finish(&self) -> &'static [u8] {
        match self.0 {
            At::LineStart => b".\r\n",
            At::Cr => b"\n.\r\n",
            _ => b"\r\n.\r\n",
        }
    }
}

/// Whether there are [`DOT_LINES`] lines that are a dot each from `place` on.
#[inline]
fn is_dot_lines(chunk: &[u8], place: usize) -> bool {
    match chunk.get(place..) {
        // A look at the first octets settles it, as a rule.
        Some(lines @ [b'.', b'\r', b'\n', b'.', ..]) => lines.starts_with(&LINES_OF_CONTENT),
        _ => false,
    }
}

/// Whether there are as many of them as they come over the wire.
#[inline]
fn is_stuffed_dot_lines(input: &[u8]) -> bool {
    matches!(input, [b'.', b'.', b'\r', ..]) && input.starts_with(&LINES_ON_THE_WIRE)
}

/// What stands in the content behind what came over the wire, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstuffed<'a> {
    /// A slice of the input, which is content as it is.
    Content(&'a [u8]),
    /// The CR that came last had no LF behind it.
    LoneCr,
    /// The LF that comes next had no CR in front of it.
    LoneLf,
    /// Content too: many lines that are a dot each. They were read, with the dot
    /// in front of each.
    DotLines(&'static [u8]),
    /// The end-of-data sequence. What follows is not content.
    End,
}

/// The inverse of dot-stuffing, for input in pieces of any size.
///
/// Only CRLF, dot, CRLF ends the content, or dot and CRLF at its start: none of
/// the sequences with lone CRs or LFs that some servers take for it (“SMTP
/// smuggling”). Those are reported as they come, and otherwise passed on.
///
/// ```
/// use smtp_proto::wire::{Unstuffed, Unstuffer};
///
/// let mut unstuffer = Unstuffer::new();
/// let mut input = &b"a\r\n..b\r\n.\r\nQUIT\r\n"[..];
/// let mut content = Vec::new();
/// while let Some(piece) = unstuffer.next(&mut input) {
///     match piece {
///         Unstuffed::Content(slice) | Unstuffed::DotLines(slice) => content.extend_from_slice(slice),
///         Unstuffed::End => break,
///         lone => panic!("{lone:?}"),
///     }
/// }
/// assert_eq!((content.as_slice(), input), (&b"a\r\n.b\r\n"[..], &b"QUIT\r\n"[..]));
/// ```
#[derive(Clone, Debug)]
pub struct Unstuffer {
    at: At,
    /// The lone LF at the front of the input was reported.
    told_lf: bool,
}

impl Default for Unstuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Unstuffer {
    /// At the start of the content.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            at: At::LineStart,
            told_lf: false,
        }
    }

    /// The next piece from the front of `input`, which loses what was read.
    /// `None` means that all of it was read, and more is needed.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Unstuffed<'a>> {
        loop {
            let &first = input.first()?;
            match (self.at, first) {
                (At::LineStart, b'.') if is_stuffed_dot_lines(input) => {
                    *input = input.get(LINES_ON_THE_WIRE.len()..).unwrap_or_default();
                    return Some(Unstuffed::DotLines(&LINES_OF_CONTENT));
                }
                (At::LineStart, b'.') => {
                    self.at = At::Dot;
                    *input = input.get(1..).unwrap_or_default();
                }
                (At::Dot, b'\r') => {
                    self.at = At::DotCr;
                    *input = input.get(1..).unwrap_or_default();
                }
                (At::DotCr, b'\n') => {
                    self.at = At::LineStart;
                    *input = input.get(1..).unwrap_or_default();
                    return Some(Unstuffed::End);
                }
                (At::DotCr, _) => {
                    self.at = At::Cr;
                    return Some(Unstuffed::Content(b"\r"));
                }
                (At::Cr, byte) if byte != b'\n' => {
                    self.at = At::Text;
                    return Some(Unstuffed::LoneCr);
                }
                (At::LineStart | At::Text | At::Dot, b'\n') if !self.told_lf => {
                    self.told_lf = true;
                    return Some(Unstuffed::LoneLf);
                }
                _ => {
                    let length = self.run(input);
                    let (run, rest) = input.split_at(length);
                    *input = rest;
                    return Some(Unstuffed::Content(run));
                }
            }
        }
    }

    /// How far the input, whose first octet is content, goes on as content with
    /// nothing to report or leave out; and where that leads.
    fn run(&mut self, input: &[u8]) -> usize {
        let first = match input {
            // Behind a CR it ends the line; a lone one is a part of it.
            [b'\n', ..] if core::mem::take(&mut self.told_lf) => b' ',
            [first, ..] => *first,
            [] => return 0,
        };
        let mark = near_mark(first, input).or_else(|| Marks::behind(input, NEAR).next());
        let last = match input {
            [.., _, last] => *last,
            _ => first,
        };
        let (length, before, octet) = mark.unwrap_or((input.len(), last, b' '));
        self.at = match (before, octet) {
            // A lone LF is next, which is not at the start of a line any more.
            (_, b'\n') => At::Text,
            _ => At::behind(before),
        };
        length
    }
}
