//! What must not matter to what becomes of a message: pipelining and chunking; nor
//! when the session ends, as far as the server has said what becomes of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use smtp_oracles::relay::{End, Message, Rule, Settings, run};
use smtp_proto::client::{Chunking, Pipelining};

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
        .prop_map(
            |(mail, mut rcpt, mut data, mut end, mut quota, for_nobody, smooth)| {
                // Who goes with whom depends on pipelining where a server says that
                // no more fit, so that other refusals would then hit others.
                if smooth {
                    data.fill(354);
                    end.fill(250);
                    quota.fill(usize::MAX);
                } else {
                    for code in rcpt.iter_mut().filter(|code| **code == 452) {
                        *code = 550;
                    }
                }
                Rule {
                    mail,
                    rcpt,
                    data,
                    end,
                    quota,
                    for_nobody,
                }
            },
        )
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

/// Every way to send.
const WAYS: [(Pipelining, Chunking); 9] = {
    use Chunking::{AtOnce, WhenAccepted, WhenNeeded};
    use Pipelining::{AcrossTransactions, Off, WithinTransaction};
    [
        (Off, WhenNeeded),
        (Off, WhenAccepted),
        (Off, AtOnce),
        (WithinTransaction, WhenNeeded),
        (WithinTransaction, WhenAccepted),
        (WithinTransaction, AtOnce),
        (AcrossTransactions, WhenNeeded),
        (AcrossTransactions, WhenAccepted),
        (AcrossTransactions, AtOnce),
    ]
};

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
        let lock_step = run(&rule, &Settings::lock_step(), &list, End::Quit);
        let whole = lock_step.told();
        let puts_off = rule.rcpt.contains(&452);
        for (pipelining, chunking) in WAYS {
            let mut settings = Settings { pipelining, chunking, ..some.clone() };
            // With the content QUIT goes out before it is known who is put off.
            settings.quit_with_content &= !(puts_off && chunking == Chunking::AtOnce);
            let run = run(&rule, &settings, &list, End::Quit);
            prop_assert_eq!(&run.told(), &whole, "{:?}", settings);
            run.check(&whole, &settings, End::Quit);
        }
    }

    #[test]
    fn c_096_an_end_at_random_contradicts_no_fate(
        rule in a_rule(),
        list in messages(),
        mut settings in some_settings(),
        kind in 0..8,
        at in any::<prop::sample::Index>(),
    ) {
        let puts_off = rule.rcpt.contains(&452);
        settings.quit_with_content &= !puts_off || settings.chunking != Chunking::AtOnce;
        let whole = run(&rule, &Settings::lock_step(), &list, End::Quit).told();
        let undisturbed = run(&rule, &settings, &list, End::Quit);
        let sent = at.index(undisturbed.sent + 1);
        let reply = at.index(undisturbed.replies);
        let end = match kind {
            0 => End::Sent { octets: sent, heard: false },
            1 => End::Sent { octets: sent, heard: true },
            2 => End::WriteFails(sent),
            3 => End::Heard(at.index(undisturbed.heard + 1)),
            4 => End::Closing(reply),
            5 => End::Garbage(reply),
            6 => End::Silent(reply),
            _ => End::StopsReading(sent),
        };
        run(&rule, &settings, &list, end).check(&whole, &settings, end);
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
