//! The leaves of the grammar: RFC 5321 sections 4.1.2 and 4.1.3, with what RFC
//! 6531 section 3.3 adds to them.
//!
//! nom parses complete text here, a value or a line that was framed and bounded
//! before; its error type does not leave the crate.

use alloc::{borrow::Cow, string::String};

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while1},
    character::complete::{anychar, char, satisfy},
    combinator::{all_consuming, map, opt, recognize, verify},
    multi::{fold_many0, many0_count, separated_list1},
    sequence::{delimited, preceded, terminated},
};

type Parsed<'a, T> = IResult<&'a str, T>;

/// Runs `parser` over the whole of `input`.
pub(crate) fn whole<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = nom::error::Error<&'a str>>,
    input: &'a str,
) -> Option<T> {
    all_consuming(parser)
        .parse_complete(input)
        .ok()
        .map(|(_, value)| value)
}

/// `UTF8-non-ascii` of RFC 6531, without the C1 control characters.
fn is_non_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_control()
}

/// `atext` of RFC 5322 section 3.2.3, with `UTF8-non-ascii`.
pub(crate) fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_non_ascii(c)
}

/// What a local part may hold once its quotes are off: `qtextSMTP`, and what a
/// `quoted-pairSMTP` can stand for.
pub(crate) fn is_local_char(c: char) -> bool {
    matches!(c, ' '..='~') || is_non_ascii(c)
}

/// `Let-dig`, with the letters of U-labels. What IDNA allows in them takes large
/// tables to tell; but no white space, and none of the dots that IDNA takes for
/// a full stop (RFC 3490 section 3.1), or one label could be read as two.
fn is_let_dig(c: char) -> bool {
    let dot = matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    c.is_ascii_alphanumeric() || is_non_ascii(c) && !dot && !c.is_whitespace()
}

/// `esmtp-value` of RFC 5321 section 4.1.2, with `UTF8-non-ascii`.
pub(crate) fn is_esmtp_value_char(c: char) -> bool {
    matches!(c, '!'..='<' | '>'..='~') || is_non_ascii(c)
}

/// `esmtp-keyword` and `ehlo-keyword`: `(ALPHA / DIGIT) *(ALPHA / DIGIT / "-")`.
pub(crate) fn keyword(input: &str) -> Parsed<'_, &str> {
    verify(
        take_while1(|c: char| c.is_ascii_alphanumeric() || c == '-'),
        |word: &str| !word.starts_with('-'),
    )
    .parse(input)
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
pub(crate) fn dot_string(input: &str) -> Parsed<'_, &str> {
    recognize(separated_list1(char('.'), take_while1(is_atext))).parse(input)
}

/// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE`, without its quotes and
/// backslashes.
fn quoted_string(input: &str) -> Parsed<'_, String> {
    let quoted_pair = preceded(char('\\'), satisfy(|c| matches!(c, ' '..='~')));
    let qtext = verify(anychar, |&c| is_local_char(c) && c != '"' && c != '\\');
    let content = fold_many0(alt((quoted_pair, qtext)), String::new, |mut text, c| {
        text.push(c);
        text
    });
    delimited(char('"'), content, char('"')).parse(input)
}

/// `Local-part = Dot-string / Quoted-string`, as the text that it stands for.
pub(crate) fn local_part(input: &str) -> Parsed<'_, Cow<'_, str>> {
    alt((
        map(quoted_string, Cow::Owned),
        map(dot_string, Cow::Borrowed),
    ))
    .parse(input)
}

/// `Domain = sub-domain *("." sub-domain)`.
pub(crate) fn domain(input: &str) -> Parsed<'_, &str> {
    let sub_domain = verify(
        take_while1(|c: char| is_let_dig(c) || c == '-'),
        |label: &str| !label.starts_with('-') && !label.ends_with('-'),
    );
    recognize(separated_list1(char('.'), sub_domain)).parse(input)
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
    let at_domain = || preceded(char('@'), alt((domain, recognize(bracketed))));
    let more = many0_count(preceded(char(','), at_domain()));
    map(terminated((at_domain(), more), char(':')), |_| ()).parse(input)
}

/// `esmtp-param = esmtp-keyword ["=" esmtp-value]`.
pub(crate) fn parameter(input: &str) -> Parsed<'_, (&str, Option<&str>)> {
    (
        keyword,
        opt(preceded(tag("="), take_while1(is_esmtp_value_char))),
    )
        .parse(input)
}
