//! The reply parser gives the same replies, and the same error, for the same
//! octets however they are split.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_proto::{
    types::Reply,
    wire::{ReplyParseError, ReplyParser},
};

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

fuzz_target!(|input: (&[u8], u8)| {
    let (octets, step) = input;
    let whole = parse(std::iter::once(octets));
    assert_eq!(parse(octets.chunks(usize::from(step).max(1))), whole);
    assert_eq!(parse(octets.chunks(1)), whole);
});
