//! The books of a world: what was handed to sessions, what their clients were told
//! became of it, and what the disks have.

use std::collections::BTreeMap;

use bytes::Bytes;
use smtp_proto::{
    client::{Fate, LineEndings, Phase},
    types::{BodyType, Mailbox, Reply},
};

/// What a mailer has to send.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) content: Bytes,
    /// What a receiver is to have of it.
    pub(crate) stored: Vec<u8>,
    /// What octets it has, if that is to be said.
    pub(crate) body: Option<BodyType>,
    pub(crate) recipients: usize,
    pub(crate) all_or_nothing: bool,
    pub(crate) supply: Supply,
}

/// How the session gets the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    Given,
    Streamed,
    /// Streamed, in a transaction in stages.
    InStages,
}

/// A message that was handed to a session.
#[derive(Debug)]
struct Attempt {
    message: usize,
    recipients: Vec<usize>,
    /// What became of it, and when it was told.
    fates: Option<Vec<Fate>>,
}

/// What a disk has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Which attempt it came with.
    pub(crate) attempt: usize,
    pub(crate) recipients: Vec<String>,
    pub(crate) content: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) messages: Vec<Message>,
    attempts: Vec<Attempt>,
    /// By the number that a receiver tells its client.
    stored: Vec<Stored>,
    /// What must not be.
    pub(crate) wrong: Vec<String>,
}

impl Ledger {
    pub(crate) fn claim(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// A message is handed to a session. The number of the attempt is in the
    /// sender.
    pub(crate) fn begin(&mut self, message: usize, recipients: &[usize]) -> usize {
        self.attempts.push(Attempt {
            message,
            recipients: recipients.to_vec(),
            fates: None,
        });
        self.attempts.len() - 1
    }

    /// One more recipient is named, in a transaction in stages.
    pub(crate) fn name(&mut self, attempt: usize, recipient: usize) {
        self.attempts[attempt].recipients.push(recipient);
    }

    /// The client is told what became of it.
    pub(crate) fn told(&mut self, attempt: usize, fates: &[Fate]) {
        let before = self.attempts[attempt].fates.replace(fates.to_vec());
        self.claim(before.is_none(), || {
            format!("attempt {attempt} has ended twice")
        });
    }

    /// A disk has a message now, under this number.
    pub(crate) fn store(&mut self, stored: Stored) -> usize {
        self.stored.push(stored);
        self.stored.len() - 1
    }

    /// How many messages the disks have.
    pub(crate) fn has_stored(&self) -> usize {
        self.stored.len()
    }

    /// How many recipients fared so.
    pub(crate) fn count(&self, is: impl Fn(&Fate) -> bool) -> u64 {
        let fates = self.attempts.iter().flat_map(|one| &one.fates);
        fates.flatten().filter(|fate| is(fate)).count() as u64
    }

    /// Compares everything with everything, at the end of the world.
    pub(crate) fn balance(&mut self) {
        let mut wrong = Vec::new();
        let mut by_attempt: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, stored) in self.stored.iter().enumerate() {
            by_attempt.entry(stored.attempt).or_default().push(number);
        }
        for (number, attempt) in self.attempts.iter().enumerate() {
            let records = by_attempt.remove(&number).unwrap_or_default();
            self.balance_attempt(number, attempt, &records, &mut wrong);
        }
        if !by_attempt.is_empty() {
            wrong.push(format!("stored, and never sent: {by_attempt:?}"));
        }
        self.look_for_duplicates(&mut wrong);
        self.wrong.extend(wrong);
    }

    fn balance_attempt(
        &self,
        number: usize,
        attempt: &Attempt,
        records: &[usize],
        wrong: &mut Vec<String>,
    ) {
        let message = &self.messages[attempt.message];
        let Some(fates) = &attempt.fates else {
            wrong.push(format!("attempt {number} never ended"));
            return;
        };
        if fates.len() != attempt.recipients.len() {
            wrong.push(format!("attempt {number} has fates {fates:?}"));
            return;
        }
        let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
        for &record in records {
            let stored = &self.stored[record];
            if stored.content != message.stored {
                wrong.push(format!(
                    "attempt {number} was {:?}, and is {:?}",
                    message.stored.escape_ascii().to_string(),
                    stored.content.escape_ascii().to_string()
                ));
            }
            for recipient in &stored.recipients {
                *copies.entry(recipient).or_default() += 1;
            }
        }
        // Those to whom the message was addressed twice have a fate for each.
        let mut told: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (index, fate) in attempt.recipients.iter().zip(fates) {
            let recipient = address(attempt.message, *index).to_string();
            self.check_reply(number, &recipient, fate, records, wrong);
            let (accepted, in_doubt) = told.entry(recipient).or_default();
            match fate {
                Fate::Accepted(_) => *accepted += 1,
                Fate::InDoubt(_) => *in_doubt += 1,
                _ => {}
            }
        }
        let is_for_nobody = |fate: &Fate| matches!(fate, Fate::Refused { .. } | Fate::NotSent(_));
        if message.all_or_nothing && fates.iter().any(is_for_nobody) && !records.is_empty() {
            wrong.push(format!("attempt {number} was to be all or nothing"));
        }
        for (recipient, (accepted, in_doubt)) in told {
            let copies = copies.remove(recipient.as_str()).unwrap_or_default();
            if !(accepted..=accepted + in_doubt).contains(&copies) {
                wrong.push(format!(
                    "attempt {number}, {recipient}: accepted {accepted}, in doubt {in_doubt}, \
                     and stored {copies} times"
                ));
            }
        }
        if !copies.is_empty() {
            wrong.push(format!("attempt {number} is stored for {copies:?}"));
        }
    }

    /// A reply that says what it is about has to be about this.
    fn check_reply(
        &self,
        attempt: usize,
        recipient: &str,
        fate: &Fate,
        records: &[usize],
        wrong: &mut Vec<String>,
    ) {
        let (reply, is_right): (&Reply, bool) = match fate {
            Fate::Accepted(reply) => {
                let is_of = |number: &usize| {
                    let has_recipient = self.stored[*number]
                        .recipients
                        .iter()
                        .any(|one| one == recipient);
                    has_recipient && says(reply, &stored_as(*number))
                };
                (reply, records.iter().any(is_of))
            }
            Fate::Refused { phase, reply } if is_tagged(reply) => {
                let tag = match phase {
                    // Who was not asked about any more is told the same.
                    Phase::Rcpt if says(reply, TOO_MANY) => refused(attempt, TOO_MANY),
                    Phase::Rcpt => refused_recipient(attempt, recipient),
                    Phase::Mail => refused(attempt, "mail"),
                    Phase::Data | Phase::EndOfData | Phase::Content => refused(attempt, "content"),
                    _ => String::from("no such refusal"),
                };
                (reply, says(reply, &tag))
            }
            _ => return,
        };
        if !is_right {
            wrong.push(format!(
                "attempt {attempt}, {recipient}: {fate}, in the wrong place: {reply}"
            ));
        }
    }

    /// Nobody has a message more often than it was addressed to them, whatever was
    /// tried how often.
    fn look_for_duplicates(&self, wrong: &mut Vec<String>) {
        let mut copies: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for stored in &self.stored {
            let Some(attempt) = self.attempts.get(stored.attempt) else {
                continue;
            };
            for recipient in &stored.recipients {
                *copies.entry((attempt.message, recipient)).or_default() += 1;
            }
        }
        for ((message, recipient), copies) in copies {
            let all = 0..self.messages[message].recipients;
            let named = all.filter(|index| address(message, *index).to_string() == recipient);
            if copies > named.count() {
                wrong.push(format!("{recipient} has it {copies} times"));
            }
        }
    }
}

/// Whether the application of a receiver has made this reply.
fn is_tagged(reply: &Reply) -> bool {
    says(reply, "refused")
}

fn says(reply: &Reply, text: &str) -> bool {
    reply
        .lines()
        .any(|line| line.windows(text.len()).any(|part| part == text.as_bytes()))
}

/// What a receiver says about what it has stored.
pub(crate) fn stored_as(number: usize) -> String {
    format!("stored as {number};")
}

/// What it says it refuses if there are recipients enough.
pub(crate) const TOO_MANY: &str = "one too many";

/// What it says when it refuses something of an attempt.
pub(crate) fn refused(attempt: usize, what: &str) -> String {
    format!("refused {what} of {attempt};")
}

/// The same, for a recipient.
pub(crate) fn refused_recipient(attempt: usize, recipient: &str) -> String {
    format!("refused {recipient} of {attempt};")
}

/// The sender, which tells the attempt.
pub(crate) fn sender(attempt: usize) -> Mailbox {
    format!("a{attempt}@example.org").parse().unwrap()
}

/// Which attempt a sender tells.
pub(crate) fn attempt_of(sender: &Mailbox) -> usize {
    sender.local_part().as_str()[1..].parse().unwrap()
}

/// A recipient of a message. Some are named twice.
pub(crate) fn address(message: usize, index: usize) -> Mailbox {
    let index = if index % 7 == 6 { index - 1 } else { index };
    format!("r{message}.{index}@example.net").parse().unwrap()
}

/// What is to be stored of a content, by the rules and not by the code.
pub(crate) fn completed(content: &[u8], line_endings: LineEndings, binary: bool) -> Vec<u8> {
    if binary {
        return content.to_vec();
    }
    let mut all = Vec::new();
    let mut octets = content.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' if line_endings == LineEndings::Repair => {
                octets.next_if_eq(&b'\n');
                all.extend(b"\r\n");
            }
            b'\n' if line_endings == LineEndings::Repair => all.extend(b"\r\n"),
            b'\r' => {
                assert_eq!(octets.next(), Some(b'\n'));
                all.extend(b"\r\n");
            }
            octet => all.push(octet),
        }
    }
    if !all.is_empty() && !all.ends_with(b"\r\n") {
        all.extend(b"\r\n");
    }
    all
}
