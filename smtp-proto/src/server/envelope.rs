//! What a transaction has collected.

use alloc::vec::Vec;

use crate::{
    types::{BodyType, ForwardPath, Mailbox, Parameters, ReversePath},
    wire,
};

/// How many recipients there is room for in a new transaction, if the one before
/// had so many.
const KEPT_RECIPIENTS: usize = 16;

/// Sender, recipients and parameters of a transaction (RFC 5321 section 2.3.1).
/// What the headers of the message say has nothing to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub(super) reverse_path: ReversePath,
    pub(super) parameters: Parameters,
    pub(super) recipients: Vec<Recipient>,
}

impl Envelope {
    pub(super) const fn new(reverse_path: ReversePath, parameters: Parameters) -> Self {
        Self {
            reverse_path,
            parameters,
            recipients: Vec::new(),
        }
    }

    /// Forgets the recipients of a transaction that is over, and keeps some room.
    pub(super) fn rest(&mut self) {
        self.recipients.clear();
        self.recipients.shrink_to(KEPT_RECIPIENTS);
    }

    /// Begins anew, with the room that there is for recipients.
    pub(super) fn begin(&mut self, reverse_path: ReversePath, parameters: Parameters) {
        self.rest();
        self.reverse_path = reverse_path;
        self.parameters = parameters;
    }

    /// Where the message comes from.
    #[must_use]
    pub fn reverse_path(&self) -> &ReversePath {
        &self.reverse_path
    }

    /// The parameters of MAIL.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The recipients that were accepted, in their order, duplicates kept.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// How many octets the client said the message has. It binds nobody.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        // What is malformed was refused when it came.
        self.parameters.size().ok().flatten()
    }

    /// What octets the client said the message has.
    #[must_use]
    pub fn body(&self) -> Option<BodyType> {
        self.parameters.body().ok().flatten()
    }

    /// Who the client says has submitted the message (`AUTH=`, RFC 4954 section
    /// 5); `None` if it does not know, or does not tell. It is worth as much as
    /// the client is trusted: from one that is not, it is to be passed on as
    /// `<>`.
    #[must_use]
    pub fn submitter(&self) -> Option<Mailbox> {
        let value = self.parameters.get("AUTH")?.value()?;
        let octets = wire::decode_xtext(value).ok()?;
        core::str::from_utf8(&octets).ok()?.parse().ok()
    }

    /// Whether addresses and headers may have more than US-ASCII (RFC 6531).
    #[must_use]
    pub fn is_smtputf8(&self) -> bool {
        self.parameters.get("SMTPUTF8").is_some()
    }
}

/// One recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub(super) path: ForwardPath,
    pub(super) parameters: Parameters,
}

impl Recipient {
    /// A place for one.
    pub(super) const fn nobody() -> Self {
        Self {
            path: ForwardPath::Postmaster,
            parameters: Parameters::new(),
        }
    }

    /// Where the message is to go.
    #[must_use]
    pub fn path(&self) -> &ForwardPath {
        &self.path
    }

    /// The parameters of RCPT.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}
