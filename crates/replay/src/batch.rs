//! What a sample is copied into: for each column, the sampled items one after another.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView2, ArrayViewD, Dimension, IxDyn};

use crate::element::Data;
use crate::rows::Rows;
use crate::{Column, Element, ItemId, Result, Schema, memory};

/// Items copied out of a [`Buffer`](crate::Buffer): their columns, ids and importance weights.
///
/// Make one and pass it to every [`Buffer::sample`](crate::Buffer::sample): it keeps its memory, so
/// that sampling allocates only until the largest batch has been seen. One batch can serve several
/// buffers.
#[derive(Clone, Default)]
pub struct Batch {
    schema: Arc<Schema>,
    columns: Vec<Data>,
    pub(crate) slots: Vec<usize>,
    pub(crate) items: Vec<ItemId>,
    pub(crate) weights: Vec<f32>,
    /// How many items, one after another, are a sequence.
    sequence_length: usize,
    /// The numbers of the frames that are being copied.
    frames: Vec<u32>,
}

impl Batch {
    /// An empty batch, without columns until it is sampled into.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The columns, as in the buffer that was sampled last.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The ids, `[batch]`: what [`Buffer::set_priorities`](crate::Buffer::set_priorities) wants
    /// back.
    pub fn items(&self) -> &[ItemId] {
        &self.items
    }

    /// The importance weights, `[batch]`: what each item's loss is to be multiplied by, so that
    /// uneven sampling does not bias the gradient. At most 1; all 1 when sampling is uniform.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// A column, flat, `[batch * width]`: for a column of scalars, one number an item.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignColumn`](crate::Error::ForeignColumn) if the handle is not one of this
    /// batch's schema.
    pub fn values<T: Element>(&self, column: Column<T>) -> Result<&[T]> {
        let index = self.schema.check(column)?;
        Ok(T::slice(&self.columns[index]).unwrap_or_default())
    }

    /// A column as a matrix, `[batch, width]`: `width` is the product of the column's shape.
    ///
    /// # Errors
    ///
    /// As for [`Batch::values`].
    pub fn matrix<T: Element>(&self, column: Column<T>) -> Result<ArrayView2<'_, T>> {
        let width = self.schema.columns()[self.schema.check(column)?].width();
        let view = ArrayView2::from_shape((self.len(), width), self.values(column)?);
        Ok(view.expect("a column has batch * width elements"))
    }

    /// A column with all its dimensions, `[batch, ...shape]`.
    ///
    /// # Errors
    ///
    /// As for [`Batch::values`].
    pub fn array<T: Element>(&self, column: Column<T>) -> Result<ArrayViewD<'_, T>> {
        self.view(column, &[self.len()])
    }

    /// How many items, one after another, are a sequence: 1 unless the sampler draws
    /// [`Sequences`](crate::Sequences), and 0 before anything has been sampled.
    pub fn sequence_length(&self) -> usize {
        self.sequence_length
    }

    /// A column with all its dimensions and one for time, `[batch, sequence_length, ...shape]`, where
    /// `batch` is the number of sequences.
    ///
    /// # Errors
    ///
    /// As for [`Batch::values`].
    pub fn sequences<T: Element>(&self, column: Column<T>) -> Result<ArrayViewD<'_, T>> {
        let sequences = self.len().checked_div(self.sequence_length).unwrap_or(0);
        self.view(column, &[sequences, self.sequence_length])
    }

    /// Makes it a batch of `len` items of this schema with weight 1, in the memory it has where that
    /// is enough. Slots, ids and columns are still to be filled in.
    pub(crate) fn prepare(
        &mut self,
        schema: &Arc<Schema>,
        len: usize,
        sequence_length: usize,
    ) -> Result<()> {
        self.sequence_length = sequence_length;
        if !Arc::ptr_eq(&self.schema, schema) {
            if self.schema != *schema {
                let columns = schema.columns().iter();
                self.columns = columns.map(|column| column.dtype().data()).collect();
            }
            self.schema = Arc::clone(schema);
        }
        self.weights.clear();
        self.resize(len).inspect_err(|_| self.clear())
    }

    /// Copies the items in these of the `slots` out of a buffer.
    pub(crate) fn gather(&mut self, range: Range<usize>, rows: &Rows) {
        rows.gather(range.start, &self.slots[range], &mut self.columns, &mut self.frames);
    }

    /// Removes all items; columns and memory stay.
    pub(crate) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Data::clear);
        self.slots.clear();
        self.items.clear();
        self.weights.clear();
    }

    /// A column with these dimensions in front of its own.
    fn view<T: Element>(&self, column: Column<T>, front: &[usize]) -> Result<ArrayViewD<'_, T>> {
        let shape = self.schema.columns()[self.schema.check(column)?].shape();
        // Not from a Vec: up to four dimensions are kept in place, without an allocation.
        let mut dim = IxDyn::zeros(front.len() + shape.len());
        dim.slice_mut()[..front.len()].copy_from_slice(front);
        dim.slice_mut()[front.len()..].copy_from_slice(shape);
        let view = ArrayViewD::from_shape(dim, self.values(column)?);
        Ok(view.expect("a column has as many elements as the batch has items, times its width"))
    }

    fn resize(&mut self, len: usize) -> Result<()> {
        let columns = self.schema.columns();
        let per_item = self.schema.bytes_per_item() + BYTES_PER_ITEM;
        let what = || format!("a batch of {len} items");
        let needed = per_item as u128 * len as u128;
        let refused = || memory::refused(what(), needed);

        let fits = len <= self.weights.capacity()
            && columns
                .iter()
                .zip(&self.columns)
                .all(|(c, data)| len <= data.capacity() / c.width());
        if !fits {
            memory::check(what, needed)?;
        }
        for (column, data) in columns.iter().zip(&mut self.columns) {
            data.resize(len.checked_mul(column.width()).ok_or_else(refused)?, refused)?;
        }
        memory::resize(&mut self.slots, len, 0, refused)?;
        memory::resize(&mut self.items, len, ItemId::PLACEHOLDER, refused)?;
        memory::resize(&mut self.weights, len, 1.0, refused)
    }
}

/// What an item takes beside its columns: slot, id and weight.
const BYTES_PER_ITEM: usize = size_of::<usize>() + size_of::<ItemId>() + size_of::<f32>();

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch {{ len: {}, columns: {} }}", self.len(), self.schema)
    }
}
