//! A server session, whatever the client sends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;

use cases::cases;
use proptest::{collection::vec, prelude::*, sample::select};
use smtp_oracles::{
    server::{self, plan::Plan},
    service::{DATA, Server, config},
    tape::Octets,
};
use smtp_proto::TlsPolicy;

/// Lines that lead anywhere, content included.
const LINES: [&str; 44] = [
    "EHLO client.example.org",
    "HELO client.example.org",
    "HELO bad.example.org",
    "MAIL FROM:<alice@example.org>",
    "MAIL FROM:<lost@example.org> SIZE=5",
    "MAIL FROM:<alice@example.org> BODY=BINARYMIME",
    "MAIL FROM:<virus@example.org>",
    "MAIL FROM:<nodata@example.org>",
    "MAIL FROM:<away@example.net>",
    "RCPT TO:<bob@example.net>",
    "RCPT TO:<bob@example.net>",
    "RCPT TO:<bob@example.net>",
    "RCPT TO:<erin@example.net>",
    "RCPT TO:<nobody@example.net>",
    "DATA",
    "DATA",
    "DATA",
    ".",
    ".",
    "..text",
    "text",
    "lone\nline end",
    ".\r.",
    "x\n.",
    "BDAT 6",
    "BDAT 3 LAST",
    "BDAT 0 LAST",
    "BDAT 999",
    "BDAT x",
    "RSET",
    "VRFY bob",
    "EXPN list",
    "HELP",
    "FOO",
    "QUIT",
    "MAIL FROM:<broken",
    "STARTTLS",
    "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=",
    "AUTH PLAIN AGFsaWNlAHdyb25nIHBhc3N3b3Jk",
    "AUTH LOGIN",
    "YWxpY2U=",
    "d29uZGVybGFuZA==",
    "AUTH CRAM-MD5",
    "*",
];

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        12 => select(&LINES[..]).prop_map(|line| format!("{line}\r\n").into_bytes()),
        1 => vec(any::<u8>(), 0..12),
        1 => select(&["\n", "\r", ".\n", "\n.\n", "\r\n.\r"][..]).prop_map(|text| text.as_bytes().to_vec()),
    ];
    vec(line, 0..40).prop_map(|lines| lines.concat())
}

/// Most begin as they should.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let opening = prop_oneof![
        2 => Just(""),
        2 => Just("EHLO client.example.org\r\n"),
        2 => Just("EHLO a\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n"),
        1 => Just(DATA),
    ];
    (opening, lines()).prop_map(|(opening, lines)| [opening.as_bytes(), &lines].concat())
}

/// With decisions behind a NUL.
fn input() -> impl Strategy<Value = Octets> {
    let decisions = prop_oneof![
        1 => Just(Vec::new()),
        4 => vec(1..=255_u8, 1..20),
    ];
    (octets(), decisions)
        .prop_map(|(octets, decisions)| Octets([&octets, &b"\0"[..], &decisions].concat()))
}

proptest! {
    #![proptest_config(cases(3000))]

    /// S-027: as many replies as commands; every transaction has one end; and
    /// nothing depends on how the input was cut.
    #[test]
    fn s_027_any_commands_in_any_pieces(input in input()) {
        server::server(&input.0);
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// A client that sends and sends, and reads only when it must.
    #[test]
    fn s_124_a_client_that_does_not_read_makes_no_more_wait(
        lines in vec(select(&LINES[..]), 1..6),
        times in 100..300_usize,
    ) {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let mut plan = Plan::of(&[b"EHLO a\r\n", lines.repeat(times).as_bytes()].concat());
        plan.config = config().max_errors(10_000).max_refused_recipients(10_000);
        server::check(&plan);
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    /// Whatever comes, the session neither panics nor stops short of its end.
    #[test]
    fn any_octets_in_any_pieces(octets in vec(any::<u8>(), 0..2000)) {
        server::check(&Plan::of(&[DATA.as_bytes(), &octets].concat()));
        server::check(&Plan::of(&octets));
    }

    #[test]
    fn s_133_whatever_follows_starttls_however_cut(tail in vec(any::<u8>(), 1..64)) {
        let mut plan = Plan::of(&[b"EHLO a\r\nSTARTTLS\r\n", &tail[..]].concat());
        plan.config = config().tls(TlsPolicy::Opportunistic);
        plan.shakes_hands = false;
        server::check(&plan);
    }

    /// What came with STARTTLS in clear is never taken for part of what is protected.
    #[test]
    fn s_133_nothing_behind_starttls_outlives_it(
        tail in prop_oneof![
            select(&LINES[..]).prop_map(|line| format!("{line}\r\n").into_bytes()),
            vec(any::<u8>(), 1..64),
        ],
        cut in 0..100_usize,
    ) {
        let input = [b"EHLO a\r\nSTARTTLS\r\n", &tail[..]].concat();
        let (first, second) = input.split_at(cut.min(input.len()));
        let mut server = Server::new(config().tls(TlsPolicy::Opportunistic));
        server.send(first);
        server.send(second);
        prop_assert!(server.is_closed(), "{:?}", server.session);
    }
}
