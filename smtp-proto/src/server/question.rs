//! The questions of a session, each with the answers that there are to it.

use alloc::{format, string::String, vec::Vec};

use super::{
    dialogue::Dialogue,
    envelope::Envelope,
    exchange::Identity,
    received::{Date, Received},
    reply::{self, Rejection, Said},
};
use crate::types::{Argument, BodyType, ForwardPath, HelloName, Mailbox, Parameters, ReversePath};

/// The question that is open, with all that it takes to ask it again.
#[derive(Debug)]
pub(super) enum Asked {
    Hello {
        name: HelloName,
        extended: bool,
    },
    Authenticate,
    /// The envelope of the dialogue is not of a transaction yet.
    Mail,
    Rcpt,
    Data,
    Message,
    Verify(Argument),
    Expand(Argument),
}

/// The client says who it is.
///
/// To accept it ends an open transaction, and makes the client's name the one
/// that counts; to reject it leaves all as it was (RFC 5321 section 4.1.4). That
/// the name does not fit the client's address is no reason to reject it.
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Hello<'a> {
    pub(super) dialogue: &'a mut Dialogue,
    pub(super) name: &'a HelloName,
    pub(super) extended: bool,
}

impl<'a> Hello<'a> {
    /// What the client calls itself. It proves nothing.
    #[must_use]
    pub fn name(&self) -> &'a HelloName {
        self.name
    }

    /// Whether it said EHLO, not HELO.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.extended
    }

    /// 250, with the list of extensions if it was EHLO.
    pub fn accept(self) {
        self.dialogue.greet(self.name, self.extended);
    }

    /// 4yz or 5yz.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.refuse(rejection);
    }

    /// One or the other.
    pub fn answer(self, answer: Result<(), Rejection>) {
        match answer {
            Ok(()) => self.accept(),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// The client wants to begin a transaction.
///
/// What the session can check has been checked: the path is well-formed, the
/// parameters are among those offered, the declared size is within the limit.
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Mail<'a> {
    pub(super) dialogue: &'a mut Dialogue,
}

impl Mail<'_> {
    /// Where the message comes from.
    #[must_use]
    pub fn reverse_path(&self) -> &ReversePath {
        self.dialogue.envelope().reverse_path()
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.dialogue.envelope().parameters()
    }

    /// How many octets the message has, if the client says so. It binds nobody.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.dialogue.envelope().size()
    }

    /// What octets the message has, if the client says so.
    #[must_use]
    pub fn body(&self) -> Option<BodyType> {
        self.dialogue.envelope().body()
    }

    /// Who the client has proved to be, if it has.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Identity> {
        self.dialogue.authenticated()
    }

    /// 250: the transaction is open.
    pub fn accept(self) {
        self.dialogue.open();
    }

    /// 4yz or 5yz: there is none.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.refuse_step(rejection);
    }

    /// One or the other.
    pub fn answer(self, answer: Result<(), Rejection>) {
        match answer {
            Ok(()) => self.accept(),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// The client names a recipient.
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Rcpt<'a> {
    pub(super) dialogue: &'a mut Dialogue,
}

impl Rcpt<'_> {
    /// Where the message is to go. A source route was dropped.
    ///
    /// `<Postmaster>`, and that name at a domain of the server's own, has to be
    /// accepted (RFC 5321 section 4.5.1).
    #[must_use]
    pub fn path(&self) -> &ForwardPath {
        self.dialogue.candidate.path()
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.dialogue.candidate.parameters()
    }

    /// The transaction so far, without this recipient.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        self.dialogue.envelope()
    }

    /// Who the client has proved to be, if it has.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Identity> {
        self.dialogue.authenticated()
    }

    /// 250: one more recipient.
    pub fn accept(self) {
        self.dialogue.add();
    }

    /// 251: one more recipient, who has moved to `address`. It tells the client
    /// where users can be found, which is not always wanted (RFC 5321 section
    /// 3.4). A client that could not read the address gets a 250.
    pub fn accept_forwarding(self, address: &Mailbox) {
        if !address.is_ascii() {
            return self.accept();
        }
        self.dialogue.forward(address);
    }

    /// 4yz or 5yz: not this one. Those before and after are not touched by it.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.refuse_address(rejection);
    }

    /// One or the other.
    pub fn answer(self, answer: Result<(), Rejection>) {
        match answer {
            Ok(()) => self.accept(),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// The client wants to send the content, or has begun to send it in chunks. There
/// is at least one recipient.
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Data<'a> {
    pub(super) dialogue: &'a mut Dialogue,
}

impl Data<'_> {
    /// Sender and recipients.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        self.dialogue.envelope()
    }

    /// The trace field that goes in front of the content.
    #[must_use]
    pub fn received(&self, date: Date) -> Received<'_> {
        self.dialogue.received(date)
    }

    /// Who the client has proved to be, if it has.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Identity> {
        self.dialogue.authenticated()
    }

    /// Whether the content comes in chunks (BDAT, RFC 3030), which may end in the
    /// middle of a line.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.dialogue.has_chunk()
    }

    /// The content comes as [`Event::Content`](super::Event::Content); 354 to
    /// DATA.
    pub fn accept(self) {
        if self.dialogue.has_chunk() {
            self.dialogue.accept_chunk();
        } else {
            self.dialogue.await_content();
        }
    }

    /// 4yz or 5yz. To DATA: the client does not send the content, and the
    /// transaction stays open. To BDAT: the chunk is read and thrown away before
    /// the client hears it, and it can only give the transaction up.
    pub fn reject(self, rejection: &Rejection) {
        if self.dialogue.has_chunk() {
            self.dialogue.refuse_chunk(rejection);
        } else {
            self.dialogue.refuse_step(rejection);
        }
    }

    /// One or the other.
    pub fn answer(self, answer: Result<(), Rejection>) {
        match answer {
            Ok(()) => self.accept(),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// The content is complete.
///
/// To accept the message is to promise that it is delivered, or that its sender
/// hears why not (RFC 5321 section 6.1): store it safely first. To reject it is
/// to promise that nobody gets it. Either ends the transaction. The client is
/// waiting: one that waits too long takes the answer for lost, and sends the
/// message a second time (RFC 1047).
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Message<'a> {
    pub(super) dialogue: &'a mut Dialogue,
}

impl Message<'_> {
    /// Sender and recipients.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        self.dialogue.envelope()
    }

    /// Who the client has proved to be, if it has.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Identity> {
        self.dialogue.authenticated()
    }

    /// How many octets of content there were.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.dialogue.content.octets()
    }

    /// The trace field that goes in front of the content.
    #[must_use]
    pub fn received(&self, date: Date) -> Received<'_> {
        self.dialogue.received(date)
    }

    /// 250.
    pub fn accept(self) {
        self.dialogue.conclude(&reply::MESSAGE_ACCEPTED);
    }

    /// 250 with a text, such as the name of the message in the queue. Whatever a
    /// reply cannot have is replaced by `?`.
    pub fn accept_with(self, text: &str) {
        self.dialogue
            .conclude(&Said::Saying(reply::MESSAGE_ACCEPTED, text));
    }

    /// 4yz or 5yz.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.conclude(rejection);
        self.dialogue.close_after(rejection);
    }

    /// One or the other.
    pub fn answer(self, answer: Result<impl AsRef<str>, Rejection>) {
        match answer {
            Ok(text) => self.accept_with(text.as_ref()),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// The client wants to know whether there is such a user.
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Verify<'a> {
    pub(super) dialogue: &'a mut Dialogue,
    pub(super) argument: &'a Argument,
}

impl<'a> Verify<'a> {
    /// A name, an address, or whatever else the client wrote.
    #[must_use]
    pub fn argument(&self) -> &'a Argument {
        self.argument
    }

    /// 250: it is this mailbox. One that is not US-ASCII cannot be told, and
    /// makes it 252.
    pub fn is(self, mailbox: &Mailbox) {
        if !mailbox.is_ascii() {
            return self.cannot_tell();
        }
        let text = format!("<{mailbox}>");
        self.dialogue.answer(&Said::Saying(reply::VERIFIED, &text));
    }

    /// 252: perhaps; a message to it would be taken.
    pub fn cannot_tell(self) {
        self.dialogue.answer(&reply::CANNOT_VERIFY);
    }

    /// 553: it could be any of these. Those that are not US-ASCII are left out.
    pub fn ambiguous(self, candidates: &[Mailbox]) {
        let text = list(reply::AMBIGUOUS.text(), candidates);
        self.dialogue.answer(&Said::Saying(reply::AMBIGUOUS, &text));
    }

    /// 4yz or 5yz: it is nobody. Counts as a refused recipient.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.refuse_address(rejection);
    }

    /// One of these.
    pub fn answer(self, answer: Result<Verified, Rejection>) {
        match answer {
            Ok(Verified::Mailbox(mailbox)) => self.is(&mailbox),
            Ok(Verified::Unknown) => self.cannot_tell(),
            Ok(Verified::Ambiguous(candidates)) => self.ambiguous(&candidates),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// What there is to say of a user whom a client asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is this mailbox.
    Mailbox(Mailbox),
    /// Perhaps; a message would be taken.
    Unknown,
    /// It could be any of these.
    Ambiguous(Vec<Mailbox>),
}

/// The client wants to know who is on a list.
#[derive(Debug)]
#[must_use = "the session waits for an answer"]
pub struct Expand<'a> {
    pub(super) dialogue: &'a mut Dialogue,
    pub(super) argument: &'a Argument,
}

impl<'a> Expand<'a> {
    /// The name of the list, as the client wrote it.
    #[must_use]
    pub fn argument(&self) -> &'a Argument {
        self.argument
    }

    /// 250: these, a line for each. Those that are not US-ASCII are left out.
    pub fn members(self, members: &[Mailbox]) {
        let text = list(reply::EXPANDED.text(), members);
        self.dialogue.answer(&Said::Saying(reply::EXPANDED, &text));
    }

    /// 4yz or 5yz: there is no such list, or it is nobody's business. Counts as a
    /// refused recipient.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.refuse_address(rejection);
    }

    /// One or the other.
    pub fn answer(self, answer: Result<Vec<Mailbox>, Rejection>) {
        match answer {
            Ok(members) => self.members(&members),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// A line for each mailbox, below `first` unless that is empty.
fn list(first: &str, mailboxes: &[Mailbox]) -> String {
    let mut text = String::from(first);
    for mailbox in mailboxes.iter().filter(|mailbox| mailbox.is_ascii()) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("<{mailbox}>"));
    }
    text
}
