//! What is aimed at, and what is reached.

use smtp_benches::{
    parsers::{EHLO, FOUR_LINES, ONE_LINE, OURS, is_peer},
    work::{RECIPIENTS, Work},
};

use crate::{
    figures::Figures,
    format::number,
    report::{Report, of_parser},
};

/// One of the things that count.
struct Row {
    name: &'static str,
    peer: Option<f64>,
    floor: Option<f64>,
    ours: Option<f64>,
    /// What has to be reached, and what is hoped for.
    target: f64,
    hope: Option<f64>,
    more_is_better: bool,
}

/// The table; rows that were not measured are not in it.
pub fn rows(report: &Report) -> Vec<Vec<String>> {
    let heading = ["", "best peer", "floor", "ours", "at least", "beyond", ""];
    let mut table = vec![heading.map(str::to_owned).to_vec()];
    table.extend(all(report).into_iter().filter_map(Row::cells));
    table
}

impl Row {
    fn cells(self) -> Option<Vec<String>> {
        let ours = self.ours?;
        let reaches = |target: f64| {
            // Counts are exact but for what the system does now and then.
            let slack = 0.01 * target + 0.005;
            if self.more_is_better {
                ours >= target - slack
            } else {
                ours <= target + slack
            }
        };
        let verdict = match self.hope {
            Some(hope) if reaches(hope) => "beyond",
            _ if reaches(self.target) => "reached",
            _ => "missed",
        };
        let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        Some(vec![
            self.name.to_owned(),
            cell(self.peer),
            cell(self.floor),
            number(ours),
            number(self.target),
            cell(self.hope),
            verdict.to_owned(),
        ])
    }
}

fn all(report: &Report) -> Vec<Row> {
    let of_work = |name, work, what: &dyn Fn(&Figures) -> Option<f64>, target, hope| Row {
        name,
        peer: best_peer(report, work, what),
        floor: report.of(work, "floor").and_then(what),
        ours: report.of(work, "smtp-blocking").and_then(what),
        target,
        hope,
        more_is_better: false,
    };
    let round_trips = |figures: &Figures| figures.round_trips;
    let system_calls = |figures: &Figures| figures.system_calls;
    let instructions = |figures: &Figures| figures.instructions;
    let mut rows = vec![
        of_work(
            "round trips a message, default",
            Work::Small,
            &round_trips,
            2.0,
            None,
        ),
        of_work(
            "round trips, across transactions, DATA",
            Work::Across,
            &round_trips,
            1.0,
            None,
        ),
        of_work(
            "round trips, across, BDAT, depth 10",
            Work::Chunked,
            &round_trips,
            0.1,
            None,
        ),
        of_work(
            "round trips, 100 recipients",
            Work::Recipients,
            &round_trips,
            2.0,
            None,
        ),
        of_work(
            "system calls a message, default",
            Work::Small,
            &system_calls,
            4.0,
            None,
        ),
        of_work(
            "system calls, across, DATA",
            Work::Across,
            &system_calls,
            2.0,
            None,
        ),
        of_work(
            "system calls, across, BDAT, depth 10",
            Work::Chunked,
            &system_calls,
            0.2,
            None,
        ),
        of_work(
            "instructions a message, default",
            Work::Small,
            &instructions,
            5e3,
            Some(2e3),
        ),
        of_work(
            "allocations a message, default",
            Work::Small,
            &|f| f.allocations,
            0.0,
            None,
        ),
        Row {
            name: "instructions a recipient, of 100",
            peer: least(
                report.works.iter().flat_map(|(_, rows)| rows),
                |(who, _)| is_peer(who).then(|| a_recipient(report, who)).flatten(),
            ),
            floor: a_recipient(report, "floor"),
            ours: a_recipient(report, "smtp-blocking"),
            target: 600.0,
            hope: Some(250.0),
            more_is_better: false,
        },
    ];
    for (name, work, target, hope) in [
        ("instructions, reply of one line", ONE_LINE, 500.0, 250.0),
        (
            "instructions, reply of four lines",
            FOUR_LINES,
            1_600.0,
            820.0,
        ),
        ("instructions, EHLO of ten lines", EHLO, 5_000.0, 3_500.0),
    ] {
        rows.push(of_parsing(
            report,
            name,
            work,
            &|_, figures| figures.instructions,
            (target, hope),
        ));
    }
    let an_octet = |octets: f64, figures: &Figures| figures.instructions.map(|all| all / octets);
    let speed = |octets: f64, figures: &Figures| figures.cpu.map(|time| octets / time);
    let floor =
        of_parser(report, "stuff-text", "floor").and_then(|(n, figures)| an_octet(n, figures));
    let fast = |name, work, target, hope| Row {
        more_is_better: true,
        ..of_parsing(report, name, work, &speed, (target, hope))
    };
    rows.extend([
        of_parsing(
            report,
            "instructions an octet, stuffing text",
            "stuff-text",
            &an_octet,
            (2.0, floor.unwrap_or(1.28)),
        ),
        fast("GB/s, stuffing text", "stuff-text", 8.0, 16.0),
        fast("GB/s, stuffing base64", "stuff-base64", 8.0, 16.0),
        fast(
            "GB/s, stuffing when every line is a dot",
            "stuff-dots",
            3.0,
            7.0,
        ),
        of_work(
            "50 MiB: CPU, ms",
            Work::Large,
            &|f| f.cpu.map(|ns| ns / 1e6),
            20.0,
            Some(13.0),
        ),
        of_work(
            "50 MiB from a file: peak memory, MiB",
            Work::File,
            &|f| f.peak.map(|octets| octets / 1024.0 / 1024.0),
            0.25,
            Some(0.1),
        ),
        of_work(
            "4 MiB of dots: system calls",
            Work::Dots,
            &system_calls,
            40.0,
            Some(10.0),
        ),
        of_work(
            "connect, send, quit: round trips",
            Work::Session,
            &round_trips,
            4.0,
            Some(3.0),
        ),
        Row {
            name: "idle session in the core, octets",
            peer: None,
            floor: None,
            ours: report.idle,
            target: 4096.0,
            hope: Some(1024.0),
            more_is_better: false,
        },
    ]);
    let to_floor = |work, floor: &str| {
        let floor = report.of(work, floor).and_then(|figures| figures.cpu);
        move |figures: &Figures| figures.cpu.zip(floor).map(|(cpu, floor)| cpu / floor)
    };
    let ratio = to_floor(Work::Connections, "floor-async");
    rows.push(Row {
        name: "smol, 100 connections: CPU to the floor",
        peer: best_peer(report, Work::Connections, &ratio),
        floor: Some(1.0),
        ours: report.of(Work::Connections, "smtp-smol").and_then(&ratio),
        target: 2.0,
        hope: Some(1.4),
        more_is_better: false,
    });
    let ratio = to_floor(Work::Tls, "floor");
    rows.push(of_work(
        "TLS session: CPU to rustls alone",
        Work::Tls,
        &ratio,
        1.05,
        Some(1.0),
    ));
    let cpu = |who| {
        let found = report.receivers.iter().find(|(name, _)| *name == who);
        found.and_then(|(_, figures)| figures.cpu)
    };
    rows.push(Row {
        name: "receiver: CPU to one that only counts",
        peer: None,
        floor: Some(1.0),
        ours: cpu(OURS)
            .zip(cpu("floor"))
            .map(|(ours, floor)| ours / floor),
        target: 3.0,
        hope: Some(1.5),
        more_is_better: false,
    });
    let allocations = report.receivers.iter().find(|(who, _)| *who == OURS);
    rows.push(Row {
        name: "receiver: allocations a message",
        peer: None,
        floor: Some(0.0),
        ours: allocations.and_then(|(_, figures)| figures.allocations),
        target: 0.0,
        hope: None,
        more_is_better: false,
    });
    rows
}

fn best_peer(report: &Report, work: Work, what: &dyn Fn(&Figures) -> Option<f64>) -> Option<f64> {
    let (_, rows) = report
        .works
        .iter()
        .find(|(measured, _)| *measured == work)?;
    least(
        rows.iter().filter(|(who, _)| is_peer(who)),
        |(_, figures)| what(figures),
    )
}

fn a_recipient(report: &Report, who: &str) -> Option<f64> {
    let all = report.of(Work::Recipients, who)?.instructions?;
    let one = report.of(Work::Small, who)?.instructions?;
    Some((all - one) / f64::from(RECIPIENTS - 1))
}

fn of_parsing(
    report: &Report,
    name: &'static str,
    work: &str,
    what: &dyn Fn(f64, &Figures) -> Option<f64>,
    (target, hope): (f64, f64),
) -> Row {
    let of = |who| of_parser(report, work, who).and_then(|(octets, figures)| what(octets, figures));
    let peers = report
        .parsers
        .iter()
        .filter(|row| row.0 == work && is_peer(row.1));
    let best = peers.filter_map(|row| what(row.2 as f64, &row.3));
    Row {
        name,
        // Of speeds the greatest, of everything else the least.
        peer: if name.starts_with("GB/s") {
            best.reduce(f64::max)
        } else {
            best.reduce(f64::min)
        },
        floor: of("floor"),
        ours: of(OURS),
        target,
        hope: Some(hope),
        more_is_better: false,
    }
}

fn least<T>(all: impl Iterator<Item = T>, what: impl Fn(T) -> Option<f64>) -> Option<f64> {
    all.filter_map(what).reduce(f64::min)
}
