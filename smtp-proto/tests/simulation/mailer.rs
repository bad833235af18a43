//! A client host: it has a queue of messages, and sends them over one connection
//! after another, until what became of each is known or it has tried often enough.

use std::{
    collections::{BTreeMap, VecDeque},
    iter::repeat,
};

use bytes::Bytes;
use smtp_proto::client::{
    Config, ErrorKind, Event, Fate, NotSent, Outcome, RecipientPolicy, RequestId, Session,
    Transaction, TransactionId,
};

use crate::{
    agenda::{Around, HOUR, MILLISECOND, MINUTE, SECOND, Time, What},
    channel::{Channel, Handshake},
    ledger::{Supply, address, sender},
    network::{ConnectionId, Read, Side, Written},
    settings::{self, Settings},
    world::{Flaw, tls_info},
};

/// How often a mailer dials at most.
const DIALS: usize = 12;

/// How often it tries to send a message.
const ATTEMPTS: usize = 6;

#[derive(Debug)]
pub(crate) struct Mailer {
    number: usize,
    receiver: usize,
    config: Config,
    /// How many messages may be in doubt when a session ends.
    in_doubt: usize,
    flaw: Flaw,
    queue: VecDeque<Letter>,
    dials: usize,
    call: Option<Call>,
    /// Is dialling, or waits to do so again.
    is_dialling: bool,
}

/// A message, to those who do not have it.
#[derive(Clone, Debug)]
struct Letter {
    message: usize,
    recipients: Vec<usize>,
    tries: usize,
}

/// A connection, and what is being done with it.
#[derive(Debug)]
struct Call {
    name: String,
    channel: Channel,
    session: Session,
    timer: Option<Time>,
    under_way: BTreeMap<TransactionId, (usize, Letter)>,
    /// How many more messages go over it before there is a pause, or QUIT.
    batch: usize,
    /// All of them are requested at once.
    at_once: bool,
    /// QUIT is requested with the last.
    quits_early: bool,
    has_quit: bool,
    /// Until when nothing is asked of it.
    pause: Option<Time>,
    /// A NOOP that shows whether it may be used again.
    probe: Option<RequestId>,
    supplied: Option<Supplied>,
    stages: Option<Stages>,
    /// When the mailer has enough of it, whatever is going on.
    leaves_at: Option<Time>,
    /// Nobody may hear that it has left.
    vanishes: bool,
    /// How many messages are in doubt.
    in_doubt: usize,
    write_closed: bool,
    has_ended: bool,
}

/// Content that is supplied piece by piece.
#[derive(Debug)]
struct Supplied {
    transaction: TransactionId,
    content: Bytes,
    next: Time,
    /// Before which octet the mailer gives up.
    gives_up: Option<usize>,
}

/// A transaction in stages.
#[derive(Debug)]
struct Stages {
    transaction: TransactionId,
    attempt: usize,
    message: usize,
    /// Who is to be named yet.
    recipients: VecDeque<usize>,
    next: Time,
}

impl Mailer {
    pub(crate) fn new(
        number: usize,
        receiver: usize,
        Settings { config, in_doubt }: Settings,
        messages: impl Iterator<Item = (usize, usize)>,
        flaw: Flaw,
    ) -> Self {
        let letter = |(message, recipients)| Letter {
            message,
            recipients: (0..recipients).collect(),
            tries: 0,
        };
        Self {
            number,
            receiver,
            config,
            in_doubt,
            flaw,
            queue: messages.map(letter).collect(),
            dials: 0,
            call: None,
            is_dialling: false,
        }
    }

    pub(crate) const fn is_quiet(&self) -> bool {
        self.call.is_none() && !self.is_dialling
    }

    /// Dials, if there is anything to send.
    pub(crate) fn begin(&mut self, around: &mut Around) {
        if self.call.is_some() || self.is_dialling || self.queue.is_empty() {
            return;
        }
        if self.dials == DIALS {
            around.seen.count("a mailer that gives up");
            return;
        }
        self.dials += 1;
        self.is_dialling = true;
        let id = around.open(self.number, self.receiver);
        let delay = around.chance.magnitude(50..=300 * MILLISECOND);
        around.after(delay, What::Connect(id));
    }

    pub(crate) fn dialled(&mut self, around: &mut Around, id: ConnectionId, taken: bool) {
        self.is_dialling = false;
        if !taken {
            self.call_again(around);
            return;
        }
        let now = around.instant();
        let mut session = Session::new(self.config.clone(), now);
        session.set_seed([around.chance.next().to_be_bytes()[0]; 32]);
        let name = format!("c{}.{id}", self.number);
        if let Some(hook) = around.trace.hook(&name) {
            session.set_transcript(hook);
        }
        around.note(&name, || format!("{:?}", self.config));
        around.seen.count("sessions of clients");
        let mut call = Call {
            name,
            channel: Channel::new(id, Side::Client),
            session,
            timer: None,
            under_way: BTreeMap::new(),
            batch: 0,
            at_once: false,
            quits_early: false,
            has_quit: false,
            pause: None,
            probe: None,
            supplied: None,
            stages: None,
            leaves_at: None,
            vanishes: false,
            in_doubt: 0,
            write_closed: false,
            has_ended: false,
        };
        if around.chance.one_in(20) {
            let time = around.now + around.chance.magnitude(MILLISECOND..=5 * MINUTE);
            around.at(time, What::Timer(id, Side::Client));
            call.leaves_at = Some(time);
        }
        call.begin_batch(around, self.queue.len());
        self.call = Some(call);
        self.wake(around);
    }

    /// Plans to dial again.
    fn call_again(&self, around: &mut Around) {
        if !self.queue.is_empty() {
            let pause = around.chance.magnitude(SECOND..=2 * HOUR);
            around.after(pause, What::Mailer(self.number));
        }
    }

    /// There is news of its connection.
    pub(crate) fn wake(&mut self, around: &mut Around) {
        let Some(mut call) = self.call.take() else {
            return;
        };
        if self.drive(around, &mut call) {
            call.set_timer(around);
            self.call = Some(call);
            return;
        }
        around.note(&call.name, || "closed".into());
        if call.vanishes && around.chance.one_in(2) {
            around.seen.count("a client that vanishes");
            around.vanish(call.channel.id, Side::Client);
        } else {
            call.channel.close(around);
        }
        around.ledger.claim(call.in_doubt <= self.in_doubt, || {
            format!("{}: {} messages in doubt", call.name, call.in_doubt)
        });
        around.ledger.claim(call.under_way.is_empty(), || {
            format!("{}: never told: {:?}", call.name, call.under_way)
        });
        self.call_again(around);
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.call.as_ref().map(|call| call.channel.id)
    }

    /// Does what there is to do; whether the connection goes on.
    fn drive(&mut self, around: &mut Around, call: &mut Call) -> bool {
        loop {
            let mut moved = call.go_on_with_handshake(around);
            match self.poll(around, call) {
                None => return false,
                Some(has_polled) => moved |= has_polled,
            }
            moved |=
                self.hand_over(around, call) || call.go_on_in_stages(around) || call.supply(around);
            call.go_on(around, self.queue.len());
            if call.leaves_at.take_if(|at| *at <= around.now).is_some() {
                around.seen.count("a client that leaves without QUIT");
                call.vanishes = true;
                call.session.abort();
                moved = true;
            }
            let now = around.instant();
            if call.session.poll_timeout().is_some_and(|at| at <= now) {
                around.seen.count("a time-out of a client");
                call.session.handle_timeout(now);
                moved = true;
            }
            call.check_bounds(around);
            moved |= call.write(around) | call.read(around);
            if !moved {
                return true;
            }
        }
    }

    /// Deals with all events; whether there were any, or `None` if the session has
    /// ended.
    fn poll(&mut self, around: &mut Around, call: &mut Call) -> Option<bool> {
        let mut moved = false;
        loop {
            let event = match call.session.poll_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Some(moved),
                Err(error) => {
                    around.note(&call.name, || format!("error: {error}"));
                    around.seen.count(kind_of(error.kind()));
                    if !call.channel.is_in_handshake() {
                        call.write(around);
                    }
                    if !error.is_transient() && around.chance.one_in(2) {
                        self.dials = DIALS;
                    }
                    if let Some(config) = self.config.after(&error) {
                        around.seen.count("another configuration after an error");
                        self.config = config;
                    }
                    return None;
                }
            };
            moved = true;
            match event {
                Event::StartTls => {
                    let refuses = around.chance.one_in(20);
                    call.channel.shake_hands(refuses);
                }
                Event::Ready => around.seen.count("sessions that are open"),
                Event::BodyWanted { transaction } => call.begin_content(around, transaction),
                Event::Finished {
                    transaction,
                    outcome,
                } => self.finished(around, call, transaction, &outcome),
                Event::Reply { request, reply } => {
                    assert_eq!(call.probe.take(), Some(request));
                    around.seen.count("a probe that is answered");
                    if !reply.code().is_positive() {
                        call.quit();
                    }
                }
                Event::Closed => {
                    around.seen.count("a session that ends with QUIT");
                    return None;
                }
                Event::Sender { .. } | Event::Recipient { .. } | Event::Closing(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// A transaction has ended. What was surely not sent, or is refused for now,
    /// will be tried again; what is in doubt never.
    fn finished(
        &mut self,
        around: &mut Around,
        call: &mut Call,
        transaction: TransactionId,
        outcome: &Outcome,
    ) {
        let (attempt, letter) = call.under_way.remove(&transaction).unwrap();
        let fates = outcome.recipients();
        around.note(&call.name, || {
            let all: Vec<String> = fates.iter().map(ToString::to_string).collect();
            format!("attempt {attempt}: {}", all.join("; "))
        });
        around.ledger.told(attempt, fates);
        call.in_doubt += usize::from(matches!(outcome.fate(), Fate::InDoubt(_)));
        call.supplied.take_if(|one| one.transaction == transaction);
        call.stages.take_if(|one| one.transaction == transaction);
        let again = |fate: &Fate| match fate {
            Fate::NotSent(NotSent::Session(_) | NotSent::Abandoned) => true,
            Fate::InDoubt(_) => self.flaw == Flaw::SendsAgainInDoubt,
            fate => fate.is_transient(),
        };
        // In stages the last of them may never have been named.
        let fates = fates.iter().map(Some).chain(repeat(None));
        let left: Vec<usize> = letter
            .recipients
            .iter()
            .zip(fates)
            .filter(|(_, fate)| fate.is_none_or(again))
            .map(|(index, _)| *index)
            .collect();
        if !left.is_empty() && letter.tries < ATTEMPTS {
            around.seen.count("a message tried again");
            self.queue.push_back(Letter {
                message: letter.message,
                recipients: left,
                tries: letter.tries + 1,
            });
        }
    }

    /// Hands over the next messages, as far as they may be.
    fn hand_over(&mut self, around: &mut Around, call: &mut Call) -> bool {
        let mut moved = false;
        while call.takes_more(around.now) {
            let Some(letter) = self.queue.pop_front() else {
                call.batch = 0;
                break;
            };
            let message = around.ledger.messages[letter.message].clone();
            if message.supply == Supply::InStages && !call.under_way.is_empty() {
                self.queue.push_front(letter);
                break;
            }
            moved = true;
            call.batch -= 1;
            let named = match message.supply {
                Supply::InStages => &[],
                _ => &letter.recipients[..],
            };
            let attempt = around.ledger.begin(letter.message, named);
            let recipients = letter.recipients.iter();
            let recipients = recipients.map(|index| address(letter.message, *index));
            let mut transaction = Transaction::new(sender(attempt));
            if message.all_or_nothing {
                transaction = transaction.policy(RecipientPolicy::AllOrNothing);
            }
            if let Some(body) = message.body {
                transaction = transaction.body(body);
            }
            if message.supply != Supply::Given && around.chance.one_in(2) {
                transaction = transaction.size(message.stored.len() as u64);
            }
            if around.chance.one_in(3) {
                transaction = transaction.outcome_only();
            }
            let id = match message.supply {
                Supply::Given => {
                    let whole = transaction.recipients(recipients).content(message.content);
                    call.session.send(whole)
                }
                Supply::Streamed => call.session.send(transaction.recipients(recipients)),
                Supply::InStages => {
                    around.seen.count("a transaction in stages");
                    let recipients = letter.recipients.iter().copied().collect();
                    let id = call.session.mail(transaction);
                    call.stages = id.as_ref().ok().map(|&transaction| Stages {
                        transaction,
                        attempt,
                        message: letter.message,
                        recipients,
                        next: around.now,
                    });
                    id
                }
            };
            around.seen.count("messages handed over");
            let id = id.unwrap_or_else(|error| panic!("{error}"));
            call.under_way.insert(id, (attempt, letter));
        }
        // Stages that are not over would be given up.
        let is_last = call.batch == 0 && call.stages.is_none() && call.pause.is_none();
        if is_last && call.quits_early && !call.has_quit {
            call.quit();
            moved = true;
        }
        moved
    }
}

impl Call {
    fn begin_batch(&mut self, around: &mut Around, waiting: usize) {
        let chance = &mut around.chance;
        self.pause = None;
        self.batch = chance.size(1..=waiting.max(1));
        self.at_once = chance.one_in(2);
        self.quits_early = chance.one_in(3);
    }

    fn takes_more(&self, now: Time) -> bool {
        self.batch > 0
            && !self.has_quit
            && self.probe.is_none()
            && self.stages.is_none()
            && self.pause.is_none_or(|until| until <= now)
            && (self.at_once || self.session.wants_transaction())
    }

    fn quit(&mut self) {
        self.has_quit = true;
        self.batch = 0;
        // It may have ended by now.
        let _ = self.session.quit();
    }

    /// Goes on when a batch is done: with QUIT, or with another batch in a while.
    fn go_on(&mut self, around: &mut Around, waiting: usize) {
        if self.has_quit || self.batch > 0 || self.probe.is_some() || !self.under_way.is_empty() {
            return;
        }
        match self.pause {
            None if waiting > 0 && self.session.is_reusable() && !around.chance.one_in(3) => {
                let time = around.now + around.chance.magnitude(MILLISECOND..=15 * MINUTE);
                around.at(time, What::Timer(self.channel.id, Side::Client));
                self.pause = Some(time);
            }
            // RSET is on its way.
            None if waiting > 0 && !self.session.is_idle() => {}
            None if around.chance.one_in(8) => self.leaves_at = Some(around.now),
            None => self.quit(),
            Some(until) if until > around.now => {}
            Some(_) => {
                around.seen.count("a session that is used again");
                self.begin_batch(around, waiting);
                if around.chance.one_in(2) {
                    self.probe = self.session.noop().ok();
                }
                around.after(0, What::Timer(self.channel.id, Side::Client));
            }
        }
    }

    fn begin_content(&mut self, around: &mut Around, transaction: TransactionId) {
        let (_, letter) = &self.under_way[&transaction];
        let content = around.ledger.messages[letter.message].content.clone();
        let chance = &mut around.chance;
        let gives_up = chance.one_in(15).then(|| chance.below(content.len() + 1));
        self.supplied = Some(Supplied {
            transaction,
            content,
            next: around.now,
            gives_up,
        });
    }

    /// Supplies a piece of content, if it is wanted and the mailer has it.
    fn supply(&mut self, around: &mut Around) -> bool {
        let Some(supplied) = &mut self.supplied else {
            return false;
        };
        if supplied.next > around.now {
            return false;
        }
        let Some(body) = self.session.body() else {
            return false;
        };
        assert_eq!(body.transaction(), supplied.transaction);
        let left = supplied.content.len();
        if supplied.gives_up.is_some_and(|at| at >= left) {
            around.seen.count("content given up half-way");
            body.abort();
            self.supplied = None;
            return true;
        }
        if left == 0 {
            body.finish().unwrap_or_else(|error| panic!("{error}"));
            self.supplied = None;
            return true;
        }
        let length = around.chance.size(1..=left);
        let piece = supplied.content.split_to(length);
        body.write(piece).unwrap_or_else(|error| panic!("{error}"));
        if around.chance.one_in(10) {
            around.seen.count("content that takes its time");
            supplied.next = around.now + around.chance.magnitude(MILLISECOND..=3 * MINUTE);
            around.at(supplied.next, What::Timer(self.channel.id, Side::Client));
        }
        true
    }

    fn go_on_in_stages(&mut self, around: &mut Around) -> bool {
        let Some(stages) = &mut self.stages else {
            return false;
        };
        if stages.next > around.now {
            return false;
        }
        if around.chance.one_in(30) {
            around.seen.count("a transaction given up in stages");
            // It may have ended, and not be told yet.
            let _ = self.session.reset();
            self.stages = None;
            return true;
        }
        match stages.recipients.pop_front() {
            Some(recipient) => {
                let mailbox = address(stages.message, recipient);
                if self.session.rcpt(mailbox).is_err() {
                    // MAIL was refused, and the end will be told.
                    self.stages = None;
                    return true;
                }
                around.ledger.name(stages.attempt, recipient);
            }
            None => {
                let _ = self.session.data();
                self.stages = None;
                return true;
            }
        }
        if around.chance.one_in(3) {
            stages.next = around.now + around.chance.magnitude(MILLISECOND..=2 * MINUTE);
            around.at(stages.next, What::Timer(self.channel.id, Side::Client));
        }
        true
    }

    fn go_on_with_handshake(&mut self, around: &mut Around) -> bool {
        if !self.channel.is_in_handshake() {
            return false;
        }
        let now = around.instant();
        match self.channel.step(around) {
            Handshake::Pending => return false,
            Handshake::Established => self.session.handle_tls_established(tls_info(), now),
            Handshake::Failed => self.session.handle_tls_failed(now),
        }
        true
    }

    fn write(&mut self, around: &mut Around) -> bool {
        let Some(out) = self.session.poll_transmit() else {
            return false;
        };
        let octets = out.slices().collect::<Vec<_>>().concat();
        let now = around.instant();
        match self.channel.write(around, &octets) {
            Written::Taken(n) => {
                self.session.handle_transmitted(n, now);
                true
            }
            Written::Full => false,
            Written::Broken => {
                self.session.handle_write_closed(now);
                !std::mem::replace(&mut self.write_closed, true)
            }
        }
    }

    fn read(&mut self, around: &mut Around) -> bool {
        if self.channel.is_in_handshake() || self.has_ended {
            return false;
        }
        let read = self.channel.read(around);
        let now = around.instant();
        match read {
            Read::Octets(octets) => self.session.handle_input(&octets, now),
            Read::Nothing => return false,
            Read::End | Read::Reset => {
                self.has_ended = true;
                self.session.handle_input(&[], now);
            }
        }
        true
    }

    /// No more waits to be sent than the messages that are under way, each line of
    /// which may have one dot more, and a group of commands.
    fn check_bounds(&self, around: &mut Around) {
        let Some(out) = self.session.poll_transmit() else {
            return;
        };
        let lengths = self.under_way.values().map(|(_, letter)| {
            let message = &around.ledger.messages[letter.message];
            2 * message.stored.len() as u64
        });
        let most = lengths.sum::<u64>() + settings::MAX_UNANSWERED_OCTETS + settings::SOME_LINES;
        let pending = out.octets();
        around
            .ledger
            .claim(pending <= most, || format!("{pending} octets to be sent"));
    }

    fn set_timer(&mut self, around: &mut Around) {
        let what = What::Timer(self.channel.id, Side::Client);
        let deadline = self.session.poll_timeout();
        around.set_timer(&mut self.timer, deadline, what);
    }
}

/// How a session has ended. Between two sides that are in order some of it cannot
/// be.
fn kind_of(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Refused => "a session refused",
        ErrorKind::Closing => "a session closed by 421",
        ErrorKind::ConnectionLost => "a connection lost",
        ErrorKind::TimedOut => "a session that timed out",
        ErrorKind::TlsNotOffered => "TLS not offered",
        ErrorKind::TlsRefused => "TLS refused",
        ErrorKind::TlsFailed => "TLS failed",
        ErrorKind::Authentication(_) => "a failed authentication",
        ErrorKind::GroupDropped => "a group of commands without an answer",
        ErrorKind::Aborted => "a session given up",
        other => panic!("{other:?}"),
    }
}
