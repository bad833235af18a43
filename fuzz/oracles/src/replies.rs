//! The reply parser gives the same replies, and the same error, for the same
//! octets however they are split.

use smtp_proto::{
    types::Reply,
    wire::{ReplyParseError, ReplyParser},
};

use crate::tape::Tape;

fn parse(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ReplyParseError>) {
    let mut parser = ReplyParser::default();
    let mut replies = Vec::new();
    for piece in pieces {
        let mut piece = *piece;
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
    let whole = parse(&[octets]);
    assert_eq!(parse(&octets.chunks(step).collect::<Vec<_>>()), whole);
    assert_eq!(parse(&octets.chunks(1).collect::<Vec<_>>()), whole);
}
