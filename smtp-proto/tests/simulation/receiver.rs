//! A server host: it listens, has a disk that takes its time, and falls over now
//! and then.

use std::collections::{BTreeMap, VecDeque};

use smtp_proto::server::{Config, Rejection, Session};

use crate::{
    agenda::{Around, MILLISECOND, MINUTE, SECOND, Time, What},
    application::{Answer, Application, rejection},
    channel::Channel,
    guest::{Guest, Thinks},
    ledger::Stored,
    network::{Close, ConnectionId, Side},
    settings::{self, Wants},
    world::Flaw,
};

#[derive(Debug)]
pub(crate) struct Receiver {
    number: usize,
    config: Config,
    wants: Wants,
    application: Application,
    is_listening: bool,
    /// The most sessions at a time.
    capacity: usize,
    /// What is beyond them waits, or is turned away.
    queues: bool,
    waiting: VecDeque<ConnectionId>,
    guests: BTreeMap<ConnectionId, Guest>,
    /// Who does not know yet that the host was lost.
    orphans: Vec<ConnectionId>,
    /// What is being written to the disk.
    jobs: BTreeMap<u64, Job>,
    next_job: u64,
    /// How long the disk takes at most.
    commit_time: Time,
    /// One in so many commits is the last.
    crashes: usize,
}

#[derive(Debug)]
struct Job {
    guest: ConnectionId,
    stored: Stored,
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
        let (config, wants) = settings::server(&mut around.chance);
        let receiver = Self {
            number,
            config,
            wants,
            application: Application::new(around, flaw),
            is_listening: true,
            capacity: around.chance.size(1..=8),
            queues: around.chance.one_in(2),
            waiting: VecDeque::new(),
            guests: BTreeMap::new(),
            orphans: Vec::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            commit_time: around.chance.magnitude(MILLISECOND..=15 * MINUTE),
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
        session.set_seed([around.chance.octet(); 32]);
        let name = format!("s{}.{id}", self.number);
        if let Some(hook) = around.trace.hook(&name) {
            session.set_transcript(hook);
        }
        around.seen.count("sessions of servers");
        let channel = Channel::new(id, Side::Server);
        self.guests.insert(id, Guest::new(name, channel, session));
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
                None => return false,
                Some(has_polled) => moved |= has_polled,
            }
            moved |= guest.heed_deadline(around);
            moved |= guest.write(around);
            moved |= guest.read(around);
            if !moved {
                return true;
            }
        }
    }

    /// Deals with all events that can be dealt with; whether there were any, or
    /// `None` if the session has ended.
    fn poll(&mut self, around: &mut Around, guest: &mut Guest) -> Option<bool> {
        let mut moved = false;
        while !guest.is_thinking(around) {
            match self.application.answer(around, guest) {
                Answer::Nothing | Answer::Waits => break,
                Answer::Given => guest.thinks = Thinks::No,
                Answer::RefusesContent => {
                    around.seen.count("content refused half-way");
                    let rejection = rejection(around, &guest.refused_content());
                    guest.session.refuse_content(rejection);
                    guest.open = None;
                }
                Answer::Store(stored) => {
                    let job = self.next_job;
                    self.next_job += 1;
                    let guest = guest.channel.id;
                    self.jobs.insert(job, Job { guest, stored });
                    let time = around.chance.magnitude(1..=self.commit_time);
                    let receiver = self.number;
                    around.after(time, What::Commit { receiver, job });
                }
                Answer::Discarded => {
                    // The client may have been told.
                    self.jobs.retain(|_, job| job.guest != guest.channel.id);
                    guest.thinks = Thinks::No;
                }
                Answer::Closed => return None,
            }
            moved = true;
        }
        Some(moved)
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
