//! A world: its mailers and receivers, and what happens to them until nothing does.

use smtp_proto::{TlsInfo, client::LineEndings};

use crate::{
    agenda::{Around, HOUR, SECOND, Seen, Time, Trace, What},
    mailer::Mailer,
    network::Side,
    receiver::Receiver,
    settings,
};

/// Who all mailers are.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "wonderland";

/// A world ends by itself long before so much has happened.
const MAX_STEPS: u64 = 2_000_000;

/// And before so much time has passed.
const MAX_TIME: Time = 10 * 24 * HOUR;

/// What is wrong with the hosts of a world, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Receivers say 250 before the message is on the disk.
    AcceptsBeforeCommit,
    /// Mailers send again what is in doubt.
    SendsAgainInDoubt,
    /// Receivers lose a dot now and then.
    LosesDots,
}

/// What came of a world.
pub(crate) struct Report {
    /// What must not be; nothing, if all is well.
    pub(crate) wrong: Vec<String>,
    pub(crate) seen: Seen,
}

struct World {
    around: Around,
    mailers: Vec<Mailer>,
    receivers: Vec<Receiver>,
}

/// What the two sides know of what stands for TLS.
pub(crate) fn tls_info() -> TlsInfo {
    TlsInfo::new().version("simulated")
}

/// From its beginning to its end.
pub(crate) fn run(seed: u64, flaw: Flaw, trace: &Trace) -> Report {
    let mut world = World::new(seed, flaw, trace);
    world.run();
    world.around.seen.count("worlds");
    world.around.ledger.balance();
    world.count_fates();
    Report {
        wrong: std::mem::take(&mut world.around.ledger.wrong),
        seen: world.around.seen,
    }
}

impl World {
    fn new(seed: u64, flaw: Flaw, trace: &Trace) -> Self {
        let mut around = Around::new(seed, trace);
        let receivers: Vec<Receiver> = (0..=around.chance.below(2))
            .map(|number| Receiver::new(number, &mut around, flaw))
            .collect();
        let mut mailers = Vec::new();
        for number in 0..around.chance.size(1..=6) {
            let receiver = around.chance.below(receivers.len());
            let chance = &mut around.chance;
            let line_endings = match chance.one_in(3) {
                true => LineEndings::Repair,
                false => LineEndings::Refuse,
            };
            let wants = receivers[receiver].wants();
            let settings = settings::client(chance, wants, line_endings);
            let known = around.ledger.messages.len();
            for _ in 0..around.chance.size(1..=12) {
                let message = settings::message(&mut around.chance, line_endings);
                around.ledger.messages.push(message);
            }
            let own = around.ledger.messages.iter().enumerate().skip(known);
            let own = own.map(|(message, one)| (message, one.recipients));
            mailers.push(Mailer::new(number, receiver, settings, own, flaw));
            let time = around.chance.magnitude(1..=HOUR);
            around.at(time, What::Mailer(number));
        }
        Self {
            around,
            mailers,
            receivers,
        }
    }

    fn run(&mut self) {
        let mut steps = 0;
        while let Some(what) = self.around.next() {
            steps += 1;
            if steps > MAX_STEPS || self.around.now > MAX_TIME {
                let (seconds, next) = (self.around.now / SECOND, what);
                let wrong = &mut self.around.ledger.wrong;
                wrong.push(format!("no end after {seconds} s: {next:?}"));
                return;
            }
            self.step(what);
        }
        for mailer in &self.mailers {
            self.around
                .ledger
                .claim(mailer.is_quiet(), || format!("waits for ever: {mailer:?}"));
        }
        for receiver in &self.receivers {
            self.around.ledger.claim(receiver.is_quiet(), || {
                format!("waits for ever: {receiver:?}")
            });
        }
    }

    fn step(&mut self, what: What) {
        let Self {
            around,
            mailers,
            receivers,
        } = self;
        match what {
            What::Mailer(number) => mailers[number].begin(around),
            What::Connect(id) => {
                let receiver = around.connections[id].receiver;
                receivers[receiver].connect(around, id);
            }
            What::Dialled(id, taken) => {
                let mailer = around.connections[id].mailer;
                mailers[mailer].dialled(around, id, taken);
            }
            What::Arrive(id, writer) => around.arrive(id, writer),
            What::Credit(id, writer, octets) => around.credit(id, writer, octets),
            What::Wake(id, side) => {
                around.is_awake(id, side);
                self.look(id, side);
            }
            What::Timer(id, side) => self.look(id, side),
            What::Commit { receiver, job } => receivers[receiver].commit(around, job),
            What::Crash(number) => receivers[number].crash(around),
            What::Shutdown(number) => receivers[number].shut_down(around),
            What::Abort(number) => receivers[number].abort(around),
            What::Restart(number) => receivers[number].restart(around),
        }
    }

    /// A host looks at a connection.
    fn look(&mut self, id: usize, side: Side) {
        let around = &mut self.around;
        let connection = &around.connections[id];
        match side {
            Side::Client => {
                let mailer = &mut self.mailers[connection.mailer];
                if mailer.connection() == Some(id) {
                    mailer.wake(around);
                }
            }
            Side::Server => self.receivers[connection.receiver].wake(around, id),
        }
    }

    fn count_fates(&mut self) {
        use smtp_proto::client::Fate;
        let around = &mut self.around;
        let stored = around.ledger.has_stored() as u64;
        for (kind, count) in [
            ("messages stored", stored),
            (
                "recipients accepted",
                around.ledger.count(Fate::is_accepted),
            ),
            (
                "recipients refused",
                around
                    .ledger
                    .count(|fate| matches!(fate, Fate::Refused { .. })),
            ),
            (
                "recipients to whom nothing was sent",
                around.ledger.count(|fate| matches!(fate, Fate::NotSent(_))),
            ),
            (
                "recipients in doubt",
                around.ledger.count(|fate| matches!(fate, Fate::InDoubt(_))),
            ),
        ] {
            *around.seen.0.entry(kind).or_default() += count;
        }
    }
}
