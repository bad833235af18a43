//! What must not matter to what becomes of a message: pipelining and chunking; nor
//! when the session ends, as far as the server has said what becomes of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use smtp_oracles::agreement::{WAYS, agrees_with_lock_step, contradicts_nothing, smooth};
use smtp_oracles::relay::{End, Message, Rule, Settings, run};

fn a_rule() -> impl Strategy<Value = Rule> {
    let codes = |codes: &'static [u16]| prop::collection::vec(prop::sample::select(codes), 6);
    let quota = prop_oneof![3 => Just(usize::MAX), 1 => 0_usize..50];
    (
        codes(&[250, 250, 250, 250, 451, 550]),
        codes(&[250, 250, 251, 450, 550, 452]),
        codes(&[354, 354, 354, 354, 451, 554]),
        codes(&[250, 250, 250, 250, 452, 554]),
        prop::collection::vec(quota, 6),
        prop::sample::select(&[354_u16, 503, 554][..]),
        any::<bool>(),
    )
        .prop_map(|(mail, rcpt, data, end, quota, for_nobody, puts_off)| {
            let mut rule = Rule {
                mail,
                rcpt,
                data,
                end,
                quota,
                for_nobody,
            };
            smooth(&mut rule, puts_off);
            rule
        })
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let message = (1_usize..6, prop::bool::weighted(0.25), any::<bool>()).prop_map(
        |(recipients, all_or_nothing, streamed)| Message {
            recipients,
            all_or_nothing,
            streamed,
        },
    );
    prop::collection::vec(message, 1..6)
}

/// Sizes and bounds, for any way to send.
fn some_settings() -> impl Strategy<Value = Settings> {
    (
        prop::sample::select(&WAYS[..]),
        1_usize..5,
        prop_oneof![1_usize..20, 40_usize..60, Just(1000)],
        1_usize..5,
        prop_oneof![1 => 1_usize..8, 3 => Just(100)],
        any::<bool>(),
        prop_oneof![Just(Vec::new()), prop::collection::vec(1_usize..60, 1..12)],
    )
        .prop_map(
            |((pipelining, chunking), depth, chunk_size, chunks, commands, quit, steps)| Settings {
                depth,
                chunk_size,
                chunks,
                commands,
                quit_with_content: quit,
                steps,
                ..Settings::of(pipelining, chunking)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c_096_c_141_pipelining_and_chunking_change_no_fate(
        rule in a_rule(),
        list in messages(),
        some in some_settings(),
    ) {
        for (pipelining, chunking) in WAYS {
            let settings = Settings { pipelining, chunking, ..some.clone() };
            agrees_with_lock_step(&rule, &list, &settings);
        }
    }

    #[test]
    fn c_096_an_end_at_random_contradicts_no_fate(
        rule in a_rule(),
        list in messages(),
        settings in some_settings(),
        kind in 0..8_usize,
        at in any::<usize>(),
    ) {
        contradicts_nothing(&rule, &list, &settings, kind, at);
    }
}

/// Three messages: one of whose recipients is refused; one that comes piece by
/// piece; one for all or nobody.
const THREE: [Message; 3] = [
    Message {
        recipients: 2,
        all_or_nothing: false,
        streamed: false,
    },
    Message {
        recipients: 1,
        all_or_nothing: false,
        streamed: true,
    },
    Message {
        recipients: 2,
        all_or_nothing: true,
        streamed: false,
    },
];

/// Every end at every place of the dialogue.
fn every_end(rule: &Rule, settings: &Settings, list: &[Message]) {
    let whole = run(rule, &Settings::lock_step(), list, End::Quit).told();
    let undisturbed = run(rule, settings, list, End::Quit);
    assert_eq!(undisturbed.told(), whole, "{settings:?}");
    let visit = |end: End| run(rule, settings, list, end).check(&whole, settings, end);
    for octets in 0..=undisturbed.sent {
        visit(End::Sent {
            octets,
            heard: false,
        });
        visit(End::Sent {
            octets,
            heard: true,
        });
        visit(End::WriteFails(octets));
        visit(End::StopsReading(octets));
    }
    for octets in 0..=undisturbed.heard {
        visit(End::Heard(octets));
    }
    for reply in 0..undisturbed.replies {
        visit(End::Closing(reply));
        visit(End::Garbage(reply));
        visit(End::Silent(reply));
    }
}

fn every_way(rule: &Rule) {
    for (pipelining, chunking) in WAYS {
        let of_way = Settings::of(pipelining, chunking);
        let small = Settings {
            depth: 2,
            chunk_size: 20,
            quit_with_content: true,
            ..of_way.clone()
        };
        every_end(rule, &of_way, &THREE);
        every_end(rule, &small, &THREE);
    }
}

#[test]
fn c_096_c_113_every_end_where_all_is_accepted() {
    every_way(&Rule::yes());
}

#[test]
fn c_096_c_113_every_end_where_recipients_are_refused() {
    let mut rule = Rule::yes();
    // The first message's second, and the third's first.
    rule.rcpt[1] = 550;
    rule.rcpt[2] = 450;
    every_way(&rule);
}

#[test]
fn c_096_c_113_every_end_where_contents_are_refused() {
    let mut rule = Rule::yes();
    rule.end[0] = 554;
    rule.quota[1] = 10;
    rule.data[2] = 451;
    every_way(&rule);
}

#[test]
fn c_096_c_113_every_end_where_a_sender_is_refused() {
    let mut rule = Rule::yes();
    rule.mail[1] = 550;
    rule.for_nobody = 354;
    every_way(&rule);
}
