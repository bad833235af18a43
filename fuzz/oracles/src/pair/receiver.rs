//! The application of both sides: what a receiver makes of messages, and where their
//! content comes from.

use std::collections::BTreeSet;

use smtp_proto::{
    client::TransactionId,
    server::{Event, Rejection},
    types::ReversePath,
};

use super::plan::{Plan, Planned, Verdict};
use crate::{line::Application, service::rejection, talk::Talk};

#[derive(Debug)]
pub(super) struct Receiver {
    messages: Vec<Planned>,
    pub(super) ids: Vec<TransactionId>,
    /// How much of each content was supplied.
    given: Vec<usize>,
    /// For whom it is responsible.
    pub(super) stored: BTreeSet<(usize, usize)>,
    content: Vec<u8>,
    pub(super) opened: usize,
    pub(super) ended: usize,
}

impl Receiver {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            messages: plan.messages.clone(),
            ids: Vec::new(),
            given: vec![0; plan.messages.len()],
            stored: BTreeSet::new(),
            content: Vec::new(),
            opened: 0,
            ended: 0,
        }
    }

    fn verdict(&self, path: &ReversePath) -> Verdict {
        self.messages[number(path)].verdict
    }
}

/// Whose message it is.
fn number(path: &ReversePath) -> usize {
    let path = path.to_string();
    path["<s".len()..path.find('@').unwrap()].parse().unwrap()
}

impl Application for Receiver {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Hello(hello) => hello.accept(),
            Event::Mail(mail) => match self.verdict(mail.reverse_path()) {
                Verdict::AtMail => mail.reject(&Rejection::policy()),
                _ => {
                    self.opened += 1;
                    mail.accept();
                }
            },
            Event::Rcpt(rcpt) => {
                let path = rcpt.path().to_string();
                match path[1..].split('-').next().unwrap() {
                    "Accepted" => rcpt.accept(),
                    "Unknown" => rcpt.reject(&Rejection::no_such_user()),
                    "Later" => rcpt.reject(&rejection(450, "4.2.1")),
                    _ => rcpt.reject(&rejection(452, "4.5.3")),
                }
            }
            Event::Data(data) => {
                self.content.clear();
                match self.verdict(data.envelope().reverse_path()) {
                    Verdict::AtData => data.reject(&Rejection::policy()),
                    _ => data.accept(),
                }
            }
            Event::Content(octets) => self.content.extend(octets),
            Event::Message(message) => {
                self.ended += 1;
                let envelope = message.envelope();
                if matches!(
                    self.verdict(envelope.reverse_path()),
                    Verdict::AtEnd | Verdict::InContent
                ) {
                    return message.reject(&Rejection::transaction_failed());
                }
                let number = number(envelope.reverse_path());
                let whole = self.messages[number].as_received();
                assert!(self.content == whole, "{}", self.content.escape_ascii());
                assert!(!envelope.recipients().is_empty());
                for recipient in envelope.recipients() {
                    let path = recipient.path().to_string();
                    let mut words = path.split(['-', '@']).skip(1);
                    let mut next = || words.next().unwrap().parse().unwrap();
                    assert_eq!(next(), number, "{path}");
                    assert!(self.stored.insert((number, next())), "stored twice: {path}");
                }
                message.accept();
            }
            Event::Discarded(_) => self.ended += 1,
            other => panic!("{other:?}"),
        }
    }

    fn supply(&mut self, talk: &mut Talk) -> bool {
        let Some(body) = talk.session.body() else {
            return false;
        };
        let id = body.transaction();
        let message = self.ids.iter().position(|other| *other == id).unwrap();
        let planned = &self.messages[message];
        let given = &mut self.given[message];
        // It is asked for again, if recipients were put off.
        if *given > planned.content.len() {
            *given = 0;
        }
        let rest = &planned.content[*given..];
        let piece = &rest[..rest.len().min(planned.piece)];
        if piece.is_empty() {
            *given += 1;
            body.finish().unwrap();
        } else {
            *given += piece.len();
            body.write(piece.to_vec()).unwrap();
        }
        true
    }
}
