//! What the memory of a buffer is for.

use std::fmt;

/// The bytes that a [`Buffer`](crate::Buffer) reserved, part by part. It prints as a table.
///
/// # Example
///
/// ```
/// use reflux_replay::{Buffer, Prioritized, Schema};
///
/// let mut schema = Schema::new();
/// schema.column::<f32>("observation", &[4])?;
/// let buffer = Buffer::new(schema, 1000, Prioritized::new())?;
/// let account = buffer.account();
/// assert_eq!(account.parts().next(), Some(("rows", 16_000)));
/// assert_eq!(account.total(), buffer.bytes());
/// assert!(account.per_item() < 16.0 + 20.0);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    capacity: usize,
    parts: Vec<(&'static str, u128)>,
    /// Of these, what is in a file.
    mapped: u128,
}

impl Account {
    pub(super) fn new(capacity: usize, parts: &[(&'static str, u128)], mapped: u128) -> Self {
        let parts = parts.iter().copied().filter(|(_, bytes)| *bytes > 0).collect();
        Self { capacity, parts, mapped }
    }

    /// The bytes of memory that it takes, also where they are more than there can be.
    pub(super) fn needed(&self) -> u128 {
        self.all().saturating_sub(self.mapped)
    }

    fn all(&self) -> u128 {
        self.parts.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// All bytes, in memory and in files.
    pub fn total(&self) -> usize {
        self.all() as usize
    }

    /// Those of them that are in files, which are mapped into memory.
    pub fn mapped(&self) -> usize {
        self.mapped as usize
    }

    /// All bytes, by the number of items there is room for.
    pub fn per_item(&self) -> f64 {
        self.total() as f64 / self.capacity as f64
    }

    /// What takes bytes, and how many: `rows` for the columns, `frames` for those that are shared and
    /// `frame counts` for where they are, `table` for which item is where, `sampler`, `eviction` and
    /// `use counts`.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.parts.iter().map(|&(part, bytes)| (part, bytes as usize))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = ("total", self.total());
        writeln!(f, "{:<12}{:>18}{:>16}", "", "bytes", "bytes an item")?;
        for (part, bytes) in self.parts().chain([total]) {
            let per_item = bytes as f64 / self.capacity as f64;
            writeln!(f, "{part:<12}{bytes:>18}{per_item:>16.1}")?;
        }
        if self.mapped > 0 {
            let (mapped, per_item) = (self.mapped(), self.mapped() as f64 / self.capacity as f64);
            writeln!(f, "{:<12}{mapped:>18}{per_item:>16.1}", "in files")?;
        }
        Ok(())
    }
}
