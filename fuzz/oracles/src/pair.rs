//! The client session against the server session.

mod plan;
mod receiver;

use std::collections::BTreeSet;

use smtp_proto::{
    Instant,
    client::{Event, Fate, TransactionId},
    server::Session,
};

pub use self::plan::{End, Kind, Plan, Planned};
use self::receiver::Receiver;
use crate::{
    agreement::agreement,
    line::Line,
    talk::{Talk, address, mailbox},
    tape::Tape,
};

/// All of the input is decisions.
pub fn pair(input: &[u8]) {
    let mut tape = Tape::new(input);
    if tape.rarely(3) {
        agreement(&mut tape);
    } else {
        check(&Plan::read(&mut tape));
    }
}

/// Whatever the settings are, however the octets are cut, whatever the receiver makes
/// of messages, and whenever and however the connection ends:
///
/// - each message has one end, with a fate for each recipient;
/// - what is accepted is stored, once, octet for octet; what is stored was accepted
///   or is in doubt; and no more is in doubt than may be;
/// - if nothing disturbs the session, what becomes of each recipient is what the
///   receiver says, and nothing is in doubt.
pub fn check(plan: &Plan) {
    let mut line = begin(plan);
    let ids = send(&mut line, plan);
    line.application.ids.clone_from(&ids);
    run(&mut line, plan);
    let fates = fates(&line, &ids, plan);
    let mut in_doubt = BTreeSet::new();
    for (message, fates) in fates.iter().enumerate() {
        for (index, fate) in fates.iter().enumerate() {
            let name = || format!("{}: {fate}, {plan:?}", address(message, index));
            let stored = line.application.stored.contains(&(message, index));
            match fate {
                Fate::Accepted(_) => assert!(stored, "{}", name()),
                Fate::Refused { .. } | Fate::NotSent(_) => assert!(!stored, "{}", name()),
                Fate::InDoubt(_) => {
                    in_doubt.insert(message);
                }
                other => panic!("{other}"),
            }
            if plan.end == End::Quit && plan.is_foreseeable() {
                let accepted = plan.is_accepted(message, index);
                assert_eq!(fate.is_accepted(), accepted, "{}", name());
            }
        }
    }
    assert!(
        in_doubt.len() <= plan.settings.bound(),
        "{in_doubt:?} in doubt"
    );
    if plan.end == End::Quit {
        assert!(in_doubt.is_empty(), "{in_doubt:?} in doubt");
        assert!(line.server_closed && line.talk.error.is_none());
    }
    let receiver = &line.application;
    if line.server_closed {
        assert_eq!(
            receiver.opened, receiver.ended,
            "each transaction has one end"
        );
    }
}

fn begin(plan: &Plan) -> Line<Receiver> {
    let mut talk = Talk::new(plan.client());
    talk.session.set_seed([1; 32]);
    let server = Session::new(plan.server(), Instant::ORIGIN);
    Line::new(talk, server, Receiver::new(plan))
}

fn send(line: &mut Line<Receiver>, plan: &Plan) -> Vec<TransactionId> {
    let session = &mut line.talk.session;
    let mut ids = Vec::new();
    for (message, planned) in plan.messages.iter().enumerate() {
        ids.push(session.send(planned.transaction(message)).unwrap());
        if planned.noop {
            session.noop().unwrap();
        }
    }
    session.quit().unwrap();
    ids
}

fn run(line: &mut Line<Receiver>, plan: &Plan) {
    let mut steps = plan.settings.steps.iter().copied().cycle();
    let mut step = || steps.next().unwrap_or(usize::MAX);
    for round in 0.. {
        assert!(round < 100_000, "no end: {plan:?}");
        if plan.end.is_due(line.by_client, line.by_server) {
            break;
        }
        let client = line.run_client(step(), step());
        let server = line.run_server(step(), step());
        if !client && !server {
            break;
        }
    }
    let now = line.talk.now;
    match plan.end {
        End::Quit => {}
        End::Sent { arrives, .. } | End::Heard { arrives, .. } => {
            line.cut(arrives & 1 == 1, arrives & 2 == 2);
        }
        End::Shutdown(_) => {
            line.server.shutdown(now);
            line.run(step);
        }
        End::Abort(_) => {
            line.server.abort(now);
            line.run(step);
        }
        End::ClientAborts(_) => {
            line.talk.session.abort();
            line.cut(true, true);
        }
        End::WriteFails(_) => {
            line.talk.session.handle_write_closed(now);
            line.cut(true, true);
        }
        End::Silent(_) => {
            // Until the client has no patience any more.
            for _ in 0..4 {
                if let Some(left) = line.talk.remaining() {
                    line.talk.wait(left);
                }
                line.run_client(0, usize::MAX);
            }
            line.cut(true, false);
        }
    }
    // A server may close without a word.
    if !(line.server_closed && is_over(line)) {
        line.cut(true, true);
    }
    assert!(is_over(line), "no end: {:?}", line.talk.session);
}

fn is_over(line: &Line<Receiver>) -> bool {
    line.talk.error.is_some() || line.talk.log.contains(&Event::Closed)
}

fn fates(line: &Line<Receiver>, ids: &[TransactionId], plan: &Plan) -> Vec<Vec<Fate>> {
    let mut fates = vec![None; ids.len()];
    for event in &line.talk.log {
        if let Event::Finished {
            transaction,
            outcome,
        } = event
        {
            let message = ids.iter().position(|id| id == transaction).unwrap();
            let all = outcome.recipients().to_vec();
            assert_eq!(all.len(), plan.messages[message].recipients.len());
            assert!(fates[message].replace(all).is_none(), "finished twice");
        }
    }
    fates
        .into_iter()
        .map(|fates| fates.unwrap_or_else(|| panic!("no end: {plan:?}")))
        .collect()
}

/// Who a message comes from, which tells which it is.
fn sender(message: usize) -> smtp_proto::types::Mailbox {
    mailbox(&format!("s{message}@example.org"))
}
