//! Carrying out requests, one after another.

use alloc::{boxed::Box, collections::VecDeque};

use super::{
    authentication::Authentication,
    config::Pipelining,
    content::ContentCheck,
    delivery::{Delivery, Next},
    error::{CommandError, Error, ErrorKind},
    event::{Event, RequestId, TransactionId},
    pipeline::Expected,
    session::Session,
    state::{self, Input, State},
    transaction::{Content, Given, RcptLine, Transaction},
};
use crate::types::{Capability, Command, Print, Reply};

/// The most records of transactions that are kept to be used again.
const MAX_SPARES: usize = 16;

/// RSET and QUIT, with their CRLF.
const SHORT_LINE: usize = "RSET\r\n".len();

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
        } else if in_stages(&mut self.active, &mut self.queue).is_some() {
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
        let given = match &transaction.content {
            Some(content) => Some(self.look_at(content, transaction.is_binary())?),
            None => None,
        };
        let id = TransactionId(self.id());
        let spare = self.spares.pop_back();
        let mut delivery = spare.unwrap_or_else(|| Box::new(Delivery::idle()));
        let text_room = self.config.reply_limits.kept;
        delivery.begin(id, transaction, given, open, text_room);
        self.queue.push_back(Job::Transaction(delivery));
        self.pump();
        Ok(id)
    }

    fn look_at(&self, content: &Content, is_binary: bool) -> Result<Given, CommandError> {
        if is_binary {
            return Ok(Given {
                size: content.0.len() as u64,
                is_eight_bit: true,
                is_unaltered: true,
            });
        }
        let mut check = ContentCheck::default();
        check.chunk(&content.0, &self.config.content)?;
        check.finish(&self.config.content)?;
        Ok(Given {
            size: check.size(),
            is_eight_bit: check.is_eight_bit(),
            is_unaltered: check.is_unaltered(),
        })
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
                State::EndOfData => self.cross(),
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
                if delivery.prepare(&self.capabilities, self.config.chunking) {
                    self.active.push_back(delivery);
                    self.advance(Input::Mail);
                    // Postfix before 2026 keeps what it refused at the end of the
                    // content, and MAIL would be a nested one.
                    if core::mem::take(&mut self.needs_reset) {
                        self.command_line(Expected::Rset, Command::Rset);
                    }
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

    /// Sends what may be in one group with the end of the content before it.
    fn cross(&mut self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let grouping = self.is_grouping();
        if self.tainted || self.pipeline.room_to_cross(&self.config, grouping) < SHORT_LINE {
            return false;
        }
        let across = self.config.pipelining == Pipelining::AcrossTransactions;
        match self.queue.front_mut() {
            Some(Job::Transaction(delivery)) if across && delivery.may_cross() => {
                // What cannot be sent at all waits for its turn to be told, and is not
                // looked at again with each reply until then.
                if !delivery.prepare(&self.capabilities, self.config.chunking) {
                    delivery.keep_back();
                    return false;
                }
                // The server may keep what it knows of a transaction that it
                // refused at the end: RSET, or MAIL would be a nested one.
                self.advance(Input::Mail);
                self.command_line(Expected::Crossing, Command::Rset);
                if let Some(Job::Transaction(delivery)) = self.queue.pop_front() {
                    self.active.push_back(delivery);
                }
                true
            }
            Some(Job::Quit)
                if self.config.quit_with_content
                    && !self.active.iter().any(|delivery| delivery.puts_off()) =>
            {
                self.queue.pop_front();
                self.advance(Input::Quit);
                self.command_line(Expected::Quit, Command::Quit);
                true
            }
            _ => false,
        }
    }

    /// Whether commands may be sent before earlier ones are answered.
    pub(super) fn is_grouping(&self) -> bool {
        self.config.pipelining != Pipelining::Off && self.capabilities.has(&Capability::Pipelining)
    }

    /// Whether one more message may be on its way without an answer.
    fn has_depth(&mut self) -> bool {
        let max = self.config.max_unanswered_messages;
        if self.unanswered_messages >= max {
            self.is_full = true;
        } else if self.unanswered_messages <= max / 2 {
            self.is_full = false;
        }
        !self.is_full
    }

    /// Sends the next command of the envelope, if it may be sent now.
    fn continue_envelope(&mut self) -> bool {
        let grouping = self.is_grouping();
        let room = self.pipeline.room(&self.config, grouping);
        if room == 0 {
            return false;
        }
        let Some(delivery) = self.active.back_mut() else {
            return false;
        };
        let next = delivery.next(grouping);
        let (expected, line) = match next {
            Next::Wait => return false,
            Next::End { unfinished } => {
                self.end_without_content(unfinished);
                return true;
            }
            Next::Chunks => {
                let has_depth = self.has_depth();
                if has_depth {
                    self.start_content();
                }
                return has_depth;
            }
            Next::Mail => (Expected::Mail, self.out.line(delivery.mail_line(), room)),
            Next::Rcpt(index) => {
                let Some(recipient) = delivery.recipient(index) else {
                    return false;
                };
                let line = RcptLine(recipient);
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

    /// QUIT ends the transaction as well as RSET does.
    pub(super) fn quits_next(&self) -> bool {
        matches!(self.queue.front(), Some(Job::Quit))
    }

    /// The transaction has ended before its content.
    pub(super) fn end_without_content(&mut self, unfinished: bool) {
        if unfinished && !self.quits_next() {
            self.advance(Input::Unfinished);
            self.command_line(Expected::Rset, Command::Rset);
        } else {
            self.advance(Input::Over);
        }
        self.finish_oldest();
    }

    /// The transaction whose turn it is to be answered has ended.
    pub(super) fn finish_oldest(&mut self) {
        if let Some(delivery) = self.active.pop_front() {
            self.finished(delivery);
        }
    }

    pub(super) fn finished(&mut self, mut delivery: Box<Delivery>) {
        self.events.push_back(Event::Finished {
            transaction: delivery.id,
            outcome: delivery.take_outcome(),
        });
        // Used again, so that a session that goes on needs no memory for each
        // message.
        if self.spares.len() < MAX_SPARES {
            delivery.rest();
            self.spares.push_back(delivery);
        }
    }

    /// Gives back what is more room than an idle session should hold.
    pub(super) fn rest(&mut self) {
        self.out.rest();
        self.encoder.rest();
        self.events.shrink_to(MAX_SPARES);
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
            && !matches!(self.state, State::Content | State::EndOfData | State::Quit)
            && !self.is_in_handshake()
            && !self.write_closed
            && self.out.pending() == 0;
        let sent = self.out.sent();
        let kind = self.end_exchange(kind);
        let error = Error::new(kind, phase, reply, self.tls.is_some(), self.is_grouping());
        let queued = self.queue.drain(..).filter_map(|job| match job {
            Job::Transaction(delivery) => Some(delivery),
            _ => None,
        });
        let lost: VecDeque<Box<Delivery>> = self.active.drain(..).chain(queued).collect();
        for mut delivery in lost {
            let in_doubt = delivery.has_left(sent);
            delivery.lose(&error, in_doubt);
            self.finished(delivery);
        }
        self.unanswered_messages = 0;
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

/// The transaction in stages: the one to which more recipients may come. Nothing
/// but QUIT can be queued behind it.
pub(super) fn in_stages<'a>(
    active: &'a mut VecDeque<Box<Delivery>>,
    queue: &'a mut VecDeque<Job>,
) -> Option<&'a mut Delivery> {
    let last = match queue.back_mut() {
        None => active.back_mut(),
        Some(Job::Transaction(delivery)) => Some(delivery),
        Some(_) => None,
    };
    last.map(|delivery| &mut **delivery)
        .filter(|delivery| delivery.open)
}
