//! What commands and answers change: the state, the transaction, the replies on
//! their way out, and the count of mistakes.

use alloc::format;
use core::{fmt, mem};

use super::{
    chunk::Chunk,
    config::Config,
    content::Content,
    envelope::{Envelope, Recipient},
    event::Discarded,
    exchange::{Identity, Progress},
    received::{Date, Received},
    reply::{self, Fixed, Rejection, Said, Say, Subject},
    state::{State, Trigger},
};
use crate::{
    TlsInfo, TlsPolicy,
    buffer::SendBuffer,
    sasl::Nonces,
    transcript::{Hook, Transcript},
    types::{HelloName, Mailbox, Parameters, Reply, ReversePath},
};

/// Everything of a session but its input and the question that is open.
pub(super) struct Dialogue {
    pub(super) config: Config,
    pub(super) output: SendBuffer,
    pub(super) transcript: Transcript,
    pub(super) content: Content,
    pub(super) chunk: Option<Chunk>,
    pub(super) thrown_away: u64,
    greeting: Reply,
    pub(super) greeted: bool,
    /// The greeting is a refusal.
    pub(super) turned_away: bool,
    state: State,
    pub(super) tls: Option<TlsInfo>,
    pub(super) nonces: Option<Nonces>,
    /// The exchange of AUTH that is going on.
    pub(super) progress: Option<Progress>,
    pub(super) identity: Option<Identity>,
    pub(super) failed_attempts: usize,
    /// The name that the client gave, and whether by EHLO.
    pub(super) hello: Option<(HelloName, bool)>,
    pub(super) envelope: Envelope,
    /// The recipient that the application is asked about.
    pub(super) candidate: Recipient,
    /// Whether the envelope belongs to a transaction that is open.
    is_open: bool,
    /// A transaction that is gone, and not told of yet.
    discarded: Option<Discarded>,
    /// The question that was asked has been answered.
    pub(super) answered: bool,
    /// How many commands were read.
    commands: u64,
    errors: usize,
    /// How many commands since the last message have brought none nearer.
    junk: usize,
    /// How many recipients since the last message were too many.
    pub(super) put_off: usize,
    /// Part of the transaction was refused.
    behind_refusal: bool,
    /// What came last was AUTH, or no command: it may be meant for an exchange
    /// that there is not.
    pub(super) behind_auth: bool,
    refused_recipients: usize,
}

impl Dialogue {
    pub(super) fn new(config: Config) -> Self {
        let text = format!("{} {}", config.host, config.greeting);
        let greeting = reply::from_host(220, text.trim_end());
        Self::start(config, greeting, false)
    }

    pub(super) fn refusing(config: Config, rejection: &Rejection) -> Self {
        let greeting = rejection.greeting(&config.host);
        Self::start(config, greeting, true)
    }

    fn start(config: Config, greeting: Reply, turned_away: bool) -> Self {
        let state = match config.tls {
            TlsPolicy::Implicit => State::Securing,
            _ if turned_away => State::Refused,
            _ => State::Greeted,
        };
        let mut dialogue = Self {
            content: Content::new(&config),
            chunk: None,
            thrown_away: 0,
            config,
            output: SendBuffer::default(),
            transcript: Transcript::default(),
            greeting,
            greeted: false,
            turned_away,
            state,
            tls: None,
            nonces: None,
            progress: None,
            identity: None,
            failed_attempts: 0,
            hello: None,
            envelope: Envelope::new(ReversePath::Null, Parameters::new()),
            candidate: Recipient::nobody(),
            is_open: false,
            discarded: None,
            answered: false,
            commands: 0,
            errors: 0,
            junk: 0,
            put_off: 0,
            behind_refusal: false,
            behind_auth: false,
            refused_recipients: 0,
        };
        if !dialogue.is_securing() {
            dialogue.say_greeting();
        }
        dialogue
    }

    /// After a 421 there is nothing to wait for.
    pub(super) fn say_greeting(&mut self) {
        self.greeted = true;
        let greeting = self.greeting.clone();
        self.say(&greeting);
        if self.turned_away && greeting.code().get() == 421 {
            self.move_on(Trigger::Abort, Discarded::Shutdown);
        }
    }

    /// The greeting may have been said before anyone could have asked to be
    /// shown it.
    pub(super) fn set_transcript(&mut self, hook: Hook) {
        self.transcript.set(hook);
        if self.greeted && self.commands == 0 {
            self.transcript.reply(&self.greeting);
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    pub(super) const fn commands(&self) -> u64 {
        self.commands
    }

    pub(super) fn hello(&self) -> Option<&HelloName> {
        self.hello.as_ref().map(|(name, _)| name)
    }

    /// Whether the client said EHLO, and so may use what the reply listed.
    pub(super) fn is_extended(&self) -> bool {
        self.hello.as_ref().is_some_and(|(_, extended)| *extended)
    }

    /// The envelope, of the open transaction if there is one.
    pub(super) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    pub(super) const fn has_transaction(&self) -> bool {
        self.is_open
    }

    pub(super) fn received(&self, date: Date) -> Received<'_> {
        Received::new(
            &self.config.host,
            self.hello
                .as_ref()
                .map(|(name, extended)| (name, *extended)),
            self.is_open.then_some(&self.envelope),
            self.tls.as_ref(),
            self.identity.is_some(),
            date,
        )
    }

    pub(super) fn take_discarded(&mut self) -> Option<Discarded> {
        self.discarded.take()
    }

    pub(super) const fn is_answered(&self) -> bool {
        self.answered
    }

    pub(super) fn take_answered(&mut self) -> bool {
        mem::take(&mut self.answered)
    }

    pub(super) fn count_command(&mut self) {
        self.commands += 1;
    }

    pub(super) fn say(&mut self, what: &impl Say) {
        let said = what.said();
        self.behind_refusal |= is_refusal(said.code());
        say(&mut self.output, &mut self.transcript, said);
    }

    /// As [`say`](Self::say), with the name of the server in front of the text.
    pub(super) fn say_as_host(&mut self, fixed: Fixed) {
        let said = Said::About(fixed, Subject::Host(&self.config.host));
        say(&mut self.output, &mut self.transcript, said);
    }

    /// Whether a command that is out of sequence may be so because another was
    /// refused, which the client could not know when it sent both.
    pub(super) fn follows_refusal(&self) -> bool {
        self.behind_refusal || self.state == State::Failed
    }

    /// The reply to a command that the client should not have sent.
    pub(super) fn fail(&mut self, reply: Fixed) {
        if self.count_error() {
            self.say(&reply);
        }
    }

    /// Counts a command that brings no message nearer. Returns whether the session
    /// goes on.
    pub(super) fn count_junk(&mut self) -> bool {
        self.junk = self.junk.saturating_add(1);
        self.junk <= self.config.max_junk_commands || self.count_error()
    }

    fn count_error(&mut self) -> bool {
        self.errors = self.errors.saturating_add(1);
        let goes_on = self.errors <= self.config.max_errors;
        if !goes_on {
            self.abort(reply::TOO_MANY_ERRORS, Discarded::TooManyErrors);
        }
        goes_on
    }

    /// Ends the session with a 421, or what else there is to say.
    pub(super) fn abort(&mut self, reply: Fixed, why: Discarded) {
        self.say_as_host(reply);
        self.move_on(Trigger::Abort, why);
    }

    /// Moves to where `trigger` leads. `why` is what becomes of a transaction
    /// that does not outlive it.
    pub(super) fn move_on(&mut self, trigger: Trigger, why: Discarded) {
        let Some(state) = self.state.after(trigger) else {
            return;
        };
        self.state = state;
        if state != State::Authenticating {
            self.progress = None;
        }
        if matches!(trigger, Trigger::Hello | Trigger::Mail | Trigger::Rset) {
            self.behind_refusal = false;
        }
        if state == State::Ready {
            self.thrown_away = 0;
        }
        match state {
            State::Mail | State::Recipients | State::Content | State::Chunks | State::Failed => {}
            _ if trigger == Trigger::EndOfData => self.is_open = false,
            _ => self.discard(why),
        }
    }

    /// Throws the transaction away, if there is one.
    pub(super) fn discard(&mut self, why: Discarded) {
        if mem::take(&mut self.is_open) {
            self.discarded = Some(why);
        }
    }

    /// The application has thrown the transaction away.
    pub(super) fn forget(&mut self) {
        self.is_open = false;
    }

    /// The content is complete, and its fate is `reply`.
    pub(super) fn end_content(&mut self, what: &impl Say) {
        self.say(what);
        self.move_on(Trigger::EndOfData, Discarded::Reset);
    }
}

/// What the answers to questions do.
impl Dialogue {
    pub(super) fn greet(&mut self, name: &HelloName, extended: bool) {
        let text = if extended {
            self.hello_text()
        } else {
            format!("{}", self.config.host)
        };
        self.hello = Some((name.clone(), extended));
        self.answer(&reply::from_host(250, &text));
        self.move_on(Trigger::Hello, Discarded::Hello);
    }

    /// Begins the transaction that the application was asked about.
    pub(super) fn open(&mut self) {
        self.answered = true;
        self.is_open = true;
        let path = self.envelope.reverse_path();
        let said = about(reply::MAIL_ACCEPTED, Subject::Sender(path), path.is_ascii());
        say(&mut self.output, &mut self.transcript, said);
        self.move_on(Trigger::Mail, Discarded::Reset);
    }

    /// Adds the recipient that the application was asked about.
    pub(super) fn add(&mut self) {
        self.answered = true;
        let path = self.candidate.path();
        let said = about(
            reply::RCPT_ACCEPTED,
            Subject::Recipient(path),
            path.is_ascii(),
        );
        say(&mut self.output, &mut self.transcript, said);
        self.take_candidate();
        self.move_on(Trigger::Rcpt, Discarded::Reset);
    }

    /// As [`add`](Self::add), for one who has moved.
    pub(super) fn forward(&mut self, address: &Mailbox) {
        let text = format!("{} to <{address}>", reply::FORWARDED.text());
        self.answer(&Said::Saying(reply::FORWARDED, &text));
        self.take_candidate();
        self.move_on(Trigger::Rcpt, Discarded::Reset);
    }

    fn take_candidate(&mut self) {
        let recipient = mem::replace(&mut self.candidate, Recipient::nobody());
        self.envelope.recipients.push(recipient);
    }

    pub(super) fn refuse_address(&mut self, rejection: &Rejection) {
        self.refused_recipients += 1;
        if self.refused_recipients > self.config.max_refused_recipients {
            self.answered = true;
            self.abort(reply::TOO_MANY_ERRORS, Discarded::TooManyErrors);
        } else {
            self.refuse(rejection);
        }
    }

    /// A refused MAIL or DATA, which the client can say again.
    pub(super) fn refuse_step(&mut self, rejection: &Rejection) {
        if self.count_junk() {
            self.refuse(rejection);
        } else {
            self.answered = true;
        }
    }

    pub(super) fn await_content(&mut self) {
        self.content = Content::new(&self.config);
        self.answer(&reply::SEND_CONTENT);
        self.move_on(Trigger::Data, Discarded::Reset);
    }

    pub(super) fn conclude(&mut self, what: &impl Say) {
        self.answered = true;
        if !is_refusal(what.said().code()) {
            self.junk = 0;
            self.put_off = 0;
        }
        self.end_content(what);
    }

    /// Refuses what was asked, which changes nothing but for a 421.
    pub(super) fn refuse(&mut self, rejection: &Rejection) {
        self.answer(rejection);
        self.close_after(rejection);
    }

    /// A refusal with code 421 is the end.
    pub(super) fn close_after(&mut self, rejection: &Rejection) {
        if rejection.closes() {
            self.move_on(Trigger::Abort, Discarded::Shutdown);
        }
    }

    pub(super) fn answer(&mut self, what: &impl Say) {
        self.answered = true;
        self.say(what);
    }
}

fn say(output: &mut SendBuffer, transcript: &mut Transcript, said: Said<'_>) {
    if transcript.is_on() {
        transcript.reply(&said.reply());
    }
    output.write(|out| said.write(out));
}

/// The reply about a path, which is not told to a client that could not read it.
fn about(fixed: Fixed, path: Subject<'_>, is_ascii: bool) -> Said<'_> {
    if is_ascii {
        Said::About(fixed, path)
    } else {
        Said::Fixed(fixed)
    }
}

/// Whether a client that pipelines may go on for a while as if it had got another
/// answer; what it gets when it does is 503.
const fn is_refusal(code: u16) -> bool {
    code >= 400 && !matches!(code, 500 | 502 | 503)
}

impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue")
            .field("state", &self.state)
            .field("output", &self.output)
            .field("transcript", &self.transcript)
            .finish_non_exhaustive()
    }
}
