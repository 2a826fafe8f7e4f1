//! Items with more left to learn come more often.
//!
//! ```text
//! p_i = |δ_i| + ε        P(i) = p_i^α / Σ_j p_j^α        w_i = (N·P(i))^−β / max_j (N·P(j))^−β
//! ```
//!
//! Schaul, Quan, Antonoglou & Silver 2016, "Prioritized Experience Replay", arXiv:1511.05952,
//! sections 3.3 and 3.4, the proportional variant.

use rand::RngCore;

use super::importance::{Normalization, check_fraction, check_saved, read_progress};
use super::tree::SumTree;
use super::{Arrival, Sampler, random};
use crate::{Error, Result, StateReader, StateWriter};

/// Draws items in proportion to their priority, the magnitude of their last temporal-difference
/// error δ, and gives the weights that take the bias out again.
///
/// - `alpha` says how much priorities matter: 0 is uniform, 1 fully proportional.
/// - `beta` says how much of the bias the weights correct: 0 none, 1 all. It goes from its initial
///   to its final value in a straight line, as [`Buffer::set_progress`](crate::Buffer::set_progress)
///   goes from 0 to 1.
/// - `epsilon` is added to every priority, so that no item is lost for good. With an epsilon of 0,
///   an item of priority 0 is never drawn (unless alpha is 0, which makes all items equal).
///
/// A new item gets the largest priority seen so far, 1 at the start, so that it is drawn soon. A
/// batch is *stratified*, as in the paper and in OpenAI Baselines: the total priority is cut into as
/// many equal ranges as there are items to draw, and one is drawn from each. Without strata, the
/// items of a batch are drawn independently; both have the same `P(i)`.
///
/// **Weights.** The paper's Algorithm 1 divides each weight by max w, "so that they only scale the
/// update downwards", and does not say whether the maximum is that of the batch or of the buffer.
/// [`Normalization`] says which; from the start it is the buffer's.
///
/// With the feature `serde`, it is the settings that are written and read, not what is known about
/// the items of a buffer.
///
/// # Example
///
/// ```
/// use reflux_replay::Prioritized;
///
/// let sampler = Prioritized::new().with_alpha(0.5)?.with_beta(0.5)?;
/// assert_eq!((sampler.beta(), sampler.final_beta()), (0.5, 1.0));
/// assert!(sampler.with_alpha(-1.0).is_err());
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Settings", into = "Settings"))]
pub struct Prioritized {
    settings: Settings,
    progress: f64,
    /// p^α of each slot.
    tree: SumTree,
    /// The largest p^α seen so far, which new items get.
    largest: f64,
    /// Where in the total mass the items of a batch are.
    points: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
struct Settings {
    alpha: f64,
    beta: f64,
    final_beta: f64,
    epsilon: f64,
    stratified: bool,
    normalization: Normalization,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.6,
            beta: 0.4,
            final_beta: 1.0,
            epsilon: 1e-6,
            stratified: true,
            normalization: Normalization::Buffer,
        }
    }
}

impl Default for Prioritized {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            progress: 0.0,
            tree: SumTree::default(),
            largest: 1.0,
            points: Vec::new(),
        }
    }
}

impl Prioritized {
    /// `alpha` 0.6, `beta` from 0.4 to 1: Schaul et al.'s settings for the proportional variant.
    /// `epsilon` 10⁻⁶, on which the paper says only that it is small; this is what OpenAI Baselines
    /// uses.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much priorities matter, from 0 (not at all) to 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] outside `[0, 1]`.
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        let alpha = check_fraction("alpha", alpha)?;
        Ok(Self { settings: Settings { alpha, ..self.settings }, ..self })
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

    /// Sets what is added to every priority.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless it is at least 0, and finite as an `f32`.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        if !(0.0..=f64::from(f32::MAX)).contains(&epsilon) {
            let legal = "finite and >= 0, as a priority is";
            return Err(Error::Setting { name: "epsilon", legal, got: epsilon });
        }
        Ok(Self { settings: Settings { epsilon, ..self.settings }, ..self })
    }

    /// Sets whether a batch is drawn from equal ranges of the total priority, one item from each,
    /// or each item independently of the others.
    pub fn with_strata(self, stratified: bool) -> Self {
        Self { settings: Settings { stratified, ..self.settings }, ..self }
    }

    /// Sets which weight becomes 1.
    pub fn with_normalization(self, normalization: Normalization) -> Self {
        Self { settings: Settings { normalization, ..self.settings }, ..self }
    }

    /// How much priorities matter.
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

    /// What is added to every priority.
    pub fn epsilon(&self) -> f64 {
        self.settings.epsilon
    }

    /// Whether one item is drawn from each of as many equal ranges as a batch has items.
    pub fn strata(&self) -> bool {
        self.settings.stratified
    }

    /// Which weight becomes 1.
    pub fn normalization(&self) -> Normalization {
        self.settings.normalization
    }
}

impl Sampler for Prioritized {
    fn bytes(&self, capacity: usize, _streams: usize) -> u128 {
        SumTree::bytes(capacity)
    }

    fn reserve(&mut self, capacity: usize, _streams: usize) -> Result<()> {
        self.tree = SumTree::new(capacity)?;
        self.largest = 1.0;
        Ok(())
    }

    fn inserted(&mut self, slot: usize, _arrival: Arrival) {
        self.tree.set(slot, self.largest);
    }

    fn removed(&mut self, slot: usize, last: usize) {
        let moved = self.tree.get(last);
        self.tree.set(slot, moved);
        self.tree.set(last, 0.0);
    }

    fn cleared(&mut self) {
        self.tree.clear();
        self.largest = 1.0;
    }

    fn draw(
        &mut self,
        _len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        let total = self.tree.total();
        if total <= 0.0 {
            return Err(Error::AllZero);
        }
        let stratified = self.settings.stratified;
        random::fill_points(rng, total, slots.len(), stratified, &mut self.points);
        self.tree.find(&mut self.points, slots);
        self.weigh(slots, weights);
        Ok(())
    }

    fn set_priorities(&mut self, slots: &[usize], priorities: &[f32]) -> Result<()> {
        let Settings { alpha, epsilon, .. } = self.settings;
        for (&slot, &priority) in slots.iter().zip(priorities) {
            // Powers in f32: half the time, and as exact as the priorities are. Sums are in f64.
            let priority = ((f64::from(priority) + epsilon) as f32).min(f32::MAX);
            let mass = f64::from(priority.powf(alpha as f32));
            self.largest = self.largest.max(mass);
            self.tree.set(slot, mass);
        }
        Ok(())
    }

    fn set_progress(&mut self, progress: f64) {
        self.progress = progress;
    }

    fn kind(&self) -> &'static str {
        "reflux prioritized"
    }

    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        state.write_f64(self.alpha())?;
        state.write_f64(self.progress)?;
        state.write_f64(self.largest)?;
        (0..len).try_for_each(|slot| state.write_f64(self.tree.get(slot)))
    }

    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        check_saved("alpha", state.read_f64()?, self.alpha())?;
        self.progress = read_progress(state)?;
        self.largest = state.read_magnitude("the largest priority")?;
        for slot in 0..len {
            let mass = state.read_magnitude("a priority")?;
            if mass > f64::from(f32::MAX) {
                return Err(state.damaged(format!("a priority must be an f32, got {mass}")));
            }
            self.tree.set(slot, mass);
        }
        Ok(())
    }
}

impl Prioritized {
    /// The importance weights of the items in `slots`.
    fn weigh(&mut self, slots: &[usize], weights: &mut [f32]) {
        let smallest_in_buffer = self.tree.smallest();
        let masses = slots.iter().map(|&slot| self.tree.get(slot));
        let smallest = match self.settings.normalization {
            Normalization::Buffer => smallest_in_buffer,
            Normalization::Batch => masses.clone().fold(f64::INFINITY, f64::min),
        };
        let beta = self.beta() as f32;
        for (mass, weight) in masses.zip(weights) {
            *weight = ((smallest / mass) as f32).powf(beta);
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Settings> for Prioritized {
    type Error = Error;
    fn try_from(unchecked: Settings) -> Result<Self> {
        Self::new()
            .with_alpha(unchecked.alpha)?
            .with_beta(unchecked.beta)?
            .with_final_beta(unchecked.final_beta)?
            .with_strata(unchecked.stratified)
            .with_normalization(unchecked.normalization)
            .with_epsilon(unchecked.epsilon)
    }
}

#[cfg(feature = "serde")]
impl From<Prioritized> for Settings {
    fn from(sampler: Prioritized) -> Self {
        sampler.settings
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// Items with these priorities, and epsilon 0.
    fn with_priorities(alpha: f64, beta: f64, priorities: &[f32]) -> Prioritized {
        let mut sampler = Prioritized::new().with_alpha(alpha).unwrap().with_beta(beta).unwrap();
        sampler = sampler.with_epsilon(0.0).unwrap();
        sampler.reserve(priorities.len(), 1).unwrap();
        let slots: Vec<usize> = (0..priorities.len()).collect();
        slots.iter().for_each(|&slot| sampler.inserted(slot, Arrival::default()));
        sampler.set_priorities(&slots, priorities).unwrap();
        sampler
    }

    fn draw(sampler: &mut Prioritized, size: usize) -> Result<(Vec<usize>, Vec<f32>)> {
        let (mut slots, mut weights) = (vec![0; size], vec![0.0; size]);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        sampler.draw(usize::MAX, rng, &mut slots, &mut weights)?;
        Ok((slots, weights))
    }

    #[test]
    fn one_item_comes_from_each_equal_range_of_mass() {
        // Ranges of 1: slot 0 fills the first three, slot 1 the fourth, slots 2 and 3 share the
        // fifth.
        let mut sampler = with_priorities(1.0, 0.4, &[3.0, 1.0, 0.5, 0.5]);
        for _ in 0..100 {
            let (slots, _) = draw(&mut sampler, 5).unwrap();
            assert_eq!(slots[..4], [0, 0, 0, 1]);
            assert!([2, 3].contains(&slots[4]));
        }
    }

    #[test]
    fn weights_are_those_of_the_formula() {
        let (alpha, beta) = (0.6, 0.4);
        let priorities = [0.5, 2.0, 0.01, 7.0];
        let mut sampler = with_priorities(alpha, beta, &priorities);
        let (slots, weights) = draw(&mut sampler, 1000).unwrap();

        let mass = priorities.map(|p| f64::from(p).powf(alpha));
        let total: f64 = mass.iter().sum();
        let raw = mass.map(|mass| (4.0 * mass / total).powf(-beta));
        let largest = raw.iter().copied().fold(0.0, f64::max);
        for (slot, weight) in slots.into_iter().zip(weights) {
            assert_relative_eq!(f64::from(weight), raw[slot] / largest, max_relative = 1e-6);
        }
    }

    #[test]
    fn weights_are_divided_by_the_maximum_of_the_buffer_not_of_the_batch() {
        // The item with the largest weight is drawn once in a million times.
        let mut sampler = with_priorities(1.0, 1.0, &[1.0, 1e-6]);
        let (slots, weights) = draw(&mut sampler, 4).unwrap();
        assert_eq!(slots, [0; 4]);
        assert_relative_eq!(weights[0], 1e-6, max_relative = 1e-6);
    }

    #[test]
    fn weights_can_be_divided_by_the_maximum_of_the_batch() {
        let sampler = with_priorities(1.0, 1.0, &[1.0, 0.5, 1e-9]);
        let mut sampler = sampler.with_normalization(Normalization::Batch);
        let (slots, weights) = draw(&mut sampler, 6).unwrap();
        assert_eq!(slots, [0, 0, 0, 0, 1, 1]);
        assert_eq!(weights, [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn without_strata_two_items_can_come_from_one_range() {
        let priorities = [1.0; 50];
        let mut stratified = with_priorities(1.0, 0.4, &priorities);
        assert!(draw(&mut stratified, 50).unwrap().0.into_iter().eq(0..50));
        let mut independent = with_priorities(1.0, 0.4, &priorities).with_strata(false);
        let mut slots = draw(&mut independent, 50).unwrap().0;
        assert!(!slots.is_sorted());
        slots.sort_unstable();
        slots.dedup();
        assert!(slots.len() < 50);
    }

    #[test]
    fn an_item_that_is_never_drawn_does_not_count_for_the_maximum() {
        let mut sampler = with_priorities(1.0, 1.0, &[4.0, 0.0, 1.0]);
        let (slots, weights) = draw(&mut sampler, 500).unwrap();
        for (slot, weight) in slots.into_iter().zip(weights) {
            assert_eq!(weight, [0.25, f32::NAN, 1.0][slot]);
        }
    }

    #[test]
    fn beta_goes_from_first_to_last_with_progress() {
        let mut sampler = Prioritized::new();
        for (progress, beta) in [(0.0, 0.4), (0.5, 0.7), (1.0, 1.0), (0.25, 0.55)] {
            sampler.set_progress(progress);
            assert_relative_eq!(sampler.beta(), beta);
        }
        let mut sampler = with_priorities(1.0, 0.5, &[1.0, 4.0]);
        let weight_of_the_likely = |sampler: &mut Prioritized| {
            let (slots, weights) = draw(sampler, 10).unwrap();
            weights[slots.iter().position(|&slot| slot == 1).unwrap()]
        };
        assert_eq!(weight_of_the_likely(&mut sampler), 0.5);
        sampler.set_progress(1.0);
        assert_eq!(weight_of_the_likely(&mut sampler), 0.25);
    }

    #[test]
    fn weights_are_one_when_beta_is_zero_or_all_priorities_are_equal() {
        let mut sampler = with_priorities(1.0, 0.0, &[1.0, 4.0]);
        assert_eq!(draw(&mut sampler, 10).unwrap().1, [1.0; 10]);
        let mut sampler = with_priorities(0.6, 1.0, &[3.0; 5]);
        assert_eq!(draw(&mut sampler, 10).unwrap().1, [1.0; 10]);
    }

    #[test]
    fn alpha_zero_is_uniform_even_for_priority_zero() {
        let mut sampler = with_priorities(0.0, 0.4, &[0.0, 1.0, 100.0, 0.0]);
        assert_eq!(draw(&mut sampler, 4).unwrap(), (vec![0, 1, 2, 3], vec![1.0; 4]));
    }

    #[test]
    fn a_new_item_gets_the_largest_priority_seen_so_far() {
        let mut sampler = with_priorities(1.0, 0.4, &[0.5, 3.0, 0.25]);
        sampler.inserted(0, Arrival::default());
        assert_eq!(sampler.tree.get(0), 3.0);
        sampler.set_priorities(&[1], &[0.5]).unwrap(); // the largest is gone, but was seen
        sampler.inserted(2, Arrival::default());
        assert_eq!(sampler.tree.get(2), 3.0);
        sampler.cleared();
        sampler.inserted(0, Arrival::default());
        assert_eq!(sampler.tree.get(0), 1.0);
    }

    #[test]
    fn priority_is_error_plus_epsilon() {
        let mut sampler = with_priorities(1.0, 0.4, &[1.0]).with_epsilon(0.25).unwrap();
        sampler.set_priorities(&[0], &[0.0]).unwrap();
        assert_eq!(sampler.tree.get(0), 0.25);
        sampler.set_priorities(&[0], &[f32::MAX]).unwrap();
        assert_eq!(sampler.tree.get(0), f64::from(f32::MAX));
    }

    #[test]
    fn nothing_is_drawn_when_every_priority_is_zero() {
        let mut sampler = with_priorities(0.6, 0.4, &[0.0, 0.0]);
        assert!(matches!(draw(&mut sampler, 2), Err(Error::AllZero)));
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let new = Prioritized::new;
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let refused = |result, wanted: &str| match result {
                Err(Error::Setting { name, got, .. }) => {
                    name == wanted && (got == bad || bad.is_nan())
                }
                _ => false,
            };
            assert!(refused(new().with_alpha(bad), "alpha"));
            assert!(refused(new().with_beta(bad), "beta"));
            assert!(refused(new().with_final_beta(bad), "final beta"));
            assert!(bad == 1.1 || refused(new().with_epsilon(bad), "epsilon"));
        }
        assert_eq!(
            new().with_epsilon(-1.0).unwrap_err().to_string(),
            "epsilon must be finite and >= 0, as a priority is, got -1"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_are_checked_when_they_are_read() {
        let sampler: Prioritized = serde_json::from_str(r#"{"alpha": 0.7}"#).unwrap();
        assert_eq!((sampler.alpha(), sampler.beta(), sampler.epsilon()), (0.7, 0.4, 1e-6));
        let text = serde_json::to_string(&sampler).unwrap();
        let expected = r#"{"alpha":0.7,"beta":0.4,"final_beta":1.0,"epsilon":1e-6,"#;
        let rest = r#""stratified":true,"normalization":"buffer"}"#;
        assert_eq!(text, format!("{expected}{rest}"));
        let error = serde_json::from_str::<Prioritized>(r#"{"beta": 2.0}"#).unwrap_err();
        assert!(error.to_string().starts_with("beta must be between 0 and 1, got 2"));
    }
}
