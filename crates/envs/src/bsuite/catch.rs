//! Catch, as bsuite defines it (Osband et al., "Behaviour suite for reinforcement learning", ICLR
//! 2020; the task is from Mnih et al., "Recurrent models of visual attention", NeurIPS 2014).

use crate::error::check_state;
use crate::lifecycle::{Lifecycle, uniform_index};
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

const ACTIONS: usize = 3;
const BSUITE_ROWS: usize = 10;
const BSUITE_COLUMNS: usize = 5;
/// An observation of more numbers is a mistake.
const MOST_CELLS: usize = 1 << 24;

static ACTION_SPACE: Space = Space::Discrete { n: ACTIONS };

/// Catch a falling ball with a paddle that moves along the lowest row.
///
/// - Actions 0, 1 and 2 move the paddle to the left, not at all, and to the right by one column.
///   The ball falls one row a step, straight down.
/// - The observation, shape `[rows, columns]`, is 1 where the ball or the paddle is and 0
///   elsewhere.
/// - The last step gives reward 1 if the ball falls onto the paddle and -1 if it does not; the
///   others give 0.
/// - The episode terminates when the ball is in the lowest row, after `rows - 1` steps. There is no
///   time limit.
/// - The ball starts in the highest row in any column, each as likely as the others; the paddle in
///   the middle column (to the right of the middle if their number is even).
///
/// [`Catch::default`] is bsuite's, 10 rows and 5 columns: Osband et al. (2020), [Behaviour suite
/// for reinforcement learning](https://openreview.net/forum?id=rygf-kSYwH).
///
/// # Differences from bsuite
///
/// None in the dynamics: the tests replay episodes recorded from bsuite 0.3.6. Seeds differ. bsuite
/// starts the next episode by itself at a step after the end, which here is
/// [`StepAfterEnd`](crate::Error::StepAfterEnd); [`VectorEnv`](crate::VectorEnv) does it.
///
/// ```
/// use reflux_envs::{Catch, CatchState, Env};
///
/// let mut env = Catch::new(3, 3)?;
/// env.set_state(CatchState { row: 0, ball: 2, paddle: 1 })?;
/// assert_eq!(env.step(2)?.observation, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
/// let step = env.step(1)?;
/// assert_eq!((step.reward, step.terminated), (1.0, true));
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct Catch {
    rows: usize,
    columns: usize,
    state: CatchState,
    lifecycle: Lifecycle,
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: Vec<f32>,
    #[cfg_attr(feature = "serde", serde(skip, default = "Space::nothing"))]
    space: Space,
}

saved!(Catch);

/// Where everything is in a [`Catch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CatchState {
    /// The row of the ball, counted from the highest.
    pub row: usize,
    /// The column of the ball.
    pub ball: usize,
    /// The column of the paddle.
    pub paddle: usize,
}

impl Catch {
    /// A screen of so many rows and columns.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if there are less than 2 rows, no columns, or more than
    /// 2^24 cells.
    pub fn new(rows: usize, columns: usize) -> Result<Self> {
        check_size(rows, columns)?;
        Ok(Self::of_legal_size(rows, columns))
    }

    fn of_legal_size(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            state: CatchState::default(),
            lifecycle: Lifecycle::default(),
            observation: vec![0.0; rows * columns],
            space: Space::uniform_box(&[rows, columns], 0.0, 1.0),
        }
    }

    /// Where everything is; `None` before the first `reset` or [`set_state`](Self::set_state).
    pub fn state(&self) -> Option<CatchState> {
        self.lifecycle.has_begun().then_some(self.state)
    }

    /// Goes on from `state` as a running episode, and returns its observation. The random generator
    /// is left alone.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange) if something is off the screen, or the
    /// ball in the lowest row, where the episode is over. The elements are row, ball and paddle.
    pub fn set_state(&mut self, state: CatchState) -> Result<&[f32]> {
        self.check(state, self.rows - 2)?;
        self.begin(state);
        Ok(&self.observation)
    }

    fn check(&self, state: CatchState, last_row: usize) -> Result<()> {
        let elements = [state.row, state.ball, state.paddle].map(|element| element as f64);
        let highest = [last_row, self.columns - 1, self.columns - 1];
        check_state(&elements, &highest.map(|high| (0.0, high as f64)))
    }

    fn begin(&mut self, state: CatchState) {
        self.observation.fill(0.0);
        self.state = state;
        self.draw(1.0);
        self.lifecycle.begin();
    }

    /// Writes `value` to where the ball and the paddle are.
    #[inline]
    fn draw(&mut self, value: f32) {
        let CatchState { row, ball, paddle } = self.state;
        self.observation[row * self.columns + ball] = value;
        self.observation[(self.rows - 1) * self.columns + paddle] = value;
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_size(self.rows, self.columns)?;
        let new = Self::of_legal_size(self.rows, self.columns);
        (self.observation, self.space) = (new.observation, new.space);
        self.check(self.state, self.rows - if self.lifecycle.is_running() { 2 } else { 1 })?;
        self.draw(1.0);
        Ok(())
    }
}

impl Default for Catch {
    /// bsuite's size, 10 rows and 5 columns.
    fn default() -> Self {
        Self::of_legal_size(BSUITE_ROWS, BSUITE_COLUMNS)
    }
}

impl Env for Catch {
    fn observation_space(&self) -> &Space {
        &self.space
    }

    fn action_space(&self) -> &Space {
        &ACTION_SPACE
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let ball = uniform_index(self.lifecycle.seeded(seed)?, self.columns);
        self.begin(CatchState { row: 0, ball, paddle: self.columns / 2 });
        Ok(&self.observation)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.lifecycle.check(action, ACTIONS)?;
        self.draw(0.0);
        let CatchState { row, ball, paddle } = self.state;
        let paddle = (paddle + action).saturating_sub(1).min(self.columns - 1);
        self.state = CatchState { row: row + 1, ball, paddle };
        self.draw(1.0);
        let terminated = row + 1 == self.rows - 1;
        self.lifecycle.end_if(terminated);
        let reward = match (terminated, ball == paddle) {
            (false, _) => 0.0,
            (true, true) => 1.0,
            (true, false) => -1.0,
        };
        Ok(Step { observation: &self.observation, reward, terminated, truncated: false })
    }
}

fn check_size(rows: usize, columns: usize) -> Result<()> {
    let setting = |name, legal, value: usize| Error::Setting { name, legal, value: value as f64 };
    if rows < 2 {
        return Err(setting("number of rows", "at least 2", rows));
    }
    if columns == 0 {
        return Err(setting("number of columns", "at least 1", columns));
    }
    match rows.checked_mul(columns) {
        Some(cells) if cells <= MOST_CELLS => Ok(()),
        cells => Err(setting("number of cells", "at most 2^24", cells.unwrap_or(usize::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        for (rows, columns) in [(0, 5), (1, 5), (2, 0), (usize::MAX, 2), (5000, 5000)] {
            assert!(matches!(Catch::new(rows, columns), Err(Error::Setting { .. })));
        }
        assert!(Catch::new(2, 1).is_ok());
    }

    #[test]
    fn the_paddle_stays_on_the_screen() {
        let mut env = Catch::new(10, 3).unwrap();
        for (action, end) in [(0, 0), (2, 2)] {
            env.set_state(CatchState { row: 0, ball: 1, paddle: 1 }).unwrap();
            for _ in 0..5 {
                env.step(action).unwrap();
            }
            assert_eq!(env.state(), Some(CatchState { row: 5, ball: 1, paddle: end }));
        }
    }

    #[test]
    fn a_ball_that_is_followed_is_caught_and_every_episode_has_the_same_length() {
        let mut env = Catch::default();
        for seed in 0..20 {
            env.reset(Some(seed)).unwrap();
            let mut rewards = Vec::new();
            loop {
                let CatchState { ball, paddle, .. } = env.state().unwrap();
                let action = if ball > paddle { 2 } else { usize::from(ball == paddle) };
                let step = env.step(action).unwrap();
                rewards.push(step.reward);
                if step.done() {
                    break;
                }
            }
            assert_eq!(rewards, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        }
    }

    #[test]
    fn states_off_the_screen_or_after_the_end_are_refused() {
        let mut env = Catch::new(4, 3).unwrap();
        for (row, ball, paddle) in [(3, 0, 0), (0, 3, 0), (0, 0, 3)] {
            let refused = env.set_state(CatchState { row, ball, paddle });
            assert!(matches!(refused, Err(Error::StateOutOfRange { .. })));
        }
    }
}
