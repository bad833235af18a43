//! Transparency: dot-stuffing and its inverse (RFC 5321 section 4.5.2).
//!
//! Both are incremental and copy nothing: what comes out are slices of what
//! went in, and marks between them.

use memchr::memchr2;

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
}

impl<'a> Stuffed<'a> {
    /// The octets.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        match self {
            Self::Content(slice) => slice,
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
    pub fn stuff<'a>(&mut self, chunk: &'a [u8], mut emit: impl FnMut(Stuffed<'a>)) {
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            match (self.0, first) {
                (At::LineStart, b'.') => emit(Stuffed::Dot),
                (At::Cr, b'\n') => {}
                (At::Cr, _) => {
                    emit(Stuffed::Lf);
                    self.0 = At::LineStart;
                    continue;
                }
                (_, b'\n') => emit(Stuffed::Cr),
                _ => {}
            }
            let length = self.run(rest);
            let (run, behind) = rest.split_at(length);
            emit(Stuffed::Content(run));
            rest = behind;
        }
    }

    /// How far the content at the start of `rest`, whose first octet was dealt
    /// with, goes on without anything to put between; and where that leads.
    fn run(&mut self, rest: &[u8]) -> usize {
        let mut at = match rest.first() {
            Some(b'\n') => 0,
            _ => match memchr2(b'\r', b'\n', rest) {
                Some(at) => at,
                None => {
                    self.0 = At::Text;
                    return rest.len();
                }
            },
        };
        loop {
            // `at` is a CR, or an LF that is either first or lone.
            let line_end = match rest.get(at..) {
                Some([b'\n', ..]) if at == 0 => at + 1,
                Some([b'\r', b'\n', ..]) => at + 2,
                Some([b'\r', ..]) => {
                    self.0 = At::Cr;
                    return at + 1;
                }
                _ => {
                    self.0 = At::Text;
                    return at;
                }
            };
            self.0 = At::LineStart;
            let next = rest.get(line_end..).unwrap_or_default();
            match next.first() {
                None | Some(b'.' | b'\n') => return line_end,
                Some(_) => {}
            }
            match memchr2(b'\r', b'\n', next) {
                Some(offset) => at = line_end + offset,
                None => {
                    self.0 = At::Text;
                    return rest.len();
                }
            }
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

/// What stands in the content behind what came over the wire, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstuffed<'a> {
    /// A slice of the input, which is content as it is.
    Content(&'a [u8]),
    /// The CR that came last had no LF behind it.
    LoneCr,
    /// The LF that comes next had no CR in front of it.
    LoneLf,
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
///         Unstuffed::Content(slice) => content.extend_from_slice(slice),
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
        let mut from = 0;
        if input.first() == Some(&b'\n') {
            // Behind a CR it ends the line; a lone one is a part of it.
            let lone = core::mem::take(&mut self.told_lf);
            self.at = if lone { At::Text } else { At::LineStart };
            from = 1;
        } else {
            self.at = At::Text;
        }
        loop {
            let rest = input.get(from..).unwrap_or_default();
            match (self.at, rest.first()) {
                (_, None) | (At::LineStart, Some(b'.')) => return from,
                _ => {}
            }
            self.at = At::Text;
            let Some(offset) = memchr2(b'\r', b'\n', rest) else {
                return input.len();
            };
            match rest.get(offset..) {
                Some([b'\r', b'\n', ..]) => {
                    self.at = At::LineStart;
                    from += offset + 2;
                }
                Some([b'\r', ..]) => {
                    self.at = At::Cr;
                    return from + offset + 1;
                }
                _ => return from + offset,
            }
        }
    }
}
