//! A server that behaves by chance against an application that does, with a
//! client session between them.
//!
//! What the server does is looked up in its books in the end: every message has
//! one fate, and the right one.

mod application;
mod server;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use smtp_proto::client::{Chunking, Config, Event, Fate, LineEndings, Pipelining};

use self::{application::Application, server::Server};
use crate::{
    talk::{Talk, address, config},
    tape::Tape,
};

/// Whatever the server says, and in whatever pieces, times and order: each
/// transaction ends once, with a fate for each recipient; what is accepted, the
/// server has taken; what was not sent, it has not; what is in doubt had left in
/// full, and no more messages are than the settings allow. The client sends only
/// what belongs where it comes, and no more at once than it may; it gives up at
/// its deadline, neither before nor later, and then nothing happens any more.
pub fn dialogue(input: &[u8]) {
    let mut tape = Tape::new(input);
    let chosen = Chosen::read(&mut tape);
    let application = Application::read(&mut tape);
    let mut end = converse(&chosen, application, &mut tape);
    let cut_short = end.talk.error.is_some() || !end.all_said || end.broken;
    finish(&mut end.talk);
    check(&end, &chosen, cut_short);
}

/// Holds the fates against the server's books: an answer for each content.
fn check(end: &End, chosen: &Chosen, cut_short: bool) {
    let outcomes = outcomes(end);
    assert_eq!(outcomes.len(), end.application.messages.len());
    let mut taken = BTreeSet::new();
    let mut answered = BTreeSet::new();
    for (for_whom, code) in &end.server.finished {
        if code / 100 == 2 {
            assert!(taken.is_disjoint(for_whom), "delivered twice");
            taken.extend(for_whom.iter().cloned());
        }
        answered.extend(for_whom.iter().cloned());
    }
    let mut in_doubt = BTreeSet::new();
    for (message, fates) in &outcomes {
        for (index, fate) in fates.iter().enumerate() {
            let to = address(*message, index);
            match fate {
                Fate::Accepted(_) => {
                    assert!(end.forged || taken.contains(&to), "{to} was not taken");
                }
                Fate::InDoubt(_) => {
                    // With chunks it may not be known yet whom they are for.
                    let ended = end.server.ended_in_chunks.contains(message);
                    assert!(ended || answered.contains(&to), "{to} was never sent");
                    in_doubt.insert(*message);
                }
                other => {
                    // Whoever was told that it was not sent does not have it,
                    // unless the line broke behind the answer.
                    let lost = cut_short && !matches!(other, Fate::NotSent(_));
                    assert!(lost || !taken.contains(&to), "{to} was taken: {other}");
                }
            }
        }
    }
    assert!(in_doubt.len() <= chosen.in_doubt, "{in_doubt:?} in doubt");
}

/// A configuration, and what it bounds.
#[derive(Debug)]
struct Chosen {
    config: Config,
    /// The most commands that may be unanswered.
    limit: usize,
    /// The most messages that may be in doubt.
    in_doubt: usize,
}

impl Chosen {
    fn read(tape: &mut Tape<'_>) -> Self {
        use Pipelining::{AcrossTransactions, Off, WithinTransaction};
        let pipelining = tape.one_of(&[
            WithinTransaction,
            AcrossTransactions,
            AcrossTransactions,
            Off,
        ]);
        let chunking = tape.one_of(&[
            Chunking::WhenNeeded,
            Chunking::WhenAccepted,
            Chunking::AtOnce,
            Chunking::AtOnce,
        ]);
        let depth = 1 + tape.below(4);
        let mut config = config()
            .pipelining(pipelining)
            .chunking(chunking)
            .max_unanswered_messages(depth)
            .chunk_size(1 + tape.below(59))
            .max_unanswered_chunks(1 + tape.below(4))
            .quit_with_content(tape.rarely(2));
        let mut limit = Config::DEFAULT_MAX_UNANSWERED_COMMANDS;
        if tape.below(5) > 2 {
            limit = 1 + tape.below(7);
            config = config
                .max_unanswered_commands(limit)
                .max_unanswered_octets(30 + tape.below(170));
        }
        if tape.rarely(2) {
            config = config.line_endings(LineEndings::Repair);
        }
        let deep = (pipelining, chunking) == (AcrossTransactions, Chunking::AtOnce);
        Self {
            config,
            limit,
            in_doubt: if deep { depth } else { 1 },
        }
    }
}

/// How a conversation went.
struct End {
    talk: Talk,
    server: Server,
    application: Application,
    /// What was said to the client, and whether all of it was.
    all_said: bool,
    /// The server or the line broke at some point.
    broken: bool,
    /// A reply was put in, which may have come in the place of another.
    forged: bool,
}

fn converse(chosen: &Chosen, mut application: Application, tape: &mut Tape<'_>) -> End {
    let mut talk = Talk::new(chosen.config.clone());
    let mut server = Server::new(tape.below(4) != 3, tape.below(2) == 0);
    let greeting = Server::code(tape, 220, &[220, 250, 554]);
    server.say(greeting, tape);
    let mut broken = false;
    let mut forged = false;
    let mut idle = 0;
    // Long enough for the longest; a session that goes on is found out below.
    for _ in 0..20_000 {
        let mut active = false;
        if tape.below(3) == 0 {
            active |= application.act(&mut talk, tape);
        }
        application.stream(&mut talk, tape);
        // The client sends some, the server reads it.
        let octets = if tape.rarely(3) {
            1 + tape.below(40)
        } else {
            usize::MAX
        };
        let sent = talk.send(octets);
        active |= !sent.is_empty();
        server.input.extend(sent);
        let unanswered = server.said;
        server.read(tape);
        if server.silent {
            server.output.clear();
        }
        assert!(
            server.said - unanswered <= chosen.limit,
            "too many commands at once"
        );
        // The server says some, the client reads it.
        let count = if tape.rarely(3) {
            1 + tape.below(12)
        } else {
            usize::MAX
        };
        let said: Vec<u8> = server
            .output
            .drain(..count.min(server.output.len()))
            .collect();
        if !said.is_empty() {
            active = true;
            talk.say(said);
            server.unheard &= !server.output.is_empty();
        }
        if tape.rarely(200) {
            broken = true;
            // Whatever is put in may complete the reply.
            server.unheard = false;
            match tape.below(7) {
                6 => server.silent = true,
                0 => talk.eof(),
                1 => talk.say(b"\0\xffgarbage\r\n"),
                2 => {
                    forged = true;
                    server.misled = true;
                    talk.say("250 nobody asked\r\n");
                }
                3 => talk.say("421 bye\r\n"),
                4 => talk.session.handle_write_closed(talk.now),
                _ => talk.say("25"),
            }
        }
        if tape.rarely(40) {
            // Less than the shortest time there is, in which all goes on.
            talk.wait(Duration::from_millis(10));
        }
        talk.events();
        if talk.error.is_some() {
            let farewell = talk.pending();
            assert!(farewell.is_empty() || farewell == b"QUIT\r\n");
            break;
        }
        idle = if active { 0 } else { idle + 1 };
        if idle > 40 && talk.pending().is_empty() && server.output.is_empty() {
            break;
        }
    }
    let all_said = server.output.is_empty() && !server.silent;
    End {
        talk,
        server,
        application,
        all_said,
        broken,
        forged,
    }
}

/// Brings a session to its end, by its deadline or the end of the file: what waits
/// for the server gives up at the deadline, neither before nor later, and behind
/// the end nothing happens any more.
pub fn finish(talk: &mut Talk) {
    talk.events();
    // What waits for the application waits.
    if let (None, Some(deadline)) = (&talk.error, talk.session.poll_timeout()) {
        // A request may have begun the time in the past.
        talk.session.handle_timeout(talk.now);
        talk.events();
        assert!(talk.error.is_none() || deadline <= talk.now);
        if let Some(left) = talk.remaining().filter(|_| talk.error.is_none()) {
            let before = talk.log.len();
            talk.wait(left - Duration::from_nanos(1));
            talk.events();
            assert!(
                talk.error.is_none() && talk.log.len() == before,
                "too early"
            );
            talk.wait(Duration::from_nanos(1));
            talk.events();
            assert_eq!(talk.session.poll_timeout(), None, "too late");
        }
    }
    talk.eof();
    talk.events();
    let closed = talk.log.contains(&Event::Closed);
    assert_eq!(
        closed,
        talk.error.is_none(),
        "it ends with QUIT or with an error"
    );
    // Nothing happens any more.
    let before = talk.log.len();
    talk.say("250 ok\r\n");
    talk.wait(Duration::from_secs(4000));
    talk.events();
    assert_eq!(talk.log.len(), before);
}

fn outcomes(end: &End) -> BTreeMap<usize, Vec<Fate>> {
    let mut outcomes = BTreeMap::new();
    for event in &end.talk.log {
        if let Event::Finished {
            transaction,
            outcome,
        } = event
        {
            let message = end.application.ids[&format!("{transaction:?}")];
            let fates = outcome.recipients().to_vec();
            assert_eq!(fates.len(), end.application.messages[message]);
            assert!(outcomes.insert(message, fates).is_none(), "finished twice");
        }
    }
    outcomes
}
