//! Content with and without its dots, looking at everything at once.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item {
    Octet(u8),
    LoneCr,
    LoneLf,
    End,
}

/// Completes each lone CR and LF to CRLF, and the last line too.
pub fn with_line_ends(content: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (at, &octet) in content.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| content[at]);
        match octet {
            b'\r' => lines.extend_from_slice(b"\r\n"),
            b'\n' if before == Some(b'\r') => {}
            b'\n' => lines.extend_from_slice(b"\r\n"),
            _ => lines.push(octet),
        }
    }
    if !lines.is_empty() && !lines.ends_with(b"\r\n") {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// Dot-stuffing as RFC 5321 section 4.5.2 tells it: look at each line.
pub fn stuff_plainly(content: &[u8]) -> Vec<u8> {
    let lines = with_line_ends(content);
    let mut wire = Vec::new();
    for line in lines.split_inclusive(|&b| b == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// What comes out of octets of the wire, and how many were read up to the end.
pub fn unstuff_plainly(wire: &[u8]) -> (Vec<Item>, Option<usize>) {
    let mut items = Vec::new();
    let mut line_start = true;
    let mut at = 0;
    while at < wire.len() {
        let rest = &wire[at..];
        if line_start && rest.starts_with(b".\r\n") {
            items.push(Item::End);
            return (items, Some(at + 3));
        }
        if line_start && (rest == b"." || rest == b".\r") {
            break; // It may yet become the end.
        }
        let was_line_start = std::mem::replace(&mut line_start, false);
        match rest {
            [b'.', ..] if was_line_start => {}
            [b'\r', b'\n', ..] => {
                items.extend([Item::Octet(b'\r'), Item::Octet(b'\n')]);
                line_start = true;
                at += 1;
            }
            [b'\r'] => items.push(Item::Octet(b'\r')),
            [b'\r', ..] => items.extend([Item::Octet(b'\r'), Item::LoneCr]),
            [b'\n', ..] => items.extend([Item::LoneLf, Item::Octet(b'\n')]),
            [octet, ..] => items.push(Item::Octet(*octet)),
            [] => {}
        }
        at += 1;
    }
    (items, None)
}

pub fn content_and_end(content: &[u8]) -> Vec<Item> {
    let octets = content.iter().map(|&octet| Item::Octet(octet));
    octets.chain([Item::End]).collect()
}
