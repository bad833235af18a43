//! What mailers and receivers are told: configurations and messages, at random.

use std::time::Duration;

use bytes::Bytes;
use smtp_proto::{
    TlsPolicy,
    client::{Authentication, Chunking, Config, LineEndings, Pipelining, Timeouts},
    sasl::ServerMechanism,
    server,
    types::BodyType,
};

use crate::{
    agenda::{HOUR, MILLISECOND, MINUTE, SECOND},
    chance::Chance,
    ledger::{Message, Supply, completed},
    world::{PASSWORD, USER},
};

/// The most that is configured.
pub(crate) const MAX_UNANSWERED_OCTETS: u64 = Config::DEFAULT_MAX_UNANSWERED_OCTETS as u64;

/// What may wait besides: a command line, and those of chunks.
pub(crate) const SOME_LINES: u64 = 4096;

/// What a receiver is known to want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    pub(crate) tls: TlsPolicy,
    pub(crate) authentication: bool,
}

/// What a mailer is told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// How many messages may be in doubt when a session ends.
    pub(crate) in_doubt: usize,
}

/// For a receiver that wants this. Sometimes that does not fit.
pub(crate) fn client(chance: &mut Chance, wants: Wants, line_endings: LineEndings) -> Settings {
    let name = "client.example.org".parse().unwrap();
    let mut config = Config::new(&name).unwrap().line_endings(line_endings);
    let tls = match wants.tls {
        TlsPolicy::Implicit => TlsPolicy::Implicit,
        _ if chance.one_in(20) => chance.one_of(&[TlsPolicy::None, TlsPolicy::Required]),
        TlsPolicy::Required => chance.one_of(&[TlsPolicy::Opportunistic, TlsPolicy::Required]),
        _ => chance.one_of(&[TlsPolicy::None, TlsPolicy::Opportunistic]),
    };
    let mut timeouts = Timeouts::default();
    if chance.one_in(3) {
        timeouts = Timeouts::all(Duration::from_micros(chance.magnitude(SECOND..=HOUR)));
    }
    if chance.one_in(3) {
        timeouts.crossing = Duration::from_micros(chance.magnitude(MILLISECOND..=HOUR));
    }
    let pipelining = chance.one_of(&[
        Pipelining::Off,
        Pipelining::WithinTransaction,
        Pipelining::AcrossTransactions,
        Pipelining::AcrossTransactions,
    ]);
    let chunking = chance.one_of(&[
        Chunking::WhenNeeded,
        Chunking::WhenAccepted,
        Chunking::AtOnce,
        Chunking::AtOnce,
    ]);
    let mut messages = Config::DEFAULT_MAX_UNANSWERED_MESSAGES;
    let octets = Config::DEFAULT_MAX_UNANSWERED_OCTETS;
    config = config
        .tls(tls)
        .timeouts(timeouts)
        .pipelining(pipelining)
        .chunking(chunking)
        .quit_with_content(chance.one_in(2));
    if chance.one_in(2) {
        messages = chance.size(1..=20);
        config = config
            .max_unanswered_messages(messages)
            .max_unanswered_commands(chance.size(1..=200))
            .max_unanswered_octets(chance.size(1..=octets))
            .max_unanswered_chunks(chance.size(1..=10))
            .chunk_size(chance.size(20..=100_000));
    }
    if wants.authentication != chance.one_in(20) {
        let password = if chance.one_in(6) { "wrong" } else { PASSWORD };
        let authentication = Authentication::password(USER, password).secrets_in_clear(true);
        config = config.authentication(authentication);
    }
    let in_doubt = match (pipelining, chunking) {
        (Pipelining::AcrossTransactions, Chunking::AtOnce) => messages,
        _ => 1,
    };
    Settings { config, in_doubt }
}

/// What a receiver is told, and how much of it is known.
pub(crate) fn server(chance: &mut Chance) -> (server::Config, Wants) {
    let mut config = server::Config::new("mx.example.net".parse().unwrap()).unwrap();
    let mut timeouts = server::Timeouts::default();
    if chance.one_in(3) {
        timeouts = server::Timeouts::all(Duration::from_micros(
            chance.magnitude(SECOND..=10 * MINUTE),
        ));
    }
    let tls = chance.one_of(&[
        TlsPolicy::None,
        TlsPolicy::None,
        TlsPolicy::Opportunistic,
        TlsPolicy::Required,
        TlsPolicy::Implicit,
    ]);
    let authentication = chance.one_in(4);
    config = config
        .timeouts(timeouts)
        .pipelining(!chance.one_in(5))
        .chunking(!chance.one_in(4))
        .eight_bit_mime(!chance.one_in(4))
        .binary_mime(chance.one_in(2))
        .tls(tls);
    if chance.one_in(6) {
        config = config.max_message_size(Some(chance.magnitude(10..=50_000)));
    }
    if chance.one_in(8) {
        config = config.max_refused_recipients(chance.below(4));
    }
    if authentication {
        let mechanisms = [
            ServerMechanism::Plain,
            ServerMechanism::Login,
            ServerMechanism::CramMd5,
        ];
        let own = server::Authentication::new()
            .mechanisms(mechanisms)
            .secrets_in_clear(true)
            .required(chance.one_in(2));
        config = config.authentication(own);
    }
    let wants = Wants {
        tls,
        authentication,
    };
    (config, wants)
}

pub(crate) fn message(chance: &mut Chance, line_endings: LineEndings) -> Message {
    let is_binary = chance.one_in(12);
    let content = content(chance, line_endings, is_binary);
    let supply = chance.one_of(&[
        Supply::Given,
        Supply::Given,
        Supply::Streamed,
        Supply::InStages,
    ]);
    let body = match is_binary {
        true => Some(BodyType::BinaryMime),
        false if content.is_ascii() => chance.one_of(&[None, Some(BodyType::SevenBit)]),
        false => Some(BodyType::EightBitMime),
    };
    Message {
        stored: completed(&content, line_endings, is_binary),
        content: Bytes::from(content),
        body,
        recipients: match chance.below(10) {
            0 => chance.size(1..=150),
            _ => chance.size(1..=8),
        },
        all_or_nothing: chance.one_in(5),
        supply,
    }
}

/// Content that looks like what it is not.
fn content(chance: &mut Chance, line_endings: LineEndings, is_binary: bool) -> Vec<u8> {
    const LINES: &[&[u8]] = &[
        b"",
        b".",
        b"..",
        b".x",
        b"x",
        b"QUIT",
        b"RSET",
        b"DATA",
        b"MAIL FROM:<a0@example.org>",
        b"BDAT 0 LAST",
        b"250 2.0.0 stored as 0;",
        b"Subject: a simulation",
    ];
    let length = match chance.below(20) {
        0 => 0,
        1 => chance.size(1..=200_000),
        _ => chance.size(1..=5000),
    };
    let is_eight_bit = chance.one_in(6);
    let mut content = Vec::new();
    while content.len() < length {
        match chance.below(6) {
            0 if is_eight_bit => content.extend("Grüße".as_bytes()),
            1 if is_binary => content.extend(chance.next().to_be_bytes()),
            2 => {
                let line = vec![b'a' + chance.octet() % 26; chance.below(80)];
                content.extend(line);
            }
            _ => content.extend(chance.one_of(LINES)),
        }
        match chance.below(8) {
            // No line becomes too long: this is rare, and what is long is followed.
            0 if line_endings == LineEndings::Repair || is_binary => {
                content.extend(chance.one_of(&[&b"\r"[..], b"\n", b"\r\r", b"\n\r"]));
            }
            1 if content.len() + 90 >= length => {}
            _ => content.extend(b"\r\n"),
        }
    }
    content
}
