//! Replies, their codes and enhanced status codes (RFC 5321 section 4.2, RFC
//! 2034, RFC 3463).

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use memchr::{memchr_iter, memrchr};
use nom::IResult;

use super::reply_text::{ReplyText, line_end};

/// The three digits at the start of a reply.
///
/// A code may be any of 000 to 999: a peer can send what it likes.
/// [`class`](Self::class) tells what it means, which for a code never seen
/// before is what its first digit means (RFC 5321 section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(u16);

/// What the first digit of a reply code means (RFC 5321 section 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2yz: done.
    PositiveCompletion,
    /// 3yz: go on.
    PositiveIntermediate,
    /// 4yz: refused now; the same request may succeed later.
    TransientNegative,
    /// 5yz: refused, and it will be refused again.
    PermanentNegative,
}

impl ReplyCode {
    /// A code from its number; `None` if it has more than three digits.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code <= 999 { Some(Self(code)) } else { None }
    }

    /// A code that is written in this crate, and so known to be one.
    pub(crate) const fn fixed(code: u16) -> Self {
        Self(code % 1000)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the first digit means; `None` for 0, 1, and 6 to 9, which mean
    /// nothing in SMTP.
    #[must_use]
    pub const fn class(self) -> Option<Class> {
        match self.0 / 100 {
            2 => Some(Class::PositiveCompletion),
            3 => Some(Class::PositiveIntermediate),
            4 => Some(Class::TransientNegative),
            5 => Some(Class::PermanentNegative),
            _ => None,
        }
    }

    /// Whether the code is 2yz.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        matches!(self.class(), Some(Class::PositiveCompletion))
    }

    /// Whether the code is 4yz or 5yz.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(
            self.class(),
            Some(Class::TransientNegative | Class::PermanentNegative)
        )
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An enhanced status code: `class "." subject "." detail` (RFC 3463 section 2).
///
/// ```
/// use smtp_proto::types::EnhancedCode;
///
/// let code: EnhancedCode = "5.7.708".parse()?;
/// assert_eq!((code.class(), code.subject(), code.detail()), (5, 7, 708));
/// # Ok::<(), smtp_proto::types::ReplyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedCode {
    /// Puts a code together; `None` unless the class is 2, 4 or 5 and the
    /// others have at most three digits.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        if matches!(class, 2 | 4 | 5) && subject <= 999 && detail <= 999 {
            Some(Self::fixed(class, subject, detail))
        } else {
            None
        }
    }

    /// A code that is written in this crate, and so known to be one.
    pub(crate) const fn fixed(class: u8, subject: u16, detail: u16) -> Self {
        Self {
            class,
            subject,
            detail,
        }
    }

    /// 2 for success, 4 for a transient and 5 for a permanent failure.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.class
    }

    /// What the status is about: 1 addressing, 2 mailbox, 3 mail system, 4
    /// network, 5 protocol, 6 content, 7 security (RFC 3463 section 3).
    #[must_use]
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// The status itself.
    #[must_use]
    pub const fn detail(self) -> u16 {
        self.detail
    }

    /// The code at the start of a line of a reply with the code `reply`, if its
    /// class is that of the reply.
    #[inline(always)]
    pub(crate) fn at_start(line: &[u8], reply: ReplyCode) -> Option<Self> {
        let (code, _) = Self::parse_prefix(line)?;
        (u16::from(code.class) == reply.get() / 100).then_some(code)
    }

    /// Reads a code at the start of a line of text. It counts only if a space
    /// or the end of the line follows.
    #[inline(always)]
    fn parse_prefix(line: &[u8]) -> Option<(Self, &[u8])> {
        match status_code(line) {
            Ok((rest @ ([] | [b' ', ..]), code)) => Some((code, rest)),
            _ => None,
        }
    }
}

/// `status-code = ( "2" / "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT` (RFC 3463
/// section 2).
#[inline(always)]
fn status_code(input: &[u8]) -> IResult<&[u8], EnhancedCode, ()> {
    let [class @ (b'2' | b'4' | b'5'), b'.', rest @ ..] = input else {
        return Err(nom::Err::Error(()));
    };
    let (rest, subject) = number(rest)?;
    let [b'.', rest @ ..] = rest else {
        return Err(nom::Err::Error(()));
    };
    let (rest, detail) = number(rest)?;
    Ok((rest, EnhancedCode::fixed(class - b'0', subject, detail)))
}

/// `1*3DIGIT`. A fourth one is left over.
#[inline(always)]
fn number(input: &[u8]) -> IResult<&[u8], u16, ()> {
    let Some((mut number, mut rest)) = digit(input) else {
        return Err(nom::Err::Error(()));
    };
    for _ in 0..2 {
        // There is no other as a rule.
        let Some((digit, behind)) = digit(rest) else {
            break;
        };
        number = number * 10 + digit;
        rest = behind;
    }
    Ok((rest, number))
}

#[inline]
fn digit(input: &[u8]) -> Option<(u16, &[u8])> {
    match input {
        [digit @ b'0'..=b'9', rest @ ..] => Some((u16::from(digit - b'0'), rest)),
        _ => None,
    }
}

impl FromStr for EnhancedCode {
    type Err = ReplyError;

    fn from_str(text: &str) -> Result<Self, ReplyError> {
        match status_code(text.as_bytes()) {
            Ok(([], code)) => Ok(code),
            _ => Err(ReplyError::EnhancedCode),
        }
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Why a reply cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The code is not one that a server sends (200 to 599).
    Code,
    /// The enhanced code is malformed, or its class is not that of the code.
    EnhancedCode,
    /// The text has a character outside of printable US-ASCII.
    Text,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "not a code that a server sends",
            Self::EnhancedCode => "not an enhanced code of the class of the reply",
            Self::Text => "reply text other than printable US-ASCII",
        })
    }
}

impl core::error::Error for ReplyError {}

/// What a reply line of 512 octets has room for, with its code, its separator
/// and its CRLF.
const MAX_LINE_TEXT: usize = 506;

/// Cuts a line of US-ASCII into pieces of at most `room` octets, behind a space
/// where there is one.
fn fold(line: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    core::iter::from_fn(move || {
        let line = rest.take()?;
        if line.len() <= room {
            return Some(line);
        }
        let space = line.get(..room).and_then(|piece| piece.rfind(' '));
        let (piece, behind) = line.split_at(space.map_or(room, |space| space + 1));
        rest = Some(behind);
        Some(piece)
    })
}

/// One reply, of one line or several.
///
/// ```text
/// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
/// ```
///
/// The text is kept as the octets that came: servers send texts in every
/// encoding. [`text`](Self::text) and printing give a lossy view. Cloning is
/// cheap.
///
/// ```
/// use smtp_proto::types::{EnhancedCode, Reply, ReplyCode};
///
/// let code = ReplyCode::new(550).unwrap();
/// let reply = Reply::new(code, EnhancedCode::new(5, 1, 1), "no such user\nhere")?;
/// assert_eq!(reply.lines().collect::<Vec<_>>(), [&b"5.1.1 no such user"[..], b"5.1.1 here"]);
/// assert_eq!(reply.text(), "no such user\nhere");
/// assert_eq!(reply.to_string(), "550 5.1.1 no such user / 5.1.1 here");
/// # Ok::<(), smtp_proto::types::ReplyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    mixed: bool,
    /// The lines without code and separator, an LF between two: no line can
    /// hold one.
    text: ReplyText,
}

impl Reply {
    /// Makes a reply as a server would send it: a line for each line of `text`,
    /// each begun with the enhanced code if there is one. A line that would have
    /// more than 512 octets (RFC 5321 section 4.5.3.1.5) goes on in another one,
    /// but for a 334, whose text is a SASL challenge.
    ///
    /// # Errors
    /// [`ReplyError`] if the code is not 200 to 599, the enhanced code has not
    /// the class of the code or stands in a 3yz reply (RFC 2034 section 4), or
    /// the text has anything but printable US-ASCII and LF.
    pub fn new(
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        text: &str,
    ) -> Result<Self, ReplyError> {
        if code.class().is_none() {
            return Err(ReplyError::Code);
        }
        if enhanced.is_some_and(|enhanced| u16::from(enhanced.class) != code.get() / 100) {
            return Err(ReplyError::EnhancedCode);
        }
        if !text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n')) {
            return Err(ReplyError::Text);
        }
        Ok(Self::assemble(code, enhanced, text))
    }

    /// As [`new`](Self::new), of parts that are known to be right.
    pub(crate) fn assemble(code: ReplyCode, enhanced: Option<EnhancedCode>, text: &str) -> Self {
        let prefix = enhanced.map_or_else(String::new, |enhanced| format!("{enhanced} "));
        let room = match code.get() {
            334 => usize::MAX,
            _ => MAX_LINE_TEXT - prefix.len(),
        };
        let mut lines = String::new();
        let folded = text.split('\n').flat_map(|line| fold(line, room));
        for (index, line) in folded.enumerate() {
            if index > 0 {
                lines.push('\n');
            }
            lines.push_str(&prefix);
            lines.push_str(line);
        }
        Self::from_lines(code, lines.as_bytes(), false)
    }

    /// A reply that was read: `text` are the lines, an LF between two.
    pub(crate) fn from_lines(code: ReplyCode, text: &[u8], mixed: bool) -> Self {
        let mut codes = Lines(Some(text)).filter_map(|line| EnhancedCode::at_start(line, code));
        Self::from_parts(code, codes.next(), text, mixed)
    }

    /// As [`from_lines`](Self::from_lines), of lines whose enhanced code is known.
    #[inline(always)]
    pub(crate) fn from_parts(
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        text: &[u8],
        mixed: bool,
    ) -> Self {
        let mut reply = Self {
            code,
            enhanced,
            mixed,
            text: ReplyText::EMPTY,
        };
        reply.text.set(text);
        reply
    }

    /// The reply to a greeting or a hello, in which digits and dots at the
    /// start of the text are no enhanced code (RFC 2034 section 4).
    pub(crate) fn without_enhanced(mut self) -> Self {
        self.enhanced = None;
        self
    }

    /// The reply with its code, its enhanced code and one line without text:
    /// what can be kept of any number of them.
    pub(crate) fn without_text(mut self) -> Self {
        self.text = ReplyText::EMPTY;
        self
    }

    /// The code; of several lines, that of the last.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// What the first digit of the code means.
    #[must_use]
    pub const fn class(&self) -> Option<Class> {
        self.code.class()
    }

    /// The enhanced status code: the first at the start of a line whose class
    /// is that of the reply.
    #[must_use]
    pub const fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// Whether the lines had different codes, which no server may send. The
    /// last line decides, as most clients have it, and the session is not used
    /// again after such a reply.
    #[must_use]
    pub const fn is_mixed(&self) -> bool {
        self.mixed
    }

    /// The lines, each without code, separator and line end, but with the
    /// enhanced code if there was one. At least one.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        Lines(Some(self.text.as_slice()))
    }

    /// The text for a person: without codes, an LF between two lines, octets
    /// that are not UTF-8 replaced. Digits and dots of another class than the
    /// reply are text. Control characters are as they came; printing escapes them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (index, line) in self.lines().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let line = match (self.enhanced, EnhancedCode::parse_prefix(line)) {
                (Some(of_reply), Some((code, rest))) if code.class == of_reply.class => {
                    let spaces = rest.iter().take_while(|&&b| b == b' ').count();
                    rest.get(spaces..).unwrap_or_default()
                }
                _ => line,
            };
            text.push_str(&String::from_utf8_lossy(line));
        }
        text
    }

    /// How many octets of text there are, LF between two lines included.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.as_slice().len()
    }

    /// How many lines there are.
    #[must_use]
    pub fn line_count(&self) -> usize {
        memchr_iter(b'\n', self.text.as_slice()).count() + 1
    }
}

/// What stands between the LFs of a text: as [`slice::split`], but faster.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0?;
        let end = line_end(text);
        self.0 = end.and_then(|end| text.get(end + 1..));
        text.get(..end.unwrap_or(text.len()))
    }
}

impl DoubleEndedIterator for Lines<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let text = self.0?;
        let start = memrchr(b'\n', text);
        self.0 = start.and_then(|start| text.get(..start));
        text.get(start.map_or(0, |start| start + 1)..)
    }
}

/// Code and lines, in one line, with control characters escaped.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        for (index, line) in self.lines().enumerate() {
            f.write_str(match (index, line) {
                (0, []) => "",
                (0, _) => " ",
                _ => " / ",
            })?;
            for c in String::from_utf8_lossy(line).chars() {
                if c.is_control() {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    write!(f, "{c}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}
