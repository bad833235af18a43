//! What parsers keep, and how often they allocate, whatever the peer sends: with an
//! allocator that counts. One test, for it counts all that runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{alloc::System, fmt::Debug};

use smtp_proto::{
    types::{Capabilities, Reply},
    wire::{ReplyLimits, ReplyParseError, ReplyParser, decode_xtext, encode_xtext, parse_command},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A buffer that grows may have twice the room that it needs.
const GROWTH: usize = 2;

/// What a parser may keep from one reply to the next, in each of its two buffers.
const KEPT: usize = 2 * 1024;

#[test]
fn c_060_s_101_memory_and_allocations_are_bounded() {
    a_reply_without_end();
    many_long_replies();
    offers();
    // Text in a reply, a capability or a parameter costs what it is kept in, and a
    // text of one octet is kept in 48 at most.
    twice_the_input("reply, by one", 3, |n| {
        reply(&[b"250-".to_vec(), vec![b'x'; n]].concat(), 1).unwrap()
    });
    twice_the_input("lines, by one", 3, |n| {
        reply(&b"250-x\r\n".repeat(n / 7), 1).unwrap()
    });
    twice_the_input("AUTH", 60, |n| {
        let wire = [&b"250-a\r\n250 AUTH"[..], &b" A".repeat(n / 2), b"\r\n"].concat();
        Capabilities::from_reply(&reply(&wire, usize::MAX).unwrap().pop().unwrap())
    });
    twice_the_input("parameters", 60, |n| {
        let words: String = (0..n / 6).map(|n| format!(" {n:05}")).collect();
        parse_command(format!("MAIL FROM:<a@b>{words}").as_bytes()).unwrap()
    });
    twice_the_input("quoted", 10, |n| {
        parse_command(format!("RCPT TO:<\"{}\"@b>", "\\a".repeat(n)).as_bytes()).is_err()
    });
    twice_the_input("xtext", 10, |n| {
        decode_xtext(&encode_xtext(&vec![0; n])).unwrap()
    });
}

/// Octets that are in use, since the region began.
fn kept(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated)
}

fn reply(octets: &[u8], step: usize) -> Result<Vec<Reply>, ReplyParseError> {
    let mut limits = ReplyLimits::default();
    (limits.line, limits.lines, limits.total) = (1 << 20, 1 << 20, 1 << 20);
    let mut parser = ReplyParser::new(limits);
    let mut replies = Vec::new();
    for mut piece in octets.chunks(step) {
        while let Some(reply) = parser.parse(&mut piece)? {
            replies.push(reply);
        }
    }
    Ok(replies)
}

/// It is refused before the parser has more than its limits allow.
fn a_reply_without_end() {
    let limits = ReplyLimits::default();
    for endless in [
        &b"x"[..],
        b"250-x\r\n",
        b"250-\n",
        b"250-a long one of these\r\n",
    ] {
        let octets = endless.repeat(2 * limits.total / endless.len());
        for piece in [1, 7, 1000, octets.len()] {
            let region = Region::new(COUNTING);
            let mut parser = ReplyParser::new(limits);
            let refused = octets.chunks(piece).any(|mut input| {
                let read = parser.parse(&mut input);
                let most = GROWTH * (limits.line + limits.total);
                assert!(kept(&region) <= most, "{} octets", kept(&region));
                assert!(!matches!(read, Ok(Some(_))));
                read.is_err()
            });
            assert!(refused);
        }
    }
}

fn many_long_replies() {
    let line = [&b"250-"[..], &[b'x'; 15_000], b"\r\n"].concat();
    let wire = [&line.repeat(4)[..], b"250 ok\r\n"].concat();
    let region = Region::new(COUNTING);
    let mut parser = ReplyParser::default();
    for cuts in [1, 700, usize::MAX] {
        for _ in 0..20 {
            for mut piece in wire.chunks(cuts.min(wire.len())) {
                drop(parser.parse(&mut piece));
            }
            assert!(!parser.is_partial());
            assert!(kept(&region) <= KEPT, "{} octets", kept(&region));
        }
    }
}

/// The largest reply that the limits allow does not become much larger.
fn offers() {
    const LARGEST: usize = 30;
    let limits = ReplyLimits::default();
    let short_lines = b"250-\r\n".repeat(limits.lines - 1);
    let words = [&b"250-AUTH"[..], &b" A".repeat(8000), b"\r\n"]
        .concat()
        .repeat(4);
    let other = [&b"250-A"[..], &b" \xff".repeat(8000), b"\r\n"]
        .concat()
        .repeat(4);
    for lines in [short_lines, words, other] {
        let wire = [&lines[..], b"250 x\r\n"].concat();
        let mut rest = &wire[..];
        let region = Region::new(COUNTING);
        let reply = ReplyParser::default().parse(&mut rest).unwrap().unwrap();
        let capabilities = Capabilities::from_reply(&reply);
        assert!(kept(&region) <= LARGEST * limits.total, "{}", kept(&region));
        drop(capabilities);
    }
}

/// Twice the input takes twice as many allocations, and as many octets, and no more;
/// and at most so many octets for each of the input.
fn twice_the_input<T: Debug>(name: &str, for_each: usize, work: impl Fn(usize) -> T) {
    const N: usize = 6_000;
    let [(calls, octets), (twice_calls, twice_octets)] = [N, 2 * N].map(|n| {
        let region = Region::new(COUNTING);
        drop(work(n));
        let change = region.change();
        let calls = change.allocations + change.reallocations;
        (calls, change.bytes_allocated)
    });
    // A buffer that doubles is now a little too large, and now a little too small.
    assert!(
        twice_calls <= 2 * calls + 8,
        "{name}: {calls}, {twice_calls}"
    );
    assert!(
        twice_octets <= 3 * octets,
        "{name}: {octets}, {twice_octets}"
    );
    assert!(octets <= for_each * N + 4096, "{name}: {octets} octets");
}
