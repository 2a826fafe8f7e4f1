//! Comma-separated values: a header, a column with the class, and numbers.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;

use super::Table;

/// Reads all rows. Classes may be called anything; they are sorted, as numbers if they all are.
pub(super) fn read(path: &Path, label: &str) -> Result<Table> {
    parse(path, label).with_context(|| path.display().to_string())
}

fn parse(path: &Path, label: &str) -> Result<Table> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(path)?;
    let header = reader.headers()?.clone();
    let at = header.iter().position(|name| name == label).ok_or_else(|| {
        let names: Vec<&str> = header.iter().take(8).collect();
        let more = if header.len() > names.len() { " and more" } else { "" };
        anyhow!(
            "has no column {label:?}, but {}{more}: name that of the classes with --label",
            names.join(", ")
        )
    })?;
    ensure!(header.len() > 1, "has no column but {label:?}");
    let (mut values, mut names) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record?;
        names.push(class(&record, at, label)?);
        for (column, text) in record.iter().enumerate().filter(|&(column, _)| column != at) {
            values.push(number(&record, text, &header[column])?);
        }
    }
    let classes = sorted(&names);
    let rank = |name: &String| classes.iter().position(|class| class == name).unwrap_or_default();
    let labels = names.iter().map(rank).collect();
    let inputs = Array2::from_shape_vec((names.len(), header.len() - 1), values)?;
    Ok(Table { inputs, labels, classes })
}

fn class(record: &StringRecord, at: usize, label: &str) -> Result<String> {
    let name = record.get(at).unwrap_or_default();
    ensure!(!name.is_empty(), "line {}: the column {label:?} is empty", line(record));
    Ok(name.to_owned())
}

fn number(record: &StringRecord, text: &str, column: &str) -> Result<f32> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(anyhow!(
            "line {}: the column {column:?} must hold finite numbers, has {text:?}",
            line(record)
        )),
    }
}

fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn sorted(names: &[String]) -> Vec<String> {
    let distinct: BTreeSet<&String> = names.iter().collect();
    let mut classes: Vec<String> = distinct.into_iter().cloned().collect();
    let numbers: Option<Vec<f64>> = classes.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        let value = |name: &String| name.parse::<f64>().unwrap_or_default();
        classes.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn classes_are_sorted_as_numbers_if_they_all_are() {
        assert_eq!(sorted(&names(&["10", "9", "10", "-1"])), ["-1", "9", "10"]);
        assert_eq!(sorted(&names(&["10", "9", "x"])), ["10", "9", "x"]);
    }
}
