//! Command lines as RFC 5321 section 4.1.1 tells it, and what is taken beyond that.

use crate::paths::plain;

/// Why a line is no command: what a server answers depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    LineEnd,
    Verb,
    Argument,
    Path,
    Parameter,
}

/// What the command in a line prints as.
pub fn read_plainly(line: &[u8], lenient: bool) -> Result<String, Fault> {
    if line.contains(&b'\r') || line.contains(&b'\n') {
        return Err(Fault::LineEnd);
    }
    let line = line.trim_ascii_end();
    let end = line.iter().position(|&octet| octet == b' ');
    let (verb, argument) = line.split_at(end.unwrap_or(line.len()));
    let argument = match std::str::from_utf8(argument) {
        Ok(argument) => Ok(argument.trim_start_matches(' ')),
        Err(_) => Err(Fault::Argument),
    };
    let verb = String::from_utf8_lossy(verb).to_ascii_uppercase();
    let with = |argument: Option<String>| match argument {
        Some(argument) => Ok(format!("{verb} {argument}")),
        None => Err(Fault::Argument),
    };
    match &*verb {
        "EHLO" | "HELO" => with(plain::hello_name(argument?.split(' ').next().unwrap())),
        "MAIL" => with_path("MAIL FROM:", "<>", argument?, lenient),
        "RCPT" => with_path("RCPT TO:", "<Postmaster>", argument?, lenient),
        "BDAT" => with(chunk(argument?)),
        "DATA" | "RSET" | "QUIT" | "STARTTLS" => match argument? {
            "" => Ok(verb),
            _ => Err(Fault::Argument),
        },
        "NOOP" | "HELP" if argument?.is_empty() => Ok(verb),
        "NOOP" | "HELP" | "VRFY" | "EXPN" => with(plain::argument(argument?)),
        _ => std::str::from_utf8(line)
            .ok()
            .and_then(plain::raw_line)
            .ok_or(Fault::Verb),
    }
}

fn with_path(start: &str, empty: &str, argument: &str, lenient: bool) -> Result<String, Fault> {
    let keyword = start.split(' ').next_back().unwrap();
    let text = match argument.get(..keyword.len()) {
        Some(given) if given.eq_ignore_ascii_case(keyword) => &argument[keyword.len()..],
        _ => return Err(Fault::Argument),
    };
    let text = match lenient {
        true => text.trim_start_matches(' '),
        false => text,
    };
    if text.is_empty() || !lenient && !text.starts_with('<') {
        return Err(Fault::Argument);
    }
    let spaces = text.match_indices(' ').map(|(at, _)| at);
    for end in spaces.chain([text.len()]) {
        let (path, parameters) = text.split_at(end);
        let path = match lenient {
            true => plain::path_or_mailbox(path, empty),
            false => plain::path(path, empty),
        };
        if let Some(path) = path {
            let parameters = plain::parameters(parameters).ok_or(Fault::Parameter)?;
            return Ok(format!("{start}{path}{parameters}"));
        }
    }
    Err(Fault::Path)
}

/// `chunk-size [ SP "LAST" ]` of RFC 3030 section 2.
fn chunk(argument: &str) -> Option<String> {
    let words: Vec<&str> = argument
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    let (size, last) = match words[..] {
        [size] => (size, ""),
        [size, last] if last.eq_ignore_ascii_case("LAST") => (size, " LAST"),
        _ => return None,
    };
    let digits = size.len() <= 20 && size.chars().all(|c| c.is_ascii_digit());
    let size: u64 = size.parse().ok().filter(|_| digits)?;
    Some(format!("{size}{last}"))
}
