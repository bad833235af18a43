//! What must hold for replies to EHLO.

mod plain;

use smtp_proto::{
    types::{Capabilities, Capability, Reply},
    wire::{ReplyLimits, ReplyParser},
};

pub use self::plain::{KNOWN, read_plainly};
use crate::pieces::assert_on_one_line;

/// The input is what a server says. Each line of it is a line of a reply to EHLO, too.
pub fn ehlo(octets: &[u8]) {
    let mut rest = octets;
    let mut parser = ReplyParser::default();
    while let Ok(Some(reply)) = parser.parse(&mut rest) {
        offered(&reply);
    }
    let lines: Vec<&[u8]> = octets.split(|&octet| octet == b'\n').collect();
    offered(&reply(b"250", &lines));
}

/// A reply with these lines behind a greeting.
fn reply(code: &[u8; 3], lines: &[&[u8]]) -> Reply {
    let lines = [&[&b"mx.example.net"[..]], lines].concat();
    let mut wire = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let separator = if index + 1 < lines.len() { b"-" } else { b" " };
        wire.extend([&code[..], separator, line, b"\r\n"].concat());
    }
    let mut limits = ReplyLimits::default();
    (limits.line, limits.lines, limits.total) = (usize::MAX, usize::MAX, usize::MAX);
    let mut input = &wire[..];
    let reply = ReplyParser::new(limits).parse(&mut input).unwrap().unwrap();
    assert!(input.is_empty());
    reply
}

/// Whatever the reply is:
///
/// - each line but the first is one capability, as a plain reading has it, and all
///   else offers nothing; what came can still be seen;
/// - no more is kept than came, but for what stands for octets that are no text;
/// - questions are answered as by a search in the list ([`answers`]);
/// - it prints in lines that are read as the same again.
pub fn offered(reply: &Reply) {
    let capabilities = Capabilities::from_reply(reply);
    assert!(capabilities.raw_lines().eq(reply.lines().skip(1)));
    let lines: Vec<&[u8]> = match reply.code().get() {
        250 => reply.lines().skip(1).collect(),
        _ => Vec::new(),
    };
    let list: Vec<Capability> = capabilities.iter().cloned().collect();
    assert_eq!(list.len(), lines.len());
    for (capability, line) in list.iter().zip(&lines) {
        let read = read_plainly(line);
        assert_eq!(*capability, read, "{}", line.escape_ascii());
        assert_eq!(String::from_utf8_lossy(line).parse(), Ok(read));
        let printed = on_one_line(capability);
        assert_eq!(&printed.parse::<Capability>().unwrap(), capability);
        assert!(printed.len() <= 3 * line.len(), "{printed:?}");
    }
    answers(&capabilities);
    let collected: Capabilities = list.iter().cloned().collect();
    assert!(collected.iter().eq(&list));
    answers(&collected);
    let printed = capabilities.to_string();
    assert_eq!(collected.to_string(), printed);
    if !list.is_empty() {
        let lines: Vec<&[u8]> = printed.split('\n').map(str::as_bytes).collect();
        let again = Capabilities::from_reply(&self::reply(b"250", &lines));
        assert!(again.iter().eq(&list));
        assert_eq!(again.to_string(), printed);
        let refused = Capabilities::from_reply(&self::reply(b"251", &lines));
        assert_eq!(refused.iter().count(), 0);
    }
}

/// For how many lines of a list there are questions.
const PROBES: usize = 20;

/// Every question about a list is answered as by a search in it, whoever put it
/// together.
pub fn answers(capabilities: &Capabilities) {
    let list: Vec<&Capability> = capabilities.iter().collect();
    let some = || list.iter().copied().take(PROBES);
    let keywords = some().map(|capability| capability.keyword().to_owned());
    let probes: Vec<String> = KNOWN
        .iter()
        .map(|capability| capability.keyword().to_owned())
        .chain(["AUTH", "SIZE", "", "X", "XYMCOOKIE"].map(String::from))
        .chain(keywords)
        .collect();
    for probe in probes {
        for probe in [
            probe.to_ascii_lowercase(),
            probe.to_ascii_uppercase(),
            probe,
        ] {
            let mut found = list.iter().rev();
            let last = found.find(|line| line.keyword().eq_ignore_ascii_case(&probe));
            assert_eq!(capabilities.get(&probe), last.copied(), "{probe:?}");
            assert_eq!(capabilities.offers(&probe), last.is_some(), "{probe:?}");
        }
    }
    for known in KNOWN.iter().chain(some()) {
        assert_eq!(capabilities.has(known), list.contains(&known), "{known}");
    }
    let size = match capabilities.get("SIZE") {
        Some(Capability::Size(size)) => size.filter(|size| *size > 0),
        _ => None,
    };
    assert_eq!(capabilities.max_size(), size);
    let mut mechanisms: Vec<&str> = Vec::new();
    for line in &list {
        if let Capability::Auth(names) = line {
            for name in names {
                if !mechanisms.contains(&&**name) {
                    mechanisms.push(name);
                }
            }
        }
    }
    assert_eq!(capabilities.auth_mechanisms(), mechanisms);
}

/// Whatever somebody puts into a capability, it prints on one line.
pub fn on_one_line(capability: &Capability) -> String {
    assert_on_one_line(capability)
}
