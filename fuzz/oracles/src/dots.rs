//! What must hold for content on its way over the wire.

mod plain;

use smtp_proto::wire::{Stuffed, Stuffer, Unstuffed, Unstuffer};

pub use self::plain::{Item, content_and_end, stuff_plainly, unstuff_plainly, with_line_ends};
use crate::{
    pieces::{Cuts, assert_only_crlf, every_way},
    tape::Tape,
};

/// Content stands at the front of the input, the cuts behind its last NUL. The same
/// octets are read as what came over the wire, too.
pub fn dots(input: &[u8]) {
    let (octets, mut tape) = Tape::split(input);
    let ways = every_way(&mut tape);
    stuffed(octets, &ways, &every_way(&mut tape));
    unstuffed(octets, &ways);
}

/// Whatever the content, and however it is cut there and back:
///
/// - what goes over the wire is what RFC 5321 section 4.5.2 tells, at most twice as
///   long, with one end, at its end, and no lone CR or LF;
/// - what comes out there is the content with its line ends completed, and it goes over
///   the wire in the same form again.
pub fn stuffed(content: &[u8], there: &[Cuts], back: &[Cuts]) {
    let wire = stuff(&[content]);
    assert_eq!(wire, stuff_plainly(content));
    for cuts in there {
        assert_eq!(stuff(&cuts.pieces(content)), wire, "{cuts:?}");
    }
    assert!(wire.len() <= 2 * content.len() + b"\r\n.\r\n".len());
    assert_only_crlf(&wire);
    let framed = [b"\r\n", &wire[..]].concat();
    let mut ends = framed
        .windows(5)
        .enumerate()
        .filter(|(_, five)| five == b"\r\n.\r\n");
    assert_eq!(ends.next().unwrap().0, framed.len() - 5);
    assert!(ends.next().is_none());
    let completed = with_line_ends(content);
    let expected = (content_and_end(&completed), Some(wire.len()));
    assert_eq!(unstuff(&[&wire]), expected);
    for cuts in back {
        assert_eq!(unstuff(&cuts.pieces(&wire)), expected, "{cuts:?}");
    }
    assert_eq!(stuff(&[&completed]), wire);
}

/// Whatever comes over the wire, and however it is cut: it is read as a plain reading
/// has it, up to the end and no further.
pub fn unstuffed(wire: &[u8], ways: &[Cuts]) {
    let expected = unstuff_plainly(wire);
    assert_eq!(unstuff(&[wire]), expected);
    for cuts in ways {
        assert_eq!(unstuff(&cuts.pieces(wire)), expected, "{cuts:?}");
    }
}

/// What goes over the wire for content in these pieces.
pub fn stuff(pieces: &[&[u8]]) -> Vec<u8> {
    let mut stuffer = Stuffer::new();
    let mut wire = Vec::new();
    for piece in pieces {
        // All of the content goes over, and little beside it.
        let mut rest = *piece;
        let mut parts = 0;
        stuffer.stuff(piece, |stuffed| {
            let of_content: &[u8] = match stuffed {
                Stuffed::Content(slice) => slice,
                Stuffed::DotLines { content, .. } => content,
                Stuffed::Dot | Stuffed::Cr | Stuffed::Lf => b"",
            };
            rest = rest.strip_prefix(of_content).unwrap();
            assert!(!stuffed.octets().is_empty());
            wire.extend_from_slice(stuffed.octets());
            parts += 1;
        });
        assert!(rest.is_empty(), "content was left out");
        assert!(parts <= 3 * piece.len(), "{parts} parts");
    }
    wire.extend_from_slice(stuffer.finish());
    wire
}

/// What comes out of an [`Unstuffer`], octet by octet, and how many octets were
/// read up to the end.
pub fn unstuff(pieces: &[&[u8]]) -> (Vec<Item>, Option<usize>) {
    let mut unstuffer = Unstuffer::new();
    let mut items = Vec::new();
    let mut before = 0;
    for piece in pieces {
        let mut input = *piece;
        let mut parts = 0;
        while let Some(unstuffed) = unstuffer.next(&mut input) {
            parts += 1;
            assert!(parts <= 3 * piece.len(), "{parts} parts");
            match unstuffed {
                Unstuffed::Content(slice) | Unstuffed::DotLines(slice) => {
                    assert!(!slice.is_empty());
                    items.extend(slice.iter().map(|&octet| Item::Octet(octet)));
                }
                Unstuffed::LoneCr => items.push(Item::LoneCr),
                Unstuffed::LoneLf => items.push(Item::LoneLf),
                Unstuffed::End => {
                    items.push(Item::End);
                    return (items, Some(before + piece.len() - input.len()));
                }
            }
        }
        assert!(input.is_empty());
        before += piece.len();
    }
    (items, None)
}
