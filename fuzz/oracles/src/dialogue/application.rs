//! An application that asks a client session for whatever comes to its mind.

use std::collections::BTreeMap;

use smtp_proto::{client::RecipientPolicy, types::Argument};

use crate::{
    talk::{Talk, address, content, made, mailbox},
    tape::Tape,
};

/// What a client can be asked for.
#[derive(Clone, Debug)]
enum Request {
    Send {
        recipients: usize,
        streamed: bool,
        all_or_nothing: bool,
        in_one: bool,
    },
    Stages {
        recipients: usize,
        end: StagesEnd,
    },
    Noop,
    Vrfy,
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum StagesEnd {
    Data,
    Reset,
    Quit,
    Nothing,
}

impl Request {
    fn read(tape: &mut Tape<'_>) -> Self {
        match tape.below(12) {
            0..=5 => Self::Send {
                recipients: 1 + tape.below(4),
                streamed: tape.rarely(2),
                all_or_nothing: tape.rarely(5),
                in_one: tape.rarely(5),
            },
            6..=8 => Self::Stages {
                recipients: tape.below(4),
                end: match tape.below(10) {
                    0..=5 => StagesEnd::Data,
                    6 | 7 => StagesEnd::Reset,
                    8 => StagesEnd::Quit,
                    _ => StagesEnd::Nothing,
                },
            },
            9 => Self::Noop,
            10 => Self::Vrfy,
            _ => Self::Quit,
        }
    }
}

/// The application: carries out its list, a request at a time.
pub(super) struct Application {
    list: std::vec::IntoIter<Request>,
    /// Messages by number, with how many recipients.
    pub(super) messages: Vec<usize>,
    stages: Option<(usize, StagesEnd)>,
    /// Which message the streamed content belongs to, and how far it is.
    streaming: Option<(usize, usize)>,
    pub(super) ids: BTreeMap<String, usize>,
}

impl Application {
    /// With up to five requests.
    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        let list: Vec<_> = (0..tape.below(6)).map(|_| Request::read(tape)).collect();
        Self {
            list: list.into_iter(),
            messages: Vec::new(),
            stages: None,
            streaming: None,
            ids: BTreeMap::new(),
        }
    }

    /// Does one thing. False if there is none.
    pub(super) fn act(&mut self, talk: &mut Talk, tape: &mut Tape<'_>) -> bool {
        if let Some((left, end)) = self.stages {
            let message = self.messages.len() - 1;
            if left > 0 {
                let index = self.messages[message];
                // The server may have refused the transaction meanwhile.
                if talk.session.rcpt(mailbox(&address(message, index))).is_ok() {
                    self.messages[message] += 1;
                }
                self.stages = Some((left - 1, end));
                return true;
            }
            self.stages = None;
            match end {
                StagesEnd::Data => {
                    if talk.session.data().is_err() {
                        let _ = talk.session.reset();
                    }
                }
                StagesEnd::Reset => drop(talk.session.reset()),
                StagesEnd::Quit => drop(talk.session.quit()),
                StagesEnd::Nothing => {}
            }
            return true;
        }
        let Some(request) = self.list.next() else {
            return false;
        };
        let message = self.messages.len();
        let session = &mut talk.session;
        match request {
            Request::Send {
                recipients,
                streamed,
                all_or_nothing,
                in_one,
            } => {
                let mut made = made(message, recipients);
                if !streamed {
                    made = made.content(content(message));
                }
                if all_or_nothing {
                    made = made.policy(RecipientPolicy::AllOrNothing);
                }
                if in_one {
                    made = made.in_one();
                }
                if let Ok(id) = session.send(made) {
                    self.ids.insert(format!("{id:?}"), message);
                    self.messages.push(recipients);
                }
            }
            Request::Stages { recipients, end } => {
                if let Ok(id) = session.mail(made(message, 0)) {
                    self.ids.insert(format!("{id:?}"), message);
                    self.messages.push(0);
                    self.stages = Some((recipients, end));
                }
            }
            Request::Noop => drop(session.noop()),
            Request::Vrfy => drop(session.verify(Argument::new("bob").unwrap())),
            Request::Quit => {
                if tape.rarely(4) {
                    drop(session.quit());
                }
            }
        }
        true
    }

    /// Gives some of the content that is wanted.
    pub(super) fn stream(&mut self, talk: &mut Talk, tape: &mut Tape<'_>) {
        if tape.rarely(5) {
            return;
        }
        let Some(body) = talk.session.body() else {
            return;
        };
        let message = self.ids[&format!("{:?}", body.transaction())];
        let at = match self.streaming {
            Some((same, at)) if same == message => at,
            _ => 0,
        };
        let text = content(message);
        let chunk = &text[at..(at + 1 + tape.below(9)).min(text.len())];
        if chunk.is_empty() {
            body.finish().unwrap();
            self.streaming = None;
        } else if tape.rarely(60) {
            body.abort();
        } else {
            self.streaming = Some((message, at + chunk.len()));
            body.write(chunk.to_owned()).unwrap();
        }
    }
}
