//! Exact counts, beside the peers and the floor: `cargo bench --bench counts`.
//!
//! Arguments are the names of what to measure (all of it without), `--quick` for
//! a few messages of each, without strace and callgrind, and `--write`, which
//! writes the tables into `README.md`, and the plots.

mod figures;
mod format;
mod plots;
mod report;
mod summary;
mod tools;

use std::{fs, path::Path, time::Duration};

use smtp_benches::{
    Result, parsers,
    senders::Sender,
    work::{FILE, Work},
};

use figures::{Bench, Figures};
use report::Report;

/// How long a round trip takes.
const HOLD: Duration = Duration::from_millis(20);

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let names: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|name| !name.starts_with('-'))
        .collect();
    let wanted = |name: &str| names.is_empty() || names.contains(&name);

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(directory)?;
    fs::write(directory.join(FILE), Work::file())?;
    // `cargo test` asks whether it works, and not what it measures.
    let quick = has("--quick") || !has("--bench");
    let bench = Bench::new(directory, quick)?;
    if !quick && (bench.system_calls.is_none() || bench.instructions.is_none()) {
        println!("Without perf and strace, or without callgrind: some columns are empty.\n");
    }
    let mut report = Report::default();
    for work in Work::ALL.into_iter().filter(|work| wanted(work.name())) {
        let senders: Vec<Sender> = Sender::ALL
            .into_iter()
            .filter(|sender| sender.can(work) && !(quick && sender.is_slow(work)))
            .collect();
        let mut rows = Vec::new();
        for (sender, cpu) in senders.iter().zip(bench.cpu(&senders, work)?) {
            let figures = bench.sender(*sender, work);
            let figures =
                figures.map_err(|error| format!("{} {}: {error}", work.name(), sender.name()))?;
            rows.push((sender.name(), Figures { cpu, ..figures }));
        }
        print!("{}", report.work(work, rows));
    }
    if wanted("receiver") {
        let rows = ["floor", parsers::OURS]
            .into_iter()
            .map(|who| Ok((who, bench.receiver(who)?)))
            .collect::<Result<Vec<_>>>()?;
        print!("{}", report.receiver(rows));
    }
    if wanted("parsers") {
        let mut rows: Vec<(&'static str, &'static str, usize, Figures)> = Vec::new();
        for parser in parsers::all() {
            let figures = bench.parser(parser.work, parser.who, parser.octets)?;
            rows.push((parser.work, parser.who, parser.octets, figures));
        }
        print!("{}", report.parsers(rows));
    }
    if wanted("idle") {
        print!("{}", report.idle(bench.idle()?));
    }
    print!("{}", report.summary());
    if has("--write") {
        report.write(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    Ok(())
}
