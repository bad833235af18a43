//! What each reply means.

use super::{
    config::HeloFallback,
    delivery::Framing,
    error::{ErrorKind, Phase},
    event::Event,
    pipeline::Expected,
    session::Session,
    state::{Input, State},
    work::Job,
};
use crate::{
    TlsPolicy,
    types::{Capabilities, Capability, Class, Command, Reply},
    wire::ReplyParseError,
};

/// The server is closing the connection (RFC 5321 section 3.8).
const CLOSING: u16 = 421;

impl Session {
    pub(super) fn read(&mut self, mut input: &[u8]) {
        while !input.is_empty() && self.state != State::Closed {
            if self.is_in_handshake() {
                self.fail(ErrorKind::PlaintextAfterStartTls, None);
                return;
            }
            match self.parser.parse(&mut input) {
                Ok(Some(reply)) => {
                    self.transcript.reply(&reply);
                    self.reply(reply);
                    // Before the next, so that it does not matter whether that
                    // came in the same piece of input.
                    self.pump();
                }
                Ok(None) => {}
                Err(error) => self.malformed(error),
            }
        }
    }

    pub(super) fn end_of_file(&mut self) {
        let partial = self.parser.partial_line();
        let is_reply = partial.iter().take(3).all(u8::is_ascii_digit);
        if self.is_only_leaving() {
            self.quit_was_answered();
        } else if is_reply {
            self.fail(ErrorKind::ConnectionLost, None);
        } else {
            self.malformed(ReplyParseError::malformed(partial));
        }
    }

    fn malformed(&mut self, error: ReplyParseError) {
        // What comes after QUIT changes nothing any more.
        if self.is_only_leaving() {
            self.quit_was_answered();
        } else {
            self.fail(ErrorKind::Malformed(error), None);
        }
    }

    /// Whether nothing is unanswered but QUIT, to which any answer will do.
    pub(super) fn is_only_leaving(&self) -> bool {
        self.state == State::Quit
            && self
                .pipeline
                .front()
                .is_none_or(|front| front == Expected::Quit)
    }

    fn quit_was_answered(&mut self) {
        self.advance(Input::Answered);
        self.pipeline.clear();
        self.events.push_back(Event::Closed);
    }

    fn reply(&mut self, reply: Reply) {
        self.tainted |= reply.is_mixed();
        if self.is_only_leaving() {
            self.quit_was_answered();
            return;
        }
        let is_answer = self.pipeline.front_has_left(self.out.sent());
        if reply.code().get() == CLOSING {
            self.closing(reply, is_answer);
            return;
        }
        if !is_answer {
            self.reply_to_nothing(reply);
            return;
        }
        let Some(expected) = self.pipeline.front() else {
            return;
        };
        // A 3yz means something to DATA and AUTH only, and other first digits
        // to nobody; a 2yz nothing to DATA, nor to content that was refused.
        let meaningful = match reply.class() {
            None => false,
            Some(Class::PositiveIntermediate) => {
                matches!(expected, Expected::Data | Expected::Auth)
            }
            Some(Class::PositiveCompletion) => match expected {
                Expected::Data => false,
                Expected::EndOfData => self.active.front().is_some_and(|d| d.can_be_accepted()),
                _ => true,
            },
            Some(_) => true,
        };
        if !meaningful {
            self.fail(ErrorKind::Unexpected, Some(reply));
            return;
        }
        // What refuses the session is told with the phase that it is in.
        let opening = matches!(
            expected,
            Expected::Greeting
                | Expected::Ehlo
                | Expected::Helo
                | Expected::Rset
                | Expected::Crossing
        );
        if opening && reply.code().is_negative() && !self.falls_back(expected, &reply) {
            let kind = if self.lacks_extensions(expected, &reply) {
                ErrorKind::TlsNotOffered
            } else if expected == Expected::Crossing {
                ErrorKind::GroupDropped
            } else {
                ErrorKind::Refused
            };
            self.fail(kind, Some(reply));
            return;
        }
        self.pipeline.pop();
        self.start_wait();
        if expected.is_of_transaction()
            && let Some(delivery) = self.active.front_mut()
        {
            delivery.was_answered();
        }
        self.answer(expected, reply);
    }

    /// What to do about the answer to a command, whose class is one that the
    /// command can have.
    fn answer(&mut self, expected: Expected, reply: Reply) {
        match expected {
            Expected::Greeting => {
                self.greeting = Some(reply.without_enhanced());
                self.advance(Input::Accepted);
                self.say_hello();
            }
            Expected::Ehlo if reply.code().is_negative() => {
                self.advance(Input::UnknownCommand);
                let name = self.config.name.clone();
                self.command_line(Expected::Helo, Command::Helo(name));
            }
            Expected::Ehlo => {
                let offered = Capabilities::from_reply(&reply);
                self.capabilities = offered.without(&self.config.ignored_keywords);
                self.said_hello();
            }
            Expected::Helo => self.said_hello(),
            Expected::StartTls => self.starttls_was_answered(reply),
            // Nothing that is read in clear gets here.
            Expected::Handshake => {}
            Expected::Auth => self.auth_was_answered(reply),
            Expected::Mail => self.mail_was_answered(reply),
            Expected::Rcpt(index) => self.rcpt_was_answered(index, reply),
            Expected::Data => self.data_was_answered(&reply),
            Expected::Chunk => self.chunk_was_answered(&reply),
            Expected::EndOfData => self.content_was_answered(reply),
            Expected::LoneDot => {
                self.advance(Input::Answered);
                self.finish_oldest();
            }
            Expected::Crossing => {}
            // One that is in a group with MAIL leads nowhere.
            Expected::Rset => {
                if self.state == State::Reset {
                    self.advance(Input::Accepted);
                }
            }
            Expected::Request(request) => {
                self.advance(Input::Answered);
                self.events.push_back(Event::Reply { request, reply });
            }
            Expected::Quit => self.quit_was_answered(),
        }
    }

    /// Whether HELO may do where EHLO does not: not if what is wanted comes with
    /// EHLO only.
    fn falls_back(&self, expected: Expected, reply: &Reply) -> bool {
        expected == Expected::Ehlo
            && self.tls.is_none()
            && self.config.tls != TlsPolicy::Required
            && self.config.authentication.is_none()
            && match self.config.helo_fallback {
                HeloFallback::Never => false,
                HeloFallback::UnknownCommand => matches!(reply.code().get(), 500 | 502),
                HeloFallback::AnyRefusal => reply.class() == Some(Class::PermanentNegative),
            }
    }

    fn lacks_extensions(&self, expected: Expected, reply: &Reply) -> bool {
        expected == Expected::Ehlo
            && self.tls.is_none()
            && self.config.tls == TlsPolicy::Required
            && matches!(reply.code().get(), 500 | 502)
    }

    /// EHLO: after the greeting, and again where what is offered may have changed.
    pub(super) fn say_hello(&mut self) {
        let name = self.config.name.clone();
        self.command_line(Expected::Ehlo, Command::Ehlo(name));
    }

    /// The hello is done: next comes TLS, then authentication, then the rest.
    fn said_hello(&mut self) {
        let wanted = matches!(
            self.config.tls,
            TlsPolicy::Opportunistic | TlsPolicy::Required
        );
        if self.tls.is_some() || !wanted || self.authenticated.is_some() {
            self.authenticate_or_open();
        } else if self.capabilities.has(&Capability::StartTls) {
            self.advance(Input::StartTls);
            self.command_line(Expected::StartTls, "STARTTLS");
        } else if self.config.tls == TlsPolicy::Required {
            self.fail(ErrorKind::TlsNotOffered, None);
        } else {
            self.authenticate_or_open();
        }
    }

    fn starttls_was_answered(&mut self, reply: Reply) {
        if reply.code().is_positive() {
            self.advance(Input::Accepted);
            self.await_handshake();
        } else if self.config.tls == TlsPolicy::Required {
            self.fail(ErrorKind::TlsRefused, Some(reply));
        } else {
            self.authenticate_or_open();
        }
    }

    fn authenticate_or_open(&mut self) {
        match &self.config.authentication {
            Some(authentication) if self.authenticated.is_none() => {
                let authentication = authentication.clone();
                self.begin_authentication(authentication, None);
            }
            _ => self.open(),
        }
    }

    /// Everything that comes before requests is done; or done again, after a
    /// second hello.
    pub(super) fn open(&mut self) {
        self.advance(match self.state {
            State::StartTls => Input::Answered,
            _ => Input::Accepted,
        });
        if !core::mem::replace(&mut self.is_open, true) {
            self.events.push_back(Event::Ready);
        }
    }

    fn mail_was_answered(&mut self, reply: Reply) {
        if let Some(delivery) = self.active.front_mut() {
            let transaction = delivery.id;
            delivery.mail_was_answered(&reply);
            if !delivery.is_quiet() {
                self.events.push_back(Event::Sender { transaction, reply });
            }
        }
    }

    fn rcpt_was_answered(&mut self, index: usize, reply: Reply) {
        if let Some(delivery) = self.active.front_mut() {
            let transaction = delivery.id;
            delivery.rcpt_was_answered(index, &reply);
            if !delivery.is_quiet() {
                self.events.push_back(Event::Recipient {
                    transaction,
                    index,
                    reply,
                });
            }
        }
    }

    fn data_was_answered(&mut self, reply: &Reply) {
        let Some(delivery) = self.active.front_mut() else {
            return;
        };
        if reply.code().is_negative() {
            delivery.refuse(Phase::Data, reply);
            let unfinished = delivery.is_unfinished();
            self.end_without_content(unfinished);
        } else if delivery.somebody_accepted() {
            self.start_content();
        } else if delivery.is_astray() {
            // The server would deliver to recipients of a transaction that it
            // refused. A lone dot would give them an empty message, and there
            // is no other way back.
            self.fail(ErrorKind::Unexpected, Some(reply.clone()));
        } else {
            self.lone_dot();
        }
    }

    /// The server waits for content, and nobody is to get any: RFC 2920 section
    /// 3.1 asks for a single dot.
    fn lone_dot(&mut self) {
        self.advance(Input::NobodyToSendTo);
        self.command_line(Expected::LoneDot, ".");
    }

    fn chunk_was_answered(&mut self, reply: &Reply) {
        if reply.code().is_negative()
            && let Some(delivery) = self.active.front_mut()
        {
            delivery.refuse_chunk(reply);
        }
    }

    fn content_was_answered(&mut self, reply: Reply) {
        self.unanswered_messages = self.unanswered_messages.saturating_sub(1);
        let Some(mut delivery) = self.active.pop_front() else {
            return;
        };
        let refused = reply.code().is_negative();
        if refused {
            delivery.refuse(Phase::EndOfData, &reply);
        }
        // If more was sent in the same group, that goes on, and begins with RSET.
        if self.state == State::EndOfData && self.pipeline.is_empty() {
            let failed_chunk = refused && delivery.framing() != Framing::Data;
            self.needs_reset = refused && !failed_chunk;
            if failed_chunk && !self.quits_next() {
                self.advance(Input::Unfinished);
                self.command_line(Expected::Rset, Command::Rset);
            } else {
                self.advance(Input::Answered);
            }
        }
        let is_leaving = self.state == State::Quit;
        if !refused && delivery.accept(reply, !is_leaving) {
            self.queue.push_front(Job::Transaction(delivery));
        } else {
            self.finished(delivery);
        }
    }

    /// 421, asked for or not. As the answer to the content it is a refusal;
    /// everything else that is open has not been sent, or is in doubt if all of it
    /// had left.
    fn closing(&mut self, reply: Reply, is_answer: bool) {
        if is_answer
            && self.pipeline.front() == Some(Expected::EndOfData)
            && let Some(delivery) = self.active.front_mut()
        {
            delivery.refuse(Phase::EndOfData, &reply);
        }
        self.events.push_back(Event::Closing(reply.clone()));
        self.fail(ErrorKind::Closing, Some(reply));
    }

    /// A reply while nothing is unanswered, or before the command that it would
    /// answer has left.
    fn reply_to_nothing(&mut self, reply: Reply) {
        let in_content = match self.pipeline.front() {
            Some(front) => front.is_content(),
            None => self.state == State::Content,
        };
        if in_content && reply.code().is_negative() {
            // The server has heard enough. It cannot be told to stop listening
            // but by the end of the connection.
            if let Some(delivery) = self.active.front_mut() {
                delivery.refuse(Phase::Content, &reply);
            }
            self.fail(ErrorKind::Refused, Some(reply));
        } else if self.write_closed && reply.code().is_negative() {
            // What it said before it closed the line on us.
            self.fail(ErrorKind::Refused, Some(reply));
        } else {
            self.fail(ErrorKind::Unsolicited, Some(reply));
        }
    }
}
