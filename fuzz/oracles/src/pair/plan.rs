//! What is sent, with which settings, and how it ends.

use smtp_proto::{
    TlsPolicy,
    client::{self, Chunking, Pipelining, RecipientPolicy, Transaction},
    server,
    types::BodyType,
};

use super::sender;
use crate::{relay::Settings, service, talk::mailbox, tape::Tape};

/// What the receiver makes of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Accepted,
    Unknown,
    Later,
    /// No more fit into this transaction.
    Full,
}

/// What it makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    AtMail,
    AtData,
    InContent,
    AtEnd,
}

#[derive(Clone, Debug)]
pub struct Planned {
    pub recipients: Vec<Kind>,
    pub content: Vec<u8>,
    pub is_binary: bool,
    /// How much of the content is supplied at once; all of it beforehand if it is 0.
    pub piece: usize,
    pub policy: RecipientPolicy,
    pub in_one: bool,
    pub noop: bool,
    pub verdict: Verdict,
}

/// What ends the connection, when so many octets have left one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Quit,
    /// It is cut. What is on the line arrives at the server (1), the client (2), both
    /// or neither.
    Sent {
        octets: usize,
        arrives: u8,
    },
    Heard {
        octets: usize,
        arrives: u8,
    },
    /// The server is shut down, or aborted.
    Shutdown(usize),
    Abort(usize),
    ClientAborts(usize),
    WriteFails(usize),
    /// The server says nothing any more.
    Silent(usize),
}

impl End {
    pub(super) const fn is_due(self, by_client: usize, by_server: usize) -> bool {
        match self {
            Self::Quit => false,
            Self::Heard { octets, .. } | Self::ClientAborts(octets) => by_server >= octets,
            Self::Sent { octets, .. }
            | Self::Shutdown(octets)
            | Self::Abort(octets)
            | Self::WriteFails(octets)
            | Self::Silent(octets) => by_client >= octets,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub messages: Vec<Planned>,
    pub settings: Settings,
    pub tls: TlsPolicy,
    pub offers_pipelining: bool,
    pub offers_chunking: bool,
    pub offers_binary: bool,
    pub most: Option<u64>,
    pub end: End,
}

/// Lines that could be mistaken for something else.
const LINES: [&str; 8] = ["x", ".", "..", "", ".x", "From y", "QUIT", "BDAT 3 LAST"];

impl Plan {
    pub fn read(tape: &mut Tape<'_>) -> Self {
        let pipelining = tape.one_of(&[
            Pipelining::WithinTransaction,
            Pipelining::AcrossTransactions,
            Pipelining::Off,
        ]);
        let chunking = tape.one_of(&[
            Chunking::WhenNeeded,
            Chunking::AtOnce,
            Chunking::WhenAccepted,
        ]);
        let is_small = tape.rarely(3);
        let [depth, chunk_size, chunks, commands] = if is_small {
            [
                1 + tape.below(4),
                1 + tape.below(60),
                1 + tape.below(4),
                1 + tape.below(8),
            ]
        } else {
            [10, 1000, 8, 128]
        };
        let tls = tape.one_of(&[
            TlsPolicy::None,
            TlsPolicy::Opportunistic,
            TlsPolicy::Required,
            TlsPolicy::Implicit,
        ]);
        let quit_with_content = tape.rarely(3);
        let offers_pipelining = !tape.rarely(5);
        let offers_chunking = !tape.rarely(5);
        let offers_binary = tape.rarely(2);
        let most = tape.rarely(4).then(|| 10 + tape.below(100) as u64);
        let end = end(tape);
        let steps = (0..tape.below(8)).map(|_| 1 + tape.below(200)).collect();
        let messages = (0..=tape.below(5)).map(|_| planned(tape)).collect();
        Self {
            messages,
            settings: Settings {
                pipelining,
                chunking,
                depth,
                chunk_size,
                chunks,
                commands,
                quit_with_content,
                steps,
            },
            tls,
            offers_pipelining,
            offers_chunking,
            offers_binary,
            most,
            end,
        }
    }

    pub(super) fn client(&self) -> client::Config {
        self.settings.config().tls(self.tls)
    }

    pub(super) fn server(&self) -> server::Config {
        service::config()
            .tls(self.tls)
            .pipelining(self.offers_pipelining)
            .chunking(self.offers_chunking)
            .binary_mime(self.offers_binary)
            .max_message_size(self.most)
    }

    /// With the content QUIT goes out before it is known who is put off.
    pub(super) fn is_foreseeable(&self) -> bool {
        let puts_off = |planned: &Planned| planned.recipients.contains(&Kind::Full);
        !(self.settings.quit_with_content
            && self.settings.chunking == Chunking::AtOnce
            && self.messages.iter().any(puts_off))
    }

    pub(super) fn is_accepted(&self, message: usize, index: usize) -> bool {
        let planned = &self.messages[message];
        let all = planned.policy == RecipientPolicy::Partial
            || planned
                .recipients
                .iter()
                .all(|kind| *kind == Kind::Accepted);
        let size = planned.as_received().len() as u64;
        all && planned.recipients[index] == Kind::Accepted
            && planned.verdict == Verdict::Accept
            && self.most.is_none_or(|most| size <= most)
            && (!planned.is_binary || self.offers_binary && self.offers_chunking)
    }
}

fn end(tape: &mut Tape<'_>) -> End {
    let which = tape.below(10);
    if which < 3 {
        return End::Quit;
    }
    let octets = tape.below(2000);
    match which {
        3 | 4 => End::Sent {
            octets,
            arrives: tape.octet() % 4,
        },
        5 => End::Heard {
            octets,
            arrives: tape.octet() % 4,
        },
        6 => End::Shutdown(octets),
        7 => match tape.rarely(2) {
            true => End::Abort(octets),
            false => End::Silent(octets),
        },
        8 => End::ClientAborts(octets),
        _ => End::WriteFails(octets),
    }
}

fn planned(tape: &mut Tape<'_>) -> Planned {
    let kind = |tape: &mut Tape<'_>| match tape.below(10) {
        0..=5 => Kind::Accepted,
        6 => Kind::Later,
        7 | 8 => Kind::Unknown,
        _ => Kind::Full,
    };
    let is_binary = tape.rarely(6);
    let content = if is_binary {
        (0..tape.below(60)).map(|_| tape.octet()).collect()
    } else {
        let lines: Vec<&str> = (0..tape.below(9)).map(|_| tape.one_of(&LINES)).collect();
        lines.join("\r\n").into_bytes()
    };
    Planned {
        recipients: (0..=tape.below(5)).map(|_| kind(tape)).collect(),
        content,
        is_binary,
        piece: match tape.rarely(2) {
            true => 1 + tape.below(30),
            false => 0,
        },
        policy: match tape.rarely(4) {
            true => RecipientPolicy::AllOrNothing,
            false => RecipientPolicy::Partial,
        },
        in_one: tape.rarely(4),
        noop: tape.rarely(6),
        verdict: match tape.below(16) {
            12 => Verdict::AtMail,
            13 => Verdict::AtData,
            14 => Verdict::InContent,
            15 => Verdict::AtEnd,
            _ => Verdict::Accept,
        },
    }
}

impl Planned {
    pub(super) fn transaction(&self, message: usize) -> Transaction {
        let recipients = self.recipients.iter().enumerate();
        let mut transaction =
            Transaction::new(sender(message))
                .policy(self.policy)
                .recipients(recipients.map(|(index, kind)| {
                    mailbox(&format!("{kind:?}-{message}-{index}@example.net"))
                }));
        if self.is_binary {
            transaction = transaction.body(BodyType::BinaryMime);
        }
        if self.in_one {
            transaction = transaction.in_one();
        }
        if self.piece == 0 {
            transaction = transaction.content(self.content.clone());
        }
        transaction
    }

    /// What the receiver has of the content: with a CRLF at its end.
    pub(super) fn as_received(&self) -> Vec<u8> {
        let mut content = self.content.clone();
        if !self.is_binary && !content.is_empty() && !content.ends_with(b"\r\n") {
            content.extend(b"\r\n");
        }
        content
    }
}
