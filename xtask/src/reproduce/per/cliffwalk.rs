//! The Blind Cliffwalk (Schaul et al. 2016, section 3.1 and appendix B.1): how many updates it takes to
//! learn the values from a replay memory in which one sequence of actions of 2ⁿ has a reward.
//!
//! ```text
//! state 0 … n−1: the right action leads to the next state, from the last to the end with reward 1;
//! the wrong action leads to the end with reward 0.  γ = 1 − 1/n
//! δ = r + γ·max_a Q(s', a) − Q(s, a),   θ ← θ + δ/4·∇Q(s, a),   θ ~ N(0, 0.1) at first
//! ```

use std::collections::BinaryHeap;

use anyhow::{Result, bail};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Prioritized, RankBased, Sampler, Schema, Uniform};

const STEP_SIZE: f64 = 0.25;
const SPREAD: f64 = 0.1;
/// It is learned where the mean squared error of all values is below this.
const LEARNED: f64 = 1e-3;
const MOST_UPDATES: u64 = 100_000_000;

/// Which transition is replayed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    Uniform,
    /// The one whose update lowers the error of all values the most, in hindsight.
    Oracle,
    /// The one with the largest error when it was last replayed.
    Greedy,
    RankBased,
    Proportional,
}

impl Replay {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Oracle => "oracle",
            Self::Greedy => "greedy",
            Self::RankBased => "rank-based",
            Self::Proportional => "proportional",
        }
    }
}

/// What a value is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Features {
    /// A number for each state and action.
    Table,
    /// Besides, a number for each action that all states share.
    Linear,
}

/// How many transitions the memory has.
pub(super) fn transitions(states: usize) -> usize {
    (1 << (states + 1)) - 2
}

/// Updates until the values are learned.
pub(super) fn updates(replay: Replay, features: Features, states: usize, seed: u64) -> Result<u64> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut values = Values::new(features, states, rng);
    let memory = memory(states, rng);
    match replay {
        Replay::Uniform => sampled(&mut values, &memory, Uniform::new(), rng),
        Replay::Proportional => sampled(&mut values, &memory, Prioritized::new(), rng),
        Replay::RankBased => sampled(&mut values, &memory, RankBased::new(), rng),
        Replay::Greedy => greedy(&mut values, &memory),
        Replay::Oracle => until_learned(&mut values, |values| {
            let (state, action) = values.best_update();
            values.update(state, action);
            Ok(())
        }),
    }
}

fn until_learned(
    values: &mut Values,
    mut update: impl FnMut(&mut Values) -> Result<()>,
) -> Result<u64> {
    for updates in 0..MOST_UPDATES {
        if values.error() < LEARNED {
            return Ok(updates);
        }
        update(values)?;
    }
    bail!("{} states are not learned after {MOST_UPDATES} updates", values.states)
}

/// Replays what a sampler draws, with the size of its last error as the priority of a transition.
fn sampled<S: Sampler>(
    values: &mut Values,
    memory: &[(usize, usize)],
    sampler: S,
    rng: &mut impl Rng,
) -> Result<u64> {
    let mut schema = Schema::new();
    let state = schema.column::<i64>("state", &[])?;
    let action = schema.column::<i64>("action", &[])?;
    let mut buffer = Buffer::new(schema, memory.len(), sampler)?;
    for &(state, action) in memory {
        buffer.push(&[(&(state as i64)).into(), (&(action as i64)).into()])?;
    }
    let mut batch = Batch::new();
    until_learned(values, |values| {
        buffer.sample(1, rng, &mut batch)?;
        let (state, action) = (batch.values(state)?[0], batch.values(action)?[0]);
        let error = values.update(state as usize, action as usize);
        buffer.set_priorities(batch.items(), &[error.abs() as f32])?;
        Ok(())
    })
}

/// Replays what had the largest error last; what was never replayed comes first.
fn greedy(values: &mut Values, memory: &[(usize, usize)]) -> Result<u64> {
    // Bits of numbers that are not negative are ordered as they are.
    let mut heap: BinaryHeap<(u64, usize)> =
        (0..memory.len()).map(|index| (f64::INFINITY.to_bits(), index)).collect();
    until_learned(values, |values| {
        if let Some((_, index)) = heap.pop() {
            let error = values.update(memory[index].0, memory[index].1);
            heap.push((error.abs().to_bits(), index));
        }
        Ok(())
    })
}

/// The transitions `(state, action)` of all 2ⁿ sequences of actions, each played to its end, in random
/// order.
fn memory(states: usize, rng: &mut impl Rng) -> Vec<(usize, usize)> {
    let mut sequences: Vec<usize> = (0..1 << states).collect();
    sequences.shuffle(rng);
    let mut memory = Vec::with_capacity(transitions(states));
    for sequence in sequences {
        for state in 0..states {
            let action = sequence >> state & 1;
            memory.push((state, action));
            if action != right(state) {
                break;
            }
        }
    }
    memory
}

/// The right action alternates, so that one action's values say nothing about the next state's.
fn right(state: usize) -> usize {
    state % 2
}

#[derive(Debug, Clone)]
struct Values {
    states: usize,
    gamma: f64,
    /// `[states, 2]`
    table: Vec<f64>,
    /// `[2]`, if there is any.
    shared: Option<[f64; 2]>,
}

impl Values {
    fn new(features: Features, states: usize, rng: &mut impl Rng) -> Self {
        let mut draw = || SPREAD * standard_normal(rng);
        let table = (0..2 * states).map(|_| draw()).collect();
        let shared = (features == Features::Linear).then(|| [draw(), draw()]);
        Self { states, gamma: 1.0 - 1.0 / states as f64, table, shared }
    }

    fn of(&self, state: usize, action: usize) -> f64 {
        self.table[2 * state + action] + self.shared.map_or(0.0, |shared| shared[action])
    }

    /// Learns from a transition; gives its error before.
    fn update(&mut self, state: usize, action: usize) -> f64 {
        let target = match (action == right(state), state + 1 == self.states) {
            (false, _) => 0.0,
            (true, true) => 1.0,
            (true, false) => self.gamma * self.of(state + 1, 0).max(self.of(state + 1, 1)),
        };
        let error = target - self.of(state, action);
        self.table[2 * state + action] += STEP_SIZE * error;
        if let Some(shared) = &mut self.shared {
            shared[action] += STEP_SIZE * error;
        }
        error
    }

    /// The mean squared difference from the true values: γ to the number of steps that are left after
    /// the right action, 0 after the wrong one.
    fn error(&self) -> f64 {
        let (mut sum, mut truth) = (0.0, 1.0);
        for state in (0..self.states).rev() {
            for action in 0..2 {
                let expected = if action == right(state) { truth } else { 0.0 };
                sum += (self.of(state, action) - expected).powi(2);
            }
            truth *= self.gamma;
        }
        sum / (2 * self.states) as f64
    }

    /// The state and action after whose update the error is the smallest.
    fn best_update(&self) -> (usize, usize) {
        let (mut best, mut smallest) = ((0, 0), f64::INFINITY);
        for state in 0..self.states {
            for action in 0..2 {
                let mut updated = self.clone();
                updated.update(state, action);
                let error = updated.error();
                if error < smallest {
                    (best, smallest) = ((state, action), error);
                }
            }
        }
        best
    }
}

/// By the method of Box and Muller 1958.
fn standard_normal(rng: &mut impl Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(1)
    }

    #[test]
    fn the_memory_has_every_sequence_and_one_success() {
        for states in [2, 5, 10] {
            let memory = memory(states, &mut rng());
            assert_eq!(memory.len(), transitions(states));
            let last = states - 1;
            let successes = memory.iter().filter(|step| **step == (last, right(last))).count();
            assert_eq!(successes, 1);
            // Half of all sequences begin with the wrong action.
            let wrong = memory.iter().filter(|step| **step == (0, 1 - right(0))).count();
            assert_eq!(wrong, 1 << (states - 1));
        }
    }

    #[test]
    fn an_update_and_the_error_worked_by_hand() {
        let mut values = Values { states: 2, gamma: 0.5, table: vec![0.0; 4], shared: None };
        // Truths: right of state 0 is γ, right of state 1 is 1.
        assert_eq!(values.error(), (0.25 + 1.0) / 4.0);
        assert_eq!(values.update(1, 1), 1.0);
        assert_eq!(values.of(1, 1), 0.25);
        assert_eq!(values.update(0, 0), 0.5 * 0.25);
        assert_eq!(values.update(0, 1), 0.0);
        values.shared = Some([0.0, 0.5]);
        assert_eq!(values.update(1, 1), 0.25);
        assert_eq!((values.of(1, 1), values.of(0, 1)), (0.875, 0.5625));
    }

    #[test]
    fn with_two_states_the_oracle_is_never_slower_than_chance() {
        for seed in 0..5 {
            let of = |replay| updates(replay, Features::Table, 2, seed).unwrap();
            assert!(of(Replay::Oracle) <= of(Replay::Uniform));
            assert!(of(Replay::Oracle) <= of(Replay::Greedy));
        }
        let of = |replay| updates(replay, Features::Linear, 6, 0).unwrap();
        assert!(of(Replay::Proportional) < of(Replay::Uniform));
        assert!(of(Replay::RankBased) < of(Replay::Uniform));
    }
}
