//! A line of a reply to EHLO, word by word.

use smtp_proto::types::Capability;

/// All that have no parameter.
pub const KNOWN: [Capability; 13] = [
    Capability::EightBitMime,
    Capability::BinaryMime,
    Capability::Chunking,
    Capability::Dsn,
    Capability::EnhancedStatusCodes,
    Capability::Etrn,
    Capability::Expn,
    Capability::Help,
    Capability::Pipelining,
    Capability::RequireTls,
    Capability::SmtpUtf8,
    Capability::StartTls,
    Capability::Vrfy,
];

/// The capability that a line stands for.
pub fn read_plainly(line: &[u8]) -> Capability {
    let line = String::from_utf8_lossy(line);
    let line = line.replace(char::is_control, " ");
    let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let first = match words.is_empty() {
        true => "",
        false => words.remove(0),
    };
    let upper = first.to_ascii_uppercase();
    for known in KNOWN {
        if upper == known.keyword() {
            return known;
        }
    }
    if upper == "SIZE" {
        return Capability::Size(words.first().and_then(|word| number(word)));
    }
    if upper == "AUTH" || upper.starts_with("AUTH=") {
        words.insert(0, first.get("AUTH=".len()..).unwrap_or_default());
        words.retain(|word| !word.is_empty());
        return Capability::Auth(words.iter().map(|word| word.to_ascii_uppercase()).collect());
    }
    Capability::Other {
        keyword: first.to_owned(),
        parameters: words.join(" "),
    }
}

/// A number, which is the largest that there is if it is larger.
fn number(word: &str) -> Option<u64> {
    if word.is_empty() || !word.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some(word.parse().unwrap_or(u64::MAX))
}
