//! What is measured of each, and how.

use std::path::Path;

use smtp_benches::{
    Result,
    meter::Cost,
    receivers,
    senders::Sender,
    sink::{Options, Sink},
    work::Work,
};

use crate::{
    HOLD,
    tools::{Look, Measured},
};

/// What a message costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Processor time in user space and in the system, in nanoseconds.
    pub cpu: Option<f64>,
    pub instructions: Option<f64>,
    pub system_calls: Option<f64>,
    pub allocations: Option<f64>,
    pub round_trips: Option<f64>,
    /// Time with a round trip of 20 ms, in nanoseconds.
    pub time: Option<f64>,
    /// The most memory, in octets beyond what was there before.
    pub peak: Option<f64>,
}

/// How many messages.
#[derive(Clone, Copy, Debug)]
struct Counts {
    /// Those that come before the others.
    warmup: u32,
    /// Those whose time is taken.
    timed: u32,
    /// What is counted is the difference of two numbers of messages.
    few: u32,
    many: u32,
    /// The same, with a round trip that takes time.
    held: (u32, u32),
}

/// What everything is measured with.
pub struct Bench<'a> {
    pub directory: &'a Path,
    pub quick: bool,
    pub system_calls: bool,
    pub instructions: bool,
    pub plain: Sink,
    pub held: Sink,
    pub tls: Sink,
}

impl<'a> Bench<'a> {
    /// Starts the receivers.
    pub fn new(directory: &'a Path, quick: bool) -> Result<Self> {
        let tls = Some(smtp_benches::sink::certificate(directory)?);
        Ok(Self {
            directory,
            quick,
            system_calls: !quick && Look::SystemCalls.is_possible(),
            instructions: !quick && Look::Instructions.is_possible(),
            plain: Sink::start(Options::default())?,
            held: Sink::start(Options {
                hold: Some(HOLD),
                ..Options::default()
            })?,
            tls: Sink::start(Options {
                tls,
                ..Options::default()
            })?,
        })
    }

    /// What a message costs a sender.
    pub fn sender(&self, sender: Sender, work: Work) -> Result<Figures> {
        let counts = self.counts(work);
        let sink = if work == Work::Tls {
            &self.tls
        } else {
            &self.plain
        };
        let send = |look, warmup, count, sink: &Sink| -> Result<(Cost, u64)> {
            let (warmup, count) = (u32::to_string(&warmup), u32::to_string(&count));
            let address = sink.address.to_string();
            let directory = self.directory.to_string_lossy();
            let arguments = [
                "send",
                sender.name(),
                work.name(),
                &warmup,
                &count,
                &address,
                &directory,
            ];
            Measured::start(look, &arguments, self.directory)?.finish()
        };
        let difference = |look| -> Result<Option<f64>> {
            let (_, few) = send(look, counts.warmup, counts.few, sink)?;
            let (_, many) = send(look, counts.warmup, counts.many, sink)?;
            Ok(Some(
                (many as f64 - few as f64) / f64::from(counts.many - counts.few),
            ))
        };

        let mut figures = Figures::default();
        let timed = f64::from(counts.timed);
        let mut costs = Vec::new();
        for _ in 0..self.repetitions() {
            costs.push(send(Look::Inside, counts.warmup, counts.timed, sink)?.0);
        }
        figures.cpu = least(&costs, |cost| cost.cpu).map(|cpu| cpu / timed);
        figures.peak = least(&costs, |cost| cost.peak);
        let (_, allocations) = send(Look::Allocations, counts.warmup, counts.timed, sink)?;
        figures.allocations = Some(allocations as f64 / timed);
        if self.system_calls {
            figures.system_calls = difference(Look::SystemCalls)?;
        }
        // Megabytes would take minutes, and say nothing new.
        if self.instructions && !matches!(work, Work::Large | Work::File) {
            figures.instructions = difference(Look::Instructions)?;
        }
        if !matches!(work, Work::Tls | Work::Connections) {
            let (few, many) = counts.held;
            let before = self.held.flights();
            send(Look::Inside, counts.warmup.min(few), few, &self.held)?;
            let between = self.held.flights();
            let (cost, _) = send(Look::Inside, counts.warmup.min(few), many, &self.held)?;
            let flights = (self.held.flights() - between) as f64 - (between - before) as f64;
            figures.round_trips = Some(flights / f64::from(many - few));
            figures.time = Some(cost.time as f64 / f64::from(many));
            // With few messages, since those that wait are memory, too.
            figures.peak = Some(cost.peak as f64);
        }
        Ok(figures)
    }

    /// What a message costs a receiver.
    pub fn receiver(&self, who: &str) -> Result<Figures> {
        let (few, many) = if self.quick { (10, 20) } else { (200, 2_200) };
        let receive = |look, count| -> Result<(Cost, u64)> {
            let mut measured = Measured::start(look, &["receive", who], self.directory)?;
            receivers::load(measured.line()?.parse()?, count)?;
            measured.finish()
        };
        let messages = f64::from(many - few);
        let difference = |look| -> Result<Option<f64>> {
            let (_, few) = receive(look, few)?;
            let (_, many) = receive(look, many)?;
            Ok(Some((many as f64 - few as f64) / messages))
        };
        let mut costs = (Vec::new(), Vec::new());
        for _ in 0..self.repetitions() {
            costs.0.push(receive(Look::Inside, few)?.0);
            costs.1.push(receive(Look::Inside, many)?.0);
        }
        let cpu = |costs: &[Cost]| least(costs, |cost| cost.cpu).unwrap_or_default();
        Ok(Figures {
            cpu: Some((cpu(&costs.1) - cpu(&costs.0)) / messages),
            allocations: difference(Look::Allocations)?,
            system_calls: self.when(self.system_calls, || difference(Look::SystemCalls))?,
            instructions: self.when(self.instructions, || difference(Look::Instructions))?,
            ..Figures::default()
        })
    }

    /// What it costs to go through something in memory once.
    pub fn parser(&self, work: &str, who: &str, octets: usize) -> Result<Figures> {
        let large = octets > 100_000;
        let (timed, few, many) = match (self.quick, large) {
            (true, _) => (1, 1, 2),
            (false, true) => (100, 1, 5),
            (false, false) => (100_000, 1_000, 11_000),
        };
        let parse = |look, count: u32| -> Result<(Cost, u64)> {
            Measured::start(
                look,
                &["parse", work, who, &count.to_string()],
                self.directory,
            )?
            .finish()
        };
        let mut costs = Vec::new();
        for _ in 0..self.repetitions() {
            costs.push(parse(Look::Inside, timed)?.0);
        }
        let allocations = parse(Look::Allocations, timed)?.1;
        let instructions = || -> Result<Option<f64>> {
            let (_, fewer) = parse(Look::Instructions, few)?;
            let (_, more) = parse(Look::Instructions, many)?;
            Ok(Some((more as f64 - fewer as f64) / f64::from(many - few)))
        };
        Ok(Figures {
            cpu: least(&costs, |cost| cost.cpu).map(|cpu| cpu / f64::from(timed)),
            allocations: Some(allocations as f64 / f64::from(timed)),
            instructions: self.when(self.instructions, instructions)?,
            ..Figures::default()
        })
    }

    /// The memory of a session in the core that has nothing to do, in octets.
    pub fn idle(&self) -> Result<f64> {
        let (cost, _) = Measured::start(Look::Allocations, &["idle"], self.directory)?.finish()?;
        Ok(cost.peak as f64)
    }

    fn when<T>(&self, yes: bool, measure: impl FnOnce() -> Result<Option<T>>) -> Result<Option<T>> {
        if yes { measure() } else { Ok(None) }
    }

    /// The least of some is what the others would have been on a machine with
    /// nothing else to do.
    fn repetitions(&self) -> u32 {
        if self.quick { 1 } else { 3 }
    }

    fn counts(&self, work: Work) -> Counts {
        let (warmup, timed, few, many, held) = match work {
            Work::Small => (100, 3_000, 100, 600, (2, 7)),
            Work::Across => (100, 3_000, 100, 600, (5, 25)),
            Work::Chunked => (100, 10_000, 100, 1_100, (50, 250)),
            Work::Recipients => (10, 100, 10, 40, (1, 2)),
            Work::Large | Work::File => (1, 2, 1, 2, (1, 2)),
            Work::Dots => (1, 3, 1, 2, (1, 2)),
            Work::Connections => (200, 10_000, 200, 1_200, (0, 0)),
            Work::Session => (10, 500, 10, 60, (2, 7)),
            Work::Tls => (5, 100, 5, 25, (0, 0)),
        };
        if !self.quick {
            return Counts {
                warmup,
                timed,
                few,
                many,
                held,
            };
        }
        let unit = match work {
            Work::Connections => smtp_benches::work::CONNECTIONS,
            Work::Chunked => smtp_benches::work::DEPTH,
            _ => 1,
        };
        Counts {
            warmup: unit,
            timed: unit,
            few: unit,
            many: 2 * unit,
            held: (unit, 2 * unit),
        }
    }
}

fn least(costs: &[Cost], what: impl Fn(&Cost) -> u64) -> Option<f64> {
    costs.iter().map(what).min().map(|least| least as f64)
}
