//! Where items go.

use crate::{Buffer, Result, Sampler, Value, Writer};

/// Takes whole items: a [`Buffer`], or a [`Writer`] that passes them on to one in another thread. What
/// stands in front of a buffer, such as [`NStep`](crate::NStep) and [`Hindsight`](crate::Hindsight),
/// pushes to either, and to sinks of your own.
///
/// # Example
///
/// A sink that passes every second item on:
///
/// ```
/// use reflux_replay::{Buffer, Episode, NStep, Result, Schema, Sink, Uniform, Value};
///
/// struct EverySecond<'a, K> {
///     seen: usize,
///     sink: &'a mut K,
/// }
///
/// impl<K: Sink> Sink for EverySecond<'_, K> {
///     fn accept(&mut self, item: &[Value<'_>]) -> Result<()> {
///         self.seen += 1;
///         if self.seen % 2 == 0 { self.sink.accept(item) } else { Ok(()) }
///     }
/// }
///
/// let mut schema = Schema::new();
/// let reward = schema.column::<f32>("reward", &[])?;
/// let discount = schema.column::<f32>("discount", &[])?;
/// let mut buffer = Buffer::new(schema, 100, Uniform::new())?;
/// let mut steps = NStep::new(buffer.schema(), reward, discount, 1, 0.99)?;
/// let mut sink = EverySecond { seen: 0, sink: &mut buffer };
/// for _ in 0..10 {
///     steps.push(0, &[(&1.0_f32).into()], Episode::Continues, &mut sink)?;
/// }
/// assert_eq!(buffer.len(), 5);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub trait Sink {
    /// Takes one item: one value a column, in the order of the schema. Either all of it is taken, or,
    /// on an error, nothing.
    ///
    /// # Errors
    ///
    /// An item that does not fit, or what keeps the sink from taking it.
    fn accept(&mut self, item: &[Value<'_>]) -> Result<()>;
}

/// As [`Buffer::push`].
impl<S: Sampler> Sink for Buffer<S> {
    #[inline]
    fn accept(&mut self, item: &[Value<'_>]) -> Result<()> {
        self.push(item).map(drop)
    }
}

/// As [`Writer::push`]: waits while the writer's memory is full.
impl Sink for Writer {
    #[inline]
    fn accept(&mut self, item: &[Value<'_>]) -> Result<()> {
        self.push(item)
    }
}
