//! The grammar of what commands are made of (RFC 5321 section 4.1.2, RFC 6531
//! section 3.3), as plainly as it can be said: whether a text is one of these, tried
//! at every place where it could be cut in two. Each gives the form it prints in.

use std::net::{Ipv4Addr, Ipv6Addr};

const LONGEST_MAILBOX: usize = 254;
const LONGEST_DOMAIN: usize = 255;

fn non_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_control()
}

fn printable(c: char) -> bool {
    (' '..='~').contains(&c) || non_ascii(c)
}

/// Text that may stand in a local part, quoted or not, or in an argument.
pub fn is_text(text: &str) -> bool {
    text.chars().all(printable)
}

fn is_atom(text: &str) -> bool {
    let atext =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || non_ascii(c);
    !text.is_empty() && text.chars().all(atext)
}

fn is_dot_string(text: &str) -> bool {
    text.split('.').all(is_atom)
}

/// The form in which a local part of this text prints.
pub fn quoted(text: &str) -> String {
    if is_dot_string(text) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

pub fn local_part(text: &str) -> Option<String> {
    let stands_for = if is_dot_string(text) {
        text.to_owned()
    } else {
        let inner = text.strip_prefix('"')?;
        let mut stands_for = String::new();
        let mut chars = inner.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => stands_for.push(chars.next().filter(|c| (' '..='~').contains(c))?),
                c if printable(c) => stands_for.push(c),
                _ => return None,
            }
        }
        if !chars.as_str().is_empty() || stands_for.is_empty() {
            return None;
        }
        stands_for
    };
    (stands_for.len() <= LONGEST_MAILBOX).then(|| quoted(&stands_for))
}

fn is_label(text: &str) -> bool {
    let dots = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];
    let fits = |c: char| {
        c.is_ascii_alphanumeric()
            || c == '-'
            || (non_ascii(c) && !dots.contains(&c) && !c.is_whitespace())
    };
    !text.is_empty() && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(is_label)
}

pub fn domain(text: &str) -> Option<String> {
    (text.len() <= LONGEST_DOMAIN && is_dotted_name(text)).then(|| text.to_owned())
}

fn in_brackets(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let dcontent = |c: char| c.is_ascii_graphic() && !"[\\]".contains(c);
    (!inner.is_empty() && inner.chars().all(dcontent)).then_some(inner)
}

pub fn literal(text: &str) -> Option<String> {
    let inner = in_brackets(text).filter(|_| text.len() <= LONGEST_DOMAIN)?;
    let Some((tag, content)) = inner.split_once(':') else {
        return inner.parse().ok().map(|v4: Ipv4Addr| format!("[{v4}]"));
    };
    if tag.eq_ignore_ascii_case("IPV6") {
        return content
            .parse()
            .ok()
            .map(|v6: Ipv6Addr| format!("[IPv6:{v6}]"));
    }
    let ldh = |c: char| c.is_ascii_alphanumeric() || c == '-';
    // An address whose tag was left out is none.
    let group = tag.len() <= 4 && tag.chars().all(|c| c.is_ascii_hexdigit());
    let fits = tag.chars().all(ldh) && !tag.ends_with('-') && !group && !content.is_empty();
    fits.then(|| text.to_owned())
}

pub fn host(text: &str) -> Option<String> {
    domain(text).or_else(|| literal(text))
}

/// What stands before and behind each of these.
fn cuts(text: &str, at: char) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices(at)
        .map(|(index, mark)| (&text[..index], &text[index + mark.len()..]))
}

pub fn mailbox(text: &str) -> Option<String> {
    let (local_part, host) =
        cuts(text, '@').find_map(|(before, behind)| local_part(before).zip(host(behind)))?;
    let printed = format!("{local_part}@{host}");
    (printed.len() <= LONGEST_MAILBOX).then_some(printed)
}

/// `A-d-l`, whose literals are not looked into.
fn is_route(text: &str) -> bool {
    let is_hop = |text: &str| {
        text.strip_prefix('@')
            .is_some_and(|host| is_dotted_name(host) || in_brackets(host).is_some())
    };
    is_hop(text) || cuts(text, ',').any(|(hop, more)| is_hop(hop) && is_route(more))
}

/// A path in brackets, with what its mailbox prints as.
fn bracketed(text: &str) -> Option<String> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    let routed = || {
        let mut routes = cuts(inner, ':').filter(|(route, _)| is_route(route));
        routes.find_map(|(_, behind)| mailbox(behind))
    };
    let mailbox = mailbox(inner).or_else(routed)?;
    Some(format!("<{mailbox}>"))
}

/// A reverse-path or forward-path, in brackets.
pub fn path(text: &str, empty: &str) -> Option<String> {
    if text.eq_ignore_ascii_case(empty) {
        return Some(empty.to_owned());
    }
    bracketed(text)
}

/// The same, with brackets or without.
pub fn path_or_mailbox(text: &str, empty: &str) -> Option<String> {
    path(text, empty).or_else(|| Some(format!("<{}>", mailbox(text)?)))
}

pub fn is_keyword(text: &str) -> bool {
    let ldh = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text.is_empty() && !text.starts_with('-') && text.chars().all(ldh)
}

pub fn is_value(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| printable(c) && c != ' ' && c != '=')
}

pub fn parameter(text: &str) -> Option<String> {
    let fits = match text.split_once('=') {
        Some((keyword, value)) => is_keyword(keyword) && is_value(value),
        None => is_keyword(text),
    };
    fits.then(|| text.to_owned())
}

/// Each with a space in front, and no keyword twice.
pub fn parameters(text: &str) -> Option<String> {
    let mut printed = String::new();
    let mut keywords: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        printed += &format!(" {}", parameter(word)?);
        let keyword = word.split('=').next().unwrap().to_ascii_uppercase();
        if keywords.contains(&keyword) {
            return None;
        }
        keywords.push(keyword);
    }
    Some(printed)
}

pub fn argument(text: &str) -> Option<String> {
    let text = text.trim_matches(' ');
    ((1..=505).contains(&text.len()) && is_text(text)).then(|| text.to_owned())
}

pub fn hello_name(text: &str) -> Option<String> {
    let fits = (1..=255).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

/// Any line with a verb, as a server reads it.
pub fn raw_line(line: &str) -> Option<String> {
    let line = line.trim_end_matches(' ');
    (is_text(line) && is_keyword(line.split(' ').next().unwrap())).then(|| line.to_owned())
}

/// A command that a client may send as it likes.
pub fn raw_command(line: &str) -> Option<String> {
    const RESERVED: &str = "EHLO HELO LHLO MAIL RCPT DATA BDAT BURL RSET NOOP QUIT VRFY EXPN \
                            HELP STARTTLS AUTH SEND SOML SAML TURN ATRN XCLIENT XFORWARD PROXY";
    let line = raw_line(line).filter(|line| line.len() <= 510)?;
    let verb = line.split(' ').next().unwrap().to_ascii_uppercase();
    (!RESERVED.split(' ').any(|reserved| reserved == verb)).then_some(line)
}

pub fn enhanced_code(text: &str) -> Option<String> {
    let numbers: Vec<&str> = text.split('.').collect();
    let [class, subject, detail] = numbers[..] else {
        return None;
    };
    let number = |text: &str| {
        let fits = (1..=3).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
        fits.then(|| text.parse::<u16>().unwrap())
    };
    let (subject, detail) = (number(subject)?, number(detail)?);
    ["2", "4", "5"]
        .contains(&class)
        .then(|| format!("{class}.{subject}.{detail}"))
}
