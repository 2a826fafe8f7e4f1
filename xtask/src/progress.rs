//! Progress: bars in a terminal, plain lines in a pipe.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// In a pipe, a task says how far it is this many times.
const LINES: u64 = 4;

/// The tasks of a program, each with a bar or with lines of its own on standard error.
pub(crate) struct Progress {
    bars: Option<MultiProgress>,
}

/// One task among others, of a known length.
pub(crate) struct Task {
    name: String,
    total: u64,
    /// Steps done, and the number of lines that were printed for them.
    done: AtomicU64,
    lines: AtomicU64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// Starts a task of `total` steps.
    pub(crate) fn task(&self, name: &str, total: u64) -> Task {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(total));
            bar.set_style(style());
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if bar.is_none() {
            eprintln!("{name} ...");
        }
        let (done, lines) = (AtomicU64::new(0), AtomicU64::new(0));
        Task { name: name.to_owned(), total, done, lines, bar }
    }
}

#[allow(clippy::expect_used)]
fn style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{prefix:<34} {bar:28.cyan/white} {percent:>3}% {elapsed:>4} {msg}",
    )
    .expect("the template is a constant")
    .progress_chars("━╸─")
}

impl Task {
    /// One more step is done; `message` is computed where it is shown.
    pub(crate) fn advance(&self, message: impl FnOnce() -> String) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.show(done, message);
    }

    /// `done` steps are done.
    pub(crate) fn set(&self, done: u64, message: impl FnOnce() -> String) {
        self.done.store(done, Ordering::Relaxed);
        self.show(done, message);
    }

    fn show(&self, done: u64, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(message());
            return;
        }
        let due = done * LINES / self.total.max(1);
        if due > self.lines.load(Ordering::Relaxed) && done < self.total {
            self.lines.store(due, Ordering::Relaxed);
            eprintln!("{}: {}% {}", self.name, 100 * done / self.total, message());
        }
    }

    /// The task is over, whether or not all of its steps were needed.
    pub(crate) fn finish(self, message: impl std::fmt::Display) {
        match &self.bar {
            Some(bar) => bar.finish_with_message(message.to_string()),
            None => eprintln!("{}: done, {message}", self.name),
        }
    }
}
