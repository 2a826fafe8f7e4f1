//! Deep sea, as bsuite defines it (Osband et al., "Deep exploration via randomized value
//! functions", JMLR 20, 2019, and "Behaviour suite for reinforcement learning", ICLR 2020).

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::error::check_state;
use crate::lifecycle::{Lifecycle, standard_normal};
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

const ACTIONS: usize = 2;
const BSUITE_MOVE_COST: f64 = 0.01;
/// An observation of more numbers is a mistake.
const LARGEST_SIZE: usize = 1 << 12;

static ACTION_SPACE: Space = Space::Discrete { n: ACTIONS };

/// Dive to the bottom of the sea, always to the right, for a treasure that only a diver finds who
/// explores with a plan: of the 2^N ways down, one leads to it.
///
/// - The sea is a grid of N rows and N columns. The diver starts at the top left and sinks one row
///   a step. One of the actions 0 and 1 moves a column to the right, the other to the left; which
///   is which differs from cell to cell ([`right_action`](Self::right_action)). At the edges the
///   column stays.
/// - The observation, shape `[N, N]`, is 1 where the diver is and 0 elsewhere; 0 everywhere after
///   the last step.
/// - A step to the right costs 0.01 / N, whether it succeeds or not. One to the right from the last
///   column, which only the last row can be in, gives 1. Every other reward is 0.
/// - The episode terminates after N steps. There is no time limit.
/// - [`stochastic`](Self::stochastic) makes a step to the right fail, leaving the column as it is,
///   with probability 1/N, and adds standard normal noise to the reward of the last step in the
///   first and in the last column.
///
/// # Differences from bsuite
///
/// None in the dynamics: the tests replay episodes recorded from bsuite 0.3.6. Seeds, for the
/// mapping of actions as well, give other numbers; to replay use
/// [`with_mapping`](Self::with_mapping) and [`step_given`](Self::step_given). bsuite starts the
/// next episode by itself at a step after the end, which here is
/// [`StepAfterEnd`](crate::Error::StepAfterEnd); [`VectorEnv`](crate::VectorEnv) does it.
///
/// The task is from Osband et al. (2019), [Deep exploration via randomized value
/// functions](https://jmlr.org/papers/v20/18-339.html).
///
/// ```
/// use reflux_envs::{DeepSea, Env};
///
/// let mut env = DeepSea::new(10, 42)?; // 42 is the seed of the mapping
/// env.reset(Some(0))?;
/// let mut episode_return = 0.0;
/// loop {
///     let (row, column) = env.state().expect("there was a reset");
///     let step = env.step(env.right_action(row, column).expect("the cell is in the sea"))?;
///     episode_return += step.reward;
///     if step.done() {
///         break;
///     }
/// }
/// assert!((episode_return - 0.99).abs() < 1e-6);
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct DeepSea {
    size: usize,
    /// Which action means right, row after row.
    mapping: Vec<u8>,
    deterministic: bool,
    move_cost: f64,
    row: usize,
    column: usize,
    lifecycle: Lifecycle,
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: Vec<f32>,
    #[cfg_attr(feature = "serde", serde(skip, default = "Space::nothing"))]
    space: Space,
}

saved!(DeepSea);

/// What is left to chance in a step of a stochastic [`DeepSea`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeepSeaChance {
    /// Whether a step to the right fails.
    pub fails: bool,
    /// What is added to the reward if it is that of the last row's first or last column.
    pub noise: f64,
}

impl DeepSea {
    /// A deterministic sea of `size` rows and columns, in which the action that means right is
    /// drawn for each cell, from a generator of its own that starts from `mapping_seed`.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if the size is 0 or above 4096.
    pub fn new(size: usize, mapping_seed: u64) -> Result<Self> {
        check_size(size)?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(mapping_seed);
        let mapping = (0..size * size).map(|_| u8::from(rng.random::<f64>() < 0.5)).collect();
        Ok(Self::of_legal_size(size, mapping))
    }

    /// A deterministic sea in which `mapping[row * size + column]`, 0 or 1, is the action that
    /// means right. All 1 is bsuite's `randomize_actions=False`.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if the size is 0 or above 4096, the mapping's length is
    /// not its square, or one of its elements is neither 0 nor 1.
    pub fn with_mapping(size: usize, mapping: &[u8]) -> Result<Self> {
        check_size(size)?;
        check_mapping(size, mapping)?;
        Ok(Self::of_legal_size(size, mapping.to_vec()))
    }

    fn of_legal_size(size: usize, mapping: Vec<u8>) -> Self {
        Self {
            size,
            mapping,
            deterministic: true,
            move_cost: BSUITE_MOVE_COST,
            row: 0,
            column: 0,
            lifecycle: Lifecycle::default(),
            observation: vec![0.0; size * size],
            space: Space::uniform_box(&[size, size], 0.0, 1.0),
        }
    }

    /// The same sea with wind and noise.
    pub fn stochastic(mut self) -> Self {
        self.deterministic = false;
        self
    }

    /// The same sea in which a step to the right costs `cost` divided by the size; 0.01 if not said
    /// otherwise, which leaves 0.99 of the treasure.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if it is not finite.
    pub fn with_move_cost(mut self, cost: f64) -> Result<Self> {
        check_move_cost(cost)?;
        self.move_cost = cost;
        Ok(self)
    }

    /// The number of rows, of columns, and of steps.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The action that means right in this cell; `None` for one that there is not.
    pub fn right_action(&self, row: usize, column: usize) -> Option<usize> {
        let inside = row < self.size && column < self.size;
        inside.then(|| usize::from(self.mapping[row * self.size + column]))
    }

    /// Row and column of the diver; `None` before the first `reset` or
    /// [`set_state`](Self::set_state). After the last step the row is the number of rows.
    pub fn state(&self) -> Option<(usize, usize)> {
        self.lifecycle.has_begun().then_some((self.row, self.column))
    }

    /// Goes on from a row and column as a running episode, and returns its observation. The random
    /// generator is left alone.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange) if there is no such cell.
    pub fn set_state(&mut self, row: usize, column: usize) -> Result<&[f32]> {
        self.check(row, column, self.size - 1)?;
        self.begin(row, column);
        Ok(&self.observation)
    }

    fn check(&self, row: usize, column: usize, last_row: usize) -> Result<()> {
        let ranges = [last_row, self.size - 1].map(|high| (0.0, high as f64));
        check_state(&[row as f64, column as f64], &ranges)
    }

    fn begin(&mut self, row: usize, column: usize) {
        self.observation.fill(0.0);
        (self.row, self.column) = (row, column);
        self.draw(1.0);
        self.lifecycle.begin();
    }

    /// Writes `value` to where the diver is.
    #[inline]
    fn draw(&mut self, value: f32) {
        if self.row < self.size {
            self.observation[self.row * self.size + self.column] = value;
        }
    }

    /// [`step`](Env::step) where chance is not drawn but given, to replay what has been recorded.
    /// In a deterministic sea it has no effect.
    ///
    /// # Errors
    ///
    /// As [`step`](Env::step), and [`Setting`](crate::Error::Setting) for noise that is not finite.
    pub fn step_given(&mut self, action: usize, chance: DeepSeaChance) -> Result<Step<'_>> {
        self.lifecycle.check(action, ACTIONS)?;
        if !chance.noise.is_finite() {
            return Err(Error::Setting { name: "noise", legal: "finite", value: chance.noise });
        }
        Ok(self.dive(action, if self.deterministic { DeepSeaChance::default() } else { chance }))
    }

    #[inline]
    fn dive(&mut self, action: usize, chance: DeepSeaChance) -> Step<'_> {
        let last = self.size - 1;
        let right = action == usize::from(self.mapping[self.row * self.size + self.column]);
        self.draw(0.0);
        let mut reward = 0.0;
        if right && self.column == last {
            reward += 1.0;
        }
        if self.is_noisy() {
            reward += chance.noise;
        }
        if right {
            reward -= self.move_cost / self.size as f64;
        }
        self.column = match (right, chance.fails) {
            (true, false) => (self.column + 1).min(last),
            (true, true) => self.column,
            (false, _) => self.column.saturating_sub(1),
        };
        self.row += 1;
        self.draw(1.0);
        let terminated = self.row == self.size;
        self.lifecycle.end_if(terminated);
        let reward = reward as f32;
        Step { observation: &self.observation, reward, terminated, truncated: false }
    }

    /// Whether this is a cell whose reward has noise in a stochastic sea: an end of the last row.
    fn is_noisy(&self) -> bool {
        let last = self.size - 1;
        self.row == last && (self.column == 0 || self.column == last)
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_size(self.size)?;
        check_mapping(self.size, &self.mapping)?;
        check_move_cost(self.move_cost)?;
        let below = usize::from(!self.lifecycle.is_running());
        self.check(self.row, self.column, self.size - 1 + below)?;
        self.observation = vec![0.0; self.size * self.size];
        self.space = Space::uniform_box(&[self.size, self.size], 0.0, 1.0);
        self.draw(1.0);
        Ok(())
    }
}

impl Env for DeepSea {
    fn observation_space(&self) -> &Space {
        &self.space
    }

    fn action_space(&self) -> &Space {
        &ACTION_SPACE
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        self.lifecycle.seeded(seed)?;
        self.begin(0, 0);
        Ok(&self.observation)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.lifecycle.check(action, ACTIONS)?;
        let mut chance = DeepSeaChance::default();
        if !self.deterministic {
            let noisy = self.is_noisy();
            let rng = self.lifecycle.rng()?;
            if noisy {
                chance.noise = standard_normal(rng);
            }
            chance.fails = rng.random::<f64>() <= 1.0 / self.size as f64;
        }
        Ok(self.dive(action, chance))
    }
}

fn check_size(size: usize) -> Result<()> {
    if (1..=LARGEST_SIZE).contains(&size) {
        return Ok(());
    }
    Err(Error::Setting { name: "size", legal: "in [1, 4096]", value: size as f64 })
}

fn check_mapping(size: usize, mapping: &[u8]) -> Result<()> {
    let setting = |name, legal, value| Err(Error::Setting { name, legal, value });
    if mapping.len() != size * size {
        return setting("mapping's length", "the square of the size", mapping.len() as f64);
    }
    match mapping.iter().find(|&&action| action > 1) {
        Some(&action) => setting("mapping's element", "0 or 1", f64::from(action)),
        None => Ok(()),
    }
}

fn check_move_cost(value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::Setting { name: "move cost", legal: "finite", value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The return of an episode in which every step means right, or every step left.
    fn total(env: &mut DeepSea, right: bool) -> f32 {
        let mut total = 0.0;
        loop {
            let (row, column) = env.state().unwrap();
            let meant = env.right_action(row, column).unwrap();
            let step = env.step(if right { meant } else { 1 - meant }).unwrap();
            total += step.reward;
            if step.done() {
                assert!(step.observation.iter().all(|&v| v == 0.0));
                return total;
            }
        }
    }

    #[test]
    fn only_the_way_to_the_right_finds_the_treasure() {
        for size in [1, 2, 7, 30] {
            let mut env = DeepSea::new(size, 3).unwrap();
            env.reset(None).unwrap();
            assert!((total(&mut env, true) - 0.99).abs() < 1e-6, "{size}");
            env.reset(None).unwrap();
            assert_eq!(total(&mut env, false), 0.0, "{size}");
        }
    }

    #[test]
    fn the_stochastic_sea_has_wind_and_noise() {
        // Right all the way arrives in the last column with probability (1 - 1/N)^(N-1). The noise
        // of an episode to the left, which ends in the first column, is normal: mean 0, variance 1.
        const EPISODES: usize = 20_000;
        let mut env = DeepSea::new(5, 0).unwrap().stochastic().with_move_cost(0.0).unwrap();
        env.reset(Some(1)).unwrap();
        let (mut arrived, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for _ in 0..EPISODES {
            env.reset(None).unwrap();
            for _ in 0..4 {
                let (row, column) = env.state().unwrap();
                env.step(env.right_action(row, column).unwrap()).unwrap();
            }
            arrived += f64::from(u8::from(env.state() == Some((4, 4))));
            env.reset(None).unwrap();
            let noise = f64::from(total(&mut env, false));
            sum += noise;
            squares += noise * noise;
        }
        let n = EPISODES as f64;
        let expected = 0.8_f64.powi(4);
        let deviations = (arrived / n - expected) / (expected * (1.0 - expected) / n).sqrt();
        assert!(deviations.abs() < 4.0, "{arrived}");
        // The mean's deviation is 1 / sqrt(n), that of the mean square sqrt(2 / n).
        assert!((sum / n * n.sqrt()).abs() < 4.0, "{sum}");
        assert!(((squares / n - 1.0) / (2.0 / n).sqrt()).abs() < 4.0, "{squares}");
    }

    #[test]
    fn each_action_means_right_in_half_of_the_cells() {
        let env = DeepSea::new(100, 42).unwrap();
        let ones: usize = env.mapping.iter().map(|&action| usize::from(action)).sum();
        // Binomial with 10,000 tries: a deviation is 50.
        assert!(ones.abs_diff(5_000) < 200, "{ones}");
        assert_ne!(env.mapping, DeepSea::new(100, 43).unwrap().mapping);
    }

    #[test]
    fn seas_that_make_no_sense_are_refused() {
        for refused in [
            DeepSea::new(0, 0),
            DeepSea::new(4097, 0),
            DeepSea::with_mapping(2, &[0, 1, 0]),
            DeepSea::with_mapping(2, &[0, 1, 0, 2]),
            DeepSea::new(2, 0).and_then(|sea| sea.with_move_cost(f64::NAN)),
        ] {
            assert!(matches!(refused, Err(Error::Setting { .. })));
        }
        let mut env = DeepSea::new(3, 0).unwrap();
        assert!(matches!(env.set_state(3, 0), Err(Error::StateOutOfRange { index: 0, .. })));
        assert!(matches!(env.set_state(0, 3), Err(Error::StateOutOfRange { index: 1, .. })));
        env.set_state(0, 0).unwrap();
        let noise = DeepSeaChance { fails: false, noise: f64::INFINITY };
        assert!(matches!(env.step_given(0, noise), Err(Error::Setting { .. })));
    }
}
