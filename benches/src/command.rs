//! The command line of what is measured.

use std::process::ExitCode;

use smtp_proto::{
    Instant, Transmit,
    client::{Config, Event, Session},
};

use crate::{
    Result,
    meter::{self, Cost, Meter},
    parsers, receivers,
    senders::Sender,
    work::{Job, NAME, Work},
};

/// Does what the command line says, and prints a [`Cost`]:
///
/// ```text
/// send SENDER WORK WARMUP COUNT ADDRESS DIRECTORY
/// parse WORK WHO COUNT
/// receive WHO
/// idle
/// ```
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(cost) => {
            println!("{cost}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("measured: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<Cost> {
    match *arguments {
        ["send", sender, work, warmup, count, address, directory] => {
            let (warmup, count) = (warmup.parse()?, count.parse()?);
            let work = Work::named(work)?;
            let job = Job::new(work, warmup, count, address.parse()?, directory.into())?;
            Sender::named(sender)?.run(job)
        }
        ["parse", work, who, count] => parse(work, who, count.parse()?),
        ["receive", who] => receivers::run(who),
        ["idle"] => idle(),
        _ => Err("this is for the benchmarks to start".into()),
    }
}

fn parse(work: &str, who: &str, count: u32) -> Result<Cost> {
    let mut all = parsers::all().into_iter();
    let parser = all.find(|parser| parser.work == work && parser.who == who);
    let mut run = (parser.ok_or("no such parser")?.make)();
    let mut meter = Meter::new()?;
    run();
    meter.start();
    (0..count).for_each(|_| run());
    meter.stop()
}

/// The memory of a session that is open and has nothing to do: its own size, and
/// what it has on the heap. It is printed in place of the peak.
fn idle() -> Result<Cost> {
    let config = Config::new(&NAME.parse()?)?;
    let before = meter::heap();
    let mut session = Session::new(config, Instant::ORIGIN);
    for input in ["220 mx.example.net ESMTP\r\n", parsers::EHLO_REPLY] {
        session.handle_input(input.as_bytes(), Instant::ORIGIN);
        while let Some(event) = session.poll_event()? {
            if let Event::Ready = event {
                let heap = u64::try_from(meter::heap() - before)?;
                let peak = heap + size_of::<Session>() as u64;
                return Ok(Cost {
                    peak,
                    ..Cost::default()
                });
            }
        }
        while let Some(n) = session.poll_transmit().map(Transmit::octets) {
            session.handle_transmitted(usize::try_from(n)?, Instant::ORIGIN);
        }
    }
    Err("the session does not open".into())
}
