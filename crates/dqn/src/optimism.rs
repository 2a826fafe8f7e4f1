//! Optimism about what has seldom been tried.
//!
//! ```text
//! Q⁺(s, a) = Q(s, a) + C/(N(s, a) + 1)^M        OPIQ: Rashid et al. 2020, arXiv:2002.12174, eq. 4
//! ```
//!
//! `Q⁺` chooses the actions while learning, and takes the place of `Q(s', ·)` in targets, so that an action
//! which leads to something new is worth trying as well. N counts how often the agent did `a` in `s`.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use crate::error::{check_above_zero, check_length};
use crate::{Error, Result};

/// How much better than its value an action is taken to be that has seldom been tried:
/// `C/(N(s, a) + 1)^M`.
///
/// A table of values can begin with values that are too large, and every action is tried until its value
/// has come down (Sutton & Barto 2018, section 2.6). A network forgets such a beginning with the first
/// updates; this term does not. It is for tasks whose reward no random walk finds, as
/// [`DeepSea`](reflux_envs::DeepSea).
///
/// States are counted by cells: two observations are one where all their numbers, divided by the cell's
/// widths and rounded, are the same. The width of 1 at first is that for observations in whole numbers.
/// Memory grows with the number of cells that were visited.
///
/// ```
/// use reflux_dqn::{DqnConfig, Optimism};
///
/// // The position and speed of a mountain car, in cells of 0.1 and 0.01.
/// let optimism = Optimism::new(1.0)?.with_cells(&[0.1, 0.01])?;
/// let config = DqnConfig::new().with_optimism(Some(optimism))?;
/// assert_eq!(config.optimism().map(|optimism| optimism.power()), Some(2.0));
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Optimism {
    bonus: f64,
    power: f64,
    cells: Vec<f64>,
}

impl Default for Optimism {
    /// A bonus of 1 that falls with the square, in cells 1 wide: the paper's.
    fn default() -> Self {
        Self { bonus: 1.0, power: 2.0, cells: vec![1.0] }
    }
}

impl Optimism {
    /// With the bonus C for an action that was never tried: 1 in the paper, and about the largest
    /// return that there can be where every action is to be tried. The power M is 2, cells are 1 wide.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn new(bonus: f64) -> Result<Self> {
        Self { bonus, ..Self::default() }.checked()
    }

    /// Sets the power M by which the bonus falls: 2 in the paper's experiments.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn with_power(self, power: f64) -> Result<Self> {
        Self { power, ..self }.checked()
    }

    /// Sets the widths of a cell, `[observation]`, or one width for all numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for no width, or one that is not finite and above 0.
    pub fn with_cells(self, widths: &[f64]) -> Result<Self> {
        Self { cells: widths.to_vec(), ..self }.checked()
    }

    /// The bonus C of an action that was never tried.
    pub fn bonus(&self) -> f64 {
        self.bonus
    }

    /// The power M.
    pub fn power(&self) -> f64 {
        self.power
    }

    /// The widths of a cell, or the one width of all numbers.
    pub fn cells(&self) -> &[f64] {
        &self.cells
    }

    pub(crate) fn checked(self) -> Result<Self> {
        check_above_zero("the bonus of optimism", self.bonus)?;
        check_above_zero("the power of optimism", self.power)?;
        if self.cells.is_empty() {
            return Err(Error::config("the widths of a cell", "one or one a number", "none"));
        }
        self.cells.iter().try_for_each(|&width| check_above_zero("the width of a cell", width))?;
        Ok(self)
    }

    fn of(&self, times: u64) -> f32 {
        (self.bonus / (times as f64 + 1.0).powf(self.power)) as f32
    }
}

/// How often each action was taken in each cell, by the cell's hash.
pub(crate) type Times = BTreeMap<u64, Vec<u64>>;

/// What was tried, and the bonuses that follow.
#[derive(Debug)]
pub(crate) struct Tried {
    optimism: Optimism,
    actions: usize,
    times: Times,
}

impl Tried {
    pub(crate) fn new(optimism: Optimism, observation_len: usize, actions: usize) -> Result<Self> {
        if optimism.cells.len() != 1 {
            check_length("the widths of a cell", observation_len, optimism.cells.len())?;
        }
        Ok(Self { optimism, actions, times: Times::new() })
    }

    pub(crate) fn add(&mut self, observation: &[f32], action: usize) {
        let cell = self.times.entry(cell(&self.optimism.cells, observation));
        cell.or_insert_with(|| vec![0; self.actions])[action] += 1;
    }

    /// Writes the bonuses `[rows · actions]` of observations `[rows, observation]`.
    pub(crate) fn bonuses(&self, observations: &ArrayView2<'_, f32>, bonuses: &mut Vec<f32>) {
        bonuses.clear();
        for row in observations.rows() {
            let row = row.to_slice().unwrap_or_default();
            match self.times.get(&cell(&self.optimism.cells, row)) {
                Some(times) => bonuses.extend(times.iter().map(|&times| self.optimism.of(times))),
                None => bonuses.extend((0..self.actions).map(|_| self.optimism.of(0))),
            }
        }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn times(&self) -> &Times {
        &self.times
    }

    /// Takes counts that were saved.
    #[cfg(feature = "serde")]
    pub(crate) fn restore(&mut self, times: Times) -> Result<()> {
        for of_cell in times.values() {
            check_length("the counts of a cell", self.actions, of_cell.len())?;
        }
        self.times = times;
        Ok(())
    }
}

/// The hash of the cell that an observation is in: that of splitmix64, number by number. It is written to
/// disk with a run, so that it has to stay as it is.
fn cell(widths: &[f64], observation: &[f32]) -> u64 {
    let widths = widths.iter().cycle();
    observation.iter().zip(widths).fold(0, |hash: u64, (&number, width)| {
        let rounded = (f64::from(number) / width).round() as i64 as u64;
        let mixed = (hash ^ rounded).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_bonus_falls_with_the_power_of_the_count_in_that_cell_alone() {
        let optimism = Optimism::new(8.0).unwrap().with_cells(&[0.1, 1.0]).unwrap();
        let mut tried = Tried::new(optimism, 2, 2).unwrap();
        tried.add(&[0.52, 3.0], 1);
        tried.add(&[0.48, 3.2], 1);
        tried.add(&[0.48, 3.2], 0);
        // The first is in the same cell, the others are next to it.
        let mut bonuses = vec![1.0; 3];
        let observations = array![[0.5, 2.8], [0.56, 3.0], [0.5, 2.0]];
        tried.bonuses(&observations.view(), &mut bonuses);
        assert_eq!(bonuses, [8.0 / 4.0, 8.0 / 9.0, 8.0, 8.0, 8.0, 8.0]);
    }

    #[test]
    fn cells_of_one_hot_observations_and_of_their_order_differ() {
        let cells: std::collections::BTreeSet<u64> = (0..400)
            .map(|hot| {
                let mut observation = vec![0.0; 400];
                observation[hot] = 1.0;
                cell(&[1.0], &observation)
            })
            .collect();
        assert_eq!(cells.len(), 400);
        assert_ne!(cell(&[1.0], &[1.0, 2.0]), cell(&[1.0], &[2.0, 1.0]));
        // −0.2 rounds to the same as 0.2.
        assert_eq!(cell(&[1.0], &[-0.2]), cell(&[1.0], &[0.2]));
    }

    #[test]
    fn what_is_no_optimism_is_refused() {
        assert!(Optimism::new(0.0).is_err() && Optimism::new(f64::NAN).is_err());
        let one = || Optimism::new(1.0).unwrap();
        assert!(one().with_power(-1.0).is_err());
        assert!(one().with_cells(&[]).is_err() && one().with_cells(&[1.0, 0.0]).is_err());
        let two = one().with_cells(&[1.0, 1.0]).unwrap();
        assert!(matches!(Tried::new(two, 3, 2), Err(Error::Length { expected: 3, got: 2, .. })));
    }
}
