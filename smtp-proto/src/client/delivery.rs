//! How far a transaction has come.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{
    config::Chunking,
    error::{Error, Phase},
    event::TransactionId,
    outcome::{Fate, NotSent, Outcome, is_too_many},
    recipients::{Progress, Recipients},
    transaction::{Given, MailLine, MailParameters, Recipient, RecipientPolicy, Transaction},
};
use crate::types::{Capabilities, Capability, Reply, ReversePath};

/// A transaction of the caller's on its way. It takes several transactions with
/// the server if that takes only some of the recipients in one.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: TransactionId,
    transaction: Transaction,
    /// More recipients may come.
    pub(super) open: bool,
    abandoned: bool,
    /// It was found that the server cannot have it.
    kept_back: bool,
    mail: Mail,
    parameters: MailParameters,
    framing: Framing,
    recipients: Recipients,
    /// The recipient to ask next.
    next: usize,
    /// How many commands are unanswered, chunks among them.
    unanswered: usize,
    /// How much more text of replies is kept.
    text_room: usize,
    data_sent: bool,
    /// Where in the output the content ends, once it does.
    content_end: Option<u64>,
    /// A chunk was sent that is not the last.
    chunk_sent: bool,
    /// A chunk was refused.
    chunk_refused: bool,
    /// The reply that said that no more recipients fit.
    full: Option<Box<Reply>>,
    /// What is known of content that was given beforehand.
    given: Option<Given>,
    /// What became of all that had no fate of their own.
    sealed: Option<Box<Fate>>,
}

/// How content goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Dot-stuffed, once the server asks for it.
    Data,
    /// In chunks.
    Bdat {
        /// Before the RCPTs are answered.
        at_once: bool,
    },
}

#[derive(Debug)]
enum Mail {
    NotSent,
    Sent,
    Accepted,
    Refused {
        reply: Box<Reply>,
        /// A recipient was accepted all the same.
        stray: bool,
    },
}

/// What the envelope wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Mail,
    Rcpt(usize),
    Data,
    /// The content, in chunks.
    Chunks,
    /// A reply, or the caller.
    Wait,
    /// Nothing: it has ended without content. The server may still have it
    /// open.
    End {
        unfinished: bool,
    },
}

impl Delivery {
    /// One that has nothing to do.
    pub(super) fn idle() -> Self {
        Self {
            id: TransactionId(0),
            transaction: Transaction::new(ReversePath::Null),
            open: false,
            abandoned: false,
            kept_back: false,
            mail: Mail::NotSent,
            parameters: MailParameters::default(),
            framing: Framing::Data,
            recipients: Recipients::default(),
            next: 0,
            unanswered: 0,
            text_room: 0,
            data_sent: false,
            content_end: None,
            chunk_sent: false,
            chunk_refused: false,
            full: None,
            given: None,
            sealed: None,
        }
    }

    /// Takes on a transaction. `given` is what is known of content that was given
    /// beforehand; `open` says that more recipients may come.
    pub(super) fn begin(
        &mut self,
        id: TransactionId,
        transaction: Transaction,
        given: Option<Given>,
        open: bool,
        text_room: usize,
    ) {
        self.id = id;
        self.recipients.reset(transaction.recipients.len());
        self.transaction = transaction;
        self.open = open;
        self.abandoned = false;
        self.kept_back = false;
        self.unanswered = 0;
        self.text_room = text_room;
        self.given = given;
        self.sealed = None;
        self.go_back();
    }

    /// To the beginning of a transaction with the server.
    fn go_back(&mut self) {
        self.mail = Mail::NotSent;
        self.next = 0;
        self.data_sent = false;
        self.content_end = None;
        self.chunk_sent = false;
        self.chunk_refused = false;
        self.full = None;
    }

    /// Forgets what the caller handed in, and keeps the room for the rest.
    pub(super) fn rest(&mut self) {
        self.transaction.clear();
        self.recipients.rest();
    }

    /// Decides how to send it to a server that offers `offered`. `false` means
    /// that nobody there can have it, and it has ended. May be called again.
    pub(super) fn prepare(&mut self, offered: &Capabilities, chunking: Chunking) -> bool {
        let wanted = chunking != Chunking::WhenNeeded || self.transaction.is_binary();
        self.framing = if wanted && offered.has(&Capability::Chunking) {
            let at_once = chunking == Chunking::AtOnce;
            Framing::Bdat { at_once }
        } else {
            Framing::Data
        };
        match self
            .transaction
            .parameters_for(offered, self.given.as_ref())
        {
            Ok(parameters) => self.parameters = parameters,
            Err(reason) => {
                self.end_all(Fate::NotSent(reason));
                return false;
            }
        }
        let utf8 = self.is_utf8();
        let unplain = (!self.transaction.is_plain()).then_some(&self.transaction.recipients);
        for (index, recipient) in unplain.into_iter().flatten().enumerate() {
            if let Err(reason) = recipient.check_offered(offered, utf8) {
                self.recipients.settle(index, Fate::NotSent(reason));
            }
        }
        let all_or_nothing = self.transaction.policy == RecipientPolicy::AllOrNothing;
        if self.open {
            true
        } else if all_or_nothing && self.recipients.any(is_done) {
            self.end_all(Fate::NotSent(NotSent::AllOrNothing));
            false
        } else {
            self.recipients.any(|progress| !is_done(progress))
        }
    }

    /// Adds a recipient, if a server that offers `offered` can have it.
    pub(super) fn add(
        &mut self,
        recipient: Recipient,
        offered: &Capabilities,
    ) -> Result<usize, NotSent> {
        if self.has_begun() {
            recipient.check_offered(offered, self.is_utf8())?;
        }
        self.recipients.add();
        self.transaction.push(recipient);
        Ok(self.transaction.recipients.len() - 1)
    }

    /// Whether nothing is told but its end.
    pub(super) const fn is_quiet(&self) -> bool {
        self.transaction.outcome_only
    }

    fn is_utf8(&self) -> bool {
        self.parameters.smtputf8
    }

    pub(super) fn has_recipients(&self) -> bool {
        self.recipients.len() > 0
    }

    /// Whether the server has it already.
    pub(super) const fn has_begun(&self) -> bool {
        !matches!(self.mail, Mail::NotSent)
    }

    /// Whether it can go out behind another: all of it is there, and it is to be
    /// sent.
    pub(super) const fn may_cross(&self) -> bool {
        !self.open && !self.abandoned && !self.kept_back
    }

    /// Has it wait until all before it is answered.
    pub(super) const fn keep_back(&mut self) {
        self.kept_back = true;
    }

    /// The caller has changed its mind.
    pub(super) fn abandon(&mut self) {
        self.open = false;
        self.abandoned = true;
    }

    /// What to send next, if the pipeline has room for it. `grouping` tells
    /// whether it may have more than one command.
    pub(super) fn next(&self, grouping: bool) -> Next {
        let end = |unfinished| match self.unanswered {
            0 => Next::End { unfinished },
            _ => Next::Wait,
        };
        match &self.mail {
            Mail::NotSent if self.abandoned => return Next::End { unfinished: false },
            Mail::NotSent => return Next::Mail,
            Mail::Refused { stray, .. } => return end(*stray),
            Mail::Sent | Mail::Accepted => {}
        }
        if self.abandoned {
            return end(true);
        }
        if self.data_sent {
            return Next::Wait;
        }
        if self.full.is_none()
            && let Some(index) = self.recipients.waiting_from(self.next)
        {
            return Next::Rcpt(index);
        }
        if self.open {
            return Next::Wait;
        }
        if !self.may_still_be_wanted() {
            return end(true);
        }
        match self.framing {
            Framing::Data if self.is_wanted() => Next::Data,
            Framing::Bdat { at_once: true } if grouping => Next::Chunks,
            Framing::Bdat { .. } if self.unanswered == 0 => Next::Chunks,
            _ => Next::Wait,
        }
    }

    /// Whether it may turn out that the content is to be sent.
    fn may_still_be_wanted(&self) -> bool {
        let asked_or_accepted = self.recipients.accepted() + self.recipients.asked();
        !matches!(self.mail, Mail::Refused { .. })
            && !self.chunk_refused
            && match self.transaction.policy {
                RecipientPolicy::AllOrNothing => asked_or_accepted == self.recipients.len(),
                RecipientPolicy::Partial => asked_or_accepted > 0,
            }
    }

    /// Whether the content may end, so that the server delivers it: with
    /// [`AllOrNothing`](RecipientPolicy::AllOrNothing), not before all recipients
    /// were accepted.
    pub(super) fn is_wanted(&self) -> bool {
        self.may_still_be_wanted()
            && (self.transaction.policy == RecipientPolicy::Partial || self.recipients.asked() == 0)
    }

    /// Whether what was begun in chunks is to be given up.
    pub(super) fn is_in_vain(&self) -> bool {
        !self.may_still_be_wanted()
    }

    /// Whether every command is answered.
    pub(super) const fn is_answered(&self) -> bool {
        self.unanswered == 0
    }

    pub(super) const fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the content is not to be looked at.
    pub(super) fn is_binary(&self) -> bool {
        self.transaction.is_binary()
    }

    pub(super) fn mail_line(&self) -> MailLine<'_> {
        self.transaction.mail_line(self.parameters)
    }

    pub(super) fn recipient(&self, index: usize) -> Option<&Recipient> {
        self.transaction.recipients.get(index)
    }

    pub(super) fn mail_was_sent(&mut self) {
        self.mail = Mail::Sent;
        self.unanswered += 1;
    }

    pub(super) fn rcpt_was_sent(&mut self, index: usize) {
        self.next = index + 1;
        self.unanswered += 1;
        self.recipients.set(index, Progress::Asked);
    }

    pub(super) const fn data_was_sent(&mut self) {
        self.data_sent = true;
        self.unanswered += 1;
    }

    pub(super) const fn chunk_was_sent(&mut self) {
        self.chunk_sent = true;
        self.unanswered += 1;
    }

    /// Whether every recipient that was asked about is answered.
    pub(super) const fn has_answers_to_all(&self) -> bool {
        self.recipients.asked() == 0
    }

    /// Whether a chunk is on its way.
    pub(super) const fn has_sent_chunk(&self) -> bool {
        self.chunk_sent
    }

    /// The content has been put into the output, where it ends at `end`.
    pub(super) const fn content_was_sent(&mut self, end: u64) {
        self.content_end = Some(end);
        self.unanswered += 1;
    }

    /// Whether the content has left in full, when `sent` octets have.
    pub(super) fn has_left(&self, sent: u64) -> bool {
        self.content_end.is_some_and(|end| end <= sent)
    }

    /// A command was answered, whatever the answer is.
    pub(super) const fn was_answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// MAIL was answered, with a 2yz, 4yz or 5yz.
    pub(super) fn mail_was_answered(&mut self, reply: &Reply) {
        self.mail = if reply.code().is_positive() {
            Mail::Accepted
        } else {
            self.open = false;
            Mail::Refused {
                reply: Box::new(reply.clone()),
                stray: false,
            }
        };
    }

    /// RCPT was answered, with a 2yz, 4yz or 5yz.
    pub(super) fn rcpt_was_answered(&mut self, index: usize, reply: &Reply) {
        let accepted = reply.code().is_positive();
        if let Mail::Refused { stray, .. } = &mut self.mail {
            // What the server makes of the recipients of no transaction does
            // not matter, but for the need to end what it has begun. They have
            // the fate of the whole.
            *stray |= accepted;
            let progress = if accepted {
                Progress::Stray
            } else {
                Progress::Waiting
            };
            self.recipients.set(index, progress);
        } else if accepted {
            self.recipients.set(index, Progress::Accepted);
        } else if self.can_be_put_off(reply) {
            self.full = Some(Box::new(reply.clone()));
            self.recipients.set(index, Progress::PutOff);
        } else {
            let phase = Phase::Rcpt;
            let reply = self.within_room(reply.clone());
            self.recipients
                .settle(index, Fate::Refused { phase, reply });
        }
    }

    /// The reply, without its text if too much of that is kept already.
    fn within_room(&mut self, reply: Reply) -> Reply {
        match self.text_room.checked_sub(reply.text_len()) {
            Some(left) => {
                self.text_room = left;
                reply
            }
            None => reply.without_text(),
        }
    }

    /// Whether a refused recipient is to be asked about again in a further
    /// transaction. Only if this one has a recipient, so that there is an end.
    fn can_be_put_off(&self, reply: &Reply) -> bool {
        self.transaction.further
            && self.transaction.policy == RecipientPolicy::Partial
            && is_too_many(reply)
            && self.somebody_accepted()
    }

    /// Whether a further transaction is to follow, as far as is known.
    pub(super) const fn puts_off(&self) -> bool {
        self.full.is_some()
    }

    /// Whether a recipient was accepted, so that there is somebody to send to.
    pub(super) const fn somebody_accepted(&self) -> bool {
        self.recipients.accepted() > 0
    }

    /// Whether the server has accepted recipients of a transaction whose MAIL it
    /// had refused.
    pub(super) const fn is_astray(&self) -> bool {
        matches!(self.mail, Mail::Refused { stray: true, .. })
    }

    /// Whether the server keeps the transaction until it gets content or RSET.
    pub(super) const fn is_unfinished(&self) -> bool {
        matches!(self.mail, Mail::Sent | Mail::Accepted) || self.is_astray()
    }

    /// A chunk was refused. What the server says to those behind it tells nothing
    /// new, nor what it says to those of content that is to be given up.
    pub(super) fn refuse_chunk(&mut self, reply: &Reply) {
        let news = self.may_still_be_wanted();
        self.chunk_refused = true;
        if news {
            self.refuse(Phase::Content, reply);
        }
    }

    /// Whether the server may say that it has accepted the content.
    pub(super) const fn can_be_accepted(&self) -> bool {
        !self.chunk_refused && !self.is_astray()
    }

    /// DATA or the content was refused.
    pub(super) fn refuse(&mut self, phase: Phase, reply: &Reply) {
        let reply = reply.clone();
        self.recipients
            .settle_all(Fate::Refused { phase, reply }, is_accepted);
    }

    /// The content was accepted. Whether a further transaction is to begin, for
    /// recipients that were put off, if there may be one.
    pub(super) fn accept(&mut self, reply: Reply, may_go_on: bool) -> bool {
        let fate = Fate::Accepted(self.within_room(reply));
        self.recipients.settle_all(fate, is_accepted);
        if !may_go_on || !self.puts_off() {
            return false;
        }
        let put_off = |p: Progress| matches!(p, Progress::PutOff | Progress::Waiting);
        self.recipients.change_all(Progress::Waiting, put_off);
        self.go_back();
        true
    }

    fn end_all(&mut self, fate: Fate) {
        self.sealed = Some(Box::new(fate));
    }

    /// The session has ended. `in_doubt` tells whether the end of the content
    /// had left.
    pub(super) fn lose(&mut self, error: &Error, in_doubt: bool) {
        // A server that refused MAIL has nobody to deliver to, unless it has
        // accepted a recipient all the same.
        let was_refused = matches!(self.mail, Mail::Refused { stray: false, .. });
        if in_doubt && !was_refused {
            let fate = Fate::InDoubt(error.clone());
            self.recipients.settle_all(fate, |progress| {
                matches!(
                    progress,
                    Progress::Asked | Progress::Accepted | Progress::Stray
                )
            });
        }
        // Where MAIL was refused, its reply is what there is to tell, whether
        // or not the rest of its group was answered.
        if !matches!(self.mail, Mail::Refused { .. }) {
            self.end_all(Fate::NotSent(NotSent::Session(error.clone())));
        }
    }

    /// What became of it, now that it has ended.
    pub(super) fn take_outcome(&mut self) -> Outcome {
        let mail = core::mem::replace(&mut self.mail, Mail::NotSent);
        let rest = match (self.sealed.take(), mail, self.full.take()) {
            (Some(fate), ..) => *fate,
            (_, Mail::Refused { reply, .. }, _) => Fate::Refused {
                phase: Phase::Mail,
                reply: *reply,
            },
            _ if self.abandoned => Fate::NotSent(NotSent::Abandoned),
            (.., Some(reply)) => Fate::Refused {
                phase: Phase::Rcpt,
                reply: *reply,
            },
            _ => Fate::NotSent(NotSent::AllOrNothing),
        };
        self.recipients.take_outcome(rest)
    }

    /// The content that was given beforehand.
    pub(super) fn content(&self) -> Option<&Bytes> {
        self.transaction.content.as_ref().map(|content| &content.0)
    }

    /// Whether content that was given beforehand goes over the wire as it is.
    pub(super) fn is_unaltered(&self) -> bool {
        self.given.is_some_and(|given| given.is_unaltered)
    }

    /// Whether the content may be 8-bit.
    pub(super) fn is_eight_bit(&self) -> bool {
        self.parameters.body.is_some()
    }
}

const fn is_accepted(progress: Progress) -> bool {
    matches!(progress, Progress::Accepted)
}

const fn is_done(progress: Progress) -> bool {
    matches!(progress, Progress::Done(_))
}
