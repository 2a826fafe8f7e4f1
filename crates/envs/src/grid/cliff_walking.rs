//! Cliff walking, example 6.6 of Sutton and Barto, "Reinforcement learning: an introduction", as
//! Gymnasium's CliffWalking-v1 defines it.

use super::tabular::{Table, Transition, Walk};
use super::{Direction, Grid, slips};
use crate::saved::saved;
use crate::{Env, Result, Space, Step};

const GRID: Grid = Grid { rows: 4, columns: 12 };
const CELLS: usize = GRID.rows * GRID.columns;
/// The corners at the bottom; the cliff is between them.
const START: usize = CELLS - GRID.columns;
const GOAL: usize = CELLS - 1;
const FALL: f32 = -100.0;

/// Walk along a cliff from the start, at the bottom left of a grid of 4 rows and 12 columns, to the
/// goal at the bottom right.
///
/// - Actions 0, 1, 2 and 3 are up, right, down and left.
/// - The observation, a [`Space::Discrete`], is the number of the cell, `row * 12 + column`: 36 is
///   the start, 47 the goal. [`OneHot`](crate::OneHot) makes a vector of it, for a network.
/// - Each step gives reward -1; one that leads to the cliff, the cells between start and goal,
///   gives -100 and leads back to the start, and the episode goes on.
/// - The episode terminates at the goal.
/// - [`CliffWalking::slippery`] goes where it should with probability 1/3 and at a right angle to
///   it with probability 1/3 for each side.
///
/// As in Gymnasium, there is no time limit: put a policy that may never arrive into a
/// [`TimeLimit`](crate::TimeLimit). [`new`](Self::new) corresponds to Gymnasium's CliffWalking-v1,
/// [`slippery`](Self::slippery) to CliffWalkingSlippery-v1. The task is example 6.6 of Sutton and
/// Barto, [Reinforcement learning: an
/// introduction](http://incompleteideas.net/book/the-book-2nd.html).
///
/// # Differences from Gymnasium
///
/// As with [`FrozenLake`](crate::FrozenLake).
///
/// ```
/// use reflux_envs::{CliffWalking, Env};
///
/// let mut env = CliffWalking::new();
/// env.reset(Some(0))?;
/// assert_eq!(env.step(1)?.reward, -100.0); // over the edge
/// assert_eq!(env.state(), Some(36));
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct CliffWalking {
    slippery: bool,
    walk: Walk,
    #[cfg_attr(feature = "serde", serde(skip, default = "firm"))]
    table: Table,
}

saved!(CliffWalking);

#[cfg(feature = "serde")]
fn firm() -> Table {
    table(false)
}

impl CliffWalking {
    /// CliffWalking-v1: steps go where they should.
    pub fn new() -> Self {
        Self { slippery: false, walk: Walk::default(), table: table(false) }
    }

    /// CliffWalkingSlippery-v1: two steps of three go astray.
    pub fn slippery() -> Self {
        Self { slippery: true, walk: Walk::default(), table: table(true) }
    }

    /// Whether steps go astray.
    pub fn is_slippery(&self) -> bool {
        self.slippery
    }

    /// What may come of `action` in `state`; empty for an action or a state that there is not. This
    /// is Gymnasium's table `P`, for planning and for exact values. As there, the cliff and the
    /// goal have transitions too, though no episode goes on from them.
    pub fn transitions(&self, state: usize, action: usize) -> &[Transition] {
        self.table.transitions(state, action)
    }

    /// The number of the cell; `None` before the first `reset` or [`set_state`](Self::set_state).
    pub fn state(&self) -> Option<usize> {
        self.walk.state()
    }

    /// Goes on from the cell `state` as a running episode, and returns its observation. The random
    /// generator is left alone.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange) if there is no such cell,
    /// [`TerminalState`](crate::Error::TerminalState) for the goal.
    pub fn set_state(&mut self, state: usize) -> Result<&[f32]> {
        self.walk.set_state(&self.table, state)
    }

    /// [`step`](Env::step) where the outcome is not drawn but given, as a position in
    /// [`transitions`](Self::transitions): to replay what has been recorded.
    ///
    /// # Errors
    ///
    /// As [`step`](Env::step), and [`OutcomeOutOfRange`](crate::Error::OutcomeOutOfRange).
    pub fn step_given(&mut self, action: usize, outcome: usize) -> Result<Step<'_>> {
        self.walk.step_given(&self.table, action, outcome)
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        self.table = table(self.slippery);
        self.walk.restore(&self.table)
    }
}

impl Default for CliffWalking {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for CliffWalking {
    fn observation_space(&self) -> &Space {
        self.table.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.table.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        self.walk.reset(&self.table, seed)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.walk.step(&self.table, action)
    }
}

fn table(slippery: bool) -> Table {
    let transition = |cell: usize, action: usize, probability: f64| {
        let next_state = GRID.neighbour(cell, Direction::ALL[action]);
        if next_state > START && next_state < GOAL {
            return Transition { probability, next_state: START, reward: FALL, terminated: false };
        }
        Transition { probability, next_state, reward: -1.0, terminated: next_state == GOAL }
    };
    let size = (CELLS, Direction::ALL.len());
    Table::new(
        size,
        vec![START],
        |cell| cell == GOAL,
        |cell, action| {
            if slippery {
                slips(action).map(|taken| transition(cell, taken, 1.0 / 3.0)).to_vec()
            } else {
                vec![transition(cell, action, 1.0)]
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn the_shortest_way_takes_13_steps() {
        let mut env = CliffWalking::new();
        assert_eq!(env.reset(None).unwrap(), [36.0]);
        let way = [vec![0], vec![1; 11], vec![2]].concat();
        let mut total = 0.0;
        for (action, taken) in way.into_iter().zip(1..) {
            let step = env.step(action).unwrap();
            total += step.reward;
            assert_eq!(step.terminated, taken == 13);
        }
        assert_eq!((total, env.state()), (-13.0, Some(47)));
        assert_eq!(env.step(0), Err(Error::StepAfterEnd));
    }

    #[test]
    fn falling_leads_to_the_start_and_the_episode_goes_on() {
        for cell in 25..35 {
            let mut env = CliffWalking::new();
            env.set_state(cell).unwrap();
            let step = env.step(2).unwrap();
            assert_eq!((step.reward, step.observation, step.done()), (-100.0, &[36.0][..], false));
        }
    }

    #[test]
    fn the_goal_and_cells_that_there_are_not_are_refused() {
        let mut env = CliffWalking::slippery();
        assert_eq!(env.set_state(47), Err(Error::TerminalState { state: 47 }));
        assert!(matches!(env.set_state(48), Err(Error::StateOutOfRange { .. })));
    }
}
