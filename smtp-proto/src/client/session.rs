//! The session: what a caller and a driver see of it.

use alloc::{boxed::Box, collections::VecDeque, string::String};
use core::{fmt, time::Duration};

use super::{
    body::BodyEncoder,
    config::{Config, Pipelining},
    delivery::Delivery,
    error::{Error, ErrorKind, Phase},
    event::Event,
    exchange::Exchange,
    pipeline::{Expected, Pipeline},
    state::{Input, State},
    timeouts::Timeouts,
    work::Job,
};
use crate::{
    Entry, Instant, TlsInfo, TlsPolicy, Transmit,
    buffer::SendBuffer,
    sasl::Nonces,
    transcript::Transcript,
    types::{Capabilities, Reply},
    wire::ReplyParser,
};

/// One SMTP session, seen from the client. Does no I/O and reads no clock.
///
/// It has four kinds of method:
///
/// | kind | who calls it | |
/// |---|---|---|
/// | requests | the application | [`authenticate`](Self::authenticate); [`send`](Self::send), or [`mail`](Self::mail), [`rcpt`](Self::rcpt), [`data`](Self::data); [`body`](Self::body); [`verify`](Self::verify) and the like; [`quit`](Self::quit) |
/// | `handle_*` | the driver, with news | [`handle_input`](Self::handle_input), [`handle_transmitted`](Self::handle_transmitted), [`handle_timeout`](Self::handle_timeout), [`handle_write_closed`](Self::handle_write_closed), [`handle_tls_established`](Self::handle_tls_established), [`handle_tls_failed`](Self::handle_tls_failed) |
/// | `poll_*` | the driver, for what to do next | [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout) |
/// | getters | anyone | [`capabilities`](Self::capabilities), [`phase`](Self::phase), [`is_idle`](Self::is_idle), [`is_reusable`](Self::is_reusable) |
///
/// Requests may be made at any time, also before the session is open, and are
/// carried out one after another. After anything else, poll: events until there
/// are none, then output, then wait for input or the time-out. Any order is
/// legal, and nothing is lost by polling too often. Before all of that, a driver
/// gives the session a seed ([`set_seed`](Self::set_seed)), if there may be
/// authentication.
///
/// ```
/// use smtp_proto::{Instant, client::{Config, Event, Session, Transaction}};
/// use smtp_proto::types::Mailbox;
///
/// # fn exchange(_: &[u8]) -> &'static [u8] { b"" }
/// let now = Instant::ORIGIN;
/// let mut session = Session::new(Config::new(&"client.example.org".parse()?)?, now);
/// session.send(
///     Transaction::new("alice@example.org".parse::<Mailbox>()?)
///         .recipient("bob@example.net".parse::<Mailbox>()?)
///         .content("Subject: hello\r\n\r\nHello.\r\n"),
/// )?;
/// session.quit()?;
///
/// session.handle_input(b"220 mx.example.net\r\n", now);
/// let out = session.poll_transmit().expect("the next command");
/// assert_eq!(out.slices().next(), Some(&b"EHLO client.example.org\r\n"[..]));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Session {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) parser: ReplyParser,
    pub(super) out: SendBuffer,
    pub(super) pipeline: Pipeline,
    pub(super) events: VecDeque<Event>,
    pub(super) capabilities: Capabilities,
    pub(super) greeting: Option<Reply>,
    /// What is known of TLS, if it is active.
    pub(super) tls: Option<TlsInfo>,
    pub(super) nonces: Option<Nonces>,
    /// The mechanism by which the client was authenticated.
    pub(super) authenticated: Option<String>,
    pub(super) exchange: Option<Box<Exchange>>,
    /// A request to be authenticated has not been answered.
    pub(super) authenticating: bool,
    /// [`Event::Ready`] was told.
    pub(super) is_open: bool,
    pub(super) transcript: Transcript,
    /// The transactions that are being carried out: the first is answered, the
    /// last is sent.
    pub(super) active: VecDeque<Box<Delivery>>,
    /// Records of transactions that have ended.
    pub(super) spares: VecDeque<Box<Delivery>>,
    /// What waits for them.
    pub(super) queue: VecDeque<Job>,
    pub(super) quitting: bool,
    /// How many transactions were begun.
    pub(super) transactions: u64,
    pub(super) next_id: u64,
    pub(super) encoder: BodyEncoder,
    /// How much of the content was encoded.
    pub(super) fed: usize,
    /// The application has supplied all of it.
    pub(super) ended: bool,
    /// Where in the output the content ends, as far as it is there.
    pub(super) content_until: u64,
    /// How many messages were sent in full and are not answered.
    pub(super) unanswered_messages: usize,
    /// They were as many as may be, and are still more than half of that.
    pub(super) is_full: bool,
    /// The server has refused content behind DATA, and may not have forgotten the
    /// transaction.
    pub(super) needs_reset: bool,
    /// A reply was odd enough not to use the session again.
    pub(super) tainted: bool,
    /// The driver cannot write any more.
    pub(super) write_closed: bool,
    pub(super) error: Option<Error>,
    pub(super) now: Instant,
    /// When the session began to wait for what it waits for now.
    pub(super) wait_started: Instant,
    /// That was in a request, which does not know the time.
    pub(super) wait_started_is_stale: bool,
    /// Where in the output the current block of content began.
    pub(super) block_start: u64,
}

impl Session {
    /// A session over a connection that was opened just now.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let implicit_tls = config.tls == TlsPolicy::Implicit;
        let mut session = Self {
            parser: ReplyParser::new(config.reply_limits),
            config,
            state: if implicit_tls {
                State::FirstHandshake
            } else {
                State::Greeting
            },
            out: SendBuffer::default(),
            pipeline: Pipeline::default(),
            events: VecDeque::new(),
            capabilities: Capabilities::default(),
            greeting: None,
            tls: None,
            nonces: None,
            authenticated: None,
            exchange: None,
            authenticating: false,
            is_open: false,
            transcript: Transcript::default(),
            active: VecDeque::new(),
            spares: VecDeque::new(),
            queue: VecDeque::new(),
            quitting: false,
            transactions: 0,
            next_id: 0,
            encoder: BodyEncoder::default(),
            fed: 0,
            ended: false,
            content_until: 0,
            unanswered_messages: 0,
            is_full: false,
            needs_reset: false,
            tainted: false,
            write_closed: false,
            error: None,
            now,
            wait_started: now,
            wait_started_is_stale: false,
            block_start: 0,
        };
        if implicit_tls {
            session.await_handshake();
        } else {
            session.pipeline.push(Expected::Greeting, 0, 0);
        }
        session
    }

    /// Gives the session 32 octets that nobody can guess, for the nonces of SCRAM;
    /// a driver does so before anything else. Without them those mechanisms are
    /// not used, but the next in the order of preference: inside TLS, one that
    /// shows the password to the server.
    pub fn set_seed(&mut self, seed: [u8; 32]) {
        self.nonces = Some(Nonces::new(seed));
    }

    /// Passes each command and each reply to `hook`, in order. Secrets are
    /// masked.
    pub fn set_transcript(&mut self, hook: impl FnMut(Entry<'_>) + Send + 'static) {
        self.transcript.set(Box::new(hook));
    }
}

/// News from the driver.
impl Session {
    /// Takes octets that came from the server. An empty slice is the end of the
    /// file, or a connection that broke.
    ///
    /// Legal at any time, also with output pending. What was written must have
    /// been acknowledged with [`handle_transmitted`](Self::handle_transmitted)
    /// before: a reply to a command that has not left is an error.
    pub fn handle_input(&mut self, input: &[u8], now: Instant) {
        self.news(now);
        if input.is_empty() {
            self.end_of_file();
        } else {
            self.read(input);
        }
        self.pump();
        self.wait_started_is_stale = false;
    }

    /// Acknowledges that the transport took `n` octets of the output.
    pub fn handle_transmitted(&mut self, n: usize, now: Instant) {
        self.news(now);
        let waited_for = self.pipeline.front_has_left(self.out.sent());
        let in_content = self.is_sending_content() && !waited_for;
        let was_crossing = self.is_crossing();
        let before = self.out.sent();
        self.out.advance(n);
        let progress = self.out.sent() > before;
        let block_is_over = self.out.sent() - self.block_start >= Timeouts::CONTENT_BLOCK;
        let has_left = self.pipeline.front_has_left(self.out.sent()) || self.out.pending() == 0;
        // The server cannot have dropped what had not left.
        let begins_to_cross = !was_crossing && self.is_crossing();
        if begins_to_cross || in_content && progress && (block_is_over || has_left) {
            self.start_wait();
        }
        self.pump();
        self.wait_started_is_stale = false;
    }

    /// Says that the transport takes no more octets, because a write failed.
    /// What was not sent is dropped, and the session listens for the reason: go
    /// on reading.
    pub fn handle_write_closed(&mut self, now: Instant) {
        self.news(now);
        if !self.write_closed {
            self.write_closed = true;
            self.out.clear();
            self.start_wait();
        }
        self.wait_started_is_stale = false;
    }

    /// Says that TLS was established. To be called once after each
    /// [`Event::StartTls`]; does nothing at any other time.
    ///
    /// Everything that was learnt in clear is forgotten, and the session begins
    /// anew (RFC 3207 section 4.2).
    pub fn handle_tls_established(&mut self, info: TlsInfo, now: Instant) {
        self.news(now);
        if self.is_in_handshake() {
            self.begin_secured(info);
        }
        self.wait_started_is_stale = false;
    }

    /// Says that TLS could not be established: the session ends, with an error
    /// of kind [`TlsFailed`](ErrorKind::TlsFailed).
    pub fn handle_tls_failed(&mut self, now: Instant) {
        self.news(now);
        if self.is_in_handshake() {
            self.fail(ErrorKind::TlsFailed, None);
        }
        self.wait_started_is_stale = false;
    }

    /// Says what time it is. Does nothing before the deadline.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.news(now);
        self.wait_started_is_stale = false;
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.is_only_leaving() {
            self.advance(Input::Answered);
            self.events.push_back(Event::Closed);
        } else if self.write_closed {
            self.fail(ErrorKind::ConnectionLost, None);
        } else if self.is_crossing() {
            self.fail(ErrorKind::GroupDropped, None);
        } else {
            self.fail(ErrorKind::TimedOut, None);
        }
    }

    fn news(&mut self, now: Instant) {
        self.now = self.now.max(now);
        // A request that was made after a pause began a wait in the past.
        if self.wait_started_is_stale {
            self.start_wait();
        }
    }
}

/// What to do next.
impl Session {
    /// The next event. `None` means that there is none until something is
    /// handled or requested.
    ///
    /// # Errors
    /// [`Error`] once the session has ended other than by QUIT, after the last
    /// event. It is final, and repeats.
    ///
    /// Even then [`poll_transmit`](Self::poll_transmit) may have a last QUIT,
    /// for a driver that can write it without waiting.
    pub fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        match (self.events.pop_front(), &self.error) {
            (Some(event), _) => Ok(Some(event)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => {
                if self.is_idle() {
                    self.rest();
                }
                Ok(None)
            }
        }
    }

    /// Octets to write, all that there are. Acknowledge what was written with
    /// [`handle_transmitted`](Self::handle_transmitted).
    pub fn poll_transmit(&self) -> Option<Transmit<'_>> {
        self.out.transmit()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else
    /// is handled before. May have changed after any other call. May lie in the
    /// past after a request that was made after a pause; `handle_timeout` then
    /// starts the time anew.
    ///
    /// `None` means that nothing is expected of the server: the application is
    /// to do something.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = &self.config.timeouts;
        let time = match self.state {
            State::Closed => return None,
            _ if self.write_closed => timeouts.quit,
            _ if self.is_crossing() => timeouts.crossing.min(timeouts.request),
            _ if self.is_sending_content() && !self.pipeline.front_has_left(self.out.sent()) => {
                timeouts.content
            }
            _ => timeouts.of(self.pipeline.front()?.phase()),
        };
        (time != Duration::MAX).then(|| self.wait_started + time)
    }
}

/// Getters.
impl Session {
    /// What the server offers: what it said last, inside TLS if that is active.
    /// Empty before the hello, and with a server that does not know EHLO.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What is known of TLS, once it is active.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// The mechanism by which the server was told who the client is, once it has
    /// accepted that.
    #[must_use]
    pub fn authenticated(&self) -> Option<&str> {
        self.authenticated.as_deref()
    }

    /// Whether a request to be authenticated has not been answered.
    #[must_use]
    pub fn is_authenticating(&self) -> bool {
        self.authenticating && self.error.is_none()
    }

    /// The greeting, once it has come. One that came in clear is forgotten when
    /// TLS is established.
    #[must_use]
    pub fn greeting(&self) -> Option<&Reply> {
        self.greeting.as_ref()
    }

    /// What is going on.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Content if self.pipeline.is_empty() => Phase::Content,
            state => match self.pipeline.front() {
                Some(front)
                    if front.is_content() && !self.pipeline.front_has_left(self.out.sent()) =>
                {
                    Phase::Content
                }
                Some(front) => front.phase(),
                None => state.phase(),
            },
        }
    }

    /// Whether content waits to leave.
    fn is_sending_content(&self) -> bool {
        self.out.sent() < self.content_until.min(self.out.queued())
    }

    /// Whether the server is to answer what came in one group with the end of
    /// content that it has answered.
    fn is_crossing(&self) -> bool {
        self.pipeline.front() == Some(Expected::Crossing)
            && self.pipeline.front_has_left(self.out.sent())
    }

    /// Whether content is wanted that the application is to supply:
    /// from [`Event::BodyWanted`] to the end of the content.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        self.asks_for_content()
    }

    /// Whether one more transaction, if it were queued, might be sent before what
    /// is under way is answered: for a driver that has many, and feeds them as
    /// they are needed (see the [module](super)). Always if nothing is queued and
    /// the session is not ending; and up to
    /// [`max_unanswered_messages`](Config::max_unanswered_messages) are queued
    /// behind as many that are under way, with
    /// [`AcrossTransactions`](Pipelining::AcrossTransactions).
    #[must_use]
    pub fn wants_transaction(&self) -> bool {
        let ahead = match self.config.pipelining {
            Pipelining::AcrossTransactions => self.config.max_unanswered_messages,
            _ => 1,
        };
        self.check_open().is_ok()
            && !self.authenticating
            && !self.write_closed
            && self.queue.len() < ahead.min(self.config.max_queued)
    }

    /// How many transactions were begun: how often MAIL was sent.
    #[must_use]
    pub const fn transactions(&self) -> u64 {
        self.transactions
    }

    /// Whether the session is open and has nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state == State::Ready && self.queue.is_empty() && self.out.pending() == 0
    }

    /// Whether the session is idle, and nothing was odd enough to prefer a new
    /// one.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.is_idle() && !self.tainted && !self.parser.is_partial()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("phase", &self.phase())
            .field("pending", &self.out.pending())
            .field("queued", &self.queue.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
