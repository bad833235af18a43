//! What must hold for replies that are read, and for those that are made.

mod plain;

use bytes::BytesMut;
use smtp_proto::{
    types::{EnhancedCode, Reply, ReplyCode},
    wire::{ReplyLimits, ReplyParseError, ReplyParser, encode_reply},
};

pub use self::plain::read_plainly;
use crate::{
    pieces::{Cuts, assert_on_one_line, assert_only_crlf, every_way},
    tape::Tape,
};

/// What a server says stands at the front of the input; limits and cuts behind its
/// last NUL.
pub fn replies(input: &[u8]) {
    let (octets, mut tape) = Tape::split(input);
    let limits = limits(&mut tape);
    check(octets, limits, &every_way(&mut tape));
    let code = 200 + u16::from(tape.octet()) % 400;
    let enhanced = match tape.below(3) {
        0 => None,
        1 => EnhancedCode::new(u8::try_from(code / 100).unwrap(), 1, 12),
        _ => EnhancedCode::new(tape.octet() % 6, 100, u16::from(tape.octet()) % 10),
    };
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    made(ReplyCode::new(code).unwrap(), enhanced, &text);
}

/// The usual limits, or such that few octets reach them.
fn limits(tape: &mut Tape<'_>) -> ReplyLimits {
    let mut limits = ReplyLimits::default();
    if tape.rarely(2) {
        limits.line = tape.one_of(&[512, 8, 16, 40]) + tape.below(9);
        limits.lines = 1 + tape.below(6);
        limits.total = tape.one_of(&[1024, 8, 64, 128]) + tape.below(90);
    }
    limits
}

/// Whatever a server says:
///
/// - the replies, the error and what is left are the same however the octets are
///   cut, and as a plain reading of all of them has it;
/// - no more is kept than the limits allow, and each call gets on;
/// - each reply can be printed and passed on ([`passed_on`]).
pub fn check(octets: &[u8], limits: ReplyLimits, ways: &[Cuts]) {
    let whole = read(&[octets], limits);
    as_plainly(octets, limits, &whole);
    for cuts in ways {
        assert_eq!(read(&cuts.pieces(octets), limits), whole, "{cuts:?}");
    }
    for reply in &whole.replies {
        passed_on(reply);
    }
    if let Some(error) = &whole.error {
        assert_on_one_line(error);
    }
}

#[derive(Debug, PartialEq)]
struct Read {
    replies: Vec<Reply>,
    error: Option<ReplyParseError>,
    /// The line whose end has not come.
    partial: Vec<u8>,
}

/// Reads all replies in `pieces`, up to the first error.
fn read(pieces: &[&[u8]], limits: ReplyLimits) -> Read {
    let mut parser = ReplyParser::new(limits);
    let mut replies = Vec::new();
    let mut since_reply = 0;
    for piece in pieces {
        let mut input = *piece;
        loop {
            let before = input.len();
            match parser.parse(&mut input) {
                Err(error) => {
                    return Read {
                        replies,
                        error: Some(error),
                        partial: Vec::new(),
                    };
                }
                Ok(Some(reply)) => {
                    assert!(input.len() < before, "a reply out of nothing");
                    let taken = since_reply + before - input.len();
                    assert!(taken <= limits.total, "{taken} octets of one reply");
                    assert!(reply.text_len() < taken);
                    assert!(reply.line_count() <= limits.lines);
                    replies.push(reply);
                    since_reply = 0;
                }
                Ok(None) => {
                    assert!(input.is_empty());
                    since_reply += before;
                    break;
                }
            }
        }
        assert!(parser.partial_line().len() <= limits.line);
        assert!(since_reply <= limits.total, "more was kept than allowed");
        assert_eq!(parser.is_partial(), since_reply > 0);
    }
    Read {
        replies,
        error: None,
        partial: parser.partial_line().to_vec(),
    }
}

/// Compares what was read from `octets` with the plain way to read them.
fn as_plainly(octets: &[u8], limits: ReplyLimits, read: &Read) {
    let mut rest = octets;
    for reply in &read.replies {
        let plain = read_plainly(rest, limits).unwrap().unwrap();
        assert_eq!(reply.code().to_string(), plain.code);
        assert_eq!(reply.is_mixed(), plain.mixed);
        assert!(reply.lines().eq(plain.lines.iter().map(Vec::as_slice)));
        let backwards = plain.lines.iter().rev().map(Vec::as_slice);
        assert!(reply.lines().rev().eq(backwards));
        let enhanced = reply.enhanced().map(|code| code.to_string());
        assert_eq!(enhanced, plain.enhanced());
        rest = &rest[plain.length..];
    }
    match (read_plainly(rest, limits), &read.error) {
        (Ok(None), None) => {
            let line = rest.rsplit(|&octet| octet == b'\n').next();
            assert_eq!(line.unwrap_or_default(), read.partial);
        }
        (Err(ReplyParseError::Malformed(line)), Some(ReplyParseError::Malformed(sample))) => {
            assert!(line.starts_with(sample));
            assert_eq!(sample.len(), line.len().min(ReplyParseError::SAMPLE_LEN));
        }
        (expected, error) => assert_eq!(expected.as_ref().err(), error.as_ref()),
    }
}

/// A reply that was read prints on one line; and as it is passed on it has CRLFs only,
/// no control character but tabs, and says the same when it is read again.
pub fn passed_on(reply: &Reply) {
    assert_on_one_line(reply);
    assert_eq!(reply.text().split('\n').count(), reply.line_count());
    let again = sent(reply);
    assert_eq!(again.code(), reply.code());
    assert_eq!(again.line_count(), reply.line_count());
    assert_eq!(again.enhanced(), reply.enhanced());
    assert!(!again.is_mixed());
    for (line, of_reply) in again.lines().zip(reply.lines()) {
        assert_eq!(line.len(), of_reply.len());
        for (&octet, &of_reply) in line.iter().zip(of_reply) {
            let harmless = of_reply == b'\t' || !of_reply.is_ascii_control();
            assert_eq!(octet, if harmless { of_reply } else { b'?' });
        }
    }
    assert_eq!(sent(&again), again);
}

/// A reply that went over the wire, and nothing else did.
fn sent(reply: &Reply) -> Reply {
    let mut wire = BytesMut::new();
    encode_reply(reply, &mut wire);
    assert_only_crlf(&wire);
    assert!(!wire.contains(&0));
    let mut limits = ReplyLimits::default();
    limits.line = usize::MAX;
    limits.lines = usize::MAX;
    limits.total = usize::MAX;
    let mut input = &wire[..];
    let again = ReplyParser::new(limits).parse(&mut input).unwrap().unwrap();
    assert!(input.is_empty());
    again
}

/// A reply that could be made goes over the wire as it is, in lines that everyone
/// takes, and with all of its text.
pub fn made(code: ReplyCode, enhanced: Option<EnhancedCode>, text: &str) {
    const LONGEST_LINE: usize = 512;
    let printable = |c: char| matches!(c, ' '..='~' | '\n');
    let fits = enhanced.is_none_or(|enhanced| u16::from(enhanced.class()) == code.get() / 100);
    let made = Reply::new(code, enhanced, text);
    let expected = (200..=599).contains(&code.get()) && fits && text.chars().all(printable);
    assert_eq!(made.is_ok(), expected, "{made:?}");
    let Ok(reply) = made else {
        return;
    };
    let prefix = enhanced.map_or_else(String::new, |enhanced| format!("{enhanced} "));
    let mut whole = String::new();
    for line in reply.lines() {
        assert!(code.get() == 334 || "250 ".len() + line.len() + 2 <= LONGEST_LINE);
        whole += std::str::from_utf8(line)
            .unwrap()
            .strip_prefix(&prefix)
            .unwrap();
    }
    assert_eq!(whole, text.replace('\n', ""));
    assert!(reply.line_count() > text.matches('\n').count());
    assert!(enhanced.is_none() || reply.enhanced() == enhanced);
    assert_eq!(sent(&reply), reply);
    passed_on(&reply);
}
