//! The command parser, and its inverse.

use core::fmt;

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

use super::CRLF;
use crate::types::{
    AddressError, Argument, Command, ForwardPath, HelloName, ParameterError, Parameters, Print,
    RawCommand, ReadMailbox, ReadPath, ReversePath, skip_spaces,
};

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandSyntaxError {
    /// A lone CR or LF in the line.
    LineEnd,
    /// The line does not begin with a verb.
    Verb,
    /// An argument is missing, malformed, or stands where none may.
    Argument,
    /// The reverse-path of MAIL is malformed.
    ReversePath(AddressError),
    /// The forward-path of RCPT is malformed.
    ForwardPath(AddressError),
    /// The parameters of MAIL or RCPT are malformed.
    Parameter(ParameterError),
}

impl fmt::Display for CommandSyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineEnd => f.write_str("a lone CR or LF in a command"),
            Self::Verb => f.write_str("not a command"),
            Self::Argument => f.write_str("a missing, malformed or needless argument"),
            Self::ReversePath(error) | Self::ForwardPath(error) => error.fmt(f),
            Self::Parameter(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CommandSyntaxError {}

/// Reads one command line, given without its CRLF.
///
/// Verbs and keywords may have any case; white space at the end, and several
/// spaces behind the verb, are passed over. A verb that is not known becomes
/// [`Command::Extension`].
///
/// ```
/// use smtp_proto::{types::Command, wire::parse_command};
///
/// assert_eq!(parse_command(b"quit")?, Command::Quit);
/// assert!(parse_command(b"RSET now").is_err());
/// # Ok::<(), smtp_proto::wire::CommandSyntaxError>(())
/// ```
///
/// # Errors
/// [`CommandSyntaxError`], which tells what is wrong.
pub fn parse_command(line: &[u8]) -> Result<Command, CommandSyntaxError> {
    parse(line, false)
}

/// As [`parse_command`], but takes two things that clients do send and RFC 5321
/// section 3.3 forbids: white space behind the colon of `MAIL FROM:` and `RCPT
/// TO:`, and an address without angle brackets.
///
/// # Errors
/// [`CommandSyntaxError`], which tells what is wrong.
pub fn parse_command_lenient(line: &[u8]) -> Result<Command, CommandSyntaxError> {
    parse(line, true)
}

fn parse(line: &[u8], lenient: bool) -> Result<Command, CommandSyntaxError> {
    if memchr2(b'\r', b'\n', line).is_some() {
        return Err(CommandSyntaxError::LineEnd);
    }
    let line = line.trim_ascii_end();
    let (mut verb, argument) = match line.split_first_chunk() {
        Some((verb, argument)) if argument.first().is_none_or(|&b| b == b' ') => (*verb, argument),
        _ => return long(line),
    };
    let argument = core::str::from_utf8(argument)
        .map(skip_spaces)
        .map_err(|_| CommandSyntaxError::Argument);
    verb.make_ascii_uppercase();
    match &verb {
        b"EHLO" => hello(argument?).map(Command::Ehlo),
        b"HELO" => hello(argument?).map(Command::Helo),
        b"MAIL" => mail(argument?, lenient),
        b"RCPT" => rcpt(argument?, lenient),
        b"DATA" => none(argument?).map(|()| Command::Data),
        b"BDAT" => chunk(argument?),
        b"RSET" => none(argument?).map(|()| Command::Rset),
        b"QUIT" => none(argument?).map(|()| Command::Quit),
        b"NOOP" => optional(argument?).map(Command::Noop),
        b"HELP" => optional(argument?).map(Command::Help),
        b"VRFY" => required(argument?).map(Command::Vrfy),
        b"EXPN" => required(argument?).map(Command::Expn),
        _ => extension(line),
    }
}

/// A command whose verb is not of four letters.
fn long(line: &[u8]) -> Result<Command, CommandSyntaxError> {
    match line.split_at_checked("STARTTLS".len()) {
        Some((verb, argument))
            if verb.eq_ignore_ascii_case(b"STARTTLS")
                && argument.first().is_none_or(|&b| b == b' ') =>
        {
            match argument {
                [] => Ok(Command::StartTls),
                _ => Err(CommandSyntaxError::Argument),
            }
        }
        _ => extension(line),
    }
}

fn extension(line: &[u8]) -> Result<Command, CommandSyntaxError> {
    core::str::from_utf8(line)
        .ok()
        .and_then(|line| RawCommand::parse(line).ok())
        .map(Command::Extension)
        .ok_or(CommandSyntaxError::Verb)
}

/// The name of EHLO and HELO is the first word: clients write more behind it,
/// and once were told to (RFC 5321 section 4.1.1.1).
fn hello(argument: &str) -> Result<HelloName, CommandSyntaxError> {
    let name = argument.split(' ').next().unwrap_or_default();
    HelloName::new(name).map_err(|_| CommandSyntaxError::Argument)
}

fn mail(argument: &str, lenient: bool) -> Result<Command, CommandSyntaxError> {
    let text = behind_prefix("FROM:", argument, lenient)?;
    let malformed = CommandSyntaxError::ReversePath;
    let (rest, reverse_path) = path(text, lenient, ReversePath::parse_prefix, malformed)?;
    let parameters = parameters(rest)?;
    Ok(Command::Mail {
        reverse_path: ReversePath::keep(reverse_path),
        parameters,
    })
}

fn rcpt(argument: &str, lenient: bool) -> Result<Command, CommandSyntaxError> {
    let text = behind_prefix("TO:", argument, lenient)?;
    let malformed = CommandSyntaxError::ForwardPath;
    let (rest, forward_path) = path(text, lenient, ForwardPath::parse_prefix, malformed)?;
    let parameters = parameters(rest)?;
    Ok(Command::Rcpt {
        forward_path: ForwardPath::keep(forward_path),
        parameters,
    })
}

/// What follows `FROM:` or `TO:`.
fn behind_prefix<'a>(
    prefix: &str,
    argument: &'a str,
    lenient: bool,
) -> Result<&'a str, CommandSyntaxError> {
    match argument.split_at_checked(prefix.len()) {
        Some((start, text)) if start.eq_ignore_ascii_case(prefix) => {
            Ok(if lenient { skip_spaces(text) } else { text })
        }
        _ => Err(CommandSyntaxError::Argument),
    }
}

/// A path at the start of `text`, behind what follows it.
#[inline]
fn path<'a>(
    text: &'a str,
    lenient: bool,
    parse_prefix: impl FnOnce(&'a str) -> Result<(&'a str, ReadPath<'a>), AddressError>,
    malformed: impl Fn(AddressError) -> CommandSyntaxError,
) -> Result<(&'a str, ReadPath<'a>), CommandSyntaxError> {
    let parsed = if text.starts_with('<') {
        parse_prefix(text)
    } else if lenient && !text.is_empty() {
        ReadMailbox::parse_prefix(text).map(|(rest, mailbox)| (rest, Some(mailbox)))
    } else {
        return Err(CommandSyntaxError::Argument);
    };
    match parsed {
        Ok((rest, path)) if rest.is_empty() || rest.starts_with(' ') => Ok((rest, path)),
        Ok(_) => Err(malformed(AddressError::Path)),
        Err(error) => Err(malformed(error)),
    }
}

fn parameters(text: &str) -> Result<Parameters, CommandSyntaxError> {
    text.parse().map_err(CommandSyntaxError::Parameter)
}

/// `chunk-size [ SP "LAST" ]` (RFC 3030 section 2): twenty digits at most.
fn chunk(argument: &str) -> Result<Command, CommandSyntaxError> {
    let (size, last) = match argument.split_once(' ') {
        Some((size, end)) if end.trim_start_matches(' ').eq_ignore_ascii_case("LAST") => {
            (size, true)
        }
        Some(_) => return Err(CommandSyntaxError::Argument),
        None => (argument, false),
    };
    let digits = (1..=20).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_digit());
    match size.parse() {
        Ok(octets) if digits => Ok(Command::Bdat { octets, last }),
        _ => Err(CommandSyntaxError::Argument),
    }
}

fn none(argument: &str) -> Result<(), CommandSyntaxError> {
    match argument {
        "" => Ok(()),
        _ => Err(CommandSyntaxError::Argument),
    }
}

fn required(argument: &str) -> Result<Argument, CommandSyntaxError> {
    Argument::new(argument).map_err(|_| CommandSyntaxError::Argument)
}

fn optional(argument: &str) -> Result<Option<Argument>, CommandSyntaxError> {
    if argument.is_empty() {
        return Ok(None);
    }
    required(argument).map(Some)
}

/// Writes a command to `out`, with its CRLF.
pub fn encode_command(command: &Command, out: &mut BytesMut) {
    // Writing to a buffer that grows cannot fail.
    let _ = command.print(out);
    out.put_slice(CRLF);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, CommandSyntaxError> {
        parse_command(line.as_bytes())
    }

    fn printed(line: &str) -> String {
        parsed(line).unwrap().to_string()
    }

    #[test]
    fn s_015_s_016_s_017_case_and_white_space() {
        assert_eq!(printed("ehLo x"), "EHLO x");
        assert_eq!(printed("mail from:<a@b>"), "MAIL FROM:<a@b>");
        assert_eq!(printed("QUIT  \t"), "QUIT");
        assert_eq!(printed("NOOP  x"), "NOOP x");
        assert_eq!(parsed(" NOOP"), Err(CommandSyntaxError::Verb));
        assert_eq!(parsed(""), Err(CommandSyntaxError::Verb));
    }

    #[test]
    fn s_015_nothing_but_from_and_to_stands_before_a_path() {
        for line in [
            "MAIL XXXX:<a@b>",
            "MAIL FROM <a@b>",
            "MAIL TO:<a@b>",
            "MAIL <a@b>",
            "RCPT FO:<a@b>",
            "RCPT FROM:<a@b>",
            "RCPT T",
            "STARTTL\u{17f}", // lower case of it is none of an S
            "STARTTLSX",
            "MAILFROM:<a@b>",
        ] {
            let command = parsed(line);
            let is_other = matches!(command, Ok(Command::Extension(_)));
            let is_wrong = matches!(
                command,
                Err(CommandSyntaxError::Argument | CommandSyntaxError::Verb)
            );
            assert!(
                is_wrong || is_other && !line.contains(' '),
                "{line}: {command:?}"
            );
        }
    }

    #[test]
    fn s_014_a_lone_cr_or_lf_spoils_the_line() {
        assert_eq!(parsed("NOOP\nRSET"), Err(CommandSyntaxError::LineEnd));
        assert_eq!(parsed("NOOP\rRSET"), Err(CommandSyntaxError::LineEnd));
    }

    #[test]
    fn s_018_s_019_strict_and_lenient_paths() {
        for line in ["MAIL FROM: <a@b>", "MAIL FROM:a@b", "RCPT TO: a@b SIZE=1"] {
            assert_eq!(parsed(line), Err(CommandSyntaxError::Argument), "{line}");
            assert!(parse_command_lenient(line.as_bytes()).is_ok(), "{line}");
        }
        assert!(parse_command_lenient(b"MAIL FROM: ").is_err());
        let quoted = parse_command_lenient(b"MAIL FROM:\"a b>\"@c SIZE=1").unwrap();
        assert_eq!(quoted.to_string(), "MAIL FROM:<\"a b>\"@c> SIZE=1");
    }

    #[test]
    fn s_020_s_021_arguments_where_none_may_be() {
        for line in ["DATA x", "RSET now", "QUIT 1", "STARTTLS x"] {
            assert_eq!(parsed(line), Err(CommandSyntaxError::Argument));
        }
        assert_eq!(printed("NOOP foo bar"), "NOOP foo bar");
        assert_eq!(parsed("VRFY"), Err(CommandSyntaxError::Argument));
        assert_eq!(parsed("EHLO"), Err(CommandSyntaxError::Argument));
    }

    #[test]
    fn s_024_s_025_octets_that_no_argument_can_have() {
        assert_eq!(
            parse_command(b"VRFY a\0b"),
            Err(CommandSyntaxError::Argument)
        );
        assert!(matches!(
            parse_command(b"MAIL FROM:<a\x01@b>"),
            Err(CommandSyntaxError::ReversePath(_))
        ));
        assert_eq!(
            parse_command(b"RCPT TO:<\xff@b>"),
            Err(CommandSyntaxError::Argument)
        );
        assert_eq!(
            parse_command(b"\xff\xfe\x80"),
            Err(CommandSyntaxError::Verb)
        );
    }

    #[test]
    fn the_size_of_a_chunk_is_digits_and_no_more() {
        assert_eq!(printed("bdat 0086 last"), "BDAT 86 LAST");
        assert_eq!(
            printed("BDAT 18446744073709551615"),
            "BDAT 18446744073709551615"
        );
        for line in [
            "BDAT",
            "BDAT LAST",
            "BDAT +1",
            "BDAT -1",
            "BDAT 1x",
            "BDAT 1 LAST x",
            "BDAT 18446744073709551616",
            "BDAT 000000000000000000001",
        ] {
            assert_eq!(parsed(line), Err(CommandSyntaxError::Argument), "{line}");
        }
    }

    #[test]
    fn s_103_a_long_command_line_is_still_a_command() {
        let line = format!("AUTH PLAIN {}", "A".repeat(12_288));
        assert_eq!(parsed(&line).unwrap().verb(), "AUTH");
    }

    #[test]
    fn s_035_text_behind_the_name_is_passed_over() {
        assert_eq!(printed("EHLO [192.0.2.1] foo"), "EHLO [192.0.2.1]");
        assert_eq!(printed("EHLO my_laptop"), "EHLO my_laptop");
    }

    #[test]
    fn s_048_m25_source_routes_are_read_and_dropped() {
        assert_eq!(
            printed("MAIL FROM:<@relay.example.org:alice@example.org>"),
            "MAIL FROM:<alice@example.org>"
        );
        assert_eq!(
            printed("RCPT TO:<@ONE,@TWO:VARUN@THREE>"),
            "RCPT TO:<VARUN@THREE>"
        );
    }

    #[test]
    fn s_056_s_057_parameters() {
        assert_eq!(
            printed("MAIL FROM:<a@b> size=5 body=8bitmime"),
            "MAIL FROM:<a@b> size=5 body=8bitmime"
        );
        assert!(matches!(
            parsed("MAIL FROM:<a@b> SIZE=1 size=2"),
            Err(CommandSyntaxError::Parameter(ParameterError::Duplicate(_)))
        ));
        assert!(matches!(
            parsed("MAIL FROM:<a@b> SIZE="),
            Err(CommandSyntaxError::Parameter(ParameterError::Syntax))
        ));
        assert!(parsed("MAIL FROM:<a@b>SIZE=1").is_err());
    }
}
