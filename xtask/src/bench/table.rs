//! Results as a table for a terminal.

use std::collections::BTreeSet;
use std::iter;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use super::case::{Group, Point};
use super::measure::Row;

pub(crate) fn table(group: &Group, rows: &[Row]) -> String {
    let peers = distinct(rows.iter().flat_map(|row| &row.peers).map(|theirs| theirs.peer.as_str()));
    let per_item = rows.iter().any(|row| row.ours_per_item_ns.is_some());
    let bandwidth = rows.iter().any(|row| row.of_bandwidth.is_some());
    let gflops = rows.iter().any(|row| row.gflops.is_some());
    let mut header = vec!["", "threads", "ours"];
    for peer in &peers {
        header.extend([peer, "ratio"]);
    }
    if per_item {
        header.push("ours, an item");
    }
    if bandwidth {
        header.push("of a copy's speed");
    }
    if gflops {
        header.push("GFLOP/s");
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for row in rows {
        let mut cells = vec![row.name.clone(), row.threads.to_string(), duration(row.ours_ns)];
        for peer in &peers {
            let theirs = row.peers.iter().find(|theirs| theirs.peer == *peer);
            let (ns, ratio) = theirs.map_or((None, None), |theirs| (theirs.ns, theirs.ratio));
            cells.push(ns.map(duration).unwrap_or_default());
            cells.push(ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default());
        }
        if per_item {
            cells.push(row.ours_per_item_ns.map(duration).unwrap_or_default());
        }
        if bandwidth {
            cells.push(
                row.of_bandwidth.map(|part| format!("{:.0}%", 100.0 * part)).unwrap_or_default(),
            );
        }
        if gflops {
            cells.push(row.gflops.map(|gflops| format!("{gflops:.0}")).unwrap_or_default());
        }
        table.add_row(cells);
    }
    align(&mut table);
    format!("\n{}: {}\n{table}", group.name, group.about)
}

/// Which peers could not do some of the work, and why; a line each.
pub(crate) fn unavailable(rows: &[Row]) -> Vec<String> {
    let reasons = rows.iter().flat_map(|row| &row.peers).filter_map(|theirs| {
        let reason = theirs.unavailable.as_ref()?;
        Some(format!("{} was not measured everywhere: {reason}", theirs.peer))
    });
    distinct(reasons)
}

/// Each once, in the order in which it first comes.
fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

/// Our time for an item against the size of what it is in, a curve a line; `None` without curves.
pub(crate) fn curves(rows: &[Row]) -> Option<String> {
    let points: Vec<(&Point, f64)> =
        rows.iter().filter_map(|row| row.point.as_ref().zip(row.ours_per_item_ns)).collect();
    let sizes: BTreeSet<usize> = points.iter().map(|(point, _)| point.size).collect();
    let names = distinct(points.iter().map(|(point, _)| point.curve.as_str()));
    if names.is_empty() {
        return None;
    }
    let mut table = Table::new();
    let header = sizes.iter().map(|&size| count(size));
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(iter::once("ours, an item".to_owned()).chain(header));
    for name in names {
        let at = |size| points.iter().find(|(point, _)| point.curve == name && point.size == size);
        let cells = sizes.iter().map(|&size| at(size).map(|(_, ns)| duration(*ns)));
        let cells = cells.map(Option::unwrap_or_default);
        table.add_row(iter::once(name.to_owned()).chain(cells));
    }
    align(&mut table);
    Some(table.to_string())
}

/// Numbers to the right.
fn align(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A round number, short: 10k, 5M.
pub(crate) fn count(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// Three digits and a unit.
fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ..1e3 => (nanoseconds, "ns"),
        1e3..1e6 => (nanoseconds / 1e3, "µs"),
        _ => (nanoseconds / 1e6, "ms"),
    };
    let decimals = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::Threads;
    use crate::bench::measure::made_up::{row, theirs};

    fn cells(line: &str) -> Vec<String> {
        line.split(['│', '┆']).map(|cell| cell.trim().to_owned()).collect()
    }

    #[test]
    fn each_peer_has_its_columns_and_says_what_it_cannot_do() {
        let rows = [
            row(
                "a",
                2.0,
                vec![theirs("X", Some(3.0), None), theirs("Y", None, Some("no compiler"))],
            ),
            row("b", 2.0, vec![theirs("Y", Some(8.0), None)]),
        ];
        let group = Group {
            name: "group",
            about: "about",
            peers: &[],
            threads: Threads::One,
            cases: Vec::new,
            notes: |_| Ok(Vec::new()),
        };
        let table = table(&group, &rows);
        let lines: Vec<_> = table.lines().skip_while(|line| !line.contains("ours")).collect();
        assert_eq!(cells(lines[0]), ["", "", "threads", "ours", "X", "ratio", "Y", "ratio", ""]);
        assert_eq!(cells(lines[2]), ["", "a", "1", "2.00 ns", "3.00 ns", "1.5", "", "", ""]);
        assert_eq!(cells(lines[3]), ["", "b", "1", "2.00 ns", "", "", "8.00 ns", "4.0", ""]);
        assert_eq!(unavailable(&rows), ["Y was not measured everywhere: no compiler"]);
    }

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let texts = [4.0, 12.34, 999.0, 1234.0, 56_789.0, 1.5e6, 2.0e8].map(duration);
        let expected = ["4.00 ns", "12.3 ns", "999 ns", "1.23 µs", "56.8 µs", "1.50 ms", "200 ms"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn counts_are_short() {
        assert_eq!([7, 10_000, 5_000_000].map(count), ["7", "10k", "5M"]);
    }

    #[test]
    fn a_curve_is_a_line_and_a_size_a_column() {
        let row = |curve: &str, size, ns| Row {
            ours_per_item_ns: Some(ns),
            point: Some(Point { curve: curve.to_owned(), size }),
            ..row("", ns, Vec::new())
        };
        assert_eq!(curves(&[]), None);
        let rows = [row("push", 1000, 1.0), row("push", 10, 2.0), row("sample", 1000, 3.0)];
        let table = curves(&rows).unwrap();
        let lines: Vec<_> = table.lines().map(cells).collect();
        assert_eq!(lines[1], ["", "ours, an item", "10", "1k", ""]);
        assert_eq!(lines[3], ["", "push", "2.00 ns", "1.00 ns", ""]);
        assert_eq!(lines[4], ["", "sample", "", "3.00 ns", ""]);
    }
}
