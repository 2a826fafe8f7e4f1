//! Where events go: lines of JSON, tables of comma-separated values.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::{Error, Event, Result};

/// Takes the events of a [`Run`](crate::Run).
pub trait EventSink {
    /// Takes an event that happened when so many steps had been taken.
    ///
    /// # Errors
    ///
    /// [`Error::Sink`] where it cannot be written.
    fn record(&mut self, step: u64, event: &Event) -> Result<()>;

    /// Makes sure that what was recorded has been written. [`Run::train`](crate::Run::train) does this
    /// at its end.
    ///
    /// # Errors
    ///
    /// [`Error::Sink`] where it has not.
    fn flush(&mut self) -> Result<()>;
}

/// One JSON object a line, such as
/// `{"step":812,"event":"episode","actor":0,"total_reward":23.0,"length":23.0}`.
///
/// A number that JSON does not have, NaN or an infinity, is `null`.
#[derive(Debug)]
pub struct JsonLines(Lines);

/// A table with the columns `step`, `event`, `name` and `value`: a row for each number of an event.
#[derive(Debug)]
pub struct Csv(Lines);

#[derive(Debug)]
struct Lines {
    to: String,
    file: BufWriter<File>,
    line: String,
}

impl Lines {
    /// Goes on at the end of a file, which is made if there is none; also whether it was empty.
    fn append(path: &Path) -> Result<(Self, bool)> {
        let to = path.display().to_string();
        let open = || {
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            let empty = file.metadata()?.len() == 0;
            Ok((file, empty))
        };
        let (file, empty) = open().map_err(|source| Error::Sink { to: to.clone(), source })?;
        Ok((Self { to, file: BufWriter::new(file), line: String::new() }, empty))
    }

    fn write(&mut self) -> Result<()> {
        let written = self.file.write_all(self.line.as_bytes());
        self.line.clear();
        written.map_err(|source| Error::Sink { to: self.to.clone(), source })
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|source| Error::Sink { to: self.to.clone(), source })
    }
}

impl JsonLines {
    /// Lines at the end of this file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Sink`] where it cannot be opened.
    pub fn append(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self(Lines::append(path.as_ref())?.0))
    }
}

impl EventSink for JsonLines {
    fn record(&mut self, step: u64, event: &Event) -> Result<()> {
        let line = &mut self.0.line;
        // Writing to a string does not fail.
        let _ = write!(line, "{{\"step\":{step},\"event\":\"{}\"", event.name());
        for (name, value) in event.numbers() {
            let _ = if value.is_finite() {
                write!(line, ",\"{name}\":{value:?}")
            } else {
                write!(line, ",\"{name}\":null")
            };
        }
        line.push_str("}\n");
        self.0.write()
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

impl Csv {
    /// Rows at the end of this file, which is made, with a heading, if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Sink`] where it cannot be opened or written to.
    pub fn append(path: impl AsRef<Path>) -> Result<Self> {
        let (mut lines, empty) = Lines::append(path.as_ref())?;
        if empty {
            lines.line.push_str("step,event,name,value\n");
            lines.write()?;
        }
        Ok(Self(lines))
    }
}

impl EventSink for Csv {
    fn record(&mut self, step: u64, event: &Event) -> Result<()> {
        for (name, value) in event.numbers() {
            let _ = writeln!(self.0.line, "{step},{},{name},{value:?}", event.name());
        }
        self.0.write()
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 2] = [
        Event::Episode { actor: 1, total_reward: 23.0, length: 23 },
        Event::Evaluated {
            mean_return: f64::INFINITY,
            worst_return: -0.5,
            episodes: 3,
            best: true,
        },
    ];

    fn record(sink: &mut dyn EventSink) {
        for (step, event) in (7..).zip(&EVENTS) {
            sink.record(step, event).unwrap();
        }
        sink.flush().unwrap();
    }

    #[test]
    fn lines_are_json_and_what_json_lacks_is_null() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        // Twice: a run that goes on adds to what is there.
        record(&mut JsonLines::append(&path).unwrap());
        record(&mut JsonLines::append(&path).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        let expected = serde_json::json!({
            "step": 7, "event": "episode", "actor": 1.0, "total_reward": 23.0, "length": 23.0
        });
        assert_eq!(lines[0], expected);
        assert_eq!(lines[3]["mean_return"], serde_json::Value::Null);
        assert_eq!(lines[3]["worst_return"], -0.5);
    }

    #[test]
    fn a_table_has_one_heading_and_a_row_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.csv");
        record(&mut Csv::append(&path).unwrap());
        record(&mut Csv::append(&path).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["step,event,name,value", "7,episode,actor,1.0"]);
        assert_eq!(lines.len(), 1 + 2 * 7);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let error = JsonLines::append("/no/such/folder/events.jsonl").unwrap_err().to_string();
        assert!(error.contains("/no/such/folder/events.jsonl"), "{error}");
    }
}
