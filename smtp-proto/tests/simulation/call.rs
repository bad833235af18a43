//! A connection of a mailer, and its driver.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use smtp_proto::client::{Config, RequestId, Session, TransactionId};

use crate::{
    agenda::{Around, MILLISECOND, MINUTE, Time, What},
    channel::{Channel, Handshake},
    ledger::address,
    network::{ConnectionId, Read, Side, Written},
    settings,
    world::tls_info,
};

/// A message, to those who do not have it.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) message: usize,
    pub(crate) recipients: Vec<usize>,
    pub(crate) tries: usize,
}

/// A connection, and what is being done with it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) session: Session,
    timer: Option<Time>,
    pub(crate) under_way: BTreeMap<TransactionId, (usize, Letter)>,
    /// How many more messages go over it before there is a pause, or QUIT.
    pub(crate) batch: usize,
    /// All of them are requested at once.
    at_once: bool,
    /// QUIT is requested with the last.
    pub(crate) quits_early: bool,
    pub(crate) has_quit: bool,
    /// Until when nothing is asked of it.
    pub(crate) pause: Option<Time>,
    /// A NOOP that shows whether it may be used again.
    pub(crate) probe: Option<RequestId>,
    pub(crate) supplied: Option<Supplied>,
    pub(crate) stages: Option<Stages>,
    /// When the mailer has enough of it, whatever is going on.
    pub(crate) leaves_at: Option<Time>,
    /// Nobody may hear that it has left.
    pub(crate) vanishes: bool,
    /// How many messages are in doubt.
    pub(crate) in_doubt: usize,
    write_closed: bool,
    has_ended: bool,
}

/// Content that is supplied piece by piece.
#[derive(Debug)]
pub(crate) struct Supplied {
    pub(crate) transaction: TransactionId,
    content: Bytes,
    pub(crate) next: Time,
    /// Before which octet the mailer gives up.
    gives_up: Option<usize>,
}

/// A transaction in stages.
#[derive(Debug)]
pub(crate) struct Stages {
    pub(crate) transaction: TransactionId,
    pub(crate) attempt: usize,
    pub(crate) message: usize,
    /// Who is to be named yet.
    pub(crate) recipients: VecDeque<usize>,
    pub(crate) next: Time,
}

impl Call {
    /// Over a connection that was taken.
    pub(crate) fn new(around: &mut Around, name: String, id: ConnectionId, config: Config) -> Self {
        let mut session = Session::new(config, around.instant());
        session.set_seed([around.chance.octet(); 32]);
        if let Some(hook) = around.trace.hook(&name) {
            session.set_transcript(hook);
        }
        around.seen.count("sessions of clients");
        let leaves_at = around
            .chance
            .one_in(20)
            .then(|| around.now + around.chance.magnitude(MILLISECOND..=5 * MINUTE));
        if let Some(time) = leaves_at {
            around.at(time, What::Timer(id, Side::Client));
        }
        Self {
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
            leaves_at,
            vanishes: false,
            in_doubt: 0,
            write_closed: false,
            has_ended: false,
        }
    }

    pub(crate) fn begin_batch(&mut self, around: &mut Around, waiting: usize) {
        let chance = &mut around.chance;
        self.pause = None;
        self.batch = chance.size(1..=waiting.max(1));
        self.at_once = chance.one_in(2);
        self.quits_early = chance.one_in(3);
    }

    pub(crate) fn takes_more(&self, now: Time) -> bool {
        self.batch > 0
            && !self.has_quit
            && self.probe.is_none()
            && self.stages.is_none()
            && self.pause.is_none_or(|until| until <= now)
            && (self.at_once || self.session.wants_transaction())
    }

    pub(crate) fn quit(&mut self) {
        self.has_quit = true;
        self.batch = 0;
        // It may have ended by now.
        let _ = self.session.quit();
    }

    /// Goes on when a batch is done: with QUIT, or with another batch in a while.
    pub(crate) fn go_on(&mut self, around: &mut Around, waiting: usize) {
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

    pub(crate) fn begin_content(&mut self, around: &mut Around, transaction: TransactionId) {
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
    pub(crate) fn supply(&mut self, around: &mut Around) -> bool {
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

    pub(crate) fn go_on_in_stages(&mut self, around: &mut Around) -> bool {
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

    pub(crate) fn go_on_with_handshake(&mut self, around: &mut Around) -> bool {
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

    /// Leaves, if it is time.
    pub(crate) fn leave(&mut self, around: &mut Around) -> bool {
        if self.leaves_at.take_if(|at| *at <= around.now).is_none() {
            return false;
        }
        around.seen.count("a client that leaves without QUIT");
        self.vanishes = true;
        // What is unanswered is in doubt, or was not sent.
        self.session.abort();
        true
    }

    pub(crate) fn heed_deadline(&mut self, around: &mut Around) -> bool {
        let now = around.instant();
        let is_due = self.session.poll_timeout().is_some_and(|at| at <= now);
        if is_due {
            around.seen.count("a time-out of a client");
            self.session.handle_timeout(now);
        }
        is_due
    }

    pub(crate) fn write(&mut self, around: &mut Around) -> bool {
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
                // What cannot be sent is not there any more.
                assert!(!std::mem::replace(&mut self.write_closed, true));
                self.session.handle_write_closed(now);
                true
            }
        }
    }

    pub(crate) fn read(&mut self, around: &mut Around) -> bool {
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
    pub(crate) fn check_bounds(&self, around: &mut Around) {
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

    pub(crate) fn set_timer(&mut self, around: &mut Around) {
        let what = What::Timer(self.channel.id, Side::Client);
        let deadline = self.session.poll_timeout();
        around.set_timer(&mut self.timer, deadline, what);
    }
}
