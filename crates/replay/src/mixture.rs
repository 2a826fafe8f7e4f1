//! Several buffers, drawn from as one.

use rand::RngCore;

use crate::{Batch, Buffer, Error, ItemId, Result, Sampler};

/// Draws batches from several buffers, a share from each: what was recorded earlier beside what the
/// agent sees now (Ball et al. 2023, "Efficient online reinforcement learning with offline data",
/// arXiv:2302.02948), demonstrations beside trials, one task beside the others.
///
/// The shares are proportional to the weights. A batch holds each buffer's share of its size; where
/// that is not a whole number, chance decides which of the two numbers next to it, so that each
/// draw's expectation is exact: *systematic sampling*, one random number a batch. Buffers that are
/// still empty are left out, and the others' shares grow.
///
/// A batch holds the items of the first buffer first, then those of the second, and so on; the
/// importance weights are those of each item's own buffer. The ids know which buffer they belong to,
/// so that [`Mixture::set_priorities`] finds it again.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, Mixture, Prioritized, Schema};
///
/// let mut schema = Schema::new();
/// let number = schema.column::<i64>("number", &[])?;
/// let recorded = Buffer::new(schema.clone(), 100, Prioritized::new())?;
/// let recent = Buffer::new(schema, 50, Prioritized::new())?;
/// let mut mixture = Mixture::new([(recorded, 3.0), (recent, 1.0)])?;
/// mixture.buffer_mut(0)?.push_batch(2, &[(&[0_i64, 1]).into()])?;
/// mixture.buffer_mut(1)?.push_batch(2, &[(&[7_i64, 8]).into()])?;
///
/// let mut batch = Batch::new();
/// mixture.sample(8, &mut Xoshiro256PlusPlus::seed_from_u64(0), &mut batch)?;
/// assert_eq!(batch.values(number)?.iter().filter(|&&n| n < 2).count(), 6);
/// assert_eq!(batch.items()[0].source(), 0);
/// mixture.set_priorities(batch.items(), &[0.5; 8])?;
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug)]
pub struct Mixture<S> {
    buffers: Vec<Buffer<S>>,
    weights: Vec<f64>,
    /// How many items of the batch each buffer gives.
    shares: Vec<usize>,
    /// The ids and priorities for one buffer, while priorities are set.
    routed: (Vec<ItemId>, Vec<f32>),
}

impl<S: Sampler> Mixture<S> {
    /// A mixture of these buffers, each with its weight. With `Box<dyn Sampler>`, their samplers can
    /// be of different types.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for no buffers or more than 65,536, for a weight that is not finite and at
    /// least 0, and where all weights are 0; [`Error::Mixture`] where buffers have different columns
    /// or draw sequences of different lengths.
    pub fn new(parts: impl IntoIterator<Item = (Buffer<S>, f64)>) -> Result<Self> {
        let (buffers, weights): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        if !(1..=ItemId::SOURCES).contains(&buffers.len()) {
            let (legal, got) = ("between 1 and 65536", buffers.len() as f64);
            return Err(Error::Setting { name: "number of buffers", legal, got });
        }
        check_weights(&weights)?;
        let length = buffers[0].sampler().sequence_length();
        for buffer in &buffers[1..] {
            let expected = format!("{}, {length} at a time", buffers[0].schema());
            let other = buffer.sampler().sequence_length();
            if buffer.schema().columns() != buffers[0].schema().columns() || other != length {
                let got = format!("{}, {other} at a time", buffer.schema());
                return Err(Error::Mixture { expected, got });
            }
        }
        let shares = vec![0; buffers.len()];
        Ok(Self { buffers, weights, shares, routed: (Vec::new(), Vec::new()) })
    }

    /// Copies `size` draws into `batch`: items, or sequences where the buffers draw sequences.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::sample`]; [`Error::Empty`] where every buffer with a weight above 0 is empty.
    pub fn sample<R: RngCore + ?Sized>(
        &mut self,
        size: usize,
        mut rng: &mut R,
        batch: &mut Batch,
    ) -> Result<()> {
        if size == 0 {
            return Err(Error::BatchSize);
        }
        self.share_out(size, rng)?;
        self.buffers[0].prepare(size, batch)?;
        let length = batch.sequence_length();
        let mut start = 0;
        for (source, (buffer, share)) in self.buffers.iter_mut().zip(&self.shares).enumerate() {
            let rows = start..start + share * length;
            start = rows.end;
            if rows.is_empty() {
                continue;
            }
            let sampled = buffer.sample_rows(rows.clone(), &mut rng, batch);
            sampled.inspect_err(|_| batch.clear())?;
            batch.items[rows].iter_mut().for_each(|item| *item = item.in_source(source));
        }
        Ok(())
    }

    /// Tells each item's buffer how much there is to learn from it, as [`Buffer::set_priorities`]
    /// does; the result is how many items have gone since.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::set_priorities`], and [`Error::Source`] for an id of a buffer that the mixture
    /// does not have. No priority has been changed then, unless a sampler refuses them.
    pub fn set_priorities(&mut self, items: &[ItemId], priorities: &[f32]) -> Result<usize> {
        crate::buffer::check_priorities(items.len(), priorities)?;
        let buffers = self.buffers.len();
        if let Some(item) = items.iter().find(|item| item.source() >= buffers) {
            return Err(Error::Source { position: item.source(), buffers });
        }
        let mut gone = 0;
        let (routed, values) = &mut self.routed;
        for (source, buffer) in self.buffers.iter_mut().enumerate() {
            routed.clear();
            values.clear();
            for (&item, &priority) in items.iter().zip(priorities) {
                if item.source() == source {
                    routed.push(item.of_buffer());
                    values.push(priority);
                }
            }
            gone += buffer.set_priorities(routed, values)?;
        }
        Ok(gone)
    }

    /// Tells all samplers which fraction of the training is done, from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] outside `[0, 1]`.
    pub fn set_progress(&mut self, progress: f64) -> Result<()> {
        self.buffers.iter_mut().try_for_each(|buffer| buffer.set_progress(progress))
    }

    /// Gives the buffers other weights.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for another number of weights than there are buffers, or as for
    /// [`Mixture::new`].
    pub fn set_weights(&mut self, weights: &[f64]) -> Result<()> {
        if weights.len() != self.weights.len() {
            let (legal, got) = ("that of the buffers", weights.len() as f64);
            return Err(Error::Setting { name: "number of weights", legal, got });
        }
        check_weights(weights)?;
        self.weights.copy_from_slice(weights);
        Ok(())
    }

    /// The weights of the buffers.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The buffers, in the order in which they were given.
    pub fn buffers(&self) -> &[Buffer<S>] {
        &self.buffers
    }

    /// The buffer at this position, to push into.
    ///
    /// # Errors
    ///
    /// [`Error::Source`] where there is none.
    pub fn buffer_mut(&mut self, source: usize) -> Result<&mut Buffer<S>> {
        let buffers = self.buffers.len();
        self.buffers.get_mut(source).ok_or(Error::Source { position: source, buffers })
    }

    /// Takes the mixture apart.
    pub fn into_buffers(self) -> Vec<Buffer<S>> {
        self.buffers
    }

    /// Settles how many of `size` draws each buffer gives. Points one draw apart, the first at a
    /// random place, are laid over the weights, which are stretched to `size` draws; each falls on a
    /// buffer.
    fn share_out<R: RngCore + ?Sized>(&mut self, size: usize, rng: &mut R) -> Result<()> {
        let weight = |(buffer, &weight): (&Buffer<S>, &f64)| {
            if buffer.is_empty() { 0.0 } else { weight }
        };
        let total: f64 = self.buffers.iter().zip(&self.weights).map(weight).sum();
        if total <= 0.0 {
            return Err(Error::Empty);
        }
        let first = rand::Rng::random::<f64>(rng);
        let (mut laid, mut given, mut last) = (0.0, 0, 0);
        for (source, part) in self.buffers.iter().zip(&self.weights).map(weight).enumerate() {
            laid += part;
            // How many of the points first, first + 1, ... lie before the end of this buffer.
            let before =
                (laid / total * size as f64 - first).ceil().clamp(given as f64, size as f64);
            self.shares[source] = before as usize - given;
            given = before as usize;
            if part > 0.0 {
                last = source;
            }
        }
        self.shares[last] += size - given; // where rounding left the last point out
        Ok(())
    }
}

fn check_weights(weights: &[f64]) -> Result<()> {
    let legal = "finite and >= 0";
    if let Some(&got) = weights.iter().find(|&weight| !(0.0..f64::INFINITY).contains(weight)) {
        return Err(Error::Setting { name: "weight", legal, got });
    }
    let got = weights.iter().sum();
    if !(got > 0.0 && got < f64::INFINITY) {
        return Err(Error::Setting { name: "sum of the weights", legal: "finite and > 0", got });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::{Column, Prioritized, Schema, Sequences, Uniform, Value};

    fn schema() -> (Schema, Column<i64>) {
        let mut schema = Schema::new();
        let number = schema.column("number", &[]).unwrap();
        (schema, number)
    }

    fn buffer<S: Sampler>(sampler: S, numbers: &[i64]) -> Buffer<S> {
        let mut buffer = Buffer::new(schema().0, 10, sampler).unwrap();
        buffer.push_batch(numbers.len(), &[Value::from(numbers)]).unwrap();
        buffer
    }

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(5)
    }

    #[test]
    fn shares_are_within_one_of_exact_and_exact_on_average() {
        let parts = [2.0, 0.0, 1.0, 0.5].map(|weight| (buffer(Uniform::new(), &[1]), weight));
        let mut mixture = Mixture::new(parts).unwrap();
        let rng = &mut rng();
        let (size, trials) = (10, 20_000);
        let mut sums = [0.0; 4];
        for _ in 0..trials {
            mixture.share_out(size, rng).unwrap();
            assert_eq!(mixture.shares.iter().sum::<usize>(), size);
            for ((sum, &share), weight) in sums.iter_mut().zip(&mixture.shares).zip([4, 0, 2, 1]) {
                let exact = 10.0 * f64::from(weight) / 7.0;
                assert!((share as f64 - exact).abs() < 1.0, "{share} for {exact}");
                *sum += share as f64;
            }
        }
        for (sum, weight) in sums.into_iter().zip([4.0, 0.0, 2.0, 1.0]) {
            // A share is one of two numbers, so its standard deviation is at most 1/2.
            let error = sum / f64::from(trials) - 10.0 * weight / 7.0;
            assert!(error.abs() < 4.0 * 0.5 / f64::from(trials).sqrt(), "{error}");
        }
    }

    #[test]
    fn priorities_find_their_buffer() {
        let sampler = || Prioritized::new().with_epsilon(0.0).unwrap();
        let parts = [(buffer(sampler(), &[0, 1]), 1.0), (buffer(sampler(), &[10, 11]), 1.0)];
        let mut mixture = Mixture::new(parts).unwrap();
        let mut batch = Batch::new();
        let number = schema().1;
        mixture.sample(8, &mut rng(), &mut batch).unwrap();
        let priority = |&n: &i64| if n == 1 || n == 10 { 1.0 } else { 0.0 };
        let priorities: Vec<f32> = batch.values(number).unwrap().iter().map(priority).collect();
        assert_eq!(mixture.set_priorities(batch.items(), &priorities).unwrap(), 0);
        mixture.sample(8, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.values(number).unwrap(), [1, 1, 1, 1, 10, 10, 10, 10]);
        assert_eq!(batch.items()[0].to_string(), "item 1");
        assert_eq!(batch.items()[7].to_string(), "item 0 of buffer 1");

        // What is gone is counted, and an id of the mixture means nothing to a buffer.
        let items = batch.items().to_vec();
        mixture.buffer_mut(0).unwrap().clear();
        assert_eq!(mixture.set_priorities(&items, &[1.0; 8]).unwrap(), 4);
        assert!(!mixture.buffers()[1].contains(items[7]));
        let foreign = [ItemId::PLACEHOLDER];
        let message = mixture.set_priorities(&foreign, &[1.0]).unwrap_err().to_string();
        assert_eq!(message, "the mixture has 2 buffers, 0 to 1: there is no buffer 65535");
        assert!(mixture.set_priorities(&items, &[1.0; 3]).is_err());
    }

    #[test]
    fn an_empty_buffer_is_left_out() {
        let parts = [(buffer(Uniform::new(), &[]), 9.0), (buffer(Uniform::new(), &[5]), 1.0)];
        let mut mixture = Mixture::new(parts).unwrap();
        let mut batch = Batch::new();
        mixture.sample(3, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.values(schema().1).unwrap(), [5; 3]);
        mixture.set_weights(&[1.0, 0.0]).unwrap();
        assert!(matches!(mixture.sample(3, &mut rng(), &mut batch), Err(Error::Empty)));
        assert!(matches!(mixture.sample(0, &mut rng(), &mut batch), Err(Error::BatchSize)));
    }

    #[test]
    fn sequences_of_different_samplers_can_be_mixed() {
        let boxed = |numbers: &[i64]| {
            let sampler: Box<dyn Sampler> = Box::new(Sequences::new(2).unwrap());
            (buffer(sampler, numbers), 1.0)
        };
        let mut mixture = Mixture::new([boxed(&[0, 1]), boxed(&[5, 6])]).unwrap();
        let mut batch = Batch::new();
        mixture.sample(4, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.values(schema().1).unwrap(), [0, 1, 0, 1, 5, 6, 5, 6]);
        let uniform: Box<dyn Sampler> = Box::new(Uniform::new());
        let message = Mixture::new([boxed(&[]), (buffer(uniform, &[]), 1.0)]).err().unwrap();
        assert_eq!(
            message.to_string(),
            "the buffers of a mixture must hold the same columns and be drawn from in the same \
             lengths: number: i64[], 2 at a time; got number: i64[], 1 at a time"
        );
    }

    #[test]
    fn buffers_may_keep_the_same_columns_in_different_ways() {
        let mut schema = Schema::new();
        let pair = schema.column::<i64>("pair", &[2]).unwrap();
        let mut shared = schema.clone();
        shared.share_values(&[pair]).unwrap();
        let parts = [shared, schema].map(|schema| {
            let mut buffer = Buffer::new(schema, 10, Uniform::new()).unwrap();
            buffer.push_batch(3, &[(&[7_i64; 6]).into()]).unwrap();
            (buffer, 1.0)
        });
        let mut mixture = Mixture::new(parts).unwrap();
        let mut batch = Batch::new();
        mixture.sample(6, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.values(pair).unwrap(), [7; 12]);
        assert_eq!(mixture.buffers().iter().map(Buffer::frames).sum::<usize>(), 1);
    }

    #[test]
    fn weights_are_checked() {
        let mixture = |weights: &[f64]| {
            Mixture::new(weights.iter().map(|&weight| (buffer(Uniform::new(), &[1]), weight)))
        };
        for bad in [[-1.0, 1.0], [f64::NAN, 1.0], [f64::INFINITY, 1.0], [0.0, 0.0]] {
            assert!(matches!(mixture(&bad), Err(Error::Setting { .. })));
        }
        assert!(matches!(mixture(&[]), Err(Error::Setting { .. })));
        assert!(mixture(&[1.0, 1.0]).unwrap().set_weights(&[1.0]).is_err());
        assert!(matches!(mixture(&[1.0]).unwrap().buffer_mut(1), Err(Error::Source { .. })));
    }
}
