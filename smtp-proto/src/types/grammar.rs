//! The leaves of the grammar: RFC 5321 sections 4.1.2 and 4.1.3, with what RFC
//! 6531 section 3.3 adds to them.
//!
//! nom parses complete text here, a value or a line that was framed and bounded
//! before; its error type does not leave the crate.

use alloc::{borrow::Cow, string::String};

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::take_while1,
    character::complete::{anychar, char, satisfy},
    combinator::{all_consuming, map, recognize, verify},
    error::{Error, ErrorKind},
    multi::{fold_many0, many0_count},
    sequence::{delimited, preceded, terminated},
};

type Parsed<'a, T> = IResult<&'a str, T>;

/// Runs `parser` over the whole of `input`.
pub(crate) fn whole<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = Error<&'a str>>,
    input: &'a str,
) -> Option<T> {
    all_consuming(parser)
        .parse_complete(input)
        .ok()
        .map(|(_, value)| value)
}

/// The US-ASCII characters that the grammar puts together, as bits.
const ATEXT: u8 = 1; // RFC 5322 section 3.2.3
const LET_DIG_HYPHEN: u8 = 2;
const ESMTP_VALUE: u8 = 4;
const PRINTABLE: u8 = 8; // with the space

/// The classes of each octet. Others than US-ASCII have none.
#[expect(clippy::indexing_slicing, reason = "the compiler does it")]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut octet = b' ';
    while octet <= b'~' {
        let let_dig = octet.is_ascii_alphanumeric();
        let special = matches!(
            octet,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~'
        );
        let mut class = PRINTABLE;
        if let_dig || special {
            class |= ATEXT;
        }
        if let_dig || octet == b'-' {
            class |= LET_DIG_HYPHEN;
        }
        if octet != b' ' && octet != b'=' {
            class |= ESMTP_VALUE;
        }
        classes[octet as usize] = class;
        octet += 1;
    }
    classes
};

/// What a text is made of: characters of some classes, and some of those beyond
/// US-ASCII.
struct Alphabet {
    classes: u8,
    others: fn(char) -> bool,
}

impl Alphabet {
    /// Where the characters of the alphabet end that begin at `start`.
    #[inline]
    fn end(&self, text: &str, start: usize) -> usize {
        let mut at = start;
        while let Some(&octet) = text.as_bytes().get(at) {
            let classes = CLASSES.get(usize::from(octet)).copied();
            if classes.unwrap_or_default() & self.classes != 0 {
                at += 1;
            } else if octet.is_ascii() {
                break;
            } else {
                match self.other(text, at) {
                    0 => break,
                    length => at += length,
                }
            }
        }
        at
    }

    /// The length of the character that begins at `at`, if it belongs to it.
    #[cold]
    fn other(&self, text: &str, at: usize) -> usize {
        let c = text.get(at..).and_then(|rest| rest.chars().next());
        c.filter(|c| (self.others)(*c)).map_or(0, char::len_utf8)
    }

    fn has_all_of(&self, text: &str) -> bool {
        self.end(text, 0) == text.len()
    }

    /// `part *("." part)`, of which `fits` tells whether the octets are a part.
    #[inline]
    fn dotted<'a>(&self, input: &'a str, fits: impl Fn(&[u8]) -> bool) -> Parsed<'a, &'a str> {
        let octets = input.as_bytes();
        let mut end = 0;
        let mut start = 0;
        loop {
            let stop = self.end(input, start);
            let part = octets.get(start..stop).unwrap_or_default();
            if part.is_empty() || !fits(part) {
                break;
            }
            end = stop;
            if octets.get(stop) != Some(&b'.') {
                break;
            }
            start = stop + 1;
        }
        take1(input, end)
    }
}

/// `atext`, with `UTF8-non-ascii`.
const ATOM: Alphabet = Alphabet {
    classes: ATEXT,
    others: is_non_ascii,
};

const SUB_DOMAIN: Alphabet = Alphabet {
    classes: LET_DIG_HYPHEN,
    others: is_in_u_label,
};

const KEYWORD: Alphabet = Alphabet {
    classes: LET_DIG_HYPHEN,
    others: |_| false,
};

/// `esmtp-value`, with `UTF8-non-ascii`.
const VALUE: Alphabet = Alphabet {
    classes: ESMTP_VALUE,
    others: is_non_ascii,
};

/// `qtextSMTP`, with `UTF8-non-ascii`, and what a `quoted-pairSMTP` can stand for.
const LOCAL_TEXT: Alphabet = Alphabet {
    classes: PRINTABLE,
    others: is_non_ascii,
};

/// The first `length` octets of `input`, of which there must be some.
#[inline]
fn take1(input: &str, length: usize) -> Parsed<'_, &str> {
    match input.split_at_checked(length) {
        Some((taken, rest)) if length > 0 => Ok((rest, taken)),
        _ => Err(nom::Err::Error(Error::new(input, ErrorKind::TakeWhile1))),
    }
}

/// Passes over spaces.
pub(crate) fn skip_spaces(text: &str) -> &str {
    let spaces = text.bytes().take_while(|&octet| octet == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

/// `UTF8-non-ascii` of RFC 6531, without the C1 control characters.
fn is_non_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_control()
}

/// What the labels of U-labels may have. What IDNA allows in them takes large
/// tables to tell; but no white space, and none of the dots that IDNA takes for
/// a full stop (RFC 3490 section 3.1), or one label could be read as two.
fn is_in_u_label(c: char) -> bool {
    let dot = matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    is_non_ascii(c) && !dot && !c.is_whitespace()
}

/// Whether a text is such as a local part may hold once its quotes are off.
pub(crate) fn is_local_text(text: &str) -> bool {
    LOCAL_TEXT.has_all_of(text)
}

/// Whether a text is `esmtp-value` of RFC 5321 section 4.1.2.
pub(crate) fn is_esmtp_value(text: &str) -> bool {
    !text.is_empty() && VALUE.has_all_of(text)
}

/// `esmtp-keyword` and `ehlo-keyword`: `(ALPHA / DIGIT) *(ALPHA / DIGIT / "-")`.
#[inline]
fn keyword(input: &str) -> Parsed<'_, &str> {
    match input.starts_with('-') {
        true => take1(input, 0),
        false => take1(input, KEYWORD.end(input, 0)),
    }
}

/// Whether all of a text is a keyword.
pub(crate) fn is_keyword(text: &str) -> bool {
    whole(keyword, text).is_some()
}

/// Whether a text is the name of a SASL mechanism:
/// `1*20(%x41-5A / DIGIT / "-" / "_")` (RFC 4422 section 3.1).
pub(crate) fn is_mechanism_name(text: &str) -> bool {
    (1..=20).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// `Dot-string = Atom *("." Atom)`.
#[inline]
pub(crate) fn dot_string(input: &str) -> Parsed<'_, &str> {
    ATOM.dotted(input, |_| true)
}

/// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE`, without its quotes and
/// backslashes.
fn quoted_string(input: &str) -> Parsed<'_, String> {
    let quoted_pair = preceded(char('\\'), satisfy(|c| matches!(c, ' '..='~')));
    let qtext = verify(anychar, |&c| {
        (matches!(c, ' '..='~') || is_non_ascii(c)) && c != '"' && c != '\\'
    });
    let content = fold_many0(alt((quoted_pair, qtext)), String::new, |mut text, c| {
        text.push(c);
        text
    });
    delimited(char('"'), content, char('"')).parse(input)
}

/// `Local-part = Dot-string / Quoted-string`, as the text that it stands for.
#[inline]
pub(crate) fn local_part(input: &str) -> Parsed<'_, Cow<'_, str>> {
    match input.starts_with('"') {
        true => map(quoted_string, Cow::Owned).parse(input),
        false => map(dot_string, Cow::Borrowed).parse(input),
    }
}

/// `Domain = sub-domain *("." sub-domain)`, with U-labels.
#[inline]
pub(crate) fn domain(input: &str) -> Parsed<'_, &str> {
    SUB_DOMAIN.dotted(input, |label| {
        label.first() != Some(&b'-') && label.last() != Some(&b'-')
    })
}

/// `address-literal`, of whatever kind.
pub(crate) fn address_literal(input: &str) -> Parsed<'_, &str> {
    recognize(bracketed).parse(input)
}

/// What stands between the brackets of an `address-literal`.
pub(crate) fn bracketed(input: &str) -> Parsed<'_, &str> {
    delimited(
        char('['),
        take_while1(|c| matches!(c, '!'..='Z' | '^'..='~')),
        char(']'),
    )
    .parse(input)
}

/// `A-d-l ":"`, the source route, which everyone must accept and ignore (RFC
/// 5321 section 4.1.1.3 and appendix C).
pub(crate) fn source_route(input: &str) -> Parsed<'_, ()> {
    let at_domain = || preceded(char('@'), alt((domain, address_literal)));
    let more = many0_count(preceded(char(','), at_domain()));
    map(terminated((at_domain(), more), char(':')), |_| ()).parse(input)
}

/// `esmtp-param = esmtp-keyword ["=" esmtp-value]`.
#[inline]
pub(crate) fn parameter(input: &str) -> Parsed<'_, &str> {
    let (rest, keyword) = keyword(input)?;
    match rest.strip_prefix('=').map(|value| VALUE.end(value, 0)) {
        None | Some(0) => Ok((rest, keyword)),
        Some(value) => take1(input, keyword.len() + 1 + value),
    }
}
