//! The reply parser, and its inverse.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, BytesMut};
use nom::IResult;

use super::CRLF;
use crate::types::{EnhancedCode, Reply, ReplyCode, line_end};

/// How much memory a parser keeps from one reply to the next, in octets, for each
/// of its buffers.
const KEPT_CAPACITY: usize = 1024;

/// How long a reply may be. Enforced before memory grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyLimits {
    /// The most octets of one line, its line end included. At least 512 must be
    /// allowed (RFC 5321 section 4.5.3.1.5); the default is 16 KiB, since
    /// servers exceed that, and a SASL challenge may have 12,288 (RFC 4954
    /// section 4).
    pub line: usize,
    /// The most lines of one reply. The default is 512.
    pub lines: usize,
    /// The most octets of one reply, line ends included. The default is 64 KiB.
    pub total: usize,
    /// The most octets of text that what became of a message keeps of replies:
    /// the refusals of its recipients, and the acceptances of its content where
    /// that was sent more than once. Beyond that, a reply is kept with its codes
    /// and without its text: many recipients must not mean that many replies of
    /// [`total`](Self::total). The default is 1 MiB.
    pub kept: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            line: 16 * 1024,
            lines: 512,
            total: 64 * 1024,
            kept: 1024 * 1024,
        }
    }
}

/// Why what came is not a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyParseError {
    /// A line without a code. Its first octets are kept
    /// ([`SAMPLE_LEN`](Self::SAMPLE_LEN) of them at most).
    Malformed(Vec<u8>),
    /// A line longer than [`ReplyLimits::line`].
    LineTooLong,
    /// A reply of more lines than [`ReplyLimits::lines`].
    TooManyLines,
    /// A reply longer than [`ReplyLimits::total`].
    TooLong,
}

impl ReplyParseError {
    /// How much of a malformed line is kept, in octets.
    pub const SAMPLE_LEN: usize = 64;

    pub(crate) fn malformed(line: &[u8]) -> Self {
        Self::Malformed(line.iter().take(Self::SAMPLE_LEN).copied().collect())
    }
}

impl fmt::Display for ReplyParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(line) => {
                let peer = match line.as_slice() {
                    [0x14..=0x17, 0x03, ..] => ": it speaks TLS",
                    [b'H', b'T', b'T', b'P', b'/', ..] => ": it speaks HTTP",
                    [b'S', b'S', b'H', b'-', ..] => ": it speaks SSH",
                    _ => "",
                };
                write!(f, "not an SMTP reply{peer}: \"{}\"", line.escape_ascii())
            }
            Self::LineTooLong => f.write_str("a reply line over the limit"),
            Self::TooManyLines => f.write_str("a reply of more lines than the limit"),
            Self::TooLong => f.write_str("a reply over the limit"),
        }
    }
}

impl core::error::Error for ReplyParseError {}

/// Reads replies out of octets that come in pieces of any size.
///
/// One parser serves everything, the greeting included: lines end with CRLF or
/// a bare LF, text may be missing or of any octets, the last line is the one
/// without a `-` behind the code. Each octet is looked at once, however the
/// input is split, and no more is kept than the limits allow.
///
/// ```
/// use smtp_proto::wire::ReplyParser;
///
/// let mut parser = ReplyParser::default();
/// let mut input = &b"250-mx.example.net\r\n250 PIPELI"[..];
/// assert_eq!(parser.parse(&mut input)?, None);
/// let mut input = &b"NING\r\n250\r\n"[..];
/// let reply = parser.parse(&mut input)?.expect("a whole reply");
/// assert_eq!(reply.lines().last(), Some(&b"PIPELINING"[..]));
/// assert_eq!(parser.parse(&mut input)?.expect("another").text(), "");
/// # Ok::<(), smtp_proto::wire::ReplyParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReplyParser {
    limits: ReplyLimits,
    /// The start of a line whose end has not come.
    partial: Vec<u8>,
    /// The lines so far, an LF between two.
    text: Vec<u8>,
    code: Option<ReplyCode>,
    /// The first enhanced code of the class of its line.
    enhanced: Option<EnhancedCode>,
    mixed: bool,
    lines: usize,
    total: usize,
}

impl ReplyParser {
    /// A parser with these limits.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Reads one reply from the front of `input`, and takes what it read from
    /// it. `None` means that all of `input` was taken, and more is needed.
    ///
    /// # Errors
    /// [`ReplyParseError`]; nothing that follows can be made sense of then.
    pub fn parse(&mut self, input: &mut &[u8]) -> Result<Option<Reply>, ReplyParseError> {
        while let Some((line, rest)) = split_line(input) {
            *input = rest;
            self.check_limits(line.len() + 1)?;
            if !self.partial.is_empty() {
                if let Some(reply) = self.end_of_partial_line(line)? {
                    return Ok(Some(reply));
                }
            } else if let Some(last) = self.line(line)? {
                return Ok(Some(self.finish(&last)));
            }
        }
        if !input.is_empty() {
            self.check_limits(input.len())?;
            self.partial.extend_from_slice(input);
            *input = &[];
        }
        Ok(None)
    }

    /// Whether a reply has begun and not ended.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.code.is_some() || !self.partial.is_empty()
    }

    /// The octets of the last line if its end has not come.
    #[must_use]
    pub fn partial_line(&self) -> &[u8] {
        &self.partial
    }

    fn check_limits(&self, more: usize) -> Result<(), ReplyParseError> {
        let line = self.partial.len() + more;
        // Whichever limit comes first decides, however much comes at once.
        let room = self.limits.total.saturating_sub(self.total);
        if line <= self.limits.line.min(room) {
            Ok(())
        } else if room < self.limits.line {
            Err(ReplyParseError::TooLong)
        } else {
            Err(ReplyParseError::LineTooLong)
        }
    }

    #[inline(never)]
    fn end_of_partial_line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyParseError> {
        let mut whole = core::mem::take(&mut self.partial);
        whole.extend_from_slice(line);
        let last = self.line(&whole)?;
        let reply = last.map(|last| self.finish(&last));
        self.partial = emptied(whole);
        Ok(reply)
    }

    // Both are called for each reply, and are not worth a call.
    #[inline(always)]
    fn line<'l>(&mut self, line: &'l [u8]) -> Result<Option<LastLine<'l>>, ReplyParseError> {
        if self.lines >= self.limits.lines {
            return Err(ReplyParseError::TooManyLines);
        }
        let octets = line.len() + 1;
        let line = match line {
            [line @ .., b'\r'] => line,
            _ => line,
        };
        let Ok((text, (code, last))) = reply_line(line) else {
            return Err(ReplyParseError::malformed(line));
        };
        // The usual case, which needs no buffer.
        let is_only = last && self.code.is_none();
        if !is_only {
            self.lines += 1;
            self.total += octets;
            self.keep(text, code);
        }
        Ok(last.then_some(LastLine {
            code,
            only: is_only.then_some(text),
        }))
    }

    /// Puts a line to those before it.
    #[inline(always)]
    fn keep(&mut self, text: &[u8], code: ReplyCode) {
        if self.enhanced.is_none() {
            self.enhanced = EnhancedCode::at_start(text, code);
        }
        if let Some(previous) = self.code.replace(code) {
            self.mixed |= previous != code;
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(text);
    }

    /// The reply, of which the last line was read.
    #[inline(always)]
    fn finish(&mut self, last: &LastLine<'_>) -> Reply {
        match last.only {
            Some(text) => {
                let enhanced = EnhancedCode::at_start(text, last.code);
                Reply::from_parts(last.code, enhanced, text, false)
            }
            None => self.finish_lines(last.code),
        }
    }

    #[inline(never)]
    fn finish_lines(&mut self, code: ReplyCode) -> Reply {
        let enhanced = self.enhanced.take();
        self.code = None;
        self.lines = 0;
        self.total = 0;
        let text = core::mem::take(&mut self.text);
        let reply = if core::mem::take(&mut self.mixed) {
            Reply::from_lines(code, &text, true)
        } else {
            Reply::from_parts(code, enhanced, &text, false)
        };
        self.text = emptied(text);
        reply
    }
}

/// The last line of a reply, with its text if there was no other line.
struct LastLine<'l> {
    code: ReplyCode,
    only: Option<&'l [u8]>,
}

/// The buffer again, without its octets; or another one if it had become long.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() > KEPT_CAPACITY {
        return Vec::new();
    }
    buffer.clear();
    buffer
}

/// `Reply-code ( "-" / SP / end )`: the code, and whether the line is the last
/// one. What is left over is the text.
#[inline]
fn reply_line(line: &[u8]) -> IResult<&[u8], (ReplyCode, bool), ()> {
    let (behind, code) = reply_code(line)?;
    match behind {
        [b' ' | b'\t', text @ ..] => Ok((text, (code, true))),
        [b'-', text @ ..] => Ok((text, (code, false))),
        [] => Ok((behind, (code, true))),
        _ => Err(nom::Err::Error(())),
    }
}

/// `Reply-code`, of any three digits.
#[inline]
fn reply_code(line: &[u8]) -> IResult<&[u8], ReplyCode, ()> {
    let Some((digits, rest)) = line.split_first_chunk::<3>() else {
        return Err(nom::Err::Error(()));
    };
    let [a, b, c] = digits.map(|digit| u16::from(digit.wrapping_sub(b'0')));
    if a > 9 || b > 9 || c > 9 {
        return Err(nom::Err::Error(()));
    }
    let code = ReplyCode::new(a * 100 + b * 10 + c);
    code.map_or(Err(nom::Err::Error(())), |code| Ok((rest, code)))
}

/// What stands before the first LF, and behind it.
#[inline]
fn split_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line_end(input)?;
    Some((input.get(..end)?, input.get(end + 1..)?))
}

/// Writes a reply to `out`, each line with its code and CRLF. Control characters
/// other than a tab, which a reply that was read may have, become `?`.
pub fn encode_reply(reply: &Reply, out: &mut BytesMut) {
    let mut lines = reply.lines().peekable();
    while let Some(line) = lines.next() {
        // Writing to a buffer that grows cannot fail.
        let _ = fmt::write(out, format_args!("{}", reply.code()));
        out.put_u8(if lines.peek().is_some() { b'-' } else { b' ' });
        out.extend(line.iter().map(|&octet| match octet {
            0..=8 | 10..=31 | 127 => b'?',
            _ => octet,
        }));
        out.put_slice(CRLF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(mut input: &[u8]) -> Result<Option<Reply>, ReplyParseError> {
        ReplyParser::default().parse(&mut input)
    }

    fn one(input: &[u8]) -> Reply {
        parse(input).unwrap().unwrap()
    }

    #[test]
    fn c_081_digits_then_hyphen_or_the_last_line() {
        let reply = one(b"250-a\r\n250-b\r\n250 c\r\n");
        assert_eq!(reply.lines().collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert_eq!(reply.line_count(), 3);
    }

    #[test]
    fn c_082_c_083_text_may_be_missing() {
        assert_eq!(one(b"250\r\n").text(), "");
        assert_eq!(one(b"250 \r\n").text(), "");
        assert_eq!(one(b"250-x\r\n250\r\n").text(), "x\n");
        assert_eq!(one(b"250-\r\n250 ok\r\n").text(), "\nok");
    }

    #[test]
    fn c_085_lines_with_different_codes_are_flagged_and_the_last_decides() {
        let reply = one(b"250-a\r\n550 b\r\n");
        assert!(reply.is_mixed());
        assert_eq!(reply.code().get(), 550);
    }

    #[test]
    fn c_086_a_bare_lf_ends_a_line_too() {
        assert_eq!(one(b"250-a\n250 ok\n").text(), "a\nok");
    }

    #[test]
    fn c_090_c_091_any_digits_and_any_text() {
        assert_eq!(one(b"299 x\r\n").code().get(), 299);
        let reply = one(b"250 \xff\x07\0\r\n");
        assert_eq!(reply.lines().next(), Some(&b"\xff\x07\0"[..]));
        assert!(!reply.to_string().contains('\x07'));
    }

    #[test]
    fn c_081_every_octet_in_each_place_of_the_code() {
        for place in 0..3 {
            for octet in 0..=u8::MAX {
                let mut line = *b"255 x\r\n";
                line[place] = octet;
                // LF ends the line before the code is there.
                let is_code = octet.is_ascii_digit();
                let reply = parse(&line);
                assert_eq!(reply.is_ok(), is_code, "{place}: {octet:#x}");
                if let Ok(Some(reply)) = reply {
                    let code = str::from_utf8(&line[..3]).unwrap().parse();
                    assert_eq!(Ok(reply.code().get()), code);
                }
            }
        }
    }

    #[test]
    fn s_111_a_reply_is_passed_on_without_control_characters() {
        let mut out = BytesMut::new();
        encode_reply(&one(b"250-a\tb\r250 c\r\r\n250 \xff\0\x7f\r\n"), &mut out);
        assert_eq!(&out[..], b"250-a\tb?250 c?\r\n250 \xff??\r\n");
    }

    #[test]
    fn c_093_c_095_enhanced_codes() {
        let enhanced = |input| one(input).enhanced().map(|code| code.to_string());
        assert_eq!(enhanced(b"550 5.1.1 no\r\n").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced(b"250 2.0.0\r\n").as_deref(), Some("2.0.0"));
        assert_eq!(enhanced(b"550 5.7.708 x\r\n").as_deref(), Some("5.7.708"));
        assert_eq!(enhanced(b"250 2.0.0x\r\n"), None);
        assert_eq!(enhanced(b"250 5.0.0 x\r\n"), None);
        assert_eq!(enhanced(b"250 2.0\r\n"), None);
        assert_eq!(enhanced(b"250 2.0.1000 x\r\n"), None);
        assert_eq!(enhanced(b"250 2..1 x\r\n"), None);
        assert_eq!(enhanced(b"250 3.1.1 x\r\n"), None);
        let several = |input| enhanced(input).unwrap();
        assert_eq!(several(b"550-x\r\n550-5.1.1 a\r\n550 5.2.2 b\r\n"), "5.1.1");
        // Of lines with different codes, the last decides here too.
        assert_eq!(
            several(b"250-2.1.5 a\r\n550-2.1.5 b\r\n550 5.2.2 c\r\n"),
            "5.2.2"
        );
        assert_eq!(several(b"550-2.1.5 a\r\n250 x\r\n"), "2.1.5");
        assert_eq!(one(b"550 5.1.1   no\r\n").text(), "no");
    }

    #[test]
    fn c_059_c_060_limits() {
        let long = |n: usize| [b"250 ", vec![b'x'; n].as_slice(), b"\r\n"].concat();
        assert!(parse(&long(512 - 6)).is_ok());
        assert!(parse(&long(16 * 1024 - 6)).is_ok());
        assert_eq!(
            parse(&long(16 * 1024 - 5)),
            Err(ReplyParseError::LineTooLong)
        );
        assert_eq!(
            parse(&b"250-x\r\n".repeat(513)),
            Err(ReplyParseError::TooManyLines)
        );
        let line = [b"250-", vec![b'x'; 1000].as_slice(), b"\r\n"].concat();
        assert_eq!(parse(&line.repeat(100)), Err(ReplyParseError::TooLong));
        // An endless line is refused before it is kept.
        let mut parser = ReplyParser::default();
        let mut result = Ok(None);
        for _ in 0..100 {
            result = parser.parse(&mut &[b'2'; 1024][..]);
            if result.is_err() {
                break;
            }
        }
        assert_eq!(result, Err(ReplyParseError::LineTooLong));
        assert!(parser.partial_line().len() <= 16 * 1024);
    }

    #[test]
    fn c_060_the_same_limit_is_hit_for_every_split() {
        let mut limits = ReplyLimits::default();
        (limits.line, limits.total) = (20, 24);
        let input = b"250-a line\r\n250 much, much longer\r\n";
        for split in 0..input.len() {
            let (mut first, mut second) = input.split_at(split);
            let mut parser = ReplyParser::new(limits);
            let result = parser
                .parse(&mut first)
                .and_then(|_| parser.parse(&mut second));
            assert_eq!(result, Err(ReplyParseError::TooLong), "{split}");
        }
    }

    #[test]
    fn a_long_reply_leaves_no_long_buffers() {
        let mut parser = ReplyParser::default();
        let line = [b"250-", vec![b'x'; 5000].as_slice(), b"\r\n"].concat();
        for piece in line.repeat(3).chunks(700) {
            assert_eq!(parser.parse(&mut &piece[..]), Ok(None));
        }
        let reply = parser.parse(&mut &b"250 end\r\n"[..]).unwrap().unwrap();
        assert_eq!(reply.line_count(), 4);
        assert!(parser.text.capacity() <= KEPT_CAPACITY);
        assert!(parser.partial.capacity() <= KEPT_CAPACITY);
    }

    #[test]
    fn c_010_what_is_not_smtp_is_named() {
        let text = |input| parse(input).unwrap_err().to_string();
        assert!(text(b"HTTP/1.1 400 Bad Request\r\n").contains("HTTP"));
        assert!(text(b"\x15\x03\x01\x00\x02\x02\n").contains("TLS"));
        assert!(text(b"SSH-2.0-x\r\n").contains("SSH"));
        assert!(parse(b"250ok\r\n").is_err());
        assert!(parse(b"25 ok\r\n").is_err());
        assert!(parse(b"\r\n").is_err());
    }
}
