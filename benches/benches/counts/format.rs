//! Numbers as people read them.

/// Three digits that count, and the thousands apart.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() < 100.0 {
        let decimals = if value.abs() < 10.0 { 2 } else { 1 };
        let text = format!("{value:.decimals$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{} ns", number(ns)),
        ns if ns < 1e6 => format!("{} us", number(ns / 1e3)),
        ns => format!("{} ms", number(ns / 1e6)),
    }
}

/// Octets.
pub fn octets(octets: f64) -> String {
    if octets < 1024.0 * 1024.0 {
        format!("{} KiB", number(octets / 1024.0))
    } else {
        format!("{} MiB", number(octets / 1024.0 / 1024.0))
    }
}

/// A table, whose first row is the heading.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
            .max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        for (column, width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            let blank = " ".repeat(width - cell.chars().count());
            match column {
                0 => text.push_str(&format!("| {cell}{blank} ")),
                _ => text.push_str(&format!("| {blank}{cell} ")),
            }
        }
        text.push_str("|\n");
        if n == 0 {
            for (column, width) in widths.iter().enumerate() {
                let right = if column == 0 { "-" } else { ":" };
                text.push_str(&format!("|{}{right}", "-".repeat(width + 1)));
            }
            text.push_str("|\n");
        }
    }
    text
}
