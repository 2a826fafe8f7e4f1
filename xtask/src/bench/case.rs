//! What is measured.

use serde_json::Value;

/// Benchmarks that are run and printed together.
pub(crate) struct Group {
    /// Its name on the command line, and that of the peer's file.
    pub(crate) name: &'static str,
    /// Says below the table what was measured.
    pub(crate) about: &'static str,
    pub(crate) cases: fn() -> Vec<Case>,
}

/// Work whose inputs are ready. It returns a number that depends on the result: the same as the
/// peer's, or they do not do the same.
pub(crate) type Work = Box<dyn FnMut() -> anyhow::Result<f64> + Send>;

/// One benchmark.
pub(crate) struct Case {
    pub(crate) name: String,
    /// The bytes that have to come from memory and go back to it, if that is what the work may be
    /// bound by.
    pub(crate) bytes: Option<u64>,
    /// What the peer is told.
    pub(crate) parameters: Value,
    /// Makes the inputs. Called for one case at a time, so that large ones need not fit together.
    pub(crate) prepare: Box<dyn Fn() -> Work + Send + Sync>,
}

/// From so many bytes on, work is too large for the caches that one finds in a desktop.
const LARGE: u64 = 1 << 26;

impl Case {
    /// Whether its arrays are larger than the caches.
    pub(crate) fn large(&self) -> bool {
        self.bytes.is_some_and(|bytes| bytes >= LARGE)
    }
}
