//! Whatever the content, and however it comes in chunks: what goes over the
//! wire has one end of data, at its end, and no lone line end; and undoing the
//! dots gives the content back, with its line ends completed.

use smtp_proto::wire::{Stuffer, Unstuffed, Unstuffer};

use crate::tape::Tape;

fn stuff(content: &[u8], step: usize) -> Vec<u8> {
    let mut stuffer = Stuffer::new();
    let mut wire = Vec::new();
    for chunk in content.chunks(step) {
        stuffer.stuff(chunk, |piece| wire.extend_from_slice(piece.octets()));
    }
    wire.extend_from_slice(stuffer.finish());
    wire
}

fn unstuff(wire: &[u8], step: usize) -> Vec<u8> {
    let mut unstuffer = Unstuffer::new();
    let mut content = Vec::new();
    let mut ended = false;
    for mut piece in wire.chunks(step) {
        while let Some(unstuffed) = unstuffer.next(&mut piece) {
            assert!(!ended, "content behind its end");
            match unstuffed {
                Unstuffed::Content(slice) | Unstuffed::DotLines(slice) => {
                    content.extend_from_slice(slice);
                }
                Unstuffed::End => ended = true,
                lone => panic!("{lone:?}"),
            }
        }
    }
    assert!(ended, "no end");
    content
}

/// With every line end as CRLF, and one at the end unless it is empty.
fn completed(content: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut octets = content.iter().peekable();
    while let Some(&octet) = octets.next() {
        match octet {
            b'\r' => {
                octets.next_if_eq(&&b'\n');
                lines.extend_from_slice(b"\r\n");
            }
            b'\n' => lines.extend_from_slice(b"\r\n"),
            _ => lines.push(octet),
        }
    }
    if !lines.is_empty() && !lines.ends_with(b"\r\n") {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

pub fn dots(input: &[u8]) {
    let mut tape = Tape::new(input);
    let step = usize::from(tape.octet()).max(1);
    let other_step = usize::from(tape.octet()).max(1);
    let content = tape.front(usize::MAX);
    let wire = stuff(content, step);
    assert_eq!(wire, stuff(content, content.len().max(1)));
    assert_eq!(unstuff(&wire, other_step), completed(content));
}
