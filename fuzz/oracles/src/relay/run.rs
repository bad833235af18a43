//! A client that sends messages to a relay, until one of them ends the session, and
//! what became of the messages.

use std::collections::{BTreeMap, BTreeSet};

use smtp_proto::client::{ErrorKind, Event, Fate, NotSent, Pipelining, RecipientPolicy};

use super::{End, Message, Relay, Rule, Settings};
use crate::talk::{Talk, address, content, made};

/// How it went.
#[derive(Debug)]
pub struct Run {
    pub fates: Vec<Vec<Fate>>,
    /// How many octets have left the client, and have come to it.
    pub sent: usize,
    pub heard: usize,
    /// How many replies there were.
    pub replies: usize,
    decided: BTreeMap<(usize, usize), usize>,
    arrived: BTreeSet<usize>,
    taken: BTreeSet<(usize, usize)>,
    turned_away: BTreeSet<(usize, usize)>,
}

/// What makes octets go over the line in pieces.
struct Steps<'a> {
    steps: &'a [usize],
    at: usize,
}

impl Steps<'_> {
    fn next(&mut self) -> usize {
        self.at += 1;
        match self.steps {
            [] => usize::MAX,
            steps => steps[self.at % steps.len()],
        }
    }
}

/// Sends `list`, and QUIT, to a relay with this rule.
pub fn run(rule: &Rule, settings: &Settings, list: &[Message], end: End) -> Run {
    let mut talk = Talk::open(settings.config(), &["PIPELINING", "CHUNKING"]);
    let mut ids = Vec::new();
    for (message, sent) in list.iter().enumerate() {
        let mut made = made(message, sent.recipients);
        if sent.all_or_nothing {
            made = made.policy(RecipientPolicy::AllOrNothing);
        }
        if !sent.streamed {
            made = made.content(content(message));
        }
        ids.push(talk.session.send(made).unwrap());
    }
    talk.session.quit().unwrap();
    let mut relay = Relay::new(rule, end, settings);
    let mut steps = Steps {
        steps: &settings.steps,
        at: 0,
    };
    let mut given = vec![0; list.len()];
    let (most, most_heard) = match end {
        End::Sent { octets, .. } | End::WriteFails(octets) | End::StopsReading(octets) => {
            (octets, usize::MAX)
        }
        End::Heard(octets) => (usize::MAX, octets),
        _ => (usize::MAX, usize::MAX),
    };
    let mut sent = 0;
    for round in 0.. {
        assert!(round < 10_000, "no end: {:?}", talk.session);
        while let Some(body) = talk.session.body() {
            let id = body.transaction();
            let message = ids.iter().position(|other| *other == id).unwrap();
            let text = content(message);
            let at = given[message];
            if at == text.len() {
                body.finish().unwrap();
                // It is asked for again, if recipients were put off.
                given[message] = 0;
            } else {
                let to = text.len().min(at + 9);
                body.write(text[at..to].to_owned()).unwrap();
                given[message] = to;
            }
        }
        let octets = talk.send(steps.next().min(most - sent));
        sent += octets.len();
        relay.read(&octets);
        if sent == most {
            match end {
                End::Sent { heard: false, .. } => break,
                End::WriteFails(_) => talk.session.handle_write_closed(talk.now),
                _ => {}
            }
        }
        let count = steps
            .next()
            .min(relay.output.len())
            .min(most_heard - relay.heard);
        let said: Vec<u8> = relay.output.drain(..count).collect();
        relay.heard += said.len();
        if !said.is_empty() {
            talk.say(&said);
        }
        talk.events();
        if talk.error.is_some() || relay.heard == most_heard {
            break;
        }
        if octets.is_empty() && said.is_empty() && talk.session.body().is_none() {
            break;
        }
    }
    talk.events();
    let is_over = |talk: &Talk| talk.error.is_some() || talk.log.contains(&Event::Closed);
    match end {
        End::Quit => assert!(
            talk.log.contains(&Event::Closed),
            "{:?} {:?}",
            talk.error,
            talk.session
        ),
        End::Sent { .. } | End::WriteFails(_) | End::Heard(_) => talk.eof(),
        End::Closing(_) | End::Garbage(_) => {}
        End::Silent(_) | End::StopsReading(_) => {
            // The clock ends it; what was requested and did not leave may have
            // begun its time in the past.
            for _ in 0..2 {
                if let Some(left) = talk.remaining() {
                    talk.wait(left);
                }
            }
        }
    }
    talk.events();
    assert!(is_over(&talk), "no end: {:?}", talk.session);
    if let Some(error) = &talk.error
        && *error.kind() == ErrorKind::GroupDropped
    {
        assert_eq!(settings.pipelining, Pipelining::AcrossTransactions);
    }
    let mut fates = vec![None; list.len()];
    for event in &talk.log {
        if let Event::Finished {
            transaction,
            outcome,
        } = event
        {
            let message = ids.iter().position(|id| id == transaction).unwrap();
            let told = outcome.recipients().to_vec();
            assert_eq!(told.len(), list[message].recipients);
            assert!(fates[message].replace(told).is_none(), "finished twice");
        }
    }
    Run {
        fates: fates.into_iter().map(Option::unwrap).collect(),
        sent,
        heard: relay.heard,
        replies: relay.replies,
        decided: relay.decided,
        arrived: relay.arrived,
        taken: relay.taken,
        turned_away: relay.turned_away,
    }
}

impl Run {
    /// The fates as text. Where the content was refused is told as it was: at
    /// DATA, with the chunk that was refused, or at the end; and which of these
    /// there is, is the setting's choice. The reply is the same.
    pub fn told(&self) -> Vec<Vec<String>> {
        let text = |fate: &Fate| {
            ["at DATA", "in the content", "at the end of the content"]
                .iter()
                .fold(fate.to_string(), |text, phase| {
                    text.replace(&format!("refused {phase}:"), "refused with content:")
                })
        };
        let of_message = |fates: &Vec<Fate>| fates.iter().map(text).collect();
        self.fates.iter().map(of_message).collect()
    }

    /// Holds the fates against the books of the relay, and against what became of
    /// the messages, one command at a time and without such an end.
    pub fn check(&self, whole: &[Vec<String>], settings: &Settings, end: End) {
        let told = self.told();
        let mut in_doubt = BTreeSet::new();
        for (message, fates) in self.fates.iter().enumerate() {
            for (index, fate) in fates.iter().enumerate() {
                let (text, usual) = (&told[message][index], &whole[message][index]);
                let name = || {
                    let to = address(message, index);
                    format!("{end:?}, {settings:?}: {to} {text}, and not {usual}")
                };
                let taken = self.taken.contains(&(message, index));
                let by_421 = self.turned_away.contains(&(message, index));
                assert!(
                    !by_421 || text == "refused with content: 421 bye",
                    "{}",
                    name()
                );
                match fate {
                    Fate::Accepted(_) => assert!(taken && text == usual, "{}", name()),
                    Fate::Refused { .. } => {
                        assert!(!taken && (text == usual || by_421), "{}", name());
                    }
                    Fate::NotSent(NotSent::Session(_)) => assert!(!taken, "{}", name()),
                    Fate::NotSent(_) => assert!(!taken && text == usual, "{}", name()),
                    Fate::InDoubt(_) => {
                        assert!(self.arrived.contains(&message), "{}", name());
                        in_doubt.insert(message);
                    }
                    other => panic!("{other}"),
                }
                // What the server has said is told.
                let decided = self.decided.get(&(message, index));
                if decided.is_some_and(|at| *at <= self.heard) && !usual.starts_with("not sent") {
                    assert_eq!(text, usual, "{}", name());
                }
            }
        }
        assert!(
            in_doubt.len() <= settings.bound(),
            "{end:?}, {settings:?}: {in_doubt:?} in doubt"
        );
    }
}
