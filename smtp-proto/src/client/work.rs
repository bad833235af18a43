//! Carrying out requests, one after another.

use alloc::{boxed::Box, collections::VecDeque};

use bytes::Bytes;

use super::{
    authentication::Authentication,
    body::BodyEncoder,
    config::Pipelining,
    content::{ContentCheck, ContentError},
    delivery::{Delivery, Next},
    error::{CommandError, Error, ErrorKind},
    event::{Event, RequestId, TransactionId},
    pipeline::Expected,
    session::Session,
    state::{self, Input, State},
    transaction::Transaction,
};
use crate::types::{Capability, Command, Print, RcptLine, Reply};

/// How much content may wait to be sent before no more is taken, in octets.
pub(super) const CONTENT_WINDOW: u64 = 64 * 1024;

/// How much of content that was given beforehand is encoded at once.
const CONTENT_BLOCK: usize = 64 * 1024;

/// What was requested and waits for its turn.
#[derive(Debug)]
pub(super) enum Job {
    Transaction(Box<Delivery>),
    Request(RequestId, Box<Command>),
    Authenticate(RequestId, Box<Authentication>),
    Quit,
}

impl Session {
    pub(super) fn check_open(&self) -> Result<(), CommandError> {
        if self.quitting || self.state == State::Closed {
            Err(CommandError::Closed)
        } else {
            Ok(())
        }
    }

    pub(super) fn check_room(&mut self) -> Result<(), CommandError> {
        self.check_open()?;
        if self.authenticating {
            Err(CommandError::Authenticating)
        } else if in_stages(&mut self.current, &mut self.queue).is_some() {
            Err(CommandError::TransactionOpen)
        } else if self.queue.len() >= self.config.max_queued {
            Err(CommandError::QueueFull)
        } else {
            Ok(())
        }
    }

    pub(super) fn enqueue_transaction(
        &mut self,
        transaction: Transaction,
        open: bool,
    ) -> Result<TransactionId, CommandError> {
        self.check_room()?;
        transaction.check(&self.config)?;
        let given = transaction
            .content
            .as_ref()
            .map(|content| {
                let mut check = ContentCheck::default();
                check.chunk(&content.0, &self.config.content)?;
                check.finish(&self.config.content).map(|()| check)
            })
            .transpose()?;
        let id = TransactionId(self.id());
        let delivery = Box::new(Delivery::new(
            id,
            transaction,
            given,
            open,
            self.config.reply_limits.kept,
        ));
        self.queue.push_back(Job::Transaction(delivery));
        self.pump();
        Ok(id)
    }

    pub(super) fn request(&mut self, command: Command) -> Result<RequestId, CommandError> {
        self.check_room()?;
        if !command.is_ascii() {
            return Err(CommandError::NotAscii);
        }
        let id = RequestId(self.id());
        self.queue.push_back(Job::Request(id, Box::new(command)));
        self.pump();
        Ok(id)
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Does whatever can be done now.
    pub(super) fn pump(&mut self) {
        while !self.write_closed
            && match self.state {
                State::Ready => self.start_next(),
                State::Envelope => self.continue_envelope(),
                State::Content => self.feed(),
                _ => false,
            }
        {}
    }

    fn start_next(&mut self) -> bool {
        match self.queue.pop_front() {
            None => return false,
            Some(Job::Transaction(mut delivery)) => {
                if delivery.prepare(&self.capabilities) {
                    self.current = Some(delivery);
                    self.advance(Input::Mail);
                } else {
                    self.finished(delivery);
                }
            }
            Some(Job::Request(id, command)) => {
                self.advance(Input::Command);
                self.command_line(Expected::Request(id), *command);
            }
            Some(Job::Authenticate(id, authentication)) => {
                self.begin_authentication(*authentication, Some(id));
            }
            Some(Job::Quit) => {
                self.advance(Input::Quit);
                self.command_line(Expected::Quit, Command::Quit);
            }
        }
        true
    }

    /// Sends the next command of the envelope, if it may be sent now.
    fn continue_envelope(&mut self) -> bool {
        let grouping = self.config.pipelining == Pipelining::WithinTransaction
            && self.capabilities.has(&Capability::Pipelining);
        let room = self.pipeline.room(&self.config, grouping);
        if room == 0 {
            return false;
        }
        let Some(delivery) = &mut self.current else {
            return false;
        };
        let next = delivery.next(self.pipeline.is_empty());
        let (expected, line) = match next {
            Next::Wait => return false,
            Next::End { unfinished } => {
                self.end_without_content(unfinished);
                return true;
            }
            Next::Mail => (Expected::Mail, self.out.line(delivery.mail_line(), room)),
            Next::Rcpt(index) => {
                let Some(recipient) = delivery.recipient(index) else {
                    return false;
                };
                let parameters = recipient.parameters();
                let line = RcptLine(recipient.path(), &parameters);
                (Expected::Rcpt(index), self.out.line(line, room))
            }
            Next::Data => (Expected::Data, self.out.line(Command::Data, room)),
        };
        let Some(line) = line else {
            return false;
        };
        self.transcript.command(line);
        let octets = line.len() + 2;
        match next {
            Next::Mail => {
                self.transactions += 1;
                delivery.mail_was_sent();
            }
            Next::Rcpt(index) => delivery.rcpt_was_sent(index),
            _ => delivery.data_was_sent(),
        }
        self.expect(expected, octets);
        true
    }

    /// Puts a command into the output for which there is always room.
    pub(super) fn command_line(&mut self, expected: Expected, line: impl Print) {
        if self.write_closed {
            // It never leaves, so that nothing can be an answer to it.
            self.pipeline.push(expected, u64::MAX, 0);
        } else if let Some(line) = self.out.line(line, usize::MAX) {
            self.transcript.command(line);
            let octets = line.len() + 2;
            self.expect(expected, octets);
        }
    }

    pub(super) fn expect(&mut self, expected: Expected, octets: usize) {
        if self.pipeline.is_empty() {
            self.start_wait();
        }
        self.pipeline.push(expected, self.out.queued(), octets);
    }

    /// The transaction has ended before its content.
    pub(super) fn end_without_content(&mut self, unfinished: bool) {
        // QUIT ends the transaction as well as RSET does.
        let quits_next = matches!(self.queue.front(), Some(Job::Quit));
        if unfinished && !quits_next {
            self.advance(Input::Unfinished);
            self.command_line(Expected::Rset, Command::Rset);
        } else {
            self.advance(Input::Over);
        }
        self.finish_current();
    }

    pub(super) fn finish_current(&mut self) {
        if let Some(delivery) = self.current.take() {
            self.finished(delivery);
        }
    }

    fn finished(&mut self, delivery: Box<Delivery>) {
        self.events.push_back(Event::Finished {
            transaction: delivery.id,
            outcome: delivery.into_outcome(),
        });
        self.out.rest();
    }

    /// The server waits for content.
    pub(super) fn start_content(&mut self) {
        self.advance(Input::GoAhead);
        self.encoder = BodyEncoder::default();
        self.fed = 0;
        if let Some(delivery) = &self.current
            && delivery.content().is_none()
            && !self.write_closed
        {
            let transaction = delivery.id;
            self.events.push_back(Event::BodyWanted { transaction });
        }
    }

    /// Encodes the next block of content that was given beforehand.
    fn feed(&mut self) -> bool {
        let Some(content) = self.current.as_deref().and_then(Delivery::content) else {
            return false;
        };
        if self.out.pending() >= CONTENT_WINDOW {
            return false;
        }
        if self.fed >= content.len() {
            self.end_content();
            return true;
        }
        let block = content.slice(self.fed..content.len().min(self.fed + CONTENT_BLOCK));
        self.fed += block.len();
        self.encode(&block);
        true
    }

    pub(super) fn body_chunk(&mut self, chunk: &Bytes) -> Result<(), ContentError> {
        let eight_bit = self.current.as_deref().is_some_and(Delivery::is_eight_bit);
        self.encoder.check(chunk, &self.config.content, eight_bit)?;
        self.fed += chunk.len();
        self.encode(chunk);
        Ok(())
    }

    pub(super) fn body_end(&mut self) -> Result<(), ContentError> {
        self.encoder.check_end(&self.config.content)?;
        self.end_content();
        Ok(())
    }

    fn encode(&mut self, chunk: &Bytes) {
        if self.out.pending() == 0 {
            self.start_wait();
        }
        self.encoder.encode(chunk, &mut self.out);
    }

    fn end_content(&mut self) {
        self.advance(Input::EndOfContent);
        let before = self.out.queued();
        self.encoder.finish(&mut self.out);
        let octets = usize::try_from(self.out.queued() - before).unwrap_or_default();
        self.transcript.content(self.fed as u64);
        self.expect(Expected::EndOfData, octets);
    }

    pub(super) fn start_wait(&mut self) {
        self.wait_started = self.now;
        self.wait_started_is_stale = true;
        self.block_start = self.out.sent();
    }

    pub(super) fn advance(&mut self, input: Input) {
        match state::next(self.state, input) {
            Some(next) => self.state = next,
            // No row: the step does not happen, and the session cannot go on.
            None => self.fail(ErrorKind::Unexpected, None),
        }
    }

    /// Ends the session, and tells what became of everything.
    pub(super) fn fail(&mut self, kind: ErrorKind, reply: Option<Reply>) {
        if self.state == State::Closed {
            return;
        }
        let phase = self.phase();
        // The server can still be told, unless it would take it for content, or
        // for the rest of a command.
        let says_farewell = kind.leaves_time_to_quit()
            && !matches!(self.state, State::Content | State::EndOfData)
            && !self.is_in_handshake()
            && !self.write_closed
            && self.out.pending() == 0;
        let in_doubt = self.pipeline.front() == Some(Expected::EndOfData)
            && self.pipeline.front_has_left(self.out.sent());
        let error = Error::new(kind, phase, reply, self.tls.is_some());
        let queued = self.queue.drain(..).filter_map(|job| match job {
            Job::Transaction(delivery) => Some(delivery),
            _ => None,
        });
        let lost: VecDeque<Box<Delivery>> = self.current.take().into_iter().chain(queued).collect();
        for mut delivery in lost {
            let begun = delivery.has_begun();
            delivery.lose(&error, begun && in_doubt);
            self.finished(delivery);
        }
        let input = match error.kind() {
            ErrorKind::Refused => Input::Refused,
            _ => Input::Lost,
        };
        self.state = state::next(self.state, input).unwrap_or(State::Closed);
        self.out.clear();
        self.pipeline.clear();
        // Nobody is to shake hands any more.
        self.events.retain(|event| *event != Event::StartTls);
        if says_farewell && let Some(line) = self.out.line(Command::Quit, usize::MAX) {
            self.transcript.command(line);
        }
        self.error = Some(error);
    }
}

/// The transaction in stages: the one to which more recipients may come.
pub(super) fn in_stages<'a>(
    current: &'a mut Option<Box<Delivery>>,
    queue: &'a mut VecDeque<Job>,
) -> Option<&'a mut Delivery> {
    let queued = queue.iter_mut().filter_map(|job| match job {
        Job::Transaction(delivery) => Some(delivery),
        _ => None,
    });
    let mut all = current.iter_mut().chain(queued);
    all.find(|delivery| delivery.open)
        .map(|delivery| &mut **delivery)
}
