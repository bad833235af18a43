//! What content is taken, before any of it is sent.

use core::fmt;

use memchr::{memchr, memchr2, memrchr};

use super::config::Config;
use crate::wire::survey::{Survey, WINDOW};

/// What content a session takes; see the setters of [`Config`].
#[derive(Clone, Debug)]
pub(super) struct ContentPolicy {
    pub(super) line_endings: LineEndings,
    pub(super) max_line: Option<usize>,
    pub(super) nul: bool,
}

impl Default for ContentPolicy {
    fn default() -> Self {
        Self {
            line_endings: LineEndings::default(),
            max_line: Some(Config::DEFAULT_MAX_LINE),
            nul: false,
        }
    }
}

/// What to do about lone CRs and LFs, which may never go over the wire (RFC 5321
/// section 2.3.8): servers that take them for line ends can be made to see
/// another message in the middle of this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEndings {
    /// Refuse the content.
    #[default]
    Refuse,
    /// Complete each to CRLF. Right for text files of any system.
    Repair,
}

/// Why content cannot be sent. Offsets count octets from the start of the
/// content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentError {
    /// A CR without an LF.
    LoneCr {
        /// Where the CR is.
        offset: u64,
    },
    /// An LF without a CR.
    LoneLf {
        /// Where the LF is.
        offset: u64,
    },
    /// A NUL.
    Nul {
        /// Where it is.
        offset: u64,
    },
    /// A line longer than [`Config::max_line`].
    LineTooLong {
        /// Where the line begins.
        offset: u64,
    },
    /// An octet above 127, in a transaction of 7-bit content.
    EightBit,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoneCr { offset } => write!(f, "a CR without LF at octet {offset}"),
            Self::LoneLf { offset } => write!(f, "an LF without CR at octet {offset}"),
            Self::Nul { offset } => write!(f, "a NUL at octet {offset}"),
            Self::LineTooLong { offset } => {
                write!(f, "the line at octet {offset} is too long")
            }
            Self::EightBit => f.write_str("8-bit content in a 7-bit transaction"),
        }
    }
}

impl core::error::Error for ContentError {}

/// Looks at content that comes in chunks of any size.
#[derive(Clone, Debug, Default)]
pub(super) struct ContentCheck {
    /// Octets seen.
    seen: u64,
    /// Octets that repair adds.
    added: u64,
    /// Where the current line began.
    line_start: u64,
    /// The last octet was a CR.
    behind_cr: bool,
    eight_bit: bool,
    /// Something may have to be put between octets that were seen.
    altered: bool,
}

impl ContentCheck {
    /// Looks at the next chunk. On an error nothing has changed.
    pub(super) fn chunk(
        &mut self,
        chunk: &[u8],
        policy: &ContentPolicy,
    ) -> Result<(), ContentError> {
        let mut next = self.clone();
        next.scan(chunk, policy)?;
        *self = next;
        Ok(())
    }

    fn scan(&mut self, chunk: &[u8], policy: &ContentPolicy) -> Result<(), ContentError> {
        if self.survey(chunk, policy) {
            return Ok(());
        }
        self.altered = true;
        self.look_closely(chunk, policy)
    }

    fn look_closely(&mut self, chunk: &[u8], policy: &ContentPolicy) -> Result<(), ContentError> {
        if !policy.nul
            && let Some(at) = memchr(0, chunk)
        {
            let offset = self.seen + at as u64;
            return Err(ContentError::Nul { offset });
        }
        self.eight_bit |= !chunk.is_ascii();
        let start = self.seen;
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            let position = start + (chunk.len() - rest.len()) as u64;
            if self.behind_cr {
                self.behind_cr = false;
                if first == b'\n' {
                    self.line_start = position + 1;
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                self.lone(
                    policy,
                    ContentError::LoneCr {
                        offset: position - 1,
                    },
                )?;
                self.line_start = position;
            }
            let Some(at) = memchr2(b'\r', b'\n', rest) else {
                self.check_line(position + rest.len() as u64, policy)?;
                break;
            };
            let end = position + at as u64;
            self.check_line(end, policy)?;
            match rest.get(at) {
                Some(b'\r') => self.behind_cr = true,
                _ => {
                    self.lone(policy, ContentError::LoneLf { offset: end })?;
                    self.line_start = end + 1;
                }
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        self.seen = start + chunk.len() as u64;
        Ok(())
    }

    /// Looks at all of a chunk at once, which settles it if it is as it should
    /// be; `false` if it has to be looked at more closely, and nothing has
    /// changed.
    fn survey(&mut self, chunk: &[u8], policy: &ContentPolicy) -> bool {
        let before = match self.seen - self.line_start {
            _ if self.behind_cr => b'\r',
            0 => b'\n',
            _ => b' ',
        };
        let survey = Survey::of(before, chunk);
        // What no line is longer than, unless one is said to be long.
        let longest = (self.seen - self.line_start).saturating_add(2 * WINDOW as u64);
        let short = |max| longest <= max as u64 && !survey.long_line;
        if survey.lone
            || survey.nul && !policy.nul
            || policy.max_line.is_some_and(|max| !short(max))
        {
            return false;
        }
        self.altered |= survey.first_dot;
        self.eight_bit |= survey.eight_bit;
        if let Some(at) = memrchr(b'\n', chunk) {
            self.line_start = self.seen + at as u64 + 1;
        }
        if let Some(&last) = chunk.last() {
            self.behind_cr = last == b'\r';
        }
        self.seen += chunk.len() as u64;
        true
    }

    /// Looks at the end of the content.
    pub(super) fn finish(&mut self, policy: &ContentPolicy) -> Result<(), ContentError> {
        if self.behind_cr {
            let offset = self.seen.saturating_sub(1);
            self.lone(policy, ContentError::LoneCr { offset })?;
        } else if self.seen > self.line_start {
            self.added += 2;
        }
        Ok(())
    }

    /// How many octets the message has, as SIZE counts them (RFC 1870 section
    /// 5): with line ends as they are sent, without what transparency adds.
    pub(super) const fn size(&self) -> u64 {
        self.seen + self.added
    }

    /// Whether what was seen goes over the wire as it is: no dot is at the start
    /// of a line, and nothing was repaired.
    pub(super) const fn is_unaltered(&self) -> bool {
        !self.altered
    }

    /// Whether an octet was above 127.
    pub(super) const fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    fn lone(&mut self, policy: &ContentPolicy, error: ContentError) -> Result<(), ContentError> {
        match policy.line_endings {
            LineEndings::Refuse => Err(error),
            LineEndings::Repair => {
                self.added += 1;
                Ok(())
            }
        }
    }

    fn check_line(&self, end: u64, policy: &ContentPolicy) -> Result<(), ContentError> {
        match policy.max_line {
            Some(max) if end - self.line_start > max as u64 => Err(ContentError::LineTooLong {
                offset: self.line_start,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair() -> ContentPolicy {
        ContentPolicy {
            line_endings: LineEndings::Repair,
            ..ContentPolicy::default()
        }
    }

    #[test]
    fn c_058_the_survey_lets_no_line_pass_that_is_too_long() {
        for max in 1..600 {
            let policy = ContentPolicy {
                max_line: Some(max),
                ..ContentPolicy::default()
            };
            for length in [max.saturating_sub(1), max, max + 1, 2 * max] {
                let line = [vec![b'x'; length].as_slice(), b"\r\n"].concat();
                for before in [&b""[..], b"x\r\n", &b"x\r\n".repeat(100)] {
                    let content = [before, &line, b"x\r\n"].concat();
                    let mut check = ContentCheck::default();
                    let is_short = check.chunk(&content, &policy).is_ok();
                    assert_eq!(is_short, length <= max, "{length} of {max}");
                }
            }
        }
    }

    #[test]
    fn the_survey_finds_what_a_close_look_finds() {
        let line = |length: usize| [vec![b'x'; length].as_slice(), b"\r\n"].concat();
        let odd: [&[u8]; 10] = [
            b"", b"\r", b"\n", b"\0", b"\x80", b"\r\n", b"\r\n.", b".", b"\n.", b"\r.",
        ];
        let policies = [
            ContentPolicy::default(),
            repair(),
            ContentPolicy {
                max_line: Some(520),
                ..ContentPolicy::default()
            },
            ContentPolicy {
                max_line: None,
                nul: true,
                ..repair()
            },
        ];
        for text in [
            line(40).repeat(20),
            line(254).repeat(4),
            line(510).repeat(3),
            line(1000),
        ] {
            for policy in &policies {
                for at in (0..text.len().min(600)).chain([text.len()]) {
                    for odd in odd {
                        let content = [&text[..at], odd, &text[at..]].concat();
                        for split in [0, 1, at, at + odd.len(), content.len()] {
                            let (first, second) = content.split_at(split.min(content.len()));
                            let mut check = ContentCheck::default();
                            let result = check
                                .chunk(first, policy)
                                .and_then(|()| check.chunk(second, policy));
                            let mut close = ContentCheck::default();
                            let expected = close
                                .look_closely(first, policy)
                                .and_then(|()| close.look_closely(second, policy));
                            assert_eq!(result, expected, "{odd:?} at {at}, {split}");
                            close.altered = check.altered;
                            if result.is_ok() {
                                assert_eq!(format!("{check:?}"), format!("{close:?}"));
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_goes_over_the_wire_as_it_is() {
        for (content, unaltered) in [
            (&b"a.b\r\nc.\r\n"[..], true),
            (b".a\r\n", false),
            (b"a\r\n.", false),
            (b"a\nb", false),
        ] {
            for at in 0..=content.len() {
                let mut check = ContentCheck::default();
                let (first, second) = content.split_at(at);
                check.chunk(first, &repair()).unwrap();
                check.chunk(second, &repair()).unwrap();
                assert_eq!(check.is_unaltered(), unaltered, "{content:?} at {at}");
            }
        }
    }

    fn check(content: &[u8], policy: &ContentPolicy) -> Result<(u64, bool), ContentError> {
        let mut whole = ContentCheck::default();
        let result = whole.chunk(content, policy);
        // The same for every split.
        for at in 0..=content.len() {
            let mut split = ContentCheck::default();
            let (first, second) = content.split_at(at);
            let again = split
                .chunk(first, policy)
                .and_then(|()| split.chunk(second, policy));
            assert_eq!(again, result, "{content:?} at {at}");
        }
        result?;
        whole.finish(policy)?;
        Ok((whole.size(), whole.is_eight_bit()))
    }

    #[test]
    fn c_071_lone_line_ends_are_refused_or_repaired() {
        for (content, repaired) in [
            (&b"a\nb"[..], "a\r\nb\r\n"),
            (b"a\rb", "a\r\nb\r\n"),
            (b"a\r\r\nb", "a\r\n\r\nb\r\n"),
            (b"\n.\n", "\r\n.\r\n"),
            (b"\n.\r\n", "\r\n.\r\n"),
            (b"\r.\r\n", "\r\n.\r\n"),
            (b"\r\n.\n", "\r\n.\r\n"),
            (b"\r\n.\r", "\r\n.\r\n"),
        ] {
            assert!(check(content, &ContentPolicy::default()).is_err());
            let size = repaired.len() as u64;
            assert_eq!(check(content, &repair()), Ok((size, false)), "{content:?}");
        }
    }

    #[test]
    fn c_229_size_counts_no_dots_and_the_final_crlf() {
        let strict = ContentPolicy::default();
        assert_eq!(check(b".a\r\n", &strict), Ok((4, false)));
        assert_eq!(check(b"x", &strict), Ok((3, false)));
        assert_eq!(check(b"", &strict), Ok((0, false)));
        assert_eq!(check(b"\xc3\xbc\r\n", &strict), Ok((4, true)));
    }

    #[test]
    fn c_058_line_length() {
        let strict = ContentPolicy::default();
        let line = |n: usize| [vec![b'x'; n].as_slice(), b"\r\n"].concat();
        assert!(check(&line(998), &strict).is_ok());
        let long = [line(10), line(999)].concat();
        assert_eq!(
            check(&long, &strict),
            Err(ContentError::LineTooLong { offset: 12 })
        );
        let any = ContentPolicy {
            max_line: None,
            ..strict
        };
        assert!(check(&long, &any).is_ok());
    }

    #[test]
    fn c_077_nul_is_refused() {
        assert_eq!(
            check(b"a\r\nb\0", &ContentPolicy::default()),
            Err(ContentError::Nul { offset: 4 })
        );
    }
}
