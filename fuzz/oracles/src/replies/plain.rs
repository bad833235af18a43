//! Replies as one reads them who has all of them before him.

use smtp_proto::wire::{ReplyLimits, ReplyParseError};

#[derive(Debug)]
pub struct PlainReply {
    pub code: String,
    /// Another code stood beside it.
    pub mixed: bool,
    pub lines: Vec<Vec<u8>>,
    /// How many octets it has.
    pub length: usize,
}

impl PlainReply {
    /// The first enhanced code in front of a line whose class is that of the code.
    pub fn enhanced(&self) -> Option<String> {
        self.lines.iter().find_map(|line| {
            let word = line.split(|&octet| octet == b' ').next().unwrap();
            let word = std::str::from_utf8(word).ok()?;
            let numbers: Vec<&str> = word.split('.').collect();
            let [class, subject, detail] = numbers[..] else {
                return None;
            };
            let number = |text: &str| {
                (1..=3).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
            };
            let fits = ["2", "4", "5"].contains(&class) && self.code.starts_with(class);
            let short = |text: &str| text.parse::<u16>().unwrap();
            (fits && number(subject) && number(detail))
                .then(|| format!("{class}.{}.{}", short(subject), short(detail)))
        })
    }
}

/// One reply at the start of `octets`. `None` if its end is not there.
pub fn read_plainly(
    octets: &[u8],
    limits: ReplyLimits,
) -> Result<Option<PlainReply>, ReplyParseError> {
    let mut lines = Vec::new();
    let mut codes = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let end = octets[at..].iter().position(|&b| b == b'\n');
        let line = &octets[at..end.map_or(octets.len(), |end| at + end + 1)];
        let room = limits.total - at;
        if line.len() > room.min(limits.line) {
            return Err(if room < limits.line {
                ReplyParseError::TooLong
            } else {
                ReplyParseError::LineTooLong
            });
        }
        if end.is_none() {
            break;
        }
        if lines.len() == limits.lines {
            return Err(ReplyParseError::TooManyLines);
        }
        at += line.len();
        let line = line.strip_suffix(b"\n").unwrap();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, last, text) = match line {
            [a, b, c] => ([*a, *b, *c], true, &[][..]),
            [a, b, c, b' ' | b'\t', text @ ..] => ([*a, *b, *c], true, text),
            [a, b, c, b'-', text @ ..] => ([*a, *b, *c], false, text),
            _ => return Err(ReplyParseError::Malformed(line.to_vec())),
        };
        if !code.iter().all(u8::is_ascii_digit) {
            return Err(ReplyParseError::Malformed(line.to_vec()));
        }
        codes.push(code);
        lines.push(text.to_vec());
        if last {
            return Ok(Some(PlainReply {
                code: String::from_utf8(code.to_vec()).unwrap(),
                mixed: codes.iter().any(|other| *other != code),
                lines,
                length: at,
            }));
        }
    }
    Ok(None)
}
