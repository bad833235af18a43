//! A server host: it listens, has a disk that takes its time, refuses this and
//! that, and falls over now and then.

use std::collections::{BTreeMap, VecDeque};

use smtp_proto::{
    TlsPolicy,
    sasl::{Credential, ServerMechanism},
    server::{self, Authentication, Config, Discarded, Event, Rejection, Session, State},
    types::{Mailbox, Parameters},
};

use crate::{
    agenda::{Around, MILLISECOND, MINUTE, SECOND, Time, What},
    chance::Chance,
    channel::{Channel, Handshake},
    ledger::{Stored, TOO_MANY, attempt_of, refused, refused_recipient, stored_as},
    network::{Close, ConnectionId, Read, Side, Written},
    settings::Wants,
    world::{Flaw, PASSWORD, USER, tls_info},
};

/// How much more than [`Session::OUTPUT_CAP`] may wait: the longest reply.
const REPLY_LEN: u64 = 2048;

#[derive(Debug)]
pub(crate) struct Receiver {
    number: usize,
    config: Config,
    wants: Wants,
    flaw: Flaw,
    is_listening: bool,
    /// The most sessions at a time.
    capacity: usize,
    /// What is beyond them waits, or is turned away.
    queues: bool,
    waiting: VecDeque<ConnectionId>,
    guests: BTreeMap<ConnectionId, Guest>,
    /// Who does not know yet that a host was lost.
    orphans: Vec<ConnectionId>,
    /// What is being written to the disk.
    jobs: BTreeMap<u64, Job>,
    next_job: u64,
    /// One in so many answers is a refusal.
    refusals: usize,
    /// One in so many answers takes a while.
    hesitations: usize,
    /// How long the disk takes at most.
    commit_time: Time,
    /// The most recipients that a message may have here.
    recipients: usize,
    /// One in so many commits is the last.
    crashes: usize,
}

#[derive(Debug)]
struct Job {
    guest: ConnectionId,
    stored: Stored,
}

/// A session, and what the application knows of it.
#[derive(Debug)]
struct Guest {
    name: String,
    channel: Channel,
    session: Session,
    timer: Option<Time>,
    thinks: Thinks,
    /// The transaction: from whom, and to whom.
    open: Option<Open>,
    content: Vec<u8>,
    write_closed: bool,
    /// The end of the input was handed over.
    has_ended: bool,
}

#[derive(Debug)]
struct Open {
    sender: Mailbox,
    recipients: Vec<String>,
    /// Whether there will be news of its end.
    is_refused: bool,
}

/// What the application is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinks {
    No,
    Until(Time),
    /// It knows what to answer to the question that is open.
    Enough,
    /// The message is being written to the disk.
    Disk,
    /// It was, under this number.
    Stored(usize),
}

/// When a receiver falls over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Never,
    BeforeCommit,
    AfterCommit,
    /// The reply is there and has not left.
    AfterReply,
    /// The reply has left and may not have come.
    AfterWrite,
}

impl Receiver {
    pub(crate) fn new(number: usize, around: &mut Around, flaw: Flaw) -> Self {
        let (config, wants) = config(&mut around.chance);
        let receiver = Self {
            number,
            config,
            wants,
            flaw,
            is_listening: true,
            capacity: around.chance.size(1..=8),
            queues: around.chance.one_in(2),
            waiting: VecDeque::new(),
            guests: BTreeMap::new(),
            orphans: Vec::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            refusals: around.chance.one_of(&[5, 10, 20, 50, 1000]),
            hesitations: around.chance.one_of(&[3, 10, 50]),
            commit_time: around.chance.magnitude(MILLISECOND..=15 * MINUTE),
            recipients: around.chance.size(1..=30),
            crashes: around.chance.one_of(&[5, 20, 100, 1000]),
        };
        for _ in 0..around.chance.below(3) {
            let time = around.chance.magnitude(100 * MILLISECOND..=60 * MINUTE);
            let what = match around.chance.one_in(3) {
                true => What::Shutdown(number),
                false => What::Crash(number),
            };
            around.at(time, what);
        }
        receiver
    }

    pub(crate) const fn wants(&self) -> Wants {
        self.wants
    }

    /// Whether anything is left that waits for something.
    pub(crate) fn is_quiet(&self) -> bool {
        self.guests.is_empty() && self.waiting.is_empty() && self.jobs.is_empty()
    }

    /// Somebody connects.
    pub(crate) fn connect(&mut self, around: &mut Around, id: ConnectionId) {
        let delay = around.chance.magnitude(50..=300 * MILLISECOND);
        if !self.is_listening {
            around.seen.count("a host that does not listen");
            let delay = if around.chance.one_in(3) {
                30 * SECOND
            } else {
                delay
            };
            around.after(delay, What::Dialled(id, false));
            return;
        }
        around.after(delay, What::Dialled(id, true));
        if self.guests.len() < self.capacity {
            self.welcome(around, id, None);
        } else if self.queues {
            around.seen.count("a connection that has to queue");
            self.waiting.push_back(id);
        } else {
            around.seen.count("a connection that is turned away");
            let rejection = Rejection::too_many_connections();
            self.welcome(around, id, Some(&rejection));
        }
    }

    fn welcome(&mut self, around: &mut Around, id: ConnectionId, no: Option<&Rejection>) {
        let now = around.instant();
        let config = self.config.clone();
        let mut session = match no {
            Some(rejection) => Session::refusing(config, rejection, now),
            None => Session::new(config, now),
        };
        session.set_seed([around.chance.next().to_be_bytes()[0]; 32]);
        let name = format!("s{}.{id}", self.number);
        if let Some(hook) = around.trace.hook(&name) {
            session.set_transcript(hook);
        }
        around.seen.count("sessions of servers");
        let guest = Guest {
            name,
            channel: Channel::new(id, Side::Server),
            session,
            timer: None,
            thinks: Thinks::No,
            open: None,
            content: Vec::new(),
            write_closed: false,
            has_ended: false,
        };
        self.guests.insert(id, guest);
        around.after(0, What::Timer(id, Side::Server));
    }

    /// There is news of a connection.
    pub(crate) fn wake(&mut self, around: &mut Around, id: ConnectionId) {
        let Some(mut guest) = self.guests.remove(&id) else {
            return;
        };
        if self.drive(around, &mut guest) {
            guest.set_timer(around);
            self.guests.insert(id, guest);
            return;
        }
        guest.channel.close(around);
        around.note(&guest.name, || "closed".into());
        if self.guests.len() < self.capacity
            && let Some(next) = self.waiting.pop_front()
        {
            self.welcome(around, next, None);
        }
    }

    /// Does what there is to do; whether the connection goes on.
    fn drive(&mut self, around: &mut Around, guest: &mut Guest) -> bool {
        loop {
            let mut moved = guest.go_on_with_handshake(around);
            match self.poll(around, guest) {
                Polled::Closed => return false,
                Polled::Something => moved = true,
                Polled::Nothing => {}
            }
            let now = around.instant();
            if guest.session.poll_timeout().is_some_and(|at| at <= now) {
                around.seen.count("a time-out of a server");
                guest.session.handle_timeout(now);
                moved = true;
            }
            moved |= guest.write(around) | guest.read(around);
            if !moved {
                return true;
            }
        }
    }

    fn poll(&mut self, around: &mut Around, guest: &mut Guest) -> Polled {
        match guest.thinks {
            Thinks::Until(time) if time <= around.now => guest.thinks = Thinks::Enough,
            // Unless the question is gone with the session.
            Thinks::Until(_) | Thinks::Disk if guest.session.state() != State::Closing => {
                return Polled::Nothing;
            }
            _ => {}
        }
        let mut moved = Polled::Nothing;
        loop {
            let (answered, refuses) = match self.answer(around, guest) {
                Answer::None => return moved,
                Answer::Closed => return Polled::Closed,
                Answer::Waits => return moved,
                Answer::Given => (true, false),
                Answer::RefusesContent => (false, true),
            };
            moved = Polled::Something;
            if refuses {
                let tag = guest.refused("content");
                let rejection = rejection(around, &tag);
                guest.session.refuse_content(rejection);
                around.seen.count("content refused half-way");
                guest.open = None;
            } else if answered && !matches!(guest.thinks, Thinks::Stored(_)) {
                guest.thinks = Thinks::No;
            }
        }
    }

    /// One event.
    fn answer(&mut self, around: &mut Around, guest: &mut Guest) -> Answer {
        let Guest {
            session,
            thinks,
            open,
            content,
            channel,
            ..
        } = guest;
        let event = session
            .poll_event()
            .unwrap_or_else(|error| panic!("{error}"));
        let Some(event) = event else {
            return Answer::None;
        };
        let is_question = !matches!(
            event,
            Event::Content(_) | Event::Discarded(_) | Event::Closed | Event::StartTls
        );
        if is_question && *thinks == Thinks::No && around.chance.one_in(self.hesitations) {
            let time = around.now + around.chance.magnitude(MILLISECOND..=4 * MINUTE);
            around.seen.count("an answer that takes its time");
            *thinks = Thinks::Until(time);
            around.at(time, What::Timer(channel.id, Side::Server));
            return Answer::Waits;
        }
        let refuses = is_question && around.chance.one_in(self.refusals);
        match event {
            Event::Hello(hello) => {
                if refuses && around.chance.one_in(3) {
                    hello.reject(&rejection(around, "refused you"));
                } else {
                    hello.accept();
                }
                // What was open is over, and its end is told.
            }
            Event::Authenticate(question) => {
                if question.claim().authentication_identity() != USER {
                    question.unknown_user();
                } else if refuses {
                    question.reject(&Rejection::authentication_unavailable());
                } else {
                    question.check(&Credential::password(PASSWORD));
                }
            }
            Event::Mail(mail) => {
                let sender = mail.reverse_path().mailbox().unwrap().clone();
                let attempt = attempt_of(&sender);
                if refuses {
                    around.seen.count("a sender refused");
                    mail.reject(&rejection(around, &refused(attempt, "mail")));
                } else {
                    check_parameters(mail.parameters(), around);
                    around.ledger.claim(open.is_none(), || {
                        format!("MAIL {attempt} in another transaction")
                    });
                    content.clear();
                    *open = Some(Open {
                        sender,
                        recipients: Vec::new(),
                        is_refused: false,
                    });
                    mail.accept();
                }
            }
            Event::Rcpt(rcpt) => {
                let open = open.as_mut().unwrap();
                let attempt = attempt_of(&open.sender);
                let recipient = rcpt.path().mailbox().unwrap().to_string();
                let tag = refused_recipient(attempt, &recipient);
                if open.recipients.len() >= self.recipients {
                    around.seen.count("a recipient too many");
                    let tag = refused(attempt, TOO_MANY);
                    let too_many = Rejection::new(452, "4.5.3".parse().ok(), &tag).unwrap();
                    rcpt.reject(&too_many);
                } else if refuses {
                    around.seen.count("a recipient refused");
                    rcpt.reject(&rejection(around, &tag));
                } else {
                    open.recipients.push(recipient);
                    rcpt.accept();
                }
            }
            Event::Data(data) => {
                let tag = refused(attempt_of(&open.as_ref().unwrap().sender), "content");
                if refuses {
                    around.seen.count("DATA refused");
                    if data.is_chunked() {
                        around.seen.count("a chunk refused");
                    }
                    data.reject(&rejection(around, &tag));
                } else {
                    data.accept();
                }
            }
            Event::Content(slice) => {
                let Some(open) = open.as_ref() else {
                    around.ledger.claim(false, || "content of nothing".into());
                    return Answer::Given;
                };
                content.extend_from_slice(slice);
                if self.flaw == Flaw::LosesDots {
                    content.pop_if(|last| *last == b'.');
                }
                if !open.is_refused && around.chance.one_in(self.refusals * 20) {
                    return Answer::RefusesContent;
                }
            }
            Event::Message(message) => {
                let now_open = open.as_ref().unwrap();
                let attempt = attempt_of(&now_open.sender);
                match *thinks {
                    Thinks::Stored(number) => {
                        message.accept_with(&stored_as(number));
                        around.seen.count("messages accepted by servers");
                        *thinks = Thinks::No;
                        *open = None;
                    }
                    _ if refuses => {
                        around.seen.count("content refused");
                        message.reject(&rejection(around, &refused(attempt, "content")));
                        *thinks = Thinks::No;
                        *open = None;
                    }
                    _ => {
                        let envelope = message.envelope();
                        let names = envelope.recipients().iter();
                        let names: Vec<String> = names
                            .map(|one| one.path().mailbox().unwrap().to_string())
                            .collect();
                        around.ledger.claim(names == now_open.recipients, || {
                            format!("attempt {attempt} is for {names:?}")
                        });
                        let octets = message.octets();
                        let is_all = octets == content.len() as u64;
                        around
                            .ledger
                            .claim(is_all || self.flaw == Flaw::LosesDots, || {
                                format!("attempt {attempt} has {octets} octets")
                            });
                        let job = Job {
                            guest: channel.id,
                            stored: Stored {
                                attempt,
                                recipients: names,
                                content: std::mem::take(content),
                            },
                        };
                        let number = self.next_job;
                        self.next_job += 1;
                        self.jobs.insert(number, job);
                        let time = around.chance.magnitude(1..=self.commit_time);
                        around.after(
                            time,
                            What::Commit {
                                receiver: self.number,
                                job: number,
                            },
                        );
                        if self.flaw != Flaw::AcceptsBeforeCommit {
                            *thinks = Thinks::Disk;
                            return Answer::Waits;
                        }
                        message.accept_with(&stored_as(around.ledger.has_stored()));
                        *open = None;
                    }
                }
            }
            Event::StartTls => {
                let refuses = around.chance.one_in(20);
                channel.shake_hands(refuses);
            }
            Event::Discarded(why) => {
                around.note(&guest.name, || format!("discarded: {why:?}"));
                around.ledger.claim(open.is_some(), || {
                    format!("discarded ({why:?}), and nothing is open")
                });
                let is_odd = matches!(why, Discarded::LoneLineEnd | Discarded::Hello);
                around
                    .ledger
                    .claim(!is_odd, || format!("discarded: {why:?}"));
                *open = None;
                // The client may have been told.
                self.jobs.retain(|_, job| job.guest != channel.id);
                assert!(!matches!(thinks, Thinks::Stored(_)));
                *thinks = Thinks::No;
            }
            Event::Closed => {
                around.ledger.claim(open.is_none(), || {
                    "closed, and a transaction is open".to_owned()
                });
                return Answer::Closed;
            }
            other => panic!("{other:?}"),
        }
        Answer::Given
    }

    /// The disk has done a job.
    pub(crate) fn commit(&mut self, around: &mut Around, job: u64) {
        let Some(Job { guest, stored }) = self.jobs.remove(&job) else {
            return;
        };
        let point = match around.chance.one_in(self.crashes) {
            false => Point::Never,
            true => around.chance.one_of(&[
                Point::BeforeCommit,
                Point::AfterCommit,
                Point::AfterReply,
                Point::AfterWrite,
            ]),
        };
        if point == Point::BeforeCommit {
            around.seen.count("a crash before a commit");
            return self.crash(around);
        }
        let number = around.ledger.store(stored);
        around.note("disk", || format!("stored as {number}"));
        let waits = |one: &&mut Guest| one.thinks == Thinks::Disk;
        let waiting = self.guests.get_mut(&guest).filter(waits);
        if let Some(waiting) = waiting {
            waiting.thinks = Thinks::Stored(number);
        } else {
            around
                .seen
                .count("a message stored for a client that is gone");
        }
        match point {
            Point::Never => self.wake(around, guest),
            Point::AfterReply => {
                around.seen.count("a crash before the reply has left");
                if let Some(mut waiting) = self.guests.remove(&guest) {
                    self.poll(around, &mut waiting);
                    self.guests.insert(guest, waiting);
                }
                self.crash(around);
            }
            Point::AfterWrite => {
                around.seen.count("a crash behind the reply");
                self.wake(around, guest);
                self.crash(around);
            }
            _ => {
                around.seen.count("a crash behind a commit");
                self.crash(around);
            }
        }
    }

    /// Everything is lost that is not on the disk. The clients hear of it now, or
    /// when the host is back.
    pub(crate) fn crash(&mut self, around: &mut Around) {
        let was_listening = std::mem::replace(&mut self.is_listening, false);
        if !was_listening && self.guests.is_empty() {
            return;
        }
        around.note("host", || format!("{} crashes", self.number));
        around.seen.count("a crash");
        self.jobs.clear();
        let is_silent = around.chance.one_in(2);
        let guests = std::mem::take(&mut self.guests).into_keys();
        for id in guests.chain(std::mem::take(&mut self.waiting)) {
            if is_silent {
                around.vanish(id, Side::Server);
                self.orphans.push(id);
            } else {
                around.close(id, Side::Server, Close::Abruptly);
            }
        }
        // After a shutdown that is planned already.
        if was_listening {
            self.plan_restart(around);
        }
    }

    /// Ends, and lets the sessions end what they are at.
    pub(crate) fn shut_down(&mut self, around: &mut Around) {
        if !self.is_listening {
            return;
        }
        around.note("host", || format!("{} shuts down", self.number));
        around.seen.count("a shutdown");
        self.is_listening = false;
        for (&id, guest) in &mut self.guests {
            guest.session.shutdown(around.instant());
            around.after(0, What::Timer(id, Side::Server));
        }
        for id in std::mem::take(&mut self.waiting) {
            around.close(id, Side::Server, Close::Abruptly);
        }
        let patience = around.chance.magnitude(SECOND..=5 * MINUTE);
        around.after(patience, What::Abort(self.number));
    }

    /// The sessions have had their time.
    pub(crate) fn abort(&mut self, around: &mut Around) {
        let all: Vec<ConnectionId> = self.guests.keys().copied().collect();
        for id in all {
            let Some(guest) = self.guests.get_mut(&id) else {
                continue;
            };
            around.seen.count("a session aborted by its server");
            guest.session.abort(around.instant());
            // At once, so that nothing is written to the disk any more.
            self.wake(around, id);
        }
        self.plan_restart(around);
    }

    fn plan_restart(&self, around: &mut Around) {
        let pause = around.chance.magnitude(100 * MILLISECOND..=20 * MINUTE);
        around.after(pause, What::Restart(self.number));
    }

    pub(crate) fn restart(&mut self, around: &mut Around) {
        around.note("host", || format!("{} is back", self.number));
        around.seen.count("a restart");
        self.is_listening = true;
        for id in std::mem::take(&mut self.orphans) {
            if around.chance.one_in(2) {
                around.disown(id, Side::Server);
            }
        }
    }
}

enum Polled {
    Nothing,
    Something,
    Closed,
}

enum Answer {
    /// There is no event.
    None,
    /// The question stays open.
    Waits,
    Given,
    RefusesContent,
    Closed,
}

impl Guest {
    fn refused(&self, what: &str) -> String {
        let attempt = self.open.as_ref().map(|open| attempt_of(&open.sender));
        refused(attempt.unwrap_or(usize::MAX), what)
    }

    fn go_on_with_handshake(&mut self, around: &mut Around) -> bool {
        if !self.channel.is_in_handshake() || self.session.state() != State::Handshake {
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
        let most = Session::OUTPUT_CAP + REPLY_LEN;
        around.ledger.claim(out.octets() <= most, || {
            format!("{} octets of replies", out.octets())
        });
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
        if !self.session.wants_input() || self.channel.is_in_handshake() || self.has_ended {
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

    fn set_timer(&mut self, around: &mut Around) {
        let what = What::Timer(self.channel.id, Side::Server);
        let deadline = self.session.poll_timeout();
        around.set_timer(&mut self.timer, deadline, what);
    }
}

/// The parameters are those that a client of ours gives.
fn check_parameters(parameters: &Parameters, around: &mut Around) {
    let known = ["SIZE", "BODY", "AUTH"];
    let all = parameters.iter();
    let is_known = all.into_iter().all(|one| known.contains(&one.keyword()));
    around
        .ledger
        .claim(is_known, || format!("parameters {parameters:?}"));
}

/// A refusal that says what it is about: for now or for ever, and sometimes the
/// last word of the session.
fn rejection(around: &mut Around, text: &str) -> Rejection {
    let (code, enhanced) = match around.chance.below(12) {
        0 => {
            around.seen.count("a refusal that ends the session");
            (421, "4.3.2")
        }
        1..=5 => (450, "4.2.1"),
        _ => (550, "5.7.1"),
    };
    Rejection::new(code, enhanced.parse().ok(), text).unwrap()
}

/// What a server can be told about its host.
fn config(chance: &mut Chance) -> (Config, Wants) {
    let mut config = Config::new("mx.example.net".parse().unwrap()).unwrap();
    let mut timeouts = server::Timeouts::default();
    if chance.one_in(3) {
        timeouts = server::Timeouts::all(core::time::Duration::from_micros(
            chance.magnitude(SECOND..=10 * MINUTE),
        ));
    }
    let tls = chance.one_of(&[
        TlsPolicy::None,
        TlsPolicy::None,
        TlsPolicy::Opportunistic,
        TlsPolicy::Required,
        TlsPolicy::Implicit,
    ]);
    let authentication = chance.one_in(4);
    config = config
        .timeouts(timeouts)
        .pipelining(!chance.one_in(5))
        .chunking(!chance.one_in(4))
        .eight_bit_mime(!chance.one_in(4))
        .binary_mime(chance.one_in(2))
        .tls(tls);
    if chance.one_in(6) {
        config = config.max_message_size(Some(chance.magnitude(10..=50_000)));
    }
    if chance.one_in(8) {
        config = config.max_refused_recipients(chance.below(4));
    }
    if authentication {
        let mechanisms = [
            ServerMechanism::Plain,
            ServerMechanism::Login,
            ServerMechanism::CramMd5,
        ];
        let own = Authentication::new()
            .mechanisms(mechanisms)
            .secrets_in_clear(true)
            .required(chance.one_in(2));
        config = config.authentication(own);
    }
    let wants = Wants {
        tls,
        authentication,
    };
    (config, wants)
}
