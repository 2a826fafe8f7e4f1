//! Items on their way from a writer to the buffer.

use std::ops::Range;

use crate::cells::{Cells, recycle};
use crate::{Error, Result, Sampler, Schema, Value, memory};

/// Up to so many whole items, in memory that goes back and forth between a writer and the learner.
#[derive(Debug)]
pub(super) struct Staged {
    columns: Vec<Cells>,
    len: usize,
}

impl Staged {
    /// Room for `items` of this schema.
    pub(super) fn new(
        schema: &Schema,
        items: usize,
        refused: impl Fn() -> Error + Copy,
    ) -> Result<Self> {
        let mut columns: Vec<_> = schema.columns().iter().map(Cells::new).collect();
        columns.iter_mut().try_for_each(|column| column.resize(items, refused))?;
        Ok(Self { columns, len: 0 })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds one item, whose values have been checked and for which there is room.
    #[inline]
    pub(super) fn push(&mut self, values: &[Value<'_>]) {
        for (column, &value) in self.columns.iter_mut().zip(values) {
            column.set(self.len, value);
        }
        self.len += 1;
    }

    /// Adds these of the rows of `values`.
    pub(super) fn push_rows(&mut self, rows: Range<usize>, values: &[Value<'_>]) {
        for (column, &value) in self.columns.iter_mut().zip(values) {
            column.set_rows(self.len, rows.clone(), value);
        }
        self.len += rows.len();
    }

    /// Pushes these items to `buffer`. `memory` is for their values.
    pub(super) fn pass_on<S: Sampler>(
        &self,
        items: Range<usize>,
        buffer: &mut crate::Buffer<S>,
        memory: &mut Vec<Value<'static>>,
    ) -> Result<()> {
        let mut values = recycle(std::mem::take(memory));
        values.extend(self.columns.iter().map(|column| column.rows(items.clone())));
        let result = buffer.push_batch(items.len(), &values);
        *memory = recycle(values);
        result.map(drop)
    }
}

/// The `blocks` of one writer, with room for `items` each.
pub(super) fn blocks(schema: &Schema, items: usize, blocks: usize) -> Result<Vec<Staged>> {
    let what = || format!("{blocks} blocks of {items} items for a writer");
    let needed = (blocks as u128 * items as u128).saturating_mul(schema.bytes_per_item() as u128);
    memory::check(what, needed)?;
    let refused = || memory::refused(what(), needed);
    let mut all = Vec::new();
    all.try_reserve_exact(blocks).map_err(|_| refused())?;
    for _ in 0..blocks {
        all.push(Staged::new(schema, items, refused)?);
    }
    Ok(all)
}
