//! What must hold for command lines that a client sends, and for those that are made.

mod plain;

use bytes::BytesMut;
use smtp_proto::{
    types::Command,
    wire::{
        CommandFramer, CommandSyntaxError, Framed, encode_command, parse_command,
        parse_command_lenient,
    },
};

pub use self::plain::{Fault, read_plainly};
use crate::{
    paths::assert_parameters,
    pieces::{Cuts, assert_on_one_line, every_way},
    tape::Tape,
};

/// To try every cut of a longer line takes the plain grammar too long.
const LONGEST: usize = 700;

/// What a client says stands at the front of the input; the longest line and the cuts
/// behind its last NUL.
pub fn commands(input: &[u8]) {
    let (octets, mut tape) = Tape::split(input);
    let max_line = match tape.rarely(2) {
        true => 2 + tape.below(60),
        false => 2048,
    };
    framed(octets, max_line, &every_way(&mut tape));
    line(octets);
    for framed in frame(&[octets], 2048) {
        if let Line::Read(octets) = framed {
            line(&octets);
        }
    }
}

#[derive(Debug, PartialEq)]
enum Line {
    Read(Vec<u8>),
    TooLong,
}

/// The lines are the same however the octets are cut, and as a plain reading of all of
/// them has it; no more is kept than a line; and each call gets on.
pub fn framed(octets: &[u8], max_line: usize, ways: &[Cuts]) {
    let expected = frame_plainly(octets, max_line);
    assert_eq!(frame(&[octets], max_line), expected);
    for cuts in ways {
        let lines = frame(&cuts.pieces(octets), max_line);
        assert_eq!(lines, expected, "{cuts:?}");
    }
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
            assert!(partial || consumed >= 2, "a line out of nothing");
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

/// Whatever a line is:
///
/// - it is a command, or not for the same reason, as a plain reading has it, strictly
///   and leniently; and what is taken strictly is taken leniently for the same;
/// - the command goes over the wire again as one clean line ([`over_the_wire`]).
pub fn line(octets: &[u8]) {
    let strict = parse_command(octets);
    let lenient = parse_command_lenient(octets);
    for (read, is_lenient) in [(&strict, false), (&lenient, true)] {
        if octets.len() <= LONGEST {
            let plain = read_plainly(octets, is_lenient);
            let read = read.as_ref().map(ToString::to_string).map_err(fault);
            assert_eq!(read, plain, "{is_lenient}: {}", octets.escape_ascii());
        }
        match read {
            Ok(command) => over_the_wire(command),
            Err(error) => drop(assert_on_one_line(error)),
        }
    }
    if strict.is_ok() {
        assert_eq!(strict, lenient);
    }
}

fn fault(error: &CommandSyntaxError) -> Fault {
    match error {
        CommandSyntaxError::LineEnd => Fault::LineEnd,
        CommandSyntaxError::Verb => Fault::Verb,
        CommandSyntaxError::Argument => Fault::Argument,
        CommandSyntaxError::ReversePath(_) | CommandSyntaxError::ForwardPath(_) => Fault::Path,
        CommandSyntaxError::Parameter(_) => Fault::Parameter,
        other => panic!("{other:?}"),
    }
}

/// A command goes over the wire as one line, and arrives as it was; and what AUTH
/// carries is not shown.
pub fn over_the_wire(command: &Command) {
    let mut wire = BytesMut::new();
    encode_command(command, &mut wire);
    let line = wire.strip_suffix(b"\r\n").unwrap();
    let printed = assert_on_one_line(command);
    assert_eq!(line, printed.as_bytes());
    assert_eq!(printed.split(' ').next(), Some(command.verb()));
    assert_eq!(&parse_command(line).unwrap(), command);
    assert_eq!(&parse_command_lenient(line).unwrap(), command);
    match command {
        Command::Mail { parameters, .. } | Command::Rcpt { parameters, .. } => {
            assert_parameters(parameters);
        }
        Command::Extension(raw) if raw.verb().eq_ignore_ascii_case("AUTH") => {
            assert_eq!(format!("{raw:?}"), "RawCommand(AUTH ***)");
        }
        _ => {}
    }
}
