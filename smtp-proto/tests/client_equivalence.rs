//! What must not matter to what becomes of a message: pipelining, and where the
//! server's octets are cut.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Talk, config, content, made};
use proptest::prelude::*;
use smtp_proto::client::{Event, Pipelining, RecipientPolicy};

/// What a server makes of addresses and contents, always the same.
#[derive(Clone, Debug)]
struct Rule {
    mail: Vec<u16>,
    rcpt: Vec<u16>,
    data: Vec<u16>,
    dot: Vec<u16>,
    data_for_nobody: u16,
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let codes = |codes: &'static [u16]| prop::collection::vec(prop::sample::select(codes), 6);
    (
        codes(&[250, 250, 250, 250, 451, 550]),
        codes(&[250, 250, 251, 450, 550, 452]),
        codes(&[354, 354, 354, 354, 451, 554]),
        codes(&[250, 250, 250, 250, 452, 554]),
        prop::sample::select(&[354_u16, 503, 554][..]),
    )
        .prop_map(|(mail, mut rcpt, data, dot, data_for_nobody)| {
            // Who goes with whom depends on pipelining where a server says that
            // no more fit, so that other refusals would then hit others.
            let smooth =
                data.iter().all(|code| *code == 354) && dot.iter().all(|code| *code == 250);
            for code in &mut rcpt {
                if *code == 452 && !smooth {
                    *code = 550;
                }
            }
            Rule {
                mail,
                rcpt,
                data,
                dot,
                data_for_nobody,
            }
        })
}

fn fates_by_rule(rule: &Rule, pipelining: Pipelining, list: &[(usize, bool, bool)]) -> Vec<String> {
    let mut config = config();
    config = config.pipelining(pipelining);
    let mut talk = Talk::open(config, &["PIPELINING"]);
    for (message, (recipients, all_or_nothing, streamed)) in list.iter().enumerate() {
        let mut made = made(message, *recipients);
        if *all_or_nothing {
            made = made.policy(RecipientPolicy::AllOrNothing);
        }
        if !streamed {
            made = made.content(content(message));
        }
        talk.session.send(made).unwrap();
    }
    talk.session.quit().unwrap();
    let (mut message, mut mail_accepted, mut somebody, mut in_content) = (0, false, false, false);
    let mut all = Vec::new();
    loop {
        if let Some(body) = talk.session.body() {
            body.write("x").unwrap();
            talk.session.body().unwrap().finish().unwrap();
        }
        let out = talk.out();
        if out.is_empty() {
            all.extend(talk.fates());
            assert_eq!(talk.log.last(), Some(&Event::Closed), "{all:?}");
            return all;
        }
        let mut answers = String::new();
        for line in out.lines() {
            if in_content && line != "." {
                continue;
            }
            let code = match line.split(' ').next().unwrap() {
                "MAIL" => {
                    message = line["MAIL FROM:<s".len()..line.find('@').unwrap()]
                        .parse()
                        .unwrap();
                    somebody = false;
                    mail_accepted = rule.mail[message] == 250;
                    rule.mail[message]
                }
                "RCPT" if !mail_accepted => 503,
                "RCPT" => {
                    let index = line[line.find('-').unwrap() + 1..line.find('@').unwrap()]
                        .parse::<usize>()
                        .unwrap();
                    let code = rule.rcpt[(message + index) % 6];
                    somebody |= code < 300;
                    code
                }
                "DATA" if !mail_accepted || !somebody => {
                    in_content = rule.data_for_nobody == 354;
                    rule.data_for_nobody
                }
                "DATA" => {
                    in_content = rule.data[message] == 354;
                    rule.data[message]
                }
                "." => {
                    in_content = false;
                    if somebody { rule.dot[message] } else { 554 }
                }
                "QUIT" => 221,
                _ => 250,
            };
            answers += &format!("{code} x\r\n");
        }
        talk.say(answers);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c_096_c_141_pipelining_changes_no_fate(
        rule in a_rule(),
        list in prop::collection::vec((1_usize..6, prop::bool::weighted(0.25), any::<bool>()), 1..6),
    ) {
        let lock_step = fates_by_rule(&rule, Pipelining::Off, &list);
        let pipelined = fates_by_rule(&rule, Pipelining::WithinTransaction, &list);
        let recipients: usize = list.iter().map(|(recipients, ..)| recipients).sum();
        prop_assert_eq!(lock_step.len(), recipients);
        prop_assert_eq!(lock_step, pipelined);
    }
}

/// Octets that are likely to mean something.
fn server_octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"250 ok\r\n".to_vec()),
        2 => Just(b"250-mx\r\n250 PIPELINING\r\n".to_vec()),
        2 => Just(b"354 go\r\n".to_vec()),
        1 => Just(b"550 5.1.1 no\r\n".to_vec()),
        1 => Just(b"452 4.5.3 no\r\n".to_vec()),
        1 => Just(b"421 bye\r\n".to_vec()),
        1 => Just(b"250-".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => prop::collection::vec(prop::sample::select(&b"0123456789- \r\n"[..]), 0..8),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c_097_octets_cut_anywhere_make_the_same_events(
        octets in server_octets(),
        cuts in prop::collection::vec(1_usize..9, 1..20),
        drains in any::<bool>(),
    ) {
        // Nothing is sent in between, or everything: then a reply that comes too
        // early depends on what was cut, and the octets go in line by line.
        let run = |sizes: &mut dyn FnMut(&[u8]) -> usize| {
            let mut talk = Talk::new(config());
            for message in 0..2 {
                talk.session.send(made(message, 2).content(content(message))).unwrap();
            }
            let mut said = Vec::new();
            let mut lines = Vec::new();
            let mut rest = &octets[..];
            while !rest.is_empty() {
                let size = sizes(rest).clamp(1, rest.len());
                talk.say(&rest[..size]);
                if drains && rest[..size].ends_with(b"\n") {
                    said.extend(talk.out_octets());
                }
                lines.extend(talk.events());
                rest = &rest[size..];
            }
            talk.eof();
            lines.extend(talk.events());
            said.extend(talk.out_octets());
            (said, lines)
        };
        let line = |rest: &[u8]| {
            rest.iter().position(|&octet| octet == b'\n').map_or(rest.len(), |at| at + 1)
        };
        let whole = run(&mut |rest| if drains { line(rest) } else { rest.len() });
        let single = run(&mut |_| 1);
        let mut next = cuts.iter().cycle();
        let cut = run(&mut |rest| {
            let size = *next.next().unwrap();
            if drains { size.min(line(rest)) } else { size }
        });
        prop_assert_eq!(&whole, &single);
        prop_assert_eq!(&whole, &cut);
    }
}
