//! Values and the wire format: everything prints to what it parses from, nothing
//! panics, and no split of the input shows.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod strategies;

use proptest::prelude::*;
use smtp_oracles::{
    commands, dots,
    dots::{content_and_end, stuff, stuff_plainly, unstuff, unstuff_plainly, with_line_ends},
    ehlo,
    paths::{assert_mailbox, assert_parameters, assert_quoted, paths},
    pieces::{Cuts, assert_only_crlf},
    replies,
    tape::Octets,
    values::assert_round_trip,
    xtext,
};
use smtp_proto::{
    types::{Capabilities, Capability, Host},
    wire::{ReplyLimits, parse_command, parse_command_lenient},
};
use strategies::config;

/// The soup has many ingredients: more of it finds more.
fn times(n: u32) -> ProptestConfig {
    ProptestConfig {
        cases: n * config().cases,
        ..config()
    }
}

/// An input of a target, with decisions behind a NUL.
fn input(octets: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Octets> {
    let decisions = prop::collection::vec(1..=255_u8, 0..16);
    (octets, decisions)
        .prop_map(|(octets, decisions)| Octets([&octets, &b"\0"[..], &decisions].concat()))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn s_051_local_parts_round_trip(value in strategies::local_part()) {
        assert_round_trip(&value);
    }

    #[test]
    fn c_044_quoting_that_is_not_needed_changes_nothing(value in strategies::local_part()) {
        assert_quoted(&value);
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
        assert_mailbox(&mailbox);
        assert_round_trip(&reverse_path);
        assert_round_trip(&forward_path);
        paths(mailbox.to_string().as_bytes());
    }

    #[test]
    fn s_057_parameters_round_trip(
        parameter in strategies::parameter(),
        parameters in strategies::parameters(),
        body in strategies::body_type(),
    ) {
        assert_round_trip(&parameter);
        assert_parameters(&parameters);
        assert_round_trip(&body);
        paths(parameters.to_string().as_bytes());
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
            prop_assert!(read.keyword().eq_ignore_ascii_case(capability.keyword()));
        }
        let all: Capabilities = list.into_iter().collect();
        ehlo::answers(&all);
        let code = smtp_proto::types::ReplyCode::new(250).unwrap();
        let reply = smtp_proto::types::Reply::new(code, None, &format!("mx.example.net\n{all}"));
        let read = Capabilities::from_reply(&reply.unwrap());
        if all.iter().next().is_some() {
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
        commands::over_the_wire(&command);
        commands::line(command.to_string().as_bytes());
    }

    #[test]
    fn c_081_replies_round_trip(reply in strategies::reply()) {
        replies::passed_on(&reply);
        let text = reply.text();
        replies::made(reply.code(), reply.enhanced(), &text);
    }

    /// S-105: in lines that are not too long.
    #[test]
    fn s_107_s_109_replies_of_any_length_can_be_made(
        code in 100_u16..700,
        enhanced in prop::option::of(strategies::enhanced()),
        text in "([ -~]{0,700}|[a-z ]{400,600})(\n[ -~]{0,600}){0,2}|\\PC{0,9}",
    ) {
        let code = smtp_proto::types::ReplyCode::new(code).unwrap();
        replies::made(code, enhanced, &text);
        let enhanced = enhanced.filter(|enhanced| u16::from(enhanced.class()) == code.get() / 100);
        replies::made(code, enhanced, &text);
    }

    #[test]
    fn c_235_xtext_round_trips(octets: Vec<u8>, text in strategies::soup()) {
        xtext::any_octets(&octets);
        xtext::any_text(&text);
    }
}

proptest! {
    #![proptest_config(times(4))]

    #[test]
    fn c_042_whatever_parses_prints_clean_and_parses_again(text in strategies::soup()) {
        paths(text.as_bytes());
        ehlo::on_one_line(&Capability::Other { keyword: text.clone(), parameters: text.clone() });
        ehlo::on_one_line(&Capability::Auth(vec![text]));
    }

    #[test]
    fn s_026_command_lines_of_any_octets_do_no_harm(
        text in strategies::soup(),
        octets in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        commands::line(text.as_bytes());
        commands::line(&octets);
        commands::line(&[b"MAIL FROM:<", &octets[..]].concat());
        commands::line(&[b"RCPT TO:", text.as_bytes()].concat());
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
            replies::check(&octets, limits, &[cuts.clone(), Cuts::single()]);
        }
    }

    #[test]
    fn c_091_any_reply_prints_clean_and_can_be_passed_on(octets in strategies::replies()) {
        replies::check(&octets, ReplyLimits::default(), &[]);
        ehlo(&octets);
    }

    #[test]
    fn c_060_c_091_any_replies_with_any_decisions(input in input(strategies::replies())) {
        replies(&input.0);
    }

    #[test]
    fn c_024_c_026_any_lines_are_capabilities(octets in strategies::offers()) {
        ehlo(&octets);
    }

    #[test]
    fn s_013_s_101_lines_are_the_same_for_every_split(
        octets in strategies::command_lines(),
        cuts in strategies::cuts(),
        max_line in 2_usize..40,
    ) {
        commands::framed(&octets, max_line, &[cuts, Cuts::single()]);
    }

    #[test]
    fn s_013_s_026_any_commands_with_any_decisions(input in input(strategies::command_lines())) {
        commands(&input.0);
    }
}

proptest! {
    #![proptest_config(times(8))]

    #[test]
    fn c_073_clean_content_arrives_as_it_was(
        content in strategies::clean_content(),
        there in strategies::cuts(),
        back in strategies::cuts(),
    ) {
        prop_assert_eq!(&with_line_ends(&content), &content);
        dots::stuffed(&content, &[there], &[back]);
    }

    #[test]
    fn c_067_to_c_074_any_content_is_stuffed_by_the_book(
        content in strategies::content(),
        there in strategies::cuts(),
        back in strategies::cuts(),
    ) {
        dots::stuffed(&content, &[there, Cuts::single()], &[back]);
    }

    #[test]
    fn s_066_to_s_071_any_wire_octets_are_unstuffed_by_the_book(
        wire in strategies::content(),
        cuts in strategies::cuts(),
    ) {
        dots::unstuffed(&wire, &[cuts, Cuts::single()]);
    }

    #[test]
    fn c_067_s_066_any_content_with_any_decisions(input in input(strategies::content())) {
        dots(&input.0);
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
            assert_eq!(stuff(&Cuts::single().pieces(&octets)), wire);
            assert_eq!(unstuff(&[&octets]), content);
            assert_eq!(unstuff(&Cuts::single().pieces(&octets)), content);
        }
    }
}
