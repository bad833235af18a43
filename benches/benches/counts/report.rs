//! The tables, and where they go.

use std::{fs, path::Path, process::Command};

use smtp_benches::{Result, work::Work};

use crate::{
    figures::Figures,
    format::{number, octets, table, time},
    plots, summary,
};

/// Between these lines of the README are the figures.
const BEGIN: &str = "<!-- figures: cargo bench --bench counts -- --write -->\n";
const END: &str = "<!-- end of the figures -->\n";

/// All that was measured.
#[derive(Default)]
pub struct Report {
    pub works: Vec<(Work, Vec<(&'static str, Figures)>)>,
    pub receivers: Vec<(&'static str, Figures)>,
    /// What, who, how many octets.
    pub parsers: Vec<(&'static str, &'static str, usize, Figures)>,
    pub idle: Option<f64>,
    text: String,
}

impl Report {
    pub fn work(&mut self, work: Work, rows: Vec<(&'static str, Figures)>) -> String {
        let text = format!("### {}: {}\n\n{}\n", work.name(), title(work), costs(&rows));
        self.works.push((work, rows));
        self.add(text)
    }

    pub fn receiver(&mut self, rows: Vec<(&'static str, Figures)>) -> String {
        let text = format!(
            "### receiver: 1 KiB messages come in, pipelined across transactions\n\n{}\n",
            costs(&rows)
        );
        self.receivers = rows;
        self.add(text)
    }

    pub fn parsers(&mut self, rows: Vec<(&'static str, &'static str, usize, Figures)>) -> String {
        let heading = [
            "",
            "",
            "time",
            "GB/s",
            "instructions",
            "an octet",
            "allocations",
        ]
        .map(str::to_owned);
        let mut cells = vec![heading.to_vec()];
        let mut before = "";
        for (work, who, octets, figures) in &rows {
            let octets = *octets as f64;
            let name = if *work == before { "" } else { work };
            before = work;
            cells.push(vec![
                name.to_owned(),
                (*who).to_owned(),
                cell(figures.cpu, time),
                cell(figures.cpu.map(|cpu| octets / cpu), number),
                cell(figures.instructions, number),
                cell(figures.instructions.map(|all| all / octets), number),
                cell(figures.allocations, number),
            ]);
        }
        self.parsers = rows;
        self.add(format!(
            "### parsers: the wire format, in memory\n\n{}\n",
            table(&cells)
        ))
    }

    pub fn idle(&mut self, octets: f64) -> String {
        self.idle = Some(octets);
        self.add(format!(
            "### idle: a client's session in the core, open, with nothing to do\n\n\
             {} octets, its own size and what it has on the heap.\n\n",
            number(octets)
        ))
    }

    /// The figures of somebody with some work.
    pub fn of(&self, work: Work, who: &str) -> Option<&Figures> {
        let (_, rows) = self.works.iter().find(|(measured, _)| *measured == work)?;
        rows.iter()
            .find(|(name, _)| *name == who)
            .map(|(_, figures)| figures)
    }

    pub fn summary(&self) -> String {
        let rows = summary::rows(self);
        if rows.len() < 2 {
            return String::new();
        }
        format!("### In short\n\n{}\n", table(&rows))
    }

    /// Writes the README and the plots.
    pub fn write(&self, directory: &Path) -> Result {
        let path = directory.join("README.md");
        let readme = fs::read_to_string(&path)?;
        let (before, rest) = readme.split_once(BEGIN).ok_or("the README has no place")?;
        let (_, after) = rest
            .split_once(END)
            .ok_or("the figures in the README have no end")?;
        let pictures = plots::write(self, &directory.join("plots"))?;
        let figures = format!(
            "\n{}\n{}{pictures}## All figures\n\n{}",
            machine(),
            self.summary().replace("### In short", "## In short"),
            self.text
        );
        Ok(fs::write(
            path,
            format!("{before}{BEGIN}{figures}{END}{after}"),
        )?)
    }

    fn add(&mut self, text: String) -> String {
        self.text.push_str(&text);
        text
    }
}

fn title(work: Work) -> &'static str {
    match work {
        Work::Small => "1 KiB, a connection that is used again, each sender's default",
        Work::Across => "the same, pipelined across transactions, DATA",
        Work::Chunked => "the same, pipelined across transactions, BDAT, ten messages unanswered",
        Work::Recipients => "1 KiB to a hundred recipients",
        Work::Large => "50 MiB, given in memory",
        Work::File => "50 MiB, from a file",
        Work::Dots => "4 MiB in which every line is a dot, given in memory",
        Work::Connections => "1 KiB over each of a hundred connections, in one thread",
        Work::Session => "connect, send 1 KiB, quit",
        Work::Quit => "the same, with QUIT in the group of the end of the content",
        Work::Tls => "connect, STARTTLS, send 1 KiB, quit",
    }
}

fn costs(rows: &[(&'static str, Figures)]) -> String {
    let heading = [
        "",
        "CPU",
        "to the floor",
        "instructions",
        "system calls",
        "allocations",
        "round trips",
        "time at 20 ms",
        "peak memory",
    ];
    let floor = rows.iter().find(|(who, _)| who.starts_with("floor"));
    let floor = floor.and_then(|(_, figures)| figures.cpu);
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    for (who, figures) in rows {
        let ratio = figures.cpu.zip(floor).map(|(cpu, floor)| cpu / floor);
        cells.push(vec![
            (*who).to_owned(),
            cell(figures.cpu, time),
            cell(ratio, |ratio| format!("{ratio:.2}x")),
            cell(figures.instructions, number),
            cell(figures.system_calls, number),
            cell(figures.allocations, number),
            cell(figures.round_trips, number),
            cell(figures.time, time),
            cell(figures.peak, octets),
        ]);
    }
    table(&cells)
}

fn cell(value: Option<f64>, format: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

/// What this was measured on.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let mut models = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name"));
    let model = models
        .next()
        .unwrap_or("unknown")
        .trim_start_matches([' ', '\t', ':'])
        .to_owned();
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "Measured on {model} ({} processors), Linux {}, {}, over loopback.\n",
        1 + models.count(),
        read("/proc/sys/kernel/osrelease").trim(),
        rustc.unwrap_or_default(),
    )
}

/// The figures of a parser.
pub fn of_parser<'a>(report: &'a Report, work: &str, who: &str) -> Option<(f64, &'a Figures)> {
    let found = report
        .parsers
        .iter()
        .find(|row| row.0 == work && row.1 == who);
    found.map(|(_, _, octets, figures)| (*octets as f64, figures))
}
