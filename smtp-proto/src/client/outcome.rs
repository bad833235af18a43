//! What became of a message.

use alloc::{boxed::Box, string::String};
use core::fmt;

use smallvec::SmallVec;

use super::error::{Error, Phase};
use crate::types::{Class, Reply};

/// What became of a message for one recipient.
///
/// ```text
/// Accepted   the server said yes to the content: it is responsible now
/// Refused    the server said no, at the phase given
/// NotSent    the server cannot have the message
/// InDoubt    the server may have it or not: the content had left, and no
///            reply came
/// ```
///
/// Nothing in doubt is ever sent again by this crate. To send it again is to
/// choose a possible duplicate over a possible loss.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The server answered the end of the content with this 2yz.
    Accepted(Reply),
    /// The server answered with this 4yz or 5yz.
    Refused {
        /// What it answered: MAIL, RCPT, DATA, or the content.
        phase: Phase,
        /// The answer.
        reply: Reply,
    },
    /// The end of the content was not sent, so that the server must not
    /// deliver.
    NotSent(NotSent),
    /// The end of the content was sent, and then the session ended as the error
    /// says, without a reply.
    InDoubt(Error),
}

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSent {
    /// It is larger than the server takes (RFC 1870 section 6.1). In octets.
    TooLarge {
        /// The size of the message.
        size: u64,
        /// The most that the server takes.
        limit: u64,
    },
    /// It has octets above 127, and the server does not offer `8BITMIME`.
    Needs8BitMime,
    /// It is binary, and the server does not offer `BINARYMIME` and `CHUNKING`
    /// (RFC 3030 section 3).
    NeedsBinaryMime,
    /// An address, a parameter or the header is not ASCII, and the server does
    /// not offer `SMTPUTF8`.
    NeedsSmtpUtf8,
    /// A parameter belongs to this extension, which the server does not offer.
    NotOffered(String),
    /// Another recipient was refused, and it was to be all or nothing.
    AllOrNothing,
    /// The caller gave up.
    Abandoned,
    /// The session ended first.
    Session(Error),
}

impl Fate {
    /// Whether the server is responsible now.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// Whether sending the same again later may succeed, without the risk of a
    /// duplicate.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { phase, reply } => {
                reply.class() == Some(Class::TransientNegative)
                    || *phase == Phase::Rcpt && is_too_many(reply)
            }
            Self::NotSent(NotSent::Session(error)) => error.is_transient(),
            Self::NotSent(NotSent::AllOrNothing) => true,
            _ => false,
        }
    }

    /// What the server said.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Accepted(reply) | Self::Refused { reply, .. } => Some(reply),
            Self::NotSent(NotSent::Session(error)) | Self::InDoubt(error) => error.reply(),
            Self::NotSent(_) => None,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(reply) => write!(f, "accepted: {reply}"),
            Self::Refused { phase, reply } => write!(f, "refused {phase}: {reply}"),
            Self::NotSent(reason) => write!(f, "not sent: {reason}"),
            Self::InDoubt(error) => write!(f, "in doubt: {error}"),
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "{size} octets, and the server takes {limit}")
            }
            Self::Needs8BitMime => f.write_str("the server does not take 8-bit content"),
            Self::NeedsBinaryMime => f.write_str("the server does not take binary content"),
            Self::NeedsSmtpUtf8 => f.write_str("the server takes ASCII addresses only"),
            Self::NotOffered(keyword) => write!(f, "the server does not offer {keyword}"),
            Self::AllOrNothing => f.write_str("another recipient was refused"),
            Self::Abandoned => f.write_str("given up by the caller"),
            Self::Session(error) => error.fmt(f),
        }
    }
}

/// What became of a transaction: a [`Fate`] for each recipient, in the order
/// given, duplicates kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    recipients: SmallVec<[Fate; 1]>,
    /// Whose fate is that of the message as a whole.
    decisive: usize,
    /// That of a transaction without recipients.
    alone: Option<Box<Fate>>,
}

impl Outcome {
    /// `otherwise` is what became of a transaction without recipients.
    pub(super) fn new(recipients: SmallVec<[Fate; 1]>, otherwise: Fate) -> Self {
        let in_doubt = |fate: &Fate| matches!(fate, Fate::InDoubt(_));
        let position = |is: &dyn Fn(&Fate) -> bool| recipients.iter().position(is);
        let decisive = position(&in_doubt)
            .or_else(|| position(&Fate::is_accepted))
            .unwrap_or_default();
        let alone = recipients.is_empty().then(|| Box::new(otherwise));
        Self {
            recipients,
            decisive,
            alone,
        }
    }

    /// For each recipient, in the order given.
    #[must_use]
    pub fn recipients(&self) -> &[Fate] {
        &self.recipients
    }

    /// Whether every recipient was accepted, and there was one.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.recipients.is_empty() && self.recipients.iter().all(Fate::is_accepted)
    }

    /// What became of the message as a whole: in doubt if it is for anybody,
    /// else accepted if it was for anybody, else what became of it for the
    /// first. A transaction in stages that ended before it had a recipient has
    /// a fate, too.
    #[must_use]
    pub fn fate(&self) -> &Fate {
        match (self.recipients.get(self.decisive), &self.alone) {
            (Some(fate), _) => fate,
            (None, Some(fate)) => fate,
            // There is one where there are no recipients.
            (None, None) => &Fate::NotSent(NotSent::Abandoned),
        }
    }
}

/// Whether a refusal of RCPT means that the transaction has as many recipients
/// as the server takes, rather than anything about this one: 452, or 552 as RFC
/// 821 had it (RFC 5321 section 4.5.3.1.10), unless an enhanced code says
/// otherwise.
pub(super) fn is_too_many(reply: &Reply) -> bool {
    match reply.enhanced() {
        Some(enhanced) => (enhanced.subject(), enhanced.detail()) == (5, 3),
        None => matches!(reply.code().get(), 452 | 552),
    }
}
