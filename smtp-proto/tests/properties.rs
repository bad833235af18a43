//! What must hold for all values and all octets: everything prints to what it
//! parses from, nothing panics, and no split of the input shows.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod strategies;

use std::{fmt, str::FromStr};

use bytes::BytesMut;
use proptest::prelude::*;
use smtp_proto::{
    types::{
        AddressLiteral, Argument, BodyType, Capabilities, Capability, Command, Domain,
        EnhancedCode, ForwardPath, HelloName, Host, LocalPart, Mailbox, Parameter, Parameters,
        RawCommand, Reply, ReversePath,
    },
    wire::{
        CommandFramer, Framed, ReplyLimits, ReplyParseError, ReplyParser, Stuffer, Unstuffed,
        Unstuffer, decode_xtext, encode_command, encode_reply, encode_xtext, parse_command,
        parse_command_lenient,
    },
};
use strategies::{config, pieces};

fn assert_no_line_end(text: &str) {
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
}

/// `x` prints to something harmless that parses to `x`.
fn assert_round_trip<T>(value: &T)
where
    T: FromStr<Err: fmt::Debug> + fmt::Display + fmt::Debug + PartialEq,
{
    let printed = value.to_string();
    assert_no_line_end(&printed);
    assert_eq!(&printed.parse::<T>().unwrap(), value, "{printed:?}");
}

/// Whatever `text` is, parsing it does not panic, and its result, if there is
/// one, survives being printed.
fn assert_canonical<T>(text: &str)
where
    T: FromStr<Err: fmt::Debug> + fmt::Display + fmt::Debug + PartialEq,
{
    if let Ok(value) = text.parse::<T>() {
        assert_round_trip(&value);
        let printed = value.to_string();
        assert_eq!(printed.parse::<T>().unwrap().to_string(), printed);
    }
}

fn encoded(command: &Command) -> BytesMut {
    let mut line = BytesMut::new();
    encode_command(command, &mut line);
    line
}

/// A command goes over the wire as one line, and arrives as it was.
fn assert_command(command: &Command) {
    let line = encoded(command);
    let line = line.strip_suffix(b"\r\n").unwrap();
    assert_no_line_end(std::str::from_utf8(line).unwrap());
    assert_eq!(&parse_command(line).unwrap(), command);
    assert_eq!(&parse_command_lenient(line).unwrap(), command);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn s_051_local_parts_round_trip(value in strategies::local_part()) {
        assert_round_trip(&value);
    }

    #[test]
    fn c_046_hosts_round_trip(domain in strategies::domain(), literal in strategies::literal()) {
        assert_round_trip(&domain);
        assert_round_trip(&literal);
        assert_round_trip(&Host::from(domain));
        assert_round_trip(&Host::from(literal));
    }

    #[test]
    fn c_043_mailboxes_and_paths_round_trip(
        mailbox in strategies::mailbox(),
        reverse_path in strategies::reverse_path(),
        forward_path in strategies::forward_path(),
    ) {
        assert_round_trip(&mailbox);
        assert_round_trip(&reverse_path);
        assert_round_trip(&forward_path);
        // A route in front changes nothing, and brackets need not be there.
        let routed = format!("<@relay.example,@[192.0.2.1]:{mailbox}>");
        assert_eq!(routed.parse(), Ok(ReversePath::from(mailbox.clone())));
        assert_eq!(routed.parse(), Ok(ForwardPath::from(mailbox.clone())));
        assert_eq!(mailbox.to_string().parse(), Ok(ForwardPath::from(mailbox)));
    }

    #[test]
    fn c_044_quoting_that_is_not_needed_changes_nothing(value in strategies::local_part()) {
        let ascii = |c: char| c.is_ascii().then_some('\\').into_iter().chain([c]);
        let all_quoted: String = value.as_str().chars().flat_map(ascii).collect();
        assert_eq!(format!("\"{all_quoted}\"").parse(), Ok(value));
    }

    #[test]
    fn s_057_parameters_round_trip(
        parameter in strategies::parameter(),
        parameters in strategies::parameters(),
        body in strategies::body_type(),
    ) {
        assert_round_trip(&parameter);
        assert_round_trip(&parameters);
        assert_round_trip(&body);
    }

    #[test]
    fn c_093_enhanced_codes_round_trip(value in strategies::enhanced()) {
        assert_round_trip(&value);
    }

    #[test]
    fn c_024_capabilities_round_trip(list in prop::collection::vec(strategies::capability(), 0..5)) {
        for capability in &list {
            assert_round_trip(capability);
            let lower = capability.to_string().to_ascii_lowercase();
            let read: Capability = lower.parse().unwrap();
            prop_assert_eq!(read.keyword().to_ascii_lowercase(), capability.keyword().to_ascii_lowercase());
        }
        let all: Capabilities = list.iter().cloned().collect();
        let code = smtp_proto::types::ReplyCode::new(250).unwrap();
        let reply = Reply::new(code, None, &format!("mx.example.net\n{all}")).unwrap();
        let read = Capabilities::from_reply(&reply);
        if !list.is_empty() {
            prop_assert!(read.iter().eq(all.iter()));
        }
        prop_assert_eq!(read.auth_mechanisms(), all.auth_mechanisms());
        prop_assert_eq!(read.max_size(), all.max_size());
    }

    #[test]
    fn c_035_names_arguments_and_raw_commands_round_trip(
        name in strategies::hello_name(),
        argument in strategies::argument(),
        raw in strategies::raw_command(),
    ) {
        assert_round_trip(&name);
        assert_round_trip(&argument);
        assert_round_trip(&raw);
    }

    #[test]
    fn c_035_commands_round_trip(command in strategies::command()) {
        assert_command(&command);
    }

    #[test]
    fn c_081_replies_round_trip(reply in strategies::reply()) {
        let mut wire = BytesMut::new();
        encode_reply(&reply, &mut wire);
        let mut input = &wire[..];
        prop_assert_eq!(ReplyParser::default().parse(&mut input), Ok(Some(reply.clone())));
        prop_assert!(input.is_empty());
        assert_no_line_end(&reply.to_string());
    }

    #[test]
    fn c_235_xtext_round_trips(octets: Vec<u8>, text in strategies::soup()) {
        let encoded = encode_xtext(&octets);
        prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && b != b'='));
        prop_assert_eq!(decode_xtext(&encoded), Ok(octets.clone()));
        prop_assert_eq!(decode_xtext(&encoded.to_ascii_lowercase()).is_ok(), true);
        // It is what a parameter can hold.
        prop_assert_eq!(Parameter::new("X", Some(&encoded)).is_ok(), !octets.is_empty());
        if let Ok(octets) = decode_xtext(&text) {
            prop_assert_eq!(decode_xtext(&encode_xtext(&octets)), Ok(octets));
        }
    }
}

proptest! {
    // The soup has many ingredients: more of it finds more.
    #![proptest_config(ProptestConfig { cases: 4 * config().cases, ..config() })]

    #[test]
    fn c_042_whatever_parses_prints_clean_and_parses_again(text in strategies::soup()) {
        assert_canonical::<Domain>(&text);
        assert_canonical::<AddressLiteral>(&text);
        assert_canonical::<Host>(&text);
        assert_canonical::<LocalPart>(&text);
        assert_canonical::<Mailbox>(&text);
        assert_canonical::<ReversePath>(&text);
        assert_canonical::<ForwardPath>(&text);
        assert_canonical::<Parameter>(&text);
        assert_canonical::<Parameters>(&text);
        assert_canonical::<BodyType>(&text);
        assert_canonical::<EnhancedCode>(&text);
        assert_canonical::<Capability>(&text);
        assert_canonical::<HelloName>(&text);
        assert_canonical::<Argument>(&text);
        assert_canonical::<RawCommand>(&text);
        if let Ok(value) = LocalPart::new(&text) {
            assert_round_trip(&value);
        }
        if let Ok(value) = Parameter::new(&text, Some(&text)) {
            assert_round_trip(&value);
        }
        assert_no_line_end(&Capability::Other { keyword: text.clone(), parameters: text.clone() }.to_string());
        assert_no_line_end(&Capability::Auth(vec![text]).to_string());
    }

    #[test]
    fn s_026_command_lines_of_any_octets_do_no_harm(
        text in strategies::soup(),
        octets in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for line in [text.as_bytes(), &octets, &[b"MAIL FROM:<", &octets[..]].concat()] {
            if let Ok(command) = parse_command_lenient(line) {
                assert_command(&command);
            }
            if let Ok(command) = parse_command(line) {
                assert_command(&command);
                // What strict reading takes, lenient reading takes for the same.
                prop_assert_eq!(parse_command_lenient(line), Ok(command));
            }
        }
    }

    #[test]
    fn s_019_lenient_paths_read_as_strict_ones(
        mailbox in strategies::mailbox(),
        parameters in strategies::parameters(),
        spaces in " {0,2}",
    ) {
        let strict = format!("MAIL FROM:<{mailbox}>{parameters}");
        let spaced = format!("MAIL FROM:{spaces}<{mailbox}>{parameters}");
        let bare = format!("MAIL FROM:{spaces}{mailbox}{parameters}");
        let read = parse_command(strict.as_bytes());
        prop_assert!(read.is_ok());
        prop_assert_eq!(&parse_command_lenient(spaced.as_bytes()), &read);
        prop_assert_eq!(&parse_command_lenient(bare.as_bytes()), &read, "{}", bare);
    }
}

/// Reads all replies in `pieces`, up to the first error.
fn read_replies(
    pieces: &[&[u8]],
    limits: ReplyLimits,
) -> (Vec<Reply>, Option<ReplyParseError>, Vec<u8>) {
    let mut parser = ReplyParser::new(limits);
    let mut replies = Vec::new();
    let mut since_reply = 0;
    for piece in pieces {
        let mut input = *piece;
        loop {
            let before = input.len();
            match parser.parse(&mut input) {
                Err(error) => return (replies, Some(error), Vec::new()),
                Ok(Some(reply)) => {
                    assert!(reply.text_len() <= limits.total);
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
    (replies, None, parser.partial_line().to_vec())
}

/// One reply at the start of `octets`, looking at everything at once, and what
/// follows it. `None` if its end is not there.
fn read_plainly(octets: &[u8], limits: ReplyLimits) -> Result<Option<PlainReply>, ReplyParseError> {
    let mut lines = Vec::new();
    let mut codes = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let end = octets[at..].iter().position(|&b| b == b'\n');
        let line = &octets[at..end.map_or(octets.len(), |end| at + end + 1)];
        let room = limits.total - at;
        if line.len() > room.min(limits.line) {
            return Err(if room < limits.line {
                ReplyParseError::TooLong
            } else {
                ReplyParseError::LineTooLong
            });
        }
        if end.is_none() {
            break;
        }
        if lines.len() == limits.lines {
            return Err(ReplyParseError::TooManyLines);
        }
        at += line.len();
        let line = line.strip_suffix(b"\n").unwrap();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, last, text) = match line {
            [a, b, c] => ([*a, *b, *c], true, &[][..]),
            [a, b, c, b' ' | b'\t', text @ ..] => ([*a, *b, *c], true, text),
            [a, b, c, b'-', text @ ..] => ([*a, *b, *c], false, text),
            _ => return Err(ReplyParseError::Malformed(line.to_vec())),
        };
        if !code.iter().all(u8::is_ascii_digit) {
            return Err(ReplyParseError::Malformed(line.to_vec()));
        }
        codes.push(code);
        lines.push(text.to_vec());
        if last {
            let mixed = codes.iter().any(|other| *other != code);
            let code = String::from_utf8(code.to_vec()).unwrap();
            return Ok(Some((code, mixed, lines, at)));
        }
    }
    Ok(None)
}

/// The code, whether another stood beside it, the lines, and the length.
type PlainReply = (String, bool, Vec<Vec<u8>>, usize);

/// Compares what was read from `octets` with the plain way to read them.
fn assert_read(
    octets: &[u8],
    limits: ReplyLimits,
    replies: &[Reply],
    error: Option<&ReplyParseError>,
) {
    let mut rest = octets;
    for reply in replies {
        let (code, mixed, lines, length) = read_plainly(rest, limits).unwrap().unwrap();
        assert_eq!(reply.code().to_string(), code);
        assert_eq!(reply.is_mixed(), mixed);
        assert!(reply.lines().eq(lines.iter().map(Vec::as_slice)));
        rest = &rest[length..];
    }
    match (read_plainly(rest, limits), error) {
        (Ok(None), None) => {}
        (Err(ReplyParseError::Malformed(line)), Some(ReplyParseError::Malformed(sample))) => {
            assert!(line.starts_with(sample));
            assert_eq!(sample.len(), line.len().min(ReplyParseError::SAMPLE_LEN));
        }
        (expected, error) => assert_eq!(expected.as_ref().err(), error),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * config().cases, ..config() })]

    #[test]
    fn c_060_replies_and_errors_are_the_same_for_every_split(
        octets in strategies::replies(),
        cuts in strategies::cuts(),
        line in 8_usize..48,
        lines in 1_usize..6,
        total in 8_usize..96,
    ) {
        let mut tight = ReplyLimits::default();
        tight.line = line;
        tight.lines = lines;
        tight.total = total;
        for limits in [tight, ReplyLimits::default()] {
            let whole = read_replies(&[&octets], limits);
            assert_read(&octets, limits, &whole.0, whole.1.as_ref());
            prop_assert_eq!(&read_replies(&pieces(&octets, &cuts), limits), &whole);
            prop_assert_eq!(&read_replies(&pieces(&octets, &[1]), limits), &whole);
        }
    }

    #[test]
    fn c_091_any_reply_prints_clean_and_can_be_passed_on(octets in strategies::replies()) {
        for reply in read_replies(&[&octets], ReplyLimits::default()).0 {
            prop_assert!(!reply.to_string().contains(char::is_control));
            let mut wire = BytesMut::new();
            encode_reply(&reply, &mut wire);
            assert_only_crlf(&wire);
            prop_assert!(!wire.contains(&0));
            let again = ReplyParser::default().parse(&mut &wire[..]).unwrap().unwrap();
            prop_assert_eq!(again.code(), reply.code());
            prop_assert_eq!(again.line_count(), reply.line_count());
            prop_assert_eq!(again.enhanced(), reply.enhanced());
            let _ = Capabilities::from_reply(&reply).to_string();
        }
    }
}

#[derive(Debug, PartialEq)]
enum Line {
    Read(Vec<u8>),
    TooLong,
}

/// Frames `pieces` as a server does: what is not consumed stays in the buffer.
fn frame(pieces: &[&[u8]], max_line: usize) -> Vec<Line> {
    let mut framer = CommandFramer::new(max_line);
    let mut buffer = Vec::new();
    let mut lines = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let (framed, consumed) = framer.frame(&buffer);
            let partial = framed == Framed::Partial;
            match framed {
                Framed::Partial => {}
                Framed::Line(line) => lines.push(Line::Read(line.to_vec())),
                Framed::TooLong => lines.push(Line::TooLong),
            }
            buffer.drain(..consumed);
            if partial {
                break;
            }
        }
        assert!(
            buffer.len() < max_line.max(2),
            "{} octets kept",
            buffer.len()
        );
    }
    lines
}

/// The same, looking at everything at once.
fn frame_plainly(octets: &[u8], max_line: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = octets;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(if at + 2 <= max_line {
            Line::Read(rest[..at].to_vec())
        } else {
            Line::TooLong
        });
        rest = &rest[at + 2..];
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * config().cases, ..config() })]

    #[test]
    fn s_013_s_101_lines_are_the_same_for_every_split(
        octets in strategies::command_lines(),
        cuts in strategies::cuts(),
        max_line in 2_usize..40,
    ) {
        let expected = frame_plainly(&octets, max_line);
        prop_assert_eq!(&frame(&[&octets], max_line), &expected);
        prop_assert_eq!(&frame(&pieces(&octets, &cuts), max_line), &expected);
        prop_assert_eq!(&frame(&pieces(&octets, &[1]), max_line), &expected);
    }
}

fn stuff(pieces: &[&[u8]]) -> Vec<u8> {
    let mut stuffer = Stuffer::new();
    let mut wire = Vec::new();
    for piece in pieces {
        stuffer.stuff(piece, |stuffed| {
            assert!(!stuffed.octets().is_empty());
            wire.extend_from_slice(stuffed.octets());
        });
    }
    wire.extend_from_slice(stuffer.finish());
    wire
}

/// Completes each lone CR and LF to CRLF, and the last line too.
fn with_line_ends(content: &[u8]) -> Vec<u8> {
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
fn stuff_plainly(content: &[u8]) -> Vec<u8> {
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

fn assert_only_crlf(wire: &[u8]) {
    for (at, &octet) in wire.iter().enumerate() {
        match octet {
            b'\r' => assert_eq!(wire.get(at + 1), Some(&b'\n'), "lone CR at {at}"),
            b'\n' => assert!(at > 0 && wire[at - 1] == b'\r', "lone LF at {at}"),
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Octet(u8),
    LoneCr,
    LoneLf,
    End,
}

/// What comes out of an [`Unstuffer`], octet by octet, and how many octets were
/// read up to the end.
fn unstuff(pieces: &[&[u8]]) -> (Vec<Item>, Option<usize>) {
    let mut unstuffer = Unstuffer::new();
    let mut items = Vec::new();
    let mut before = 0;
    for piece in pieces {
        let mut input = *piece;
        while let Some(unstuffed) = unstuffer.next(&mut input) {
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

/// The same, looking at everything at once.
fn unstuff_plainly(wire: &[u8]) -> (Vec<Item>, Option<usize>) {
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

fn content_and_end(content: &[u8]) -> Vec<Item> {
    let octets = content.iter().map(|&octet| Item::Octet(octet));
    octets.chain([Item::End]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * config().cases, ..config() })]

    #[test]
    fn c_073_clean_content_arrives_as_it_was(
        content in strategies::clean_content(),
        there in strategies::cuts(),
        back in strategies::cuts(),
    ) {
        let wire = stuff(&pieces(&content, &there));
        let (items, read) = unstuff(&pieces(&wire, &back));
        prop_assert_eq!(items, content_and_end(&content));
        prop_assert_eq!(read, Some(wire.len()));
    }

    #[test]
    fn c_067_to_c_074_any_content_is_stuffed_by_the_book(
        content in strategies::content(),
        there in strategies::cuts(),
        back in strategies::cuts(),
    ) {
        let wire = stuff(&[&content]);
        prop_assert_eq!(&wire, &stuff_plainly(&content));
        prop_assert_eq!(&stuff(&pieces(&content, &there)), &wire);
        prop_assert_eq!(&stuff(&pieces(&content, &[1])), &wire);
        // The end is at the end and nowhere else.
        assert_only_crlf(&wire);
        let framed = [b"\r\n", &wire[..]].concat();
        let ends: Vec<_> = framed.windows(5).enumerate().filter(|(_, five)| five == b"\r\n.\r\n").collect();
        prop_assert_eq!(ends.len(), 1);
        prop_assert_eq!(ends[0].0, framed.len() - 5);
        // And nothing is lost.
        let (items, read) = unstuff(&pieces(&wire, &back));
        prop_assert_eq!(items, content_and_end(&with_line_ends(&content)));
        prop_assert_eq!(read, Some(wire.len()));
    }

    #[test]
    fn s_066_to_s_071_any_wire_octets_are_unstuffed_by_the_book(
        wire in strategies::content(),
        cuts in strategies::cuts(),
    ) {
        let expected = unstuff_plainly(&wire);
        prop_assert_eq!(&unstuff(&[&wire]), &expected);
        prop_assert_eq!(&unstuff(&pieces(&wire, &cuts)), &expected);
        prop_assert_eq!(&unstuff(&pieces(&wire, &[1])), &expected);
    }
}

/// Octets that matter at every place of a long text, so that they are at the
/// borders of the blocks that are looked at at once, and across them.
#[test]
fn c_067_s_066_every_place_of_a_block_by_the_book() {
    let odd: [&[u8]; 11] = [
        b".",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n.",
        b"\r\n..",
        b"\n.",
        b"\r.",
        b"\r\n.\r\n",
        b"\n\n",
        b"\r\r\n",
    ];
    let lines = [
        "x".repeat(200),
        "ab cd\r\n".repeat(25),
        ".\r\n".repeat(140),
        "..\r\n".repeat(140),
    ];
    for text in lines.map(String::into_bytes) {
        for at in 0..=text.len() {
            for odd in odd {
                let octets = [&text[..at], odd, &text[at..]].concat();
                let wire = stuff_plainly(&octets);
                assert_eq!(stuff(&[&octets]), wire, "{odd:?} at {at}");
                let split = at.saturating_sub(1);
                assert_eq!(stuff(&[&octets[..split], &octets[split..]]), wire);
                let content = unstuff_plainly(&octets);
                assert_eq!(unstuff(&[&octets]), content, "{odd:?} at {at}");
                assert_eq!(unstuff(&[&octets[..split], &octets[split..]]), content);
                assert_eq!(unstuff(&[&wire]), {
                    let content = with_line_ends(&octets);
                    (content_and_end(&content), Some(wire.len()))
                });
            }
        }
    }
}

/// What some servers take for the end of the content, and is not.
const SMUGGLING: [&[u8]; 10] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\n.\0\r\n",
];

#[test]
fn s_068_smuggling_sequences_are_not_the_end_under_any_split() {
    for sequence in SMUGGLING {
        let wire = [b"a", sequence, b"MAIL FROM:<b@c>\r\n.\r\nQUIT\r\n"].concat();
        let expected = unstuff_plainly(&wire);
        assert_eq!(expected.1, Some(wire.len() - b"QUIT\r\n".len()));
        for first in 0..=wire.len() {
            for second in first..=wire.len() {
                let pieces = [&wire[..first], &wire[first..second], &wire[second..]];
                assert_eq!(unstuff(&pieces), expected, "{sequence:?} {first} {second}");
            }
        }
    }
}

#[test]
fn c_071_smuggling_sequences_never_leave_under_any_split() {
    for sequence in SMUGGLING {
        let content = [b"a", sequence, b"MAIL FROM:<b@c>\r\n"].concat();
        let expected = stuff_plainly(&content);
        assert_only_crlf(&expected);
        for first in 0..=content.len() {
            for second in first..=content.len() {
                let pieces = [
                    &content[..first],
                    &content[first..second],
                    &content[second..],
                ];
                assert_eq!(stuff(&pieces), expected, "{sequence:?} {first} {second}");
            }
        }
    }
}

/// Every string of up to 7 of the octets that matter, so that nothing depends
/// on luck.
#[test]
fn c_067_s_066_every_short_sequence_by_the_book() {
    const OCTETS: [u8; 4] = *b"\r\n.a";
    for length in 0..=7_u32 {
        for number in 0..4_usize.pow(length) {
            let octets: Vec<u8> = (0..length)
                .map(|place| OCTETS[number >> (2 * place) & 3])
                .collect();
            let wire = stuff_plainly(&octets);
            let content = unstuff_plainly(&octets);
            assert_eq!(stuff(&[&octets]), wire);
            assert_eq!(stuff(&pieces(&octets, &[1])), wire);
            assert_eq!(unstuff(&[&octets]), content);
            assert_eq!(unstuff(&pieces(&octets, &[1])), content);
        }
    }
}
