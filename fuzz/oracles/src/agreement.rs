//! What must not matter to what becomes of a message: pipelining, chunking, and
//! their limits; nor when the session ends, as far as the server has said what
//! becomes of it.

use smtp_proto::client::{Chunking, Pipelining};

use crate::{
    relay::{End, Message, Rule, Settings, run},
    tape::Tape,
};

/// Every way to send.
pub const WAYS: [(Pipelining, Chunking); 9] = {
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

/// Both of these, for a way to send, a server and an end that are decided.
pub fn agreement(tape: &mut Tape<'_>) {
    let rule = rule(tape);
    let list: Vec<Message> = (0..=tape.below(5)).map(|_| message(tape)).collect();
    let settings = settings(tape);
    agrees_with_lock_step(&rule, &list, &settings);
    let (kind, at) = (tape.below(8), tape.below(1 << 16));
    contradicts_nothing(&rule, &list, &settings, kind, at);
}

/// What becomes of each message is the same as one command at a time.
pub fn agrees_with_lock_step(rule: &Rule, list: &[Message], settings: &Settings) {
    let whole = run(rule, &Settings::lock_step(), list, End::Quit).told();
    let settings = foreseeable(settings, rule);
    let run = run(rule, &settings, list, End::Quit);
    assert_eq!(run.told(), whole, "{settings:?}");
    run.check(&whole, &settings, End::Quit);
}

/// The session ends in one of eight ways, at a place that is `at` of all: what is
/// told agrees with the server's books, and with what it would have been.
pub fn contradicts_nothing(
    rule: &Rule,
    list: &[Message],
    settings: &Settings,
    kind: usize,
    at: usize,
) {
    let settings = foreseeable(settings, rule);
    let whole = run(rule, &Settings::lock_step(), list, End::Quit).told();
    let undisturbed = run(rule, &settings, list, End::Quit);
    let sent = at % (undisturbed.sent + 1);
    let reply = at % undisturbed.replies;
    let end = match kind {
        0 => End::Sent {
            octets: sent,
            heard: false,
        },
        1 => End::Sent {
            octets: sent,
            heard: true,
        },
        2 => End::WriteFails(sent),
        3 => End::Heard(at % (undisturbed.heard + 1)),
        4 => End::Closing(reply),
        5 => End::Garbage(reply),
        6 => End::Silent(reply),
        _ => End::StopsReading(sent),
    };
    run(rule, &settings, list, end).check(&whole, &settings, end);
}

/// With the content QUIT goes out before it is known who is put off.
fn foreseeable(settings: &Settings, rule: &Rule) -> Settings {
    let puts_off = rule.rcpt.contains(&452) && settings.chunking == Chunking::AtOnce;
    Settings {
        quit_with_content: settings.quit_with_content && !puts_off,
        ..settings.clone()
    }
}

fn rule(tape: &mut Tape<'_>) -> Rule {
    let mut codes = |codes: &[u16]| (0..6).map(|_| tape.one_of(codes)).collect::<Vec<_>>();
    let mut rule = Rule {
        mail: codes(&[250, 250, 250, 250, 451, 550]),
        rcpt: codes(&[250, 250, 251, 450, 550, 452]),
        data: codes(&[354, 354, 354, 354, 451, 554]),
        end: codes(&[250, 250, 250, 250, 452, 554]),
        quota: Vec::new(),
        for_nobody: codes(&[354, 503, 554])[0],
    };
    rule.quota = (0..6)
        .map(|_| match tape.rarely(4) {
            true => tape.below(50),
            false => usize::MAX,
        })
        .collect();
    smooth(&mut rule, tape.rarely(2));
    rule
}

/// Who goes with whom depends on pipelining where a server says that no more fit, so
/// that other refusals would then hit others: there is the one, or there are the
/// others.
pub fn smooth(rule: &mut Rule, puts_off: bool) {
    if puts_off {
        rule.data.fill(354);
        rule.end.fill(250);
        rule.quota.fill(usize::MAX);
    } else {
        for code in rule.rcpt.iter_mut().filter(|code| **code == 452) {
            *code = 550;
        }
    }
}

fn message(tape: &mut Tape<'_>) -> Message {
    Message {
        recipients: 1 + tape.below(5),
        all_or_nothing: tape.rarely(4),
        streamed: tape.rarely(2),
    }
}

fn settings(tape: &mut Tape<'_>) -> Settings {
    let (pipelining, chunking) = WAYS[tape.below(WAYS.len())];
    let chunk_size = match tape.below(3) {
        0 => 1000,
        1 => 1 + tape.below(19),
        _ => 40 + tape.below(20),
    };
    Settings {
        depth: 1 + tape.below(4),
        chunk_size,
        chunks: 1 + tape.below(4),
        commands: match tape.rarely(4) {
            true => 1 + tape.below(7),
            false => 100,
        },
        quit_with_content: tape.rarely(2),
        steps: (0..tape.below(12)).map(|_| 1 + tape.below(60)).collect(),
        ..Settings::of(pipelining, chunking)
    }
}
