//! Results as a table for a terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use super::case::Group;
use super::measure::Row;

pub(crate) fn table(group: &Group, rows: &[Row]) -> String {
    let peer = rows.iter().find_map(|row| row.peer.as_deref());
    let bandwidth = rows.iter().any(|row| row.of_bandwidth.is_some());
    let mut header = vec!["", "threads", "ours"];
    if let Some(peer) = peer {
        header.extend([peer, "ratio"]);
    }
    if bandwidth {
        header.push("of a copy's speed");
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for row in rows {
        let mut cells = vec![row.name.clone(), row.threads.to_string(), duration(row.ours_ns)];
        if peer.is_some() {
            cells.push(row.peer_ns.map(duration).unwrap_or_default());
            cells.push(row.ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default());
        }
        if bandwidth {
            cells.push(
                row.of_bandwidth.map(|part| format!("{:.0}%", 100.0 * part)).unwrap_or_default(),
            );
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("\n{}: {}\n{table}", group.name, group.about)
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

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let texts = [4.0, 12.34, 999.0, 1234.0, 56_789.0, 1.5e6, 2.0e8].map(duration);
        let expected = ["4.00 ns", "12.3 ns", "999 ns", "1.23 µs", "56.8 µs", "1.50 ms", "200 ms"];
        assert_eq!(texts, expected);
    }
}
