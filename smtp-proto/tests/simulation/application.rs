//! What a receiver answers: yes mostly, no now and then, and both sometimes after
//! a while.

use smtp_proto::{
    sasl::Credential,
    server::{Data, Discarded, Event, Hello, Mail, Message, Rcpt, Rejection},
    types::Parameters,
};

use crate::{
    agenda::{Around, MILLISECOND, MINUTE, What},
    guest::{Guest, Open, Thinks},
    ledger::{Stored, TOO_MANY, attempt_of, refused, refused_recipient, stored_as},
    network::Side,
    world::{Flaw, PASSWORD, USER},
};

#[derive(Debug)]
pub(crate) struct Application {
    flaw: Flaw,
    /// One in so many answers is a refusal.
    refusals: usize,
    /// One in so many answers takes a while.
    hesitations: usize,
    /// The most recipients that a message may have here.
    recipients: usize,
}

/// What came of an event.
pub(crate) enum Answer {
    /// There was none.
    Nothing,
    /// It is a question, and stays open.
    Waits,
    Given,
    /// The message whose content comes in is to be refused.
    RefusesContent,
    /// This is to be written to the disk.
    Store(Stored),
    /// What is being written is not to be.
    Discarded,
    Closed,
}

impl Application {
    pub(crate) fn new(around: &mut Around, flaw: Flaw) -> Self {
        Self {
            flaw,
            refusals: around.chance.one_of(&[5, 10, 20, 50, 1000]),
            hesitations: around.chance.one_of(&[3, 10, 50]),
            recipients: around.chance.size(1..=30),
        }
    }

    /// Deals with one event.
    pub(crate) fn answer(&self, around: &mut Around, guest: &mut Guest) -> Answer {
        let Guest {
            name,
            session,
            thinks,
            open,
            content,
            channel,
            ..
        } = guest;
        let event = session
            .poll_event()
            .unwrap_or_else(|error| panic!("{error}"));
        let Some(event) = event else {
            return Answer::Nothing;
        };
        let is_question = !matches!(
            event,
            Event::Content(_) | Event::Discarded(_) | Event::Closed | Event::StartTls
        );
        if is_question && *thinks == Thinks::No && around.chance.one_in(self.hesitations) {
            around.seen.count("an answer that takes its time");
            let time = around.now + around.chance.magnitude(MILLISECOND..=4 * MINUTE);
            *thinks = Thinks::Until(time);
            around.at(time, What::Timer(channel.id, Side::Server));
            return Answer::Waits;
        }
        let refuses = is_question && around.chance.one_in(self.refusals);
        match event {
            Event::Hello(hello) => Self::hello(around, hello, refuses),
            Event::Authenticate(question) => {
                if question.claim().authentication_identity() != USER {
                    question.unknown_user();
                } else if refuses {
                    question.reject(&Rejection::authentication_unavailable());
                } else {
                    question.check(&Credential::password(PASSWORD));
                }
            }
            Event::Mail(mail) => {
                content.clear();
                Self::mail(around, mail, refuses, open);
            }
            Event::Rcpt(rcpt) => self.rcpt(around, rcpt, refuses, open.as_mut().unwrap()),
            Event::Data(data) => Self::data(around, data, refuses, open.as_ref().unwrap()),
            Event::Content(slice) => {
                around
                    .ledger
                    .claim(open.is_some(), || "content of nothing".to_owned());
                content.extend_from_slice(slice);
                if self.flaw == Flaw::LosesDots {
                    content.pop_if(|last| *last == b'.');
                }
                if around.chance.one_in(self.refusals * 20) {
                    return Answer::RefusesContent;
                }
            }
            Event::Message(message) => {
                return self.message(around, message, refuses, thinks, open, content);
            }
            Event::StartTls => channel.shake_hands(around.chance.one_in(20)),
            Event::Discarded(why) => {
                around.note(name, || format!("discarded: {why:?}"));
                let cannot_be = matches!(why, Discarded::LoneLineEnd | Discarded::Hello);
                around
                    .ledger
                    .claim(open.is_some() && !cannot_be, || format!("gone: {why:?}"));
                assert!(!matches!(thinks, Thinks::Stored(_)));
                *open = None;
                return Answer::Discarded;
            }
            Event::Closed => {
                around
                    .ledger
                    .claim(open.is_none(), || "closed in a transaction".to_owned());
                return Answer::Closed;
            }
            other => panic!("{other:?}"),
        }
        Answer::Given
    }

    fn hello(around: &mut Around, hello: Hello<'_>, refuses: bool) {
        if refuses && around.chance.one_in(3) {
            hello.reject(&rejection(around, "no"));
        } else {
            hello.accept();
        }
    }

    fn mail(around: &mut Around, mail: Mail<'_>, refuses: bool, open: &mut Option<Open>) {
        let sender = mail.reverse_path().mailbox().unwrap();
        let attempt = attempt_of(sender);
        if refuses {
            around.seen.count("a sender refused");
            mail.reject(&rejection(around, &refused(attempt, "mail")));
            return;
        }
        check_parameters(mail.parameters(), around);
        let before = open.replace(Open {
            attempt,
            recipients: Vec::new(),
        });
        around
            .ledger
            .claim(before.is_none(), || format!("within {before:?}: {attempt}"));
        mail.accept();
    }

    fn rcpt(&self, around: &mut Around, rcpt: Rcpt<'_>, refuses: bool, open: &mut Open) {
        let recipient = rcpt.path().mailbox().unwrap().to_string();
        if open.recipients.len() >= self.recipients {
            around.seen.count("a recipient too many");
            let tag = refused(open.attempt, TOO_MANY);
            rcpt.reject(&Rejection::new(452, "4.5.3".parse().ok(), &tag).unwrap());
        } else if refuses {
            around.seen.count("a recipient refused");
            let tag = refused_recipient(open.attempt, &recipient);
            rcpt.reject(&rejection(around, &tag));
        } else {
            open.recipients.push(recipient);
            rcpt.accept();
        }
    }

    fn data(around: &mut Around, data: Data<'_>, refuses: bool, open: &Open) {
        if refuses {
            let kind = match data.is_chunked() {
                true => "a chunk refused",
                false => "DATA refused",
            };
            around.seen.count(kind);
            data.reject(&rejection(around, &refused(open.attempt, "content")));
        } else {
            data.accept();
        }
    }

    /// The message is accepted once the disk has it.
    fn message(
        &self,
        around: &mut Around,
        message: Message<'_>,
        refuses: bool,
        thinks: &mut Thinks,
        open: &mut Option<Open>,
        content: &mut Vec<u8>,
    ) -> Answer {
        let Open {
            attempt,
            recipients,
        } = open.as_ref().unwrap();
        let attempt = *attempt;
        if let Thinks::Stored(number) = *thinks {
            message.accept_with(&stored_as(number));
            *open = None;
            return Answer::Given;
        }
        if refuses {
            around.seen.count("content refused");
            message.reject(&rejection(around, &refused(attempt, "content")));
            *open = None;
            return Answer::Given;
        }
        let names = message.envelope().recipients().iter();
        let names: Vec<String> = names
            .map(|one| one.path().mailbox().unwrap().to_string())
            .collect();
        let octets = message.octets();
        around.ledger.claim(names == *recipients, || {
            format!("attempt {attempt} is for {names:?}")
        });
        let is_all = octets == content.len() as u64 || self.flaw == Flaw::LosesDots;
        around.ledger.claim(is_all, || {
            format!("attempt {attempt} is said to have {octets} octets")
        });
        *thinks = Thinks::Disk;
        if self.flaw == Flaw::AcceptsBeforeCommit {
            message.accept_with(&stored_as(around.ledger.has_stored()));
            *thinks = Thinks::No;
            *open = None;
        }
        Answer::Store(Stored {
            attempt,
            recipients: names,
            content: std::mem::take(content),
        })
    }
}

/// A refusal that says what it is about: for now or for ever, and sometimes the
/// last word of the session.
pub(crate) fn rejection(around: &mut Around, text: &str) -> Rejection {
    let (code, enhanced) = match around.chance.below(12) {
        0 => {
            around.seen.count("a refusal that ends the session");
            (421, "4.3.2")
        }
        1..=5 => (450, "4.2.1"),
        _ => (550, "5.7.1"),
    };
    Rejection::new(code, enhanced.parse().ok(), text).unwrap()
}

/// The parameters are those that a client of ours gives.
fn check_parameters(parameters: &Parameters, around: &mut Around) {
    let is_known = |keyword| matches!(keyword, "SIZE" | "BODY" | "AUTH");
    let are_known = parameters.iter().all(|one| is_known(one.keyword()));
    around
        .ledger
        .claim(are_known, || format!("parameters {parameters:?}"));
}
