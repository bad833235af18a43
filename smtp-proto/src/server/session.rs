//! The session: what the driver and the application call.

use alloc::boxed::Box;

use super::{
    authenticate::Authenticate,
    clock::{Clock, Wait},
    config::Config,
    dialogue::Dialogue,
    envelope::Envelope,
    error::Error,
    event::{Discarded, Event},
    exchange::Identity,
    input::Input,
    question::{Asked, Data, Expand, Hello, Mail, Message, Rcpt, Verify},
    reading::Next,
    received::{Date, Received},
    reply::{self, Rejection},
    state::{State, Trigger},
};
use crate::{
    Entry, Instant, TlsInfo, Transmit, sasl::Nonces, types::HelloName, wire::CommandFramer,
};

/// One SMTP session, seen from the server. Does no I/O and reads no clock.
///
/// The driver brings news with the `handle_*` methods, and then asks what to do
/// next, in this order: [`poll_event`](Self::poll_event) until there is none,
/// [`poll_transmit`](Self::poll_transmit) until there is none, then read if
/// [`wants_input`](Self::wants_input), for no longer than until
/// [`poll_timeout`](Self::poll_timeout). See the [module](super) for the loop.
///
/// Input is looked at by `poll_event` alone, one command or one slice of content
/// at a time, and replies leave in the order of the commands, however those were
/// grouped.
///
/// Memory is bounded: by [`INPUT_CAP`](Self::INPUT_CAP) and one command line for
/// what comes in (and the one slice that was handed over when there was room), by
/// [`OUTPUT_CAP`](Self::OUTPUT_CAP) and one reply for what goes
/// out, and by the limits of the [`Config`] for the rest.
#[derive(Debug)]
pub struct Session {
    pub(super) dialogue: Dialogue,
    pub(super) framer: CommandFramer,
    /// The line that is too long and being dropped: whether it is a BDAT.
    pub(super) overlong_bdat: Option<bool>,
    pub(super) input: Input,
    pub(super) asked: Option<Asked>,
    pub(super) clock: Clock,
    pub(super) shutdown: bool,
    error: Option<Error>,
}

impl Session {
    /// How many octets of input are kept, besides a command line, before the
    /// session wants no more: 64 KiB.
    pub const INPUT_CAP: usize = 64 * 1024;
    /// How many octets of replies may wait before no further command is looked
    /// at: 8 KiB.
    pub const OUTPUT_CAP: u64 = 8 * 1024;

    /// A session with a client that has just connected. The greeting waits to
    /// be sent; with [`TlsPolicy::Implicit`](crate::TlsPolicy::Implicit) the
    /// first thing is [`Event::StartTls`], and the greeting comes after it.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        Self::start(Dialogue::new(config), now)
    }

    /// A session that is refused: the greeting is `rejection` (554, say), and
    /// every command but QUIT gets 503 (RFC 5321 section 3.1). After a 421 the
    /// session closes at once.
    #[must_use]
    pub fn refusing(config: Config, rejection: &Rejection, now: Instant) -> Self {
        Self::start(Dialogue::refusing(config, rejection), now)
    }

    fn start(dialogue: Dialogue, now: Instant) -> Self {
        let mut session = Self {
            framer: CommandFramer::new(dialogue.config.max_line()),
            clock: Clock::new(dialogue.config.timeouts, now),
            dialogue,
            overlong_bdat: None,
            input: Input::default(),
            asked: None,
            shutdown: false,
            error: None,
        };
        session.clock.tell(now, session.waits_for());
        session
    }

    /// Gives the session 32 octets that nobody can guess, before anything else;
    /// what it needs of the kind it derives from them. Without them neither SCRAM
    /// nor `CRAM-MD5` is offered.
    pub fn set_seed(&mut self, seed: [u8; 32]) {
        self.dialogue.nonces = Some(Nonces::new(seed));
    }

    /// Shows every command line and reply from now on to `hook`, and that
    /// content went by; the greeting too if no command was read yet.
    pub fn set_transcript(&mut self, hook: impl FnMut(Entry<'_>) + Send + 'static) {
        self.dialogue.set_transcript(Box::new(hook));
    }

    /// Asks the session to end: the next thing that the client hears, once the
    /// command at hand is answered and content (or a chunk of it) that has begun
    /// to come in has had its reply, is 421.
    pub fn shutdown(&mut self, now: Instant) {
        self.shutdown = true;
        self.clock.tell(now, self.waits_for());
    }

    /// Ends the session now, with a 421, whatever is going on: content that is
    /// coming in is given up, a question that is open is forgotten. Nothing
    /// happens if it was ending already.
    pub fn abort(&mut self, now: Instant) {
        if self.dialogue.is_securing() {
            self.dialogue.hang_up(Discarded::Shutdown);
        } else if !matches!(self.state(), State::Closing | State::Closed) {
            self.asked = None;
            self.dialogue.abort(reply::SHUTDOWN, Discarded::Shutdown);
        }
        self.clock.tell(now, self.waits_for());
    }

    /// Refuses the message whose content is coming in: no more
    /// [`Event::Content`] comes of it, and its end, or that of the chunk, is
    /// answered with `rejection` instead of being asked about. Nothing is told of
    /// what becomes of it, as after any refusal. Does nothing if no content is
    /// coming in.
    pub fn refuse_content(&mut self, rejection: Rejection) {
        let comes_in = matches!(self.state(), State::Content | State::Chunks);
        if comes_in && self.asked.is_none() {
            self.dialogue.content.refuse(rejection);
            self.dialogue.forget();
        }
    }

    /// Input has come; nothing at all is the end of it.
    ///
    /// May be called at any time. What comes while
    /// [`wants_input`](Self::wants_input) says no is kept up to the cap, and
    /// fails the session beyond it. Between the 220 to STARTTLS and
    /// [`handle_tls_established`](Self::handle_tls_established) nothing may come:
    /// whatever does closes the session, and is not looked at (RFC 3207 section
    /// 6, and the end of the input likewise).
    pub fn handle_input(&mut self, input: &[u8], now: Instant) {
        self.clock.tell(now, self.waits_for());
        if matches!(self.state(), State::Closing | State::Closed) {
            return;
        }
        if self.dialogue.is_securing() {
            self.dialogue.hang_up(Discarded::EndOfInput);
            return;
        }
        let buffered = self.input.unread().len();
        if !self.wants_input() && buffered + input.len() > self.input_cap() {
            self.error = Some(Error::InputOverflow);
            return;
        }
        self.input.extend(input, self.expects_secrets());
    }

    /// The transport took the first `n` octets of the output.
    pub fn handle_transmitted(&mut self, n: usize, now: Instant) {
        self.dialogue.output.advance(n);
        self.dialogue.output.rest();
        self.clock.tell(now, self.waits_for());
    }

    /// The handshake that [`Event::StartTls`] asked for has succeeded. What is
    /// said from now on goes through TLS. Nothing that was said before it counts
    /// any more (RFC 3207 section 4.2).
    ///
    /// Without that event it is [`Error::UnexpectedHandshake`]; after the end of
    /// the session, nothing.
    pub fn handle_tls_established(&mut self, tls: TlsInfo, now: Instant) {
        if self.expects_handshake() {
            self.dialogue.secure(tls);
        }
        self.clock.tell(now, self.waits_for());
    }

    /// The handshake has failed. The session is over: nothing can be said.
    pub fn handle_tls_failed(&mut self, now: Instant) {
        if self.expects_handshake() {
            self.dialogue.hang_up(Discarded::EndOfInput);
        }
        self.clock.tell(now, self.waits_for());
    }

    /// The transport takes no more octets, because a write failed. What was not
    /// sent is dropped, and the session is over. A question that is open is
    /// forgotten.
    pub fn handle_write_closed(&mut self, now: Instant) {
        self.asked = None;
        self.dialogue.output.clear();
        self.dialogue.move_on(Trigger::Abort, Discarded::EndOfInput);
        self.clock.tell(now, self.waits_for());
    }

    /// Time has passed. Does nothing before the deadline.
    pub fn handle_timeout(&mut self, now: Instant) {
        let wait = self.waits_for();
        self.clock.tell(now, wait);
        if !self.clock.has_expired() {
            return;
        }
        match wait {
            Wait::Nothing => {}
            Wait::Command(_) | Wait::Content(_) => {
                self.dialogue.abort(reply::TIMEOUT, Discarded::Timeout);
            }
            // Nobody reads what would be said.
            Wait::Output(_) | Wait::Handshake | Wait::Closing => {
                self.dialogue.output.clear();
                self.dialogue.move_on(Trigger::Abort, Discarded::Timeout);
            }
        }
        self.clock.wait_for(self.waits_for());
    }

    /// What has happened, or is to be decided, next. `None` until there is news.
    ///
    /// # Errors
    /// [`Error`] if the driver broke the rules. It is final, and repeats.
    pub fn poll_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let next = self.next();
        self.clock.wait_for(self.waits_for());
        Ok(match next {
            None => {
                if self.is_idle() {
                    self.dialogue.envelope.rest();
                }
                None
            }
            Some(Next::Asked) => self.ask(),
            Some(Next::Received(length)) => Some(Event::Content(self.input.lend(length))),
            Some(Next::Made(octets)) => Some(Event::Content(octets)),
            Some(Next::StartTls) => Some(Event::StartTls),
            Some(Next::Discarded(why)) => Some(Event::Discarded(why)),
            Some(Next::Closed) => Some(Event::Closed),
        })
    }

    /// What is to be sent. It stays until
    /// [`handle_transmitted`](Self::handle_transmitted) says that it was.
    pub fn poll_transmit(&self) -> Option<Transmit<'_>> {
        self.dialogue.output.transmit()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), which may be at
    /// once. Any other call may change it. `None` while the session waits for
    /// the application.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clock.deadline().filter(|_| self.error.is_none())
    }

    /// Whether to read from the client. Not while the receive buffer is full
    /// (because a question is open), while too many replies wait to be sent,
    /// from an accepted STARTTLS to the end of the handshake, or when nothing
    /// that could come would be looked at.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.error.is_none()
            && !self.input.has_ended()
            && !matches!(self.state(), State::Closing | State::Closed)
            && !self.dialogue.is_securing()
            && self.input.unread().len() < self.input_cap()
            && self.dialogue.output.pending() < Self::OUTPUT_CAP
    }

    /// Whether what comes may be a password: the client can authenticate, and has
    /// not. A driver then wipes its buffer when it has handed over what is in it;
    /// the session does so with its own.
    #[must_use]
    pub fn expects_secrets(&self) -> bool {
        self.config().authentication.is_some() && self.authenticated().is_none()
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.dialogue.state()
    }

    /// Whether nothing is going on: no transaction is open, no command is half
    /// read or waits for an answer, and everything was sent.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.dialogue.has_transaction()
            && !matches!(self.state(), State::Content | State::Authenticating)
            && !self.dialogue.has_chunk()
            && !self.dialogue.is_securing()
            && !self.is_asking()
            && self.input.unread().is_empty()
            && self.dialogue.output.pending() == 0
    }

    /// The facts of the TLS connection; `None` while the client speaks in clear.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.dialogue.tls()
    }

    /// Whether the client speaks inside TLS.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.tls().is_some()
    }

    /// Who the client has proved to be.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Identity> {
        self.dialogue.authenticated()
    }

    /// What the client calls itself.
    #[must_use]
    pub fn hello(&self) -> Option<&HelloName> {
        self.dialogue.hello()
    }

    /// The envelope of the open transaction.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        self.dialogue
            .has_transaction()
            .then(|| self.dialogue.envelope())
    }

    /// The trace field for a message of this session.
    #[must_use]
    pub fn received(&self, date: Date) -> Received<'_> {
        self.dialogue.received(date)
    }

    /// What the session was configured with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.dialogue.config
    }
}

impl Session {
    /// Whether the driver may report the end of a handshake, and it matters.
    fn expects_handshake(&mut self) -> bool {
        match self.state() {
            State::Handshake => true,
            // It came too late.
            State::Closing | State::Closed => false,
            _ => {
                self.error = Some(Error::UnexpectedHandshake);
                false
            }
        }
    }

    fn ask(&mut self) -> Option<Event<'_>> {
        let dialogue = &mut self.dialogue;
        Some(match self.asked.as_ref()? {
            Asked::Hello { name, extended } => Event::Hello(Hello {
                dialogue,
                name,
                extended: *extended,
            }),
            Asked::Authenticate => {
                let claim = dialogue.claim()?.clone();
                Event::Authenticate(Authenticate { dialogue, claim })
            }
            Asked::Mail => Event::Mail(Mail { dialogue }),
            Asked::Rcpt => Event::Rcpt(Rcpt { dialogue }),
            Asked::Data => Event::Data(Data { dialogue }),
            Asked::Message => Event::Message(Message { dialogue }),
            Asked::Verify(argument) => Event::Verify(Verify { dialogue, argument }),
            Asked::Expand(argument) => Event::Expand(Expand { dialogue, argument }),
        })
    }

    const fn is_asking(&self) -> bool {
        self.asked.is_some() && !self.dialogue.is_answered()
    }

    fn waits_for(&self) -> Wait {
        let output = &self.dialogue.output;
        match self.state() {
            State::Closed => Wait::Nothing,
            State::Closing => Wait::Closing,
            _ if self.is_asking() => Wait::Nothing,
            _ if output.pending() > 0 => Wait::Output(output.sent()),
            State::Securing | State::Handshake => Wait::Handshake,
            State::Content => Wait::Content(self.dialogue.content.octets()),
            _ if self.dialogue.has_chunk() => Wait::Content(self.dialogue.thrown_away()),
            _ => Wait::Command(self.dialogue.commands()),
        }
    }

    fn input_cap(&self) -> usize {
        Self::INPUT_CAP.saturating_add(self.dialogue.config.max_line())
    }
}
