//! What is measured.

use serde_json::Value;

use super::measure::Row;
use super::peer::Source;

/// Benchmarks that are run and printed together.
pub(crate) struct Group {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Says above the table what was measured.
    pub(crate) about: &'static str,
    /// Who is measured beside us, a column each.
    pub(crate) peers: &'static [Source],
    pub(crate) threads: Threads,
    pub(crate) cases: fn() -> Vec<Case>,
    /// What else there is to say, found out while running; a line each, below the table. It gets the
    /// results.
    pub(crate) notes: fn(&[Row]) -> anyhow::Result<Vec<String>>,
}

/// On how many threads a group is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// On one: it has nothing to do for more.
    One,
    /// On one, and then on as many as the machine has.
    OneAndAll,
}

impl Threads {
    /// The numbers of threads, on a machine that has so many.
    pub(crate) fn counts(self, all: usize) -> Vec<usize> {
        match self {
            Self::OneAndAll if all > 1 => vec![1, all],
            _ => vec![1],
        }
    }
}

/// Work whose inputs are ready. It returns a number that depends on the result: the same as the
/// peers', or they do not do the same.
pub(crate) type Work = Box<dyn FnMut() -> anyhow::Result<f64> + Send>;

/// One benchmark.
pub(crate) struct Case {
    pub(crate) name: String,
    /// How many items a call works on, if the time of one is of interest.
    pub(crate) items: Option<usize>,
    /// The bytes that have to come from memory and go back to it, if that is what the work may be
    /// bound by: it is then compared with a plain copy.
    pub(crate) bytes: Option<u64>,
    /// The multiplications and additions that it has to do, if those are what it is bound by.
    pub(crate) flops: Option<u64>,
    /// Where it lies on a curve of time against size, if it does.
    pub(crate) point: Option<Point>,
    /// What the peers are told; nothing, if there is nothing like it to measure there.
    pub(crate) parameters: Option<Value>,
    /// Makes the inputs. Called for one case at a time, so that large ones need not fit together.
    pub(crate) prepare: Box<dyn Fn() -> anyhow::Result<Work> + Send + Sync>,
}

/// A size at which some work is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// The name that the work has at any size.
    pub(crate) curve: String,
    pub(crate) size: usize,
}

/// So many bytes, unless they fit into the caches that one finds in a desktop.
pub(crate) fn beyond_caches(bytes: u64) -> Option<u64> {
    const CACHES: u64 = 1 << 26;
    Some(bytes).filter(|&bytes| bytes >= CACHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_measured_on_each_number_of_threads_once() {
        assert_eq!(Threads::OneAndAll.counts(8), [1, 8]);
        assert_eq!(Threads::OneAndAll.counts(1), [1]);
        assert_eq!(Threads::One.counts(8), [1]);
    }
}
