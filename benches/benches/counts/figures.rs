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
    /// How often what takes time is done, for the least of it.
    repetitions: u32,
    /// How system calls are counted, if they can be.
    pub system_calls: Option<Look>,
    pub instructions: Option<Look>,
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
            repetitions: if quick { 1 } else { 5 },
            system_calls: Look::at_system_calls().filter(|_| !quick),
            instructions: Look::at_instructions().filter(|_| !quick),
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

    /// What a message costs a sender, but for the processor time.
    pub fn sender(&self, sender: Sender, work: Work) -> Result<Figures> {
        let counts = self.counts(work);
        let run =
            |look, count| self.send(look, (sender, work), counts.warmup, count, self.sink(work));
        let timed = f64::from(counts.timed);
        let (_, allocations) = run(Look::Allocations, counts.timed)?;
        let difference = |look, many| -> Result<Option<f64>> {
            let messages = f64::from(many - counts.few);
            let (_, few) = run(look, counts.few)?;
            let (_, many) = run(look, many)?;
            Ok(Some((many as f64 - few as f64) / messages))
        };
        // Megabytes would take minutes, and say nothing new.
        let instructions = self.instructions.filter(|_| !is_large(work));
        let mut figures = Figures {
            allocations: Some(allocations as f64 / timed),
            system_calls: self
                .system_calls
                .map_or(Ok(None), |look| difference(look, counts.timed))?,
            instructions: instructions.map_or(Ok(None), |look| difference(look, counts.many))?,
            peak: self.peak(sender, work)?,
            ..Figures::default()
        };
        if !matches!(work, Work::Tls | Work::Connections | Work::Dots) {
            let (few, many) = counts.held;
            let warmup = counts.warmup.min(few);
            let held = |count| -> Result<(Cost, u64)> {
                let before = self.held.flights();
                let (cost, _) =
                    self.send(Look::Inside, (sender, work), warmup, count, &self.held)?;
                Ok((cost, self.held.flights() - before))
            };
            let (_, fewer) = held(few)?;
            let (cost, more) = held(many)?;
            figures.round_trips = Some((more as f64 - fewer as f64) / f64::from(many - few));
            figures.time = Some(cost.time as f64 / f64::from(many));
        }
        Ok(figures)
    }

    /// The processor time of a message, for each sender. They take turns, so that
    /// whatever else the machine does is in all of them.
    pub fn cpu(&self, senders: &[Sender], work: Work) -> Result<Vec<Option<f64>>> {
        let Counts { warmup, timed, .. } = self.counts(work);
        let mut costs = vec![Vec::new(); senders.len()];
        for _ in 0..self.repetitions(work) {
            for (sender, costs) in senders.iter().zip(&mut costs) {
                let job = (*sender, work);
                costs.push(
                    self.send(Look::Inside, job, warmup, timed, self.sink(work))?
                        .0,
                );
            }
        }
        let a_message =
            |costs: &Vec<Cost>| least(costs, |cost| cost.cpu).map(|cpu| cpu / f64::from(timed));
        Ok(costs.iter().map(a_message).collect())
    }

    /// The most memory that one message takes, without that which the same
    /// sender takes for a small one: that is its code, for the most part.
    fn peak(&self, sender: Sender, work: Work) -> Result<Option<f64>> {
        if !is_large(work) {
            return Ok(None);
        }
        let peak = |work| -> Result<Option<f64>> {
            let mut costs = Vec::new();
            for _ in 0..self.repetitions {
                costs.push(
                    self.send(Look::Inside, (sender, work), 0, 1, &self.plain)?
                        .0,
                );
            }
            Ok(least(&costs, |cost| cost.peak))
        };
        let both = peak(work)?.zip(peak(Work::Small)?);
        Ok(both.map(|(large, small)| (large - small).max(0.0)))
    }

    fn send(
        &self,
        look: Look,
        (sender, work): (Sender, Work),
        warmup: u32,
        count: u32,
        sink: &Sink,
    ) -> Result<(Cost, u64)> {
        let (warmup, count) = (warmup.to_string(), count.to_string());
        let (address, directory) = (sink.address.to_string(), self.directory.to_string_lossy());
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
    }

    fn sink(&self, work: Work) -> &Sink {
        if work == Work::Tls {
            &self.tls
        } else {
            &self.plain
        }
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
        for _ in 0..self.repetitions {
            costs.0.push(receive(Look::Inside, few)?.0);
            costs.1.push(receive(Look::Inside, many)?.0);
        }
        let cpu = |costs: &[Cost]| least(costs, |cost| cost.cpu).unwrap_or_default();
        Ok(Figures {
            cpu: Some((cpu(&costs.1) - cpu(&costs.0)) / messages),
            allocations: difference(Look::Allocations)?,
            system_calls: self.system_calls.map_or(Ok(None), difference)?,
            instructions: self.instructions.map_or(Ok(None), difference)?,
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
        for _ in 0..self.repetitions {
            costs.push(parse(Look::Inside, timed)?.0);
        }
        let allocations = parse(Look::Allocations, timed)?.1;
        let instructions = |look| -> Result<Option<f64>> {
            let (_, fewer) = parse(look, few)?;
            let (_, more) = parse(look, many)?;
            Ok(Some((more as f64 - fewer as f64) / f64::from(many - few)))
        };
        Ok(Figures {
            cpu: least(&costs, |cost| cost.cpu).map(|cpu| cpu / f64::from(timed)),
            allocations: Some(allocations as f64 / f64::from(timed)),
            instructions: self.instructions.map_or(Ok(None), instructions)?,
            ..Figures::default()
        })
    }

    /// The memory of a session in the core that has nothing to do, in octets.
    pub fn idle(&self) -> Result<f64> {
        let (cost, _) = Measured::start(Look::Allocations, &["idle"], self.directory)?.finish()?;
        Ok(cost.peak as f64)
    }

    /// The least of some is what the others would have been on a machine with
    /// nothing else to do.
    fn repetitions(&self, work: Work) -> u32 {
        // One peer takes some seconds for each of these.
        if work == Work::Dots {
            1
        } else {
            self.repetitions
        }
    }

    fn counts(&self, work: Work) -> Counts {
        let (warmup, timed, few, many, held) = match work {
            Work::Small => (100, 3_000, 100, 600, (2, 7)),
            Work::Across => (100, 3_000, 100, 600, (5, 25)),
            Work::Chunked => (100, 10_000, 100, 1_100, (50, 250)),
            Work::Recipients => (10, 100, 10, 40, (1, 2)),
            Work::Large | Work::File => (1, 2, 1, 2, (1, 2)),
            Work::Dots => (0, 1, 0, 1, (0, 0)),
            Work::Connections => (200, 10_000, 200, 1_200, (0, 0)),
            Work::Session | Work::Quit => (10, 500, 10, 60, (2, 7)),
            Work::Tls => (20, 400, 5, 25, (0, 0)),
        };
        if !self.quick || work == Work::Dots {
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
            timed: 2 * unit,
            few: unit,
            many: 2 * unit,
            held: (unit, 2 * unit),
        }
    }
}

fn is_large(work: Work) -> bool {
    matches!(work, Work::Large | Work::File | Work::Dots)
}

fn least(costs: &[Cost], what: impl Fn(&Cost) -> u64) -> Option<f64> {
    costs.iter().map(what).min().map(|least| least as f64)
}
