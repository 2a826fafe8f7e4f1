//! The tables and plots.

use std::fmt::{Display, Write};

use anyhow::Result;
use reflux_distill::Interval;

use super::Results;
use super::case::{ALPHAS, Case, FEW, ROWS, TEMPERATURES, Taught, Teacher, WIDTHS};
use crate::reproduce::chart::{Chart, Line};
use crate::statistics::Estimate;

/// Markdown, as it stands in the book.
pub(super) fn tables(results: &Results, train_rows: usize, seeds: u64) -> Result<String> {
    let mut text = format!("Test accuracy in %, {seeds} seeds, ± is a 95% interval over them.\n");
    for rows in [FEW, train_rows] {
        writeln!(text, "\n### Temperature and alpha, {rows} rows\n")?;
        text += &temperatures(results, rows)?;
    }
    writeln!(text, "\n### Labels\n")?;
    text += &labels(results, train_rows)?;
    for rows in [FEW, train_rows] {
        writeln!(text, "\n### The student's width, {rows} rows\n")?;
        text += &widths(results, rows)?;
    }
    writeln!(text, "\n### The teacher\n")?;
    text += &teachers(results, train_rows)?;
    Ok(text)
}

fn temperatures(results: &Results, rows: usize) -> Result<String> {
    let case = Case::new(rows);
    let mut table = table("temperature", ALPHAS.map(|alpha| format!("alpha {alpha}")))?;
    for temperature in TEMPERATURES {
        let cells = ALPHAS.map(|alpha| results.percent(&case.distilled(temperature, alpha)));
        row(&mut table, temperature, cells)?;
    }
    let [alone, smoothed] =
        [case, case.taught(Taught::Smoothed)].map(|case| results.percent(&case));
    writeln!(
        table,
        "\nWithout a teacher: labels {:.2}, label smoothing {:.2}.",
        alone?, smoothed?
    )?;
    Ok(table)
}

fn labels(results: &Results, train_rows: usize) -> Result<String> {
    let mut table =
        table("rows", ["labels alone", "label smoothing", "distilled", "gain, points"])?;
    for rows in ROWS.map(|rows| rows.min(train_rows)) {
        let case = Case::new(rows);
        let distilled = case.taught_by(Teacher::Large);
        let cells = [
            results.percent(&case),
            results.percent(&case.taught(Taught::Smoothed)),
            results.percent(&distilled),
            results.gain(&distilled, &case),
        ];
        row(&mut table, rows, cells)?;
    }
    Ok(table)
}

fn widths(results: &Results, rows: usize) -> Result<String> {
    let mut table = table("hidden units", ["labels alone", "distilled", "gain, points"])?;
    for width in WIDTHS {
        let case = Case::new(rows).wide(width);
        let distilled = case.taught_by(Teacher::Large);
        let gain = results.gain(&distilled, &case);
        row(&mut table, width, [results.percent(&case), results.percent(&distilled), gain])?;
    }
    Ok(table)
}

fn teachers(results: &Results, train_rows: usize) -> Result<String> {
    let columns = [FEW, train_rows].map(|rows| format!("student, {rows} rows"));
    let mut table = table("teacher", ["teacher".to_owned()].into_iter().chain(columns))?;
    for lesson in &results.lessons {
        let cells = [FEW, train_rows]
            .map(|rows| results.percent(&Case::new(rows).taught_by(lesson.teacher)));
        let [few, all] = cells;
        writeln!(
            table,
            "| {} | {:.2} | {:.2} | {:.2} |",
            lesson.teacher,
            100.0 * lesson.accuracy,
            few?,
            all?
        )?;
    }
    let [few, all] = [FEW, train_rows].map(|rows| results.percent(&Case::new(rows)));
    writeln!(table, "| none | | {:.2} | {:.2} |", few?, all?)?;
    Ok(table)
}

fn table(first: &str, columns: impl IntoIterator<Item = impl Display>) -> Result<String> {
    let (mut head, mut line) = (format!("| {first} |"), "| ---: |".to_owned());
    for column in columns {
        write!(head, " {column} |")?;
        line += " ---: |";
    }
    Ok(format!("{head}\n{line}\n"))
}

fn row(
    table: &mut String,
    name: impl Display,
    cells: impl IntoIterator<Item = Result<Interval>>,
) -> Result<()> {
    write!(table, "| {name} |")?;
    for cell in cells {
        write!(table, " {:.2} |", cell?)?;
    }
    writeln!(table)?;
    Ok(())
}

/// File names and SVG text.
pub(super) fn plots(results: &Results, train_rows: usize) -> Result<Vec<(&'static str, String)>> {
    let few = [FEW, train_rows];
    let names = ["sweep-temperature-few.svg", "sweep-temperature-all.svg"];
    let mut plots = Vec::new();
    for (rows, name) in few.into_iter().zip(names) {
        plots.push((name, temperature_plot(results, rows)?));
    }
    let rows = ROWS.map(|rows| rows.min(train_rows));
    let case = |index: usize| Case::new(rows[index]);
    let lines = vec![
        line(results, "labels alone", rows.len(), case)?,
        line(results, "label smoothing", rows.len(), |i| case(i).taught(Taught::Smoothed))?,
        line(results, "distilled", rows.len(), |i| case(i).taught_by(Teacher::Large))?,
    ];
    let title = "64-16-10 on the digits: what labels and a teacher give";
    plots.push(("sweep-labels.svg", chart(title, "rows with a label", &rows, lines)?));

    let mut lines = Vec::new();
    for rows in few {
        let case = |index: usize| Case::new(rows).wide(WIDTHS[index]);
        lines.push(line(results, &format!("{rows} rows, labels"), WIDTHS.len(), case)?);
        let distilled = |index: usize| case(index).taught_by(Teacher::Large);
        lines.push(line(results, &format!("{rows} rows, distilled"), WIDTHS.len(), distilled)?);
    }
    let title = "64-n-10 on the digits: how wide the student is";
    plots.push(("sweep-width.svg", chart(title, "hidden units n", &WIDTHS, lines)?));
    Ok(plots)
}

fn temperature_plot(results: &Results, rows: usize) -> Result<String> {
    let case = Case::new(rows);
    let mut lines = Vec::new();
    for alpha in ALPHAS {
        let of = |index: usize| case.distilled(TEMPERATURES[index], alpha);
        lines.push(line(results, &format!("alpha {alpha}"), TEMPERATURES.len(), of)?);
    }
    lines.push(line(results, "labels alone", TEMPERATURES.len(), |_| case)?);
    let title = format!("64-16-10 distilled from 64-256-256-10 on {rows} rows");
    chart(&title, "temperature", &TEMPERATURES, lines)
}

fn chart(title: &str, x: &str, settings: &[impl Display], lines: Vec<Line>) -> Result<String> {
    let settings = settings.iter().map(ToString::to_string).collect();
    Chart { title, x, y: "test accuracy, %", settings, lines }.svg()
}

fn line(
    results: &Results,
    name: &str,
    settings: usize,
    case: impl Fn(usize) -> Case,
) -> Result<Line> {
    let point = |index: usize| {
        let Interval { mean, half_width, .. } = results.percent(&case(index))?;
        Ok(Estimate { value: mean, low: mean - half_width, high: mean + half_width })
    };
    Ok(Line { name: name.to_owned(), points: (0..settings).map(point).collect::<Result<_>>()? })
}
