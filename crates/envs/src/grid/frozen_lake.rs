//! The frozen lake, as Gymnasium's FrozenLake-v1 defines it.

use super::map::{LakeMap, Tile};
use super::tabular::{Table, Transition, Walk};
use super::{Direction, slips};
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step, TimeLimit};

/// What the actions are.
const DIRECTIONS: [Direction; 4] =
    [Direction::Left, Direction::Down, Direction::Right, Direction::Up];
const FOUR_BY_FOUR_TIME_LIMIT: usize = 100;
const EIGHT_BY_EIGHT_TIME_LIMIT: usize = 200;

/// The rewards of a step, by the tile that it leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LakeRewards {
    /// For reaching the goal.
    pub goal: f32,
    /// For falling into a hole.
    pub hole: f32,
    /// For any other step.
    pub frozen: f32,
}

impl Default for LakeRewards {
    /// 1 for the goal and 0 for everything else.
    fn default() -> Self {
        Self { goal: 1.0, hole: 0.0, frozen: 0.0 }
    }
}

/// Walk over a frozen lake from the start to the goal, and not into a hole.
///
/// - Actions 0, 1, 2 and 3 are left, down, right and up.
/// - The observation, a [`Space::Discrete`], is the number of the cell, counted row after row:
///   `row * columns + column`. [`OneHot`](crate::OneHot) makes a vector of it, for a network.
/// - A step to the goal gives reward 1, every other one 0; [`with_rewards`](Self::with_rewards)
///   changes that.
/// - The episode terminates at a goal and in a hole.
/// - The ice is slippery: a step goes where it should with probability 1/3 and at a right angle to
///   it with probability 1/3 for each side. See [`with_success_rate`](Self::with_success_rate) and
///   [`not_slippery`](Self::not_slippery). A step off the map leads nowhere.
///
/// [`FrozenLake::new`] has no time limit. [`FrozenLake::v1`] and [`FrozenLake::v1_8x8`] correspond
/// to Gymnasium's FrozenLake-v1 (truncated at 100 steps) and FrozenLake8x8-v1 (200 steps).
///
/// # Differences from Gymnasium
///
/// The transitions are Gymnasium's, which the tests compare one by one: probabilities, states,
/// rewards and ends. Seeds differ, because slips are drawn from our own generator; to replay what
/// has been recorded use [`step_given`](Self::step_given). Stepping after the end is
/// [`StepAfterEnd`](crate::Error::StepAfterEnd).
///
/// ```
/// use reflux_envs::{Env, FrozenLake, LakeMap};
///
/// let mut lake = FrozenLake::new(LakeMap::four_by_four()).not_slippery();
/// assert_eq!(lake.reset(Some(0))?, [0.0]);
/// let mut reward = 0.0;
/// for action in [1, 1, 2, 2, 1, 2] {
///     reward = lake.step(action)?.reward;
/// }
/// assert_eq!((reward, lake.state()), (1.0, Some(15)));
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct FrozenLake {
    map: LakeMap,
    success_rate: f64,
    rewards: LakeRewards,
    walk: Walk,
    /// Made of the settings above.
    #[cfg_attr(feature = "serde", serde(skip, default = "empty"))]
    table: Table,
}

saved!(FrozenLake);

#[cfg(feature = "serde")]
fn empty() -> Table {
    Table::new((0, 0), Vec::new(), |_| false, |_, _| Vec::new())
}

impl FrozenLake {
    /// A slippery lake, without a time limit.
    pub fn new(map: LakeMap) -> Self {
        let (success_rate, rewards) = (1.0 / 3.0, LakeRewards::default());
        let table = table(&map, success_rate, rewards);
        Self { map, success_rate, rewards, walk: Walk::default(), table }
    }

    /// FrozenLake-v1: four by four cells, slippery, with a time limit of 100 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::of_positive(Self::new(LakeMap::four_by_four()), FOUR_BY_FOUR_TIME_LIMIT)
    }

    /// FrozenLake8x8-v1: eight by eight cells, slippery, with a time limit of 200 steps.
    pub fn v1_8x8() -> TimeLimit<Self> {
        TimeLimit::of_positive(Self::new(LakeMap::eight_by_eight()), EIGHT_BY_EIGHT_TIME_LIMIT)
    }

    /// The same lake where steps go where they should with this probability, and to each side with
    /// half of the rest.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if it is not in `[0, 1]`.
    pub fn with_success_rate(mut self, success_rate: f64) -> Result<Self> {
        check_success_rate(success_rate)?;
        self.success_rate = success_rate;
        self.table = table(&self.map, self.success_rate, self.rewards);
        Ok(self)
    }

    /// The same lake where every step goes where it should: a success rate of 1.
    pub fn not_slippery(mut self) -> Self {
        self.success_rate = 1.0;
        self.table = table(&self.map, self.success_rate, self.rewards);
        self
    }

    /// The same lake with other rewards.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if one of them is not finite.
    pub fn with_rewards(mut self, rewards: LakeRewards) -> Result<Self> {
        check_rewards(rewards)?;
        self.rewards = rewards;
        self.table = table(&self.map, self.success_rate, self.rewards);
        Ok(self)
    }

    /// The map.
    pub fn map(&self) -> &LakeMap {
        &self.map
    }

    /// The probability that a step goes where it should.
    pub fn success_rate(&self) -> f64 {
        self.success_rate
    }

    /// The rewards.
    pub fn rewards(&self) -> LakeRewards {
        self.rewards
    }

    /// What may come of `action` in `state`; empty for an action or a state that there is not. This
    /// is Gymnasium's table `P`, for planning and for exact values.
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
    /// [`TerminalState`](crate::Error::TerminalState) for a goal or a hole.
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
        check_success_rate(self.success_rate)?;
        check_rewards(self.rewards)?;
        self.table = table(&self.map, self.success_rate, self.rewards);
        self.walk.restore(&self.table)
    }
}

impl Env for FrozenLake {
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

fn check_success_rate(value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting { name: "success rate", legal: "in [0, 1]", value })
}

fn check_rewards(rewards: LakeRewards) -> Result<()> {
    match [rewards.goal, rewards.hole, rewards.frozen].into_iter().find(|r| !r.is_finite()) {
        Some(value) => {
            Err(Error::Setting { name: "reward", legal: "finite", value: f64::from(value) })
        }
        None => Ok(()),
    }
}

fn table(map: &LakeMap, success_rate: f64, rewards: LakeRewards) -> Table {
    let (grid, tiles) = (map.grid(), map.tiles());
    let transition = |cell: usize, action: usize, probability: f64| {
        let next_state = grid.neighbour(cell, DIRECTIONS[action]);
        let (reward, terminated) = match tiles[next_state] {
            Tile::Goal => (rewards.goal, true),
            Tile::Hole => (rewards.hole, true),
            Tile::Start | Tile::Frozen => (rewards.frozen, false),
        };
        Transition { probability, next_state, reward, terminated }
    };
    let starts = (0..tiles.len()).filter(|&cell| tiles[cell] == Tile::Start).collect();
    let is_terminal = |cell: usize| matches!(tiles[cell], Tile::Goal | Tile::Hole);
    let size = (tiles.len(), DIRECTIONS.len());
    Table::new(size, starts, is_terminal, |cell, action| match tiles[cell] {
        Tile::Goal | Tile::Hole => vec![Transition::absorbed(cell)],
        _ if success_rate == 1.0 => vec![transition(cell, action, 1.0)],
        _ => {
            let slip = (1.0 - success_rate) / 2.0;
            let probability = |taken| if taken == action { success_rate } else { slip };
            slips(action).map(|taken| transition(cell, taken, probability(taken))).to_vec()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_the_slippery_lake_is_the_published_one() {
        // Gymnasium's registration says that the best policy reaches the goal of FrozenLake-v1 in
        // 74% of episodes of 100 steps, that of FrozenLake8x8-v1 (200 steps) in 91%.
        for (env, optimum) in [(FrozenLake::v1(), 0.74), (FrozenLake::v1_8x8(), 0.91)] {
            let lake = env.inner();
            let cells = lake.map().rows() * lake.map().columns();
            let mut values = vec![0.0; cells];
            for _ in 0..env.limit() {
                values = (0..cells)
                    .map(|state| {
                        let after = |action| -> f64 {
                            let value = |t: &Transition| {
                                let rest = if t.terminated { 0.0 } else { values[t.next_state] };
                                t.probability * (f64::from(t.reward) + rest)
                            };
                            lake.transitions(state, action).iter().map(value).sum()
                        };
                        (0..4).map(after).fold(0.0, f64::max)
                    })
                    .collect();
            }
            assert!((values[0] - optimum).abs() < 0.01, "{}", values[0]);
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let lake = || FrozenLake::new(LakeMap::four_by_four());
        for rate in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(lake().with_success_rate(rate), Err(Error::Setting { .. })));
        }
        let rewards = LakeRewards { hole: f32::NEG_INFINITY, ..LakeRewards::default() };
        assert!(matches!(lake().with_rewards(rewards), Err(Error::Setting { .. })));
    }

    #[test]
    fn rewards_and_success_rate_are_what_was_asked_for() {
        let rewards = LakeRewards { goal: 10.0, hole: -5.0, frozen: -0.1 };
        let lake = FrozenLake::new(LakeMap::new(&["SHG"]).unwrap())
            .with_success_rate(0.5)
            .unwrap()
            .with_rewards(rewards)
            .unwrap();
        let to = |probability, next_state, reward| Transition {
            probability,
            next_state,
            reward,
            terminated: next_state > 0,
        };
        let right = [to(0.25, 0, -0.1), to(0.5, 1, -5.0), to(0.25, 0, -0.1)];
        assert_eq!(lake.transitions(0, 2), right);
        let stuck = [Transition { terminated: true, ..to(1.0, 1, 0.0) }];
        assert_eq!(lake.transitions(1, 2), stuck);
        assert_eq!(lake.transitions(3, 0), []);
        assert_eq!(lake.transitions(0, 4), []);
        assert_eq!(lake.not_slippery().transitions(0, 2), [to(1.0, 1, -5.0)]);
    }

    #[test]
    fn no_episode_goes_on_from_a_hole_or_from_off_the_map() {
        let mut lake = FrozenLake::v1().into_inner();
        assert_eq!(lake.set_state(5), Err(Error::TerminalState { state: 5 }));
        assert_eq!(lake.set_state(15), Err(Error::TerminalState { state: 15 }));
        assert!(matches!(lake.set_state(16), Err(Error::StateOutOfRange { .. })));
        assert_eq!(lake.state(), None);
        lake.set_state(14).unwrap();
        assert_eq!(lake.step_given(2, 3), Err(Error::OutcomeOutOfRange { outcome: 3, n: 3 }));
        let step = lake.step_given(2, 1).unwrap();
        assert_eq!((step.reward, step.terminated), (1.0, true));
        assert_eq!(lake.step_given(2, 1), Err(Error::StepAfterEnd));
    }
}
