//! BDAT: content in chunks whose length is known beforehand (RFC 3030 section 2).
//!
//! Whatever becomes of a chunk, all its octets are read before it is answered,
//! and none is ever taken for a command.

use super::{
    content::{Content, Fault, Piece},
    dialogue::Dialogue,
    event::Discarded,
    question::Asked,
    reply::{self, Fixed, Rejection},
    state::{State, Trigger},
};
use crate::types::BodyType;

/// A chunk that comes in, or is about to once the application has answered.
#[derive(Debug)]
pub(super) struct Chunk {
    octets: u64,
    /// How many of them have not come.
    left: u64,
    last: bool,
    /// Why it is thrown away.
    refusal: Option<Refusal>,
}

/// Why a chunk is refused before it comes.
#[derive(Debug)]
enum Refusal {
    /// It should not have been sent.
    Mistake(Fixed),
    /// It is the consequence of a refusal.
    Consequence(Fixed),
    Fault(Fault),
}

impl Dialogue {
    /// Whether octets are part of a chunk, taken or thrown away.
    pub(super) const fn has_chunk(&self) -> bool {
        self.chunk.is_some()
    }

    /// How many octets of refused chunks were thrown away, since there was no
    /// transaction.
    pub(super) const fn thrown_away(&self) -> u64 {
        self.thrown_away
    }

    /// Whether the content of the transaction is any octets.
    pub(super) fn is_binary(&self) -> bool {
        self.config.offers_binary() && self.envelope().body() == Some(BodyType::BinaryMime)
    }

    /// Deals with a BDAT command. Returns what to ask before its octets are
    /// taken.
    pub(super) fn bdat(&mut self, octets: u64, last: bool) -> Option<Asked> {
        let refusal = self.check_chunk(octets).err();
        if let Some(Refusal::Fault(Fault::TooLarge)) = refusal {
            self.discard(Discarded::TooLarge);
        }
        let refused = refusal.is_some();
        self.chunk = Some(Chunk {
            octets,
            left: octets,
            last,
            refusal,
        });
        if !refused && self.state() == State::Recipients {
            return Some(Asked::Data);
        }
        if !refused {
            self.move_on(Trigger::Bdat, Discarded::Reset);
        }
        None
    }

    fn check_chunk(&self, octets: u64) -> Result<(), Refusal> {
        let mistake = |reply| Err(Refusal::Mistake(reply));
        let state = self.state();
        if state == State::Refused {
            return mistake(reply::NO_SERVICE);
        }
        if let Some(reply) = self.demands_security() {
            return mistake(reply);
        }
        if !self.config.chunking {
            return mistake(reply::NOT_IMPLEMENTED);
        }
        let so_far = match state {
            State::Recipients => 0,
            State::Chunks => self.content.octets(),
            _ => {
                let reply = super::command::out_of_sequence(state, Trigger::Bdat);
                return if self.follows_refusal() {
                    Err(Refusal::Consequence(reply))
                } else {
                    mistake(reply)
                };
            }
        };
        if !self.is_extended() {
            return mistake(reply::NO_HELLO);
        }
        if let (State::Chunks, Some(fault)) = (state, self.content.fault()) {
            return Err(Refusal::Fault(fault.clone()));
        }
        let max = self.config.max_message_size;
        if max.is_some_and(|max| so_far.saturating_add(octets) > max) {
            return Err(Refusal::Fault(Fault::TooLarge));
        }
        Ok(())
    }

    /// The application takes the chunk, which is the first.
    pub(super) fn accept_chunk(&mut self) {
        self.answered = true;
        self.content = Content::of_chunks(&self.config, self.is_binary());
        self.move_on(Trigger::Bdat, Discarded::Reset);
    }

    /// The application does not take the content. The chunk is on its way
    /// already, and answered when it has come.
    pub(super) fn refuse_chunk(&mut self, rejection: &Rejection) {
        self.answered = true;
        if let Some(chunk) = self.chunk.as_mut() {
            chunk.refusal = Some(Refusal::Fault(Fault::Refused(rejection.clone())));
        }
    }

    /// Reads `input` up to the next piece of the chunk, as
    /// [`Content::next`] does.
    pub(super) fn next_of_chunk(&mut self, input: &[u8]) -> (usize, Option<Piece>) {
        let Some(chunk) = self.chunk.as_mut() else {
            return (0, None);
        };
        if chunk.left == 0 {
            let piece = (chunk.last && chunk.refusal.is_none()).then(|| self.content.last());
            return (0, piece.flatten().or(Some(Piece::End)));
        }
        let length = usize::try_from(chunk.left).unwrap_or(usize::MAX);
        let octets = input.get(..length).unwrap_or(input);
        let (dropped, piece) = if chunk.refusal.is_none() {
            self.content.next_of_chunk(octets)
        } else {
            self.thrown_away = self.thrown_away.saturating_add(octets.len() as u64);
            let endless = self.thrown_away > self.content.max_excess();
            (octets.len(), endless.then_some(Piece::Endless))
        };
        let taken = match piece {
            Some(Piece::Received(length)) => dropped + length,
            _ => dropped,
        };
        chunk.left = chunk.left.saturating_sub(taken as u64);
        (dropped, piece)
    }

    /// The chunk has come, or as much of it as is read. Returns what to ask.
    pub(super) fn end_chunk(&mut self) -> Option<Asked> {
        let chunk = self.chunk.take()?;
        self.transcript
            .content(chunk.octets.saturating_sub(chunk.left));
        let fault = || self.content.fault().cloned().map(Refusal::Fault);
        // Nothing was wrong with the content that came before, if it was not this
        // chunk's.
        let refusal = match self.state() {
            State::Content => chunk.refusal.or_else(fault),
            _ => chunk.refusal,
        };
        match refusal {
            None if chunk.last => return Some(Asked::Message),
            None => {
                // One without octets could come for ever.
                if chunk.octets > 0 || self.count_junk() {
                    self.say(&reply::CHUNK_ACCEPTED);
                    self.move_on(Trigger::EndOfChunk, Discarded::Reset);
                }
                return None;
            }
            Some(Refusal::Mistake(reply)) => self.fail(reply),
            Some(Refusal::Consequence(reply)) => self.say(&reply),
            Some(Refusal::Fault(fault)) => {
                self.say(&fault);
                if fault.closes() {
                    self.move_on(Trigger::Abort, Discarded::Shutdown);
                }
            }
        }
        // A command that is not offered changes nothing.
        if self.config.chunking && self.is_extended() {
            self.move_on(Trigger::Failure, Discarded::Reset);
        }
        None
    }
}

/// Whether a line is meant as a BDAT command, well-formed or not. One that is not
/// says nothing about how many octets follow it.
pub(super) fn is_bdat(line: &[u8]) -> bool {
    let (verb, rest) = line.split_at_checked(4).unwrap_or((line, b""));
    verb.eq_ignore_ascii_case(b"BDAT") && !rest.first().is_some_and(u8::is_ascii_alphanumeric)
}
