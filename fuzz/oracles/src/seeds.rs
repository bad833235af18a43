//! Where a fuzzer begins: what the dialogues in `smtp-proto/tests/transcripts` say,
//! and what is written down here because it is in none of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The seeds of a target, by name.
pub fn seeds(target: &str) -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    for (name, dialogue) in dialogues() {
        let (server, client) = (says(&dialogue, "S"), says(&dialogue, "C"));
        let said = match target {
            "replies" | "client" => vec![server],
            "server" | "commands" | "dots" => vec![client],
            "ehlo" => group(&server, |line| line.starts_with(b"250-")),
            "paths" => group(&client, |line| {
                line.starts_with(b"MAIL") || line.starts_with(b"RCPT")
            }),
            "sasl" => group(&server, |line| line.starts_with(b"334")),
            _ => Vec::new(),
        };
        for (number, octets) in said.into_iter().enumerate() {
            seeds.insert(format!("{name}-{number}"), octets);
        }
    }
    let by_hand = BY_HAND.iter().filter(|(of, ..)| *of == target);
    seeds.extend(by_hand.map(|(_, name, octets)| ((*name).to_owned(), octets.to_vec())));
    seeds.retain(|_, octets| !octets.is_empty());
    for (name, octets) in &mut seeds {
        // Behind the last NUL nothing is said any more, but decided.
        let is_said = !BY_HAND
            .iter()
            .any(|(of, known, _)| of == &target && known == name);
        if is_said && octets.contains(&0) {
            octets.push(0);
        }
    }
    seeds
}

/// What no dialogue has.
const BY_HAND: &[(&str, &str, &[u8])] = &[
    ("replies", "codes-differ", b"250-a\r\n550 b\r\n"),
    ("replies", "lf-only", b"220-a\n220 b\n"),
    ("replies", "code-alone", b"250\r\n250-\r\n250 \r\n"),
    ("replies", "nul", b"220 a\0b\r\n\0"),
    (
        "ehlo",
        "odd",
        b"250-mx STARTTLS\r\n250-auth=LOGIN PLAIN\r\n250-AUTH PLAIN\r\n250-SIZE 12abc\r\n\
          250-size 0\r\n250-LIMITS RCPTMAX=20 MAILMAX=5\r\n250-X-EXPS=LOGIN\r\n250 8bitmime\r\n",
    ),
    (
        "dots",
        "smuggling",
        b"a\n.\nb\r.\rc\r\n.\nd\n.\r\ne\r\r\n.\r\n",
    ),
    ("dots", "dots", b".\r\n..\r\n...\r\n.a\r\n.\r\n"),
    (
        "chunks",
        "content",
        b"Subject: x\r\n\r\n.\r\n..\r\nQUIT\r\n\0",
    ),
    (
        "chunks",
        "content-encoded",
        b"Subject: x\r\n\r\n.\r\n\0\x03\x02\x01\x01",
    ),
    ("sasl", "words", b"alice\nwonderland\0\x02"),
    ("sasl", "response", b"AGFsaWNlAHdvbmRlcmxhbmQ=\r\n\0\x01"),
    ("sasl", "scram", b"334 cj1hLHM9Yj09LGk9NDA5Ng==\r\n"),
    (
        "sasl",
        "failure",
        b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n535 no\r\n",
    ),
    ("xtext", "text", b"a+2Bb+3Dc"),
    ("xtext", "broken", b"+2+ZZ+2b="),
    (
        "paths",
        "route",
        b"<@a.example,@b.example:c@[IPv6:2001:db8::1]> SIZE=1",
    ),
    ("paths", "quoted", b"<\"a\\\"b c\"@example.org>"),
    ("paths", "null", b"<>"),
    ("paths", "u-label", "<ü@bücher.example>".as_bytes()),
    (
        "commands",
        "parameters",
        b"MAIL FROM:<a@b.example> SIZE=1 BODY=8BITMIME RET=HDRS ENVID=x+2B AUTH=<> SMTPUTF8\r\n\
          RCPT TO:<c@d.example> NOTIFY=NEVER ORCPT=rfc822;c+40d\r\nBDAT 86 LAST\r\n",
    ),
    (
        "server",
        "smuggling",
        b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n\
          x\n.\nMAIL FROM:<c@d.example>\r\n\r\n.\r\nQUIT\r\n",
    ),
    ("server", "http", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("dialogue", "usual", &[0; 64]),
    ("pair", "usual", &[0; 64]),
    ("pair", "agreement", &[2; 64]),
];

/// The dialogues by name, those of the other directory too.
fn dialogues() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../smtp-proto/tests/transcripts");
    let files = |directory: PathBuf| fs::read_dir(directory).unwrap().map(|file| file.unwrap());
    files(root.clone())
        .chain(files(root.join("server")))
        .map(|file| file.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "smtp")
        })
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            let name = name.to_str().unwrap().replace('/', "-");
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// All that one side says.
fn says(dialogue: &str, side: &str) -> Vec<u8> {
    dialogue
        .lines()
        .filter_map(|line| line.strip_prefix(side)?.strip_prefix(':'))
        .flat_map(|text| octets(text.strip_prefix(' ').unwrap_or(text)))
        .collect()
}

/// The octets of a line of a dialogue, with its CRLF.
pub fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        match rest.next() {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'\\') => out.push(b'\\'),
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = str::from_utf8(&digits).unwrap();
                out.push(u8::from_str_radix(digits, 16).unwrap());
            }
            None => return out,
            other => panic!("escape {other:?} in {text:?}"),
        }
    }
    out.extend(b"\r\n");
    out
}

/// The runs of lines of a kind: each with the line that ends it, for a reply.
fn group(octets: &[u8], is_one: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = octets.split_inclusive(|octet| *octet == b'\n').collect();
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut open = false;
    for line in lines {
        let is_last_of_reply = open && line.starts_with(b"250 ");
        if is_one(line) || is_last_of_reply {
            if !open {
                groups.push(Vec::new());
            }
            groups.last_mut().unwrap().extend(line);
        }
        open = is_one(line);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::seeds;
    use crate::TARGETS;

    #[test]
    fn every_target_has_seeds() {
        for (name, _) in TARGETS {
            assert!(!seeds(name).is_empty(), "{name}");
        }
        let lines = seeds("ehlo").remove("ehlo-size-pipelining-help-0").unwrap();
        assert!(lines.starts_with(b"250-") && lines.ends_with(b"250 HELP\r\n"));
    }
}
