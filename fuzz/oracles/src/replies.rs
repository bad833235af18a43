//! The reply parser gives the same replies, and the same error, for the same
//! octets however they are split.

use smtp_proto::{
    types::Reply,
    wire::{ReplyParseError, ReplyParser},
};

use crate::tape::Tape;

#[allow(single_use_lifetimes, reason = "an anonymous one is not stable")]
fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Reply>, Option<ReplyParseError>) {
    let mut parser = ReplyParser::default();
    let mut replies = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match parser.parse(&mut piece) {
                Ok(reply) => replies.extend(reply),
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

pub fn replies(input: &[u8]) {
    let mut tape = Tape::new(input);
    let step = usize::from(tape.octet()).max(1);
    let octets = tape.front(usize::MAX);
    let whole = parse(std::iter::once(octets));
    assert_eq!(parse(octets.chunks(step)), whole);
    assert_eq!(parse(octets.chunks(1)), whole);
}
