//! Items with more left to learn come more often, by their place in the order and not by how much.
//!
//! ```text
//! P(i) = rank(i)^-α / Σ_j rank(j)^-α        w_i = (N·P(i))^-β / max_j (N·P(j))^-β
//! ```
//!
//! Schaul, Quan, Antonoglou & Silver 2016, "Prioritized Experience Replay", arXiv:1511.05952,
//! sections 3.3 and 3.4, the rank-based variant.

use rand::RngCore;

use super::importance::{Normalization, check_fraction, read_progress};
use super::power_law::PowerLaw;
use super::{Arrival, Sampler, random};
use crate::heap::{First, Heap};
use crate::{Error, Result, StateReader, StateWriter};

/// Draws items by their rank: the item of the largest priority has rank 1, the next rank 2. A few
/// huge errors cannot crowd out the rest, as they can with [`Prioritized`](crate::Prioritized).
///
/// **Order.** As in the implementation that the paper describes, ranks are positions in a binary heap
/// that is sorted now and then. A sorted heap has the exact ranks. While priorities change, the first
/// rank is exact and the others are roughly so: no item stands before one that is above it in the
/// heap. The heap is sorted before a batch is drawn, when as many priorities have changed since the
/// last time as [`with_sort_interval`] says; from the start, as many as the buffer has items. So
/// sorting adds a constant factor to the cost of a change, and one batch now and then waits for it:
/// for a million items, a tenth of a second. An interval of 1 makes every batch exact. Of equal
/// priorities, the item that came first has the smaller rank.
///
/// `alpha`, `beta`, strata and normalisation are those of [`Prioritized`](crate::Prioritized). The
/// strata are the paper's segments of equal probability; sums over ranks have a closed form here, so
/// no table has to be made again as the buffer grows. A new item gets the largest priority seen so
/// far. Priority 0 is legal: the item ranks last, and is still drawn. 32 bytes an item.
///
/// [`with_sort_interval`]: RankBased::with_sort_interval
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, RankBased, Schema};
///
/// let mut schema = Schema::new();
/// let number = schema.column::<i64>("number", &[])?;
/// let sampler = RankBased::new().with_alpha(1.0)?;
/// let mut buffer = Buffer::new(schema, 3, sampler)?;
/// let ids: Vec<_> = buffer.push_batch(3, &[(&[0_i64, 1, 2]).into()])?.collect();
/// buffer.set_priorities(&ids, &[0.1, 1e9, 0.2])?; // ranks 3, 1, 2
///
/// let mut batch = Batch::new();
/// buffer.sample(11, &mut Xoshiro256PlusPlus::seed_from_u64(0), &mut batch)?;
/// let times = |n| batch.values(number).map(|values| values.iter().filter(|&&v| v == n).count());
/// assert_eq!((times(1)?, times(2)?, times(0)?), (6, 3, 2)); // as 1 to 1/2 to 1/3
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Settings", into = "Settings"))]
pub struct RankBased {
    settings: Settings,
    progress: f64,
    law: PowerLaw,
    heap: Heap,
    /// The largest priority seen so far, which new items get.
    largest: f32,
    /// How many priorities have changed since the heap was sorted.
    changes: u64,
    /// Where in the total probability the items of a batch are.
    points: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
struct Settings {
    alpha: f64,
    beta: f64,
    final_beta: f64,
    stratified: bool,
    normalization: Normalization,
    sort_interval: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.7,
            beta: 0.5,
            final_beta: 1.0,
            stratified: true,
            normalization: Normalization::Buffer,
            sort_interval: None,
        }
    }
}

impl Default for RankBased {
    fn default() -> Self {
        Self::with_settings(Settings::default())
    }
}

impl RankBased {
    /// `alpha` 0.7, `beta` from 0.5 to 1: Schaul et al.'s settings for the rank-based variant.
    pub fn new() -> Self {
        Self::default()
    }

    fn with_settings(settings: Settings) -> Self {
        Self {
            law: PowerLaw::new(settings.alpha),
            settings,
            progress: 0.0,
            heap: Heap::default(),
            largest: 1.0,
            changes: 0,
            points: Vec::new(),
        }
    }

    /// Sets how much ranks matter, from 0 (not at all) to 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] outside `[0, 1]`.
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        let alpha = check_fraction("alpha", alpha)?;
        let law = PowerLaw::new(alpha);
        Ok(Self { settings: Settings { alpha, ..self.settings }, law, ..self })
    }

    /// Sets how much of the bias is corrected when training begins, from 0 (nothing) to 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] outside `[0, 1]`.
    pub fn with_beta(self, beta: f64) -> Result<Self> {
        let beta = check_fraction("beta", beta)?;
        Ok(Self { settings: Settings { beta, ..self.settings }, ..self })
    }

    /// Sets how much of the bias is corrected when training ends, from 0 (nothing) to 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] outside `[0, 1]`.
    pub fn with_final_beta(self, final_beta: f64) -> Result<Self> {
        let final_beta = check_fraction("final beta", final_beta)?;
        Ok(Self { settings: Settings { final_beta, ..self.settings }, ..self })
    }

    /// Sets whether a batch is drawn from segments of equal probability, one item from each, or each
    /// item independently of the others.
    pub fn with_strata(self, stratified: bool) -> Self {
        Self { settings: Settings { stratified, ..self.settings }, ..self }
    }

    /// Sets which weight becomes 1.
    pub fn with_normalization(self, normalization: Normalization) -> Self {
        Self { settings: Settings { normalization, ..self.settings }, ..self }
    }

    /// Sets after how many changes, pushes included, the next batch waits until the heap is sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for 0.
    pub fn with_sort_interval(self, changes: u64) -> Result<Self> {
        if changes == 0 {
            return Err(Error::Setting { name: "sort interval", legal: "at least 1", got: 0.0 });
        }
        let sort_interval = Some(changes);
        Ok(Self { settings: Settings { sort_interval, ..self.settings }, ..self })
    }

    /// How much ranks matter.
    pub fn alpha(&self) -> f64 {
        self.settings.alpha
    }

    /// How much of the bias is corrected now.
    pub fn beta(&self) -> f64 {
        let Settings { beta, final_beta, .. } = self.settings;
        beta + self.progress * (final_beta - beta)
    }

    /// How much of the bias is corrected when training ends.
    pub fn final_beta(&self) -> f64 {
        self.settings.final_beta
    }

    /// Whether one item is drawn from each of as many segments as a batch has items.
    pub fn strata(&self) -> bool {
        self.settings.stratified
    }

    /// Which weight becomes 1.
    pub fn normalization(&self) -> Normalization {
        self.settings.normalization
    }

    /// After how many changes the heap is sorted; `None` for as many as there are items.
    pub fn sort_interval(&self) -> Option<u64> {
        self.settings.sort_interval
    }

    fn sort_if_due(&mut self) {
        let interval = self.settings.sort_interval.unwrap_or(self.heap.len() as u64);
        if self.changes >= interval {
            self.heap.sort();
            self.changes = 0;
        }
    }
}

impl Sampler for RankBased {
    fn bytes(&self, capacity: usize, _streams: usize) -> u128 {
        Heap::bytes(capacity)
    }

    fn reserve(&mut self, capacity: usize, _streams: usize) -> Result<()> {
        self.heap = Heap::new(capacity, First::Highest)?;
        (self.largest, self.changes) = (1.0, 0);
        Ok(())
    }

    fn inserted(&mut self, slot: usize, _arrival: Arrival) {
        self.heap.insert(slot, self.largest);
        self.changes += 1;
    }

    fn removed(&mut self, slot: usize, last: usize) {
        self.heap.remove(slot, last);
        self.changes += 1;
    }

    fn cleared(&mut self) {
        self.heap.clear();
        (self.largest, self.changes) = (1.0, 0);
    }

    fn draw(
        &mut self,
        len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        let n = self.heap.len();
        if n != len {
            return Err(Error::ForeignSampler { known: n, len });
        }
        self.sort_if_due();
        random::fill_points(
            rng,
            self.law.sum(n),
            slots.len(),
            self.settings.stratified,
            &mut self.points,
        );
        for ((slot, weight), &point) in slots.iter_mut().zip(&mut *weights).zip(&self.points) {
            let rank = self.law.rank_at(point, n);
            *slot = self.heap.order()[rank - 1];
            *weight = rank as f32;
        }
        // P falls as rank^-α, so the largest weight is that of the largest rank.
        let last = match self.settings.normalization {
            Normalization::Buffer => n as f32,
            Normalization::Batch => weights.iter().copied().fold(0.0, f32::max),
        };
        let power = (self.alpha() * self.beta()) as f32;
        weights.iter_mut().for_each(|weight| *weight = (*weight / last).powf(power));
        Ok(())
    }

    fn set_priorities(&mut self, slots: &[usize], priorities: &[f32]) -> Result<()> {
        for (&slot, &priority) in slots.iter().zip(priorities) {
            self.largest = self.largest.max(priority);
            self.heap.set(slot, priority);
        }
        self.changes += slots.len() as u64;
        Ok(())
    }

    fn set_progress(&mut self, progress: f64) {
        self.progress = progress;
    }

    fn kind(&self) -> &'static str {
        "reflux rank based"
    }

    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        let known = self.heap.len();
        if known != len {
            return Err(Error::ForeignSampler { known, len });
        }
        state.write_f64(self.progress)?;
        state.write_f64(self.largest.into())?;
        state.write_u64(self.changes)?;
        self.heap.save(state)
    }

    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        self.progress = read_progress(state)?;
        self.largest = state.read_magnitude("the largest priority")? as f32;
        self.changes = state.read_at_most(u64::MAX / 2, "the number of changes")?;
        self.heap.load(len, state)
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Settings> for RankBased {
    type Error = Error;
    fn try_from(unchecked: Settings) -> Result<Self> {
        let sampler = Self::new()
            .with_alpha(unchecked.alpha)?
            .with_beta(unchecked.beta)?
            .with_final_beta(unchecked.final_beta)?
            .with_strata(unchecked.stratified)
            .with_normalization(unchecked.normalization);
        match unchecked.sort_interval {
            Some(changes) => sampler.with_sort_interval(changes),
            None => Ok(sampler),
        }
    }
}

#[cfg(feature = "serde")]
impl From<RankBased> for Settings {
    fn from(sampler: RankBased) -> Self {
        sampler.settings
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// Ranks 2, 1, 4, 3.
    fn sampler(alpha: f64, beta: f64) -> RankBased {
        let mut sampler = RankBased::new().with_alpha(alpha).unwrap().with_beta(beta).unwrap();
        sampler.reserve(4, 1).unwrap();
        (0..4).for_each(|slot| sampler.inserted(slot, Arrival::default()));
        sampler.set_priorities(&[0, 1, 2, 3], &[0.5, 1e9, 0.0, 0.25]).unwrap();
        sampler
    }

    fn draw(sampler: &mut RankBased, size: usize) -> (Vec<usize>, Vec<f32>) {
        let (mut slots, mut weights) = (vec![0; size], vec![0.0; size]);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        sampler.draw(4, rng, &mut slots, &mut weights).unwrap();
        (slots, weights)
    }

    #[test]
    fn strata_are_segments_of_equal_probability() {
        // 1, 1/2, 1/3, 1/4 in 25ths of 12/25.
        let (slots, _) = draw(&mut sampler(1.0, 0.5), 25);
        assert_eq!(slots, [[1; 12].as_slice(), &[0; 6], &[3; 4], &[2; 3]].concat());
    }

    #[test]
    fn weights_are_those_of_the_formula() {
        let (alpha, beta) = (0.7, 0.5);
        let mut sampler = sampler(alpha, beta);
        let total: f64 = (1..=4).map(|rank| f64::from(rank).powf(-alpha)).sum();
        let weight = |rank: f64| (4.0 * rank.powf(-alpha) / total).powf(-beta);
        let ranks = [2.0, 1.0, 4.0, 3.0];
        let (slots, weights) = draw(&mut sampler, 200);
        for (slot, got) in slots.into_iter().zip(weights) {
            let expected = weight(ranks[slot]) / weight(4.0);
            assert_relative_eq!(f64::from(got), expected, max_relative = 1e-6);
        }
        let mut sampler = sampler.with_normalization(Normalization::Batch).with_strata(false);
        let (slots, weights) = draw(&mut sampler, 2);
        let largest = slots.iter().map(|&slot| ranks[slot]).fold(0.0, f64::max);
        for (slot, got) in slots.into_iter().zip(weights) {
            let expected = weight(ranks[slot]) / weight(largest);
            assert_relative_eq!(f64::from(got), expected, max_relative = 1e-6);
        }
    }

    #[test]
    fn the_heap_is_sorted_when_the_interval_is_over() {
        let mut sampler = sampler(1.0, 0.5).with_sort_interval(3).unwrap();
        draw(&mut sampler, 1);
        assert_eq!((sampler.heap.order(), sampler.changes), (&[1, 0, 3, 2][..], 0));
        sampler.set_priorities(&[3], &[0.75]).unwrap();
        draw(&mut sampler, 1);
        // Slot 3 is larger than slot 0 now, but has not been compared with it yet.
        assert_eq!((sampler.heap.order(), sampler.changes), (&[1, 0, 3, 2][..], 1));
        sampler.set_priorities(&[3, 3], &[0.75, 0.75]).unwrap();
        draw(&mut sampler, 1);
        assert_eq!((sampler.heap.order(), sampler.changes), (&[1, 3, 0, 2][..], 0));
    }

    #[test]
    fn a_new_item_gets_the_largest_priority_seen_so_far() {
        let mut sampler = sampler(1.0, 0.5);
        sampler.set_priorities(&[1], &[0.1]).unwrap();
        sampler.inserted(2, Arrival::default());
        assert_eq!(sampler.heap.order()[0], 2);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let new = RankBased::new;
        for bad in [-0.1, 1.1, f64::NAN] {
            assert!(new().with_alpha(bad).is_err());
            assert!(new().with_beta(bad).is_err());
            assert!(new().with_final_beta(bad).is_err());
        }
        let message = new().with_sort_interval(0).unwrap_err().to_string();
        assert_eq!(message, "sort interval must be at least 1, got 0");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_are_checked_when_they_are_read() {
        let sampler: RankBased = serde_json::from_str(r#"{"sort_interval": 9}"#).unwrap();
        assert_eq!((sampler.alpha(), sampler.sort_interval()), (0.7, Some(9)));
        assert!(serde_json::from_str::<RankBased>(r#"{"sort_interval": 0}"#).is_err());
        assert!(serde_json::from_str::<RankBased>(r#"{"alpha": 2}"#).is_err());
    }
}
