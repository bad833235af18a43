//! Bars, one for each sender.

use std::{fmt::Write, fs, path::Path};

use smtp_benches::{Result, parsers::is_peer, work::Work};

use crate::{figures::Figures, format::number, report::Report};

const WIDTH: usize = 640;
const LEFT: usize = 130;
const BAR: usize = 22;
const TOP: usize = 34;

/// Writes the pictures, and returns what shows them.
pub fn write(report: &Report, directory: &Path) -> Result<String> {
    fs::create_dir_all(directory)?;
    let mut shown = String::new();
    let mut add = |name: &str, title: &str, bars: &[(&str, f64)]| -> Result {
        if !bars.is_empty() {
            fs::write(directory.join(format!("{name}.svg")), picture(title, bars))?;
            let _ = writeln!(shown, "![{title}](plots/{name}.svg)\n");
        }
        Ok(())
    };
    let us = |figures: &Figures| figures.cpu.map(|ns| ns / 1e3);
    let ms = |figures: &Figures| figures.cpu.map(|ns| ns / 1e6);
    let at_20_ms = |figures: &Figures| figures.time.map(|ns| ns / 1e6);
    add(
        "small-cpu",
        "1 KiB message: processor time, us",
        &bars(report, Work::Small, us),
    )?;
    add(
        "small-instructions",
        "1 KiB message: instructions in user space",
        &bars(report, Work::Small, |figures| figures.instructions),
    )?;
    add(
        "small-system-calls",
        "1 KiB message: system calls",
        &bars(report, Work::Small, |figures| figures.system_calls),
    )?;
    let mut pipelined = bars(report, Work::Small, at_20_ms);
    for (work, names) in [
        (Work::Across, ["floor, across", "smtp-blocking, across"]),
        (Work::Chunked, ["floor, BDAT", "smtp-blocking, BDAT"]),
    ] {
        for (who, name) in ["floor", "smtp-blocking"].into_iter().zip(names) {
            let time = report.of(work, who).and_then(at_20_ms);
            pipelined.extend(time.map(|time| (name, time)));
        }
    }
    add(
        "small-20ms",
        "1 KiB message, 20 ms away: time, ms",
        &pipelined,
    )?;
    add(
        "recipients-20ms",
        "100 recipients, 20 ms away: time, ms",
        &bars(report, Work::Recipients, at_20_ms),
    )?;
    add(
        "large-cpu",
        "50 MiB message: processor time, ms",
        &bars(report, Work::Large, ms),
    )?;
    add(
        "connections-cpu",
        "100 connections in one thread: processor time a message, us",
        &bars(report, Work::Connections, us),
    )?;
    let stuffing = report.parsers.iter().filter(|row| row.0 == "stuff-text");
    let stuffing: Vec<_> = stuffing
        .filter_map(|row| row.3.cpu.map(|cpu| (row.1, row.2 as f64 / cpu)))
        .collect();
    add(
        "stuffing",
        "dot-stuffing text: GB/s (more is better)",
        &stuffing,
    )?;
    Ok(shown)
}

fn bars(
    report: &Report,
    work: Work,
    what: impl Fn(&Figures) -> Option<f64>,
) -> Vec<(&'static str, f64)> {
    let found = report.works.iter().find(|(measured, _)| *measured == work);
    let rows = found.into_iter().flat_map(|(_, rows)| rows);
    rows.filter_map(|(who, figures)| what(figures).map(|value| (*who, value)))
        .collect()
}

fn picture(title: &str, bars: &[(&str, f64)]) -> String {
    let height = TOP + bars.len() * (BAR + 6) + 8;
    let longest = bars
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::MIN_POSITIVE, f64::max);
    let room = (WIDTH - LEFT - 90) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">{title}</text>\n"
    );
    for (n, (who, value)) in bars.iter().enumerate() {
        let top = TOP + n * (BAR + 6);
        let base = top + BAR - 6;
        let width = value / longest * room;
        let colour = match *who {
            who if who.starts_with("smtp-") || who == "ours" => "#2b6cb0",
            who if is_peer(who) => "#c9822b",
            _ => "#999999",
        };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{who}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{base}\">{}</text>",
            LEFT - 8,
            LEFT as f64 + width + 6.0,
            number(*value),
        );
    }
    svg.push_str("</svg>\n");
    svg
}
