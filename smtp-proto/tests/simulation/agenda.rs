//! What happens when, and what everybody in a world has to do with: the clock,
//! chance, the network, the ledger, and what is told of it all.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use smtp_proto::{Entry, Instant};

use crate::{
    chance::Chance,
    ledger::Ledger,
    network::{Connection, ConnectionId, Side},
};

/// Microseconds since the world began.
pub(crate) type Time = u64;

pub(crate) const MILLISECOND: Time = 1000;
pub(crate) const SECOND: Time = 1000 * MILLISECOND;
pub(crate) const MINUTE: Time = 60 * SECOND;
pub(crate) const HOUR: Time = 60 * MINUTE;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A mailer looks what there is to do.
    Mailer(usize),
    /// A connection comes to the receiver.
    Connect(ConnectionId),
    /// The mailer hears whether it was taken.
    Dialled(ConnectionId, bool),
    /// What this side has written comes to the other.
    Arrive(ConnectionId, Side),
    /// The other side has read so much of what this one has written.
    Credit(ConnectionId, Side, usize),
    /// A host looks at a connection of its own, because there is news.
    Wake(ConnectionId, Side),
    /// The same, because it is time.
    Timer(ConnectionId, Side),
    /// The disk of a receiver has done a job.
    Commit { receiver: usize, job: u64 },
    /// A receiver falls over.
    Crash(usize),
    /// It is about to end, and says so.
    Shutdown(usize),
    /// It ends whatever has not ended.
    Abort(usize),
    /// It is back.
    Restart(usize),
}

/// An entry: when, in which order among those at the same time, and what.
type Planned = Reverse<(Time, u64, What)>;

/// What is around everybody.
pub(crate) struct Around {
    pub(crate) now: Time,
    pub(crate) chance: Chance,
    pub(crate) connections: Vec<Connection>,
    pub(crate) ledger: Ledger,
    pub(crate) seen: Seen,
    pub(crate) trace: Trace,
    agenda: BinaryHeap<Planned>,
}

impl Around {
    pub(crate) fn new(seed: u64, trace: &Trace) -> Self {
        Self {
            now: 0,
            chance: Chance::new(seed),
            connections: Vec::new(),
            ledger: Ledger::default(),
            seen: Seen::default(),
            trace: trace.clone(),
            agenda: BinaryHeap::new(),
        }
    }

    /// Plans something. What is to happen at the same time happens in any order.
    pub(crate) fn at(&mut self, time: Time, what: What) {
        let order = self.chance.next();
        self.agenda.push(Reverse((time.max(self.now), order, what)));
    }

    pub(crate) fn after(&mut self, delay: Time, what: What) {
        self.at(self.now + delay, what);
    }

    /// Goes on to what happens next.
    pub(crate) fn next(&mut self) -> Option<What> {
        let Reverse((time, _, what)) = self.agenda.pop()?;
        self.now = time;
        self.trace.set(time);
        Some(what)
    }

    /// The same, as the sessions have it.
    pub(crate) fn instant(&self) -> Instant {
        Instant::from_origin(Duration::from_micros(self.now))
    }

    /// Sees to it that a host looks at a connection when its session wants to.
    /// `planned` is when it will anyway.
    pub(crate) fn set_timer(
        &mut self,
        planned: &mut Option<Time>,
        deadline: Option<Instant>,
        what: What,
    ) {
        let Some(deadline) = deadline else { return };
        let time = microseconds(deadline.since_origin()).max(self.now);
        if planned.is_none_or(|at| at <= self.now || time < at) {
            *planned = Some(time);
            self.at(time, what);
        }
    }

    /// A line of the trace.
    pub(crate) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        self.trace.note(who, what);
    }
}

/// Rounded up, so that a deadline has passed by then.
fn microseconds(duration: Duration) -> Time {
    u64::try_from(duration.as_nanos().div_ceil(1000)).unwrap()
}

/// How often which kind of thing has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) BTreeMap<&'static str, u64>);

impl Seen {
    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }
}

/// What has happened, line by line, if anybody wants to know.
#[derive(Clone, Debug)]
pub(crate) struct Trace(Option<Arc<Mutex<Log>>>);

#[derive(Debug, Default)]
struct Log {
    now: Time,
    text: String,
}

impl Trace {
    pub(crate) const OFF: Self = Self(None);

    pub(crate) fn on() -> Self {
        Self(Some(Arc::default()))
    }

    fn set(&self, now: Time) {
        if let Some(log) = &self.0 {
            log.lock().unwrap().now = now;
        }
    }

    fn note(&self, who: &str, what: impl FnOnce() -> String) {
        let Some(log) = &self.0 else { return };
        let log = &mut *log.lock().unwrap();
        let (seconds, rest) = (log.now / SECOND, log.now % SECOND);
        for line in what().lines() {
            writeln!(log.text, "{seconds:6}.{rest:06} {who} {line}").unwrap();
        }
    }

    /// The hook of a session.
    pub(crate) fn hook(&self, who: &str) -> Option<impl FnMut(Entry<'_>) + Send + 'static> {
        let trace = self.0.is_some().then(|| self.clone())?;
        let who = who.to_owned();
        Some(move |entry: Entry<'_>| trace.note(&who, || entry.to_string()))
    }

    pub(crate) fn text(&self) -> String {
        let log = self.0.as_ref();
        log.map_or_else(String::new, |log| log.lock().unwrap().text.clone())
    }
}
