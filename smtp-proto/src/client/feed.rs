//! Content, as far as it may be sent: behind DATA, or in chunks.

use bytes::Bytes;

use super::{
    content::{ContentError, LineEndings},
    delivery::{Delivery, Framing},
    event::Event,
    pipeline::Expected,
    session::Session,
    state::{Input, State},
};
use crate::types::Command;

/// How much content that is supplied piece by piece may wait to be sent before no
/// more is taken, in octets.
const CONTENT_WINDOW: u64 = 64 * 1024;

/// The same for content that was given beforehand, and is in memory anyway.
const GIVEN_WINDOW: u64 = 512 * 1024;

/// How much of content that was given beforehand is encoded at once.
const CONTENT_BLOCK: usize = 512 * 1024;

/// The longest line of BDAT, with its CRLF.
const BDAT_LEN: usize = "BDAT 18446744073709551615 LAST\r\n".len();

impl Session {
    /// Content may be sent: the server waits for it, or it goes in chunks.
    pub(super) fn start_content(&mut self) {
        self.advance(Input::GoAhead);
        self.encoder.reset();
        self.fed = 0;
        self.ended = false;
        if let Some(delivery) = self.active.back()
            && delivery.content().is_none()
            && !self.write_closed
        {
            let transaction = delivery.id;
            self.events.push_back(Event::BodyWanted { transaction });
        }
    }

    /// Whether the application is to supply content.
    pub(super) fn asks_for_content(&self) -> bool {
        let wanted = |delivery: &Delivery| {
            let in_vain = delivery.framing() != Framing::Data && delivery.is_in_vain();
            delivery.content().is_none() && !in_vain
        };
        self.state == State::Content
            && !self.ended
            && self.active.back().is_some_and(|delivery| wanted(delivery))
    }

    /// Whether a piece of it can be taken now.
    pub(super) fn takes_content(&self) -> bool {
        self.asks_for_content()
            && !self.write_closed
            && self.out.pending() < CONTENT_WINDOW
            && (self.encoder.held() == 0 || self.may_send_chunk())
    }

    /// Sends the next of the content that is there, if it may be sent now.
    pub(super) fn feed(&mut self) -> bool {
        match self.active.back().map(|delivery| delivery.framing()) {
            Some(Framing::Data) => self.feed_data(),
            Some(Framing::Bdat { .. }) => self.feed_chunk(),
            None => false,
        }
    }

    fn feed_data(&mut self) -> bool {
        let Some(content) = self.active.back().and_then(|delivery| delivery.content()) else {
            return false;
        };
        if self.out.pending() >= GIVEN_WINDOW {
            return false;
        }
        if self.fed >= content.len() {
            self.end_content();
            return true;
        }
        let block = content.slice(self.fed..content.len().min(self.fed + CONTENT_BLOCK));
        self.fed += block.len();
        let is_unaltered = self.active.back().is_some_and(|now| now.is_unaltered());
        self.encode(&block, is_unaltered);
        true
    }

    fn feed_chunk(&mut self) -> bool {
        let Some(delivery) = self.active.back() else {
            return false;
        };
        if delivery.is_in_vain() {
            // Whatever was sent is answered first; then nothing may come but RSET
            // (RFC 3030 section 2).
            let is_answered = delivery.is_answered();
            if is_answered {
                self.end_without_content(true);
            }
            return is_answered;
        }
        if !self.may_send_chunk() || self.out.pending() >= GIVEN_WINDOW {
            return false;
        }
        if let Some(content) = delivery.content() {
            let end = content.len().min(self.fed + self.config.chunk_size);
            let last = end == content.len();
            if last && !delivery.is_wanted() {
                return false;
            }
            let block = content.slice(self.fed..end);
            self.fed = end;
            self.hold(&block);
            self.send_chunk(last);
            true
        } else if self.ended && delivery.is_wanted() {
            self.send_chunk(true);
            true
        } else {
            false
        }
    }

    /// Whether a chunk may go out. In the group of MAIL and RCPT no more than one:
    /// chunks for nobody are mistakes that some servers count.
    fn may_send_chunk(&self) -> bool {
        let may_have_one =
            |delivery: &Delivery| !delivery.has_sent_chunk() || delivery.has_answers_to_all();
        self.active.back().is_some_and(|now| may_have_one(now))
            && self.pipeline.room(&self.config, self.is_grouping()) >= BDAT_LEN
            && self.pipeline.chunks() < self.config.max_unanswered_chunks
    }

    /// Takes a piece of content, which [`takes_content`](Self::takes_content)
    /// has allowed.
    pub(super) fn body_chunk(&mut self, chunk: &Bytes) -> Result<(), ContentError> {
        let Some(delivery) = self.active.back() else {
            return Ok(());
        };
        if !delivery.is_binary() {
            let eight_bit = delivery.is_eight_bit();
            self.encoder.check(chunk, &self.config.content, eight_bit)?;
        }
        let framing = delivery.framing();
        self.fed += chunk.len();
        if framing == Framing::Data {
            self.encode(chunk, self.encoder.is_unaltered());
            return Ok(());
        }
        let held = self.encoder.held();
        if held > 0 && held + chunk.len() > self.config.chunk_size {
            self.send_chunk(false);
        }
        self.hold(chunk);
        Ok(())
    }

    pub(super) fn body_end(&mut self) -> Result<(), ContentError> {
        let Some(delivery) = self.active.back() else {
            return Ok(());
        };
        if !delivery.is_binary() {
            self.encoder.check_end(&self.config.content)?;
        }
        self.ended = true;
        if delivery.framing() == Framing::Data {
            self.end_content();
        }
        self.pump();
        Ok(())
    }

    fn encode(&mut self, chunk: &Bytes, is_unaltered: bool) {
        if self.out.pending() == 0 {
            self.start_wait();
        }
        self.encoder.encode(chunk, is_unaltered, &mut self.out);
        self.content_until = self.out.queued();
    }

    fn end_content(&mut self) {
        let before = self.out.queued();
        self.encoder.finish(&mut self.out);
        let octets = usize::try_from(self.out.queued() - before).unwrap_or_default();
        self.content_has_ended(octets);
    }

    fn hold(&mut self, content: &Bytes) {
        let is_binary = self.active.back().is_some_and(|now| now.is_binary());
        let repair = self.config.content.line_endings == LineEndings::Repair && !is_binary;
        self.encoder.hold(content, repair);
    }

    /// Makes a chunk of what is held. The last may be empty, and no other one.
    fn send_chunk(&mut self, last: bool) {
        if self.out.pending() == 0 {
            self.start_wait();
        }
        let Some(delivery) = self.active.back_mut() else {
            return;
        };
        if last && !delivery.is_binary() {
            self.encoder.complete_line();
        }
        let command = Command::Bdat {
            octets: self.encoder.held() as u64,
            last,
        };
        let Some(line) = self.out.line(command, usize::MAX) else {
            return;
        };
        self.transcript.command(line);
        let octets = line.len() + 2;
        self.encoder.release(&mut self.out);
        self.content_until = self.out.queued();
        if last {
            self.content_has_ended(octets);
        } else {
            delivery.chunk_was_sent();
            self.expect(Expected::Chunk, octets);
        }
    }

    /// The content is in the output, with what ends it, of which `octets` are not
    /// content.
    fn content_has_ended(&mut self, octets: usize) {
        self.advance(Input::EndOfContent);
        self.transcript.content(self.fed as u64);
        self.content_until = self.out.queued();
        self.unanswered_messages += 1;
        if let Some(delivery) = self.active.back_mut() {
            delivery.content_was_sent(self.out.queued());
        }
        self.expect(Expected::EndOfData, octets);
    }
}
