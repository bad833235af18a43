//! What is to happen to a client session, all of it decided beforehand, so that
//! it can happen again with the server's octets cut in other places.

use smtp_proto::{
    TlsPolicy,
    client::{
        Authentication, Chunking, Config, HeloFallback, LineEndings, Pipelining, RecipientPolicy,
    },
    sasl::Credentials,
    wire::ReplyLimits,
};

use crate::{talk::config, tape::Tape};

/// What an application asks a session for, and what else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Send(Message),
    /// The same in stages.
    Mail,
    Rcpt,
    Data,
    Reset,
    Noop,
    Vrfy,
    Quit,
    Authenticate,
    Abandon,
    Abort,
    /// A little of the content that is wanted, if any is.
    Piece(usize),
    /// Content that cannot be sent.
    BadPiece,
    GiveUpContent,
    /// Milliseconds, which are less than any time-out.
    Wait(u16),
    /// Until the deadline.
    TimeOut,
    WriteClosed,
    Established,
    HandshakeFailed,
    EndOfFile,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// How many recipients it has besides the first.
    pub more: usize,
    pub streamed: bool,
    pub policy: RecipientPolicy,
    pub in_one: bool,
    pub outcome_only: bool,
}

/// What the server says without a pause; and then what happens, and how much of
/// the output is taken.
#[derive(Clone, Debug)]
pub struct Turn {
    pub octets: Vec<u8>,
    /// Whether a handshake that is asked for succeeds, fails, or does not happen.
    pub handshake: Option<bool>,
    pub acts: Vec<Act>,
    /// Whether content that is wanted is supplied, all of it.
    pub streams: bool,
    pub take: usize,
}

impl Turn {
    /// As it is usual: everything is done that can be.
    pub fn of(octets: &[u8]) -> Self {
        Self {
            octets: octets.to_vec(),
            handshake: Some(true),
            acts: Vec::new(),
            streams: true,
            take: usize::MAX,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub tls: TlsPolicy,
    pub authentication: Option<Authentication>,
    /// Secrets may go in clear.
    pub in_clear: bool,
    pub pipelining: Pipelining,
    pub chunking: Chunking,
    pub depth: usize,
    pub sizes: Option<Sizes>,
    pub quit_with_content: bool,
    pub helo_fallback: HeloFallback,
    pub opening: Vec<Act>,
    pub turns: Vec<Turn>,
}

/// Limits that are smaller than usual.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub chunk: usize,
    pub chunks: usize,
    pub commands: usize,
    pub octets: usize,
    pub line: usize,
    pub queued: usize,
}

/// The password of alice, and her token.
pub const SECRET: &str = "wonderland";

/// What shows it: by itself, in base64 by itself, and with PLAIN.
pub const NEEDLES: [&str; 3] = [SECRET, "d29uZGVybGFuZA", "AGFsaWNlAHdvbmRlcmxhbmQ"];

impl Plan {
    /// A message, and QUIT, to a server that says this line by line.
    pub fn of(octets: &[u8]) -> Self {
        Self {
            tls: TlsPolicy::None,
            authentication: None,
            in_clear: false,
            pipelining: Pipelining::WithinTransaction,
            chunking: Chunking::WhenNeeded,
            depth: Config::DEFAULT_MAX_UNANSWERED_MESSAGES,
            sizes: None,
            quit_with_content: false,
            helo_fallback: HeloFallback::UnknownCommand,
            opening: vec![Act::Send(Message::default()), Act::Quit],
            turns: octets
                .split_inclusive(|octet| *octet == b'\n')
                .map(Turn::of)
                .collect(),
        }
    }

    /// A fuzzer's input.
    pub fn read(input: &[u8]) -> Self {
        let (mut octets, mut tape) = Tape::split(input);
        let mut plan = Self::of(b"");
        if tape.is_empty() {
            return Self::of(octets);
        }
        plan.choose(&mut tape);
        let count = tape.below(6);
        if count > 0 {
            plan.opening = (1..count).map(|_| act(&mut tape)).collect();
        }
        while !octets.is_empty() || !tape.is_empty() {
            let (turn, rest) = turn(octets, &mut tape);
            plan.turns.push(turn);
            octets = rest;
        }
        plan
    }

    fn choose(&mut self, tape: &mut Tape<'_>) {
        self.tls = tape.one_of(&[
            TlsPolicy::None,
            TlsPolicy::Opportunistic,
            TlsPolicy::Required,
            TlsPolicy::Implicit,
        ]);
        self.in_clear = tape.rarely(8);
        self.authentication = tape.rarely(3).then(|| authentication(tape, self.in_clear));
        self.pipelining = tape.one_of(&[
            Pipelining::WithinTransaction,
            Pipelining::AcrossTransactions,
            Pipelining::Off,
        ]);
        self.chunking = tape.one_of(&[
            Chunking::WhenNeeded,
            Chunking::AtOnce,
            Chunking::WhenAccepted,
        ]);
        self.depth = 1 + tape.below(5);
        self.sizes = tape.rarely(3).then(|| Sizes {
            chunk: 1 + tape.below(60),
            chunks: 1 + tape.below(4),
            commands: 1 + tape.below(8),
            octets: 30 + tape.below(170),
            line: 512 + tape.below(100),
            queued: 1 + tape.below(6),
        });
        self.quit_with_content = tape.rarely(3);
        self.helo_fallback = tape.one_of(&[
            HeloFallback::UnknownCommand,
            HeloFallback::AnyRefusal,
            HeloFallback::Never,
        ]);
    }

    pub fn config(&self) -> Config {
        let mut config = config()
            .tls(self.tls)
            .pipelining(self.pipelining)
            .chunking(self.chunking)
            .max_unanswered_messages(self.depth)
            .quit_with_content(self.quit_with_content)
            .helo_fallback(self.helo_fallback)
            .line_endings(LineEndings::Refuse);
        if let Some(authentication) = &self.authentication {
            config = config.authentication(authentication.clone());
        }
        if let Some(sizes) = self.sizes {
            let mut limits = ReplyLimits::default();
            limits.line = sizes.line;
            limits.lines = 8;
            limits.total = 2 * sizes.line;
            limits.kept = 100;
            config = config
                .chunk_size(sizes.chunk)
                .max_unanswered_chunks(sizes.chunks)
                .max_unanswered_commands(sizes.commands)
                .max_unanswered_octets(sizes.octets)
                .max_queued(sizes.queued)
                .reply_limits(limits);
        }
        config
    }

    /// How many messages may be in doubt.
    pub fn most_in_doubt(&self) -> usize {
        match (self.pipelining, self.chunking) {
            (Pipelining::AcrossTransactions, Chunking::AtOnce) => self.depth,
            _ => 1,
        }
    }
}

/// One exchange may take another 4096 rounds of a hash, so that no more is asked
/// for here.
fn authentication(tape: &mut Tape<'_>, in_clear: bool) -> Authentication {
    let credentials = match tape.below(3) {
        0 => Credentials::password("alice", SECRET),
        1 => Credentials::token("alice", SECRET),
        _ => Credentials::external(),
    };
    Authentication::new(credentials)
        .secrets_in_clear(in_clear)
        .hello_again(tape.rarely(4))
        .max_rounds(1 + tape.below(4))
        .max_iterations(4096)
}

fn act(tape: &mut Tape<'_>) -> Act {
    match tape.below(32) {
        0..=6 => Act::Send(Message {
            more: tape.below(4),
            streamed: tape.rarely(3),
            policy: tape.one_of(&[RecipientPolicy::Partial, RecipientPolicy::AllOrNothing]),
            in_one: tape.rarely(5),
            outcome_only: tape.rarely(5),
        }),
        7 | 8 => Act::Quit,
        9 | 10 => Act::Mail,
        11..=13 => Act::Rcpt,
        14 | 15 => Act::Data,
        16 => Act::Reset,
        17 => Act::Noop,
        18 => Act::Vrfy,
        19 => Act::Authenticate,
        20 => Act::Abandon,
        21 => Act::Abort,
        22..=24 => Act::Piece(1 + tape.below(20)),
        25 => Act::BadPiece,
        26 => Act::GiveUpContent,
        27 => Act::Wait(10 * u16::from(tape.octet())),
        28 => Act::TimeOut,
        29 => Act::WriteClosed,
        30 => match tape.below(2) {
            0 => Act::Established,
            _ => Act::HandshakeFailed,
        },
        _ => Act::EndOfFile,
    }
}

/// As a rule a line of the server's, and then all that can be done.
fn turn<'a>(octets: &'a [u8], tape: &mut Tape<'_>) -> (Turn, &'a [u8]) {
    let end = octets.iter().position(|octet| *octet == b'\n');
    let line = end.map_or(octets.len(), |at| at + 1);
    let odd = tape.below(8);
    let length = match odd {
        6 => tape.below(30).min(octets.len()),
        7 => octets.len().min(line + tape.below(60)),
        _ => line,
    };
    let (now, rest) = octets.split_at(length);
    let mut turn = Turn::of(now);
    if odd >= 5 {
        turn.acts = (0..tape.below(4)).map(|_| act(tape)).collect();
        turn.streams = !tape.rarely(3);
        turn.handshake = tape.one_of(&[Some(true), Some(true), Some(false), None]);
        turn.take = match tape.below(4) {
            0 | 1 => usize::MAX,
            2 => 0,
            _ => tape.below(60),
        };
    }
    (turn, rest)
}
