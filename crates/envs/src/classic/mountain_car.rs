//! The mountain car of Moore, "Efficient memory-based learning for robot control", PhD thesis,
//! University of Cambridge, 1990, as Gymnasium's MountainCar-v0 computes it: arithmetic in `f64` in
//! Gymnasium's order.

use std::sync::LazyLock;

use crate::error::check_state;
use crate::lifecycle::{Lifecycle, uniform};
use crate::saved::saved;
use crate::{Env, Result, Space, Step, TimeLimit};

const POSITIONS: (f64, f64) = (-1.2, 0.6);
const SPEED_LIMIT: f64 = 0.07;
/// The flag stands here.
const GOAL: f64 = 0.5;
/// What an action adds to the velocity.
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;
/// The first position is between these; the first velocity is 0.
const STARTS: (f64, f64) = (-0.6, -0.4);
const RANGES: [(f64, f64); 2] = [POSITIONS, (-SPEED_LIMIT, SPEED_LIMIT)];
const ACTIONS: usize = 3;
const V0_TIME_LIMIT: usize = 200;

static ACTION_SPACE: Space = Space::Discrete { n: ACTIONS };
static OBSERVATION_SPACE: LazyLock<Space> = LazyLock::new(|| Space::Box {
    low: RANGES.map(|(low, _)| low as f32).to_vec(),
    high: RANGES.map(|(_, high)| high as f32).to_vec(),
    shape: vec![RANGES.len()],
});

/// Drive an underpowered car out of a valley, for which it has to swing back first.
///
/// - Action 0 accelerates to the left, 1 not at all, 2 to the right.
/// - The observation, shape `[2]`, is the state rounded to `f32`: position along the track, in
///   `[-1.2, 0.6]`, and velocity, in `[-0.07, 0.07]` a step. The task has units of its own; the
///   valley's floor is near -0.52, its height is `sin(3 position)`.
/// - Each step gives reward -1, the terminating one too.
/// - The episode terminates when the car is at position 0.5 or beyond and does not move to the
///   left. The left end of the track stops the car.
/// - It starts uniformly in `[-0.6, -0.4]`, at rest.
///
/// [`MountainCar::new`] has no time limit; [`MountainCar::v0`] is truncated at 200 steps and
/// corresponds to Gymnasium's MountainCar-v0. The task is from Moore (1990), [Efficient
/// memory-based learning for robot
/// control](https://www.cl.cam.ac.uk/techreports/UCAM-CL-TR-209.html).
///
/// # Differences from Gymnasium
///
/// Seeds and steps after the end, as with [`CartPole`](crate::CartPole). The cosine is that of the
/// `libm` crate, the same on every machine; Gymnasium takes the C library's, from which it differs
/// in the last bit at 3 of 100 angles. That seldom reaches the velocity, to which little is added
/// at a time: the tests replay 22 episodes, and all observations and last states are equal bit for
/// bit.
///
/// ```
/// use reflux_envs::{Env, MountainCar};
///
/// let mut env = MountainCar::v0();
/// let mut velocity = env.reset(Some(0))?[1];
/// let steps = (1..)
///     .find(|_| {
///         // Push to where the car goes already.
///         let step = env.step(if velocity < 0.0 { 0 } else { 2 }).expect("the episode runs");
///         velocity = step.observation[1];
///         step.done()
///     });
/// assert!(steps < Some(130)); // the flag is reached
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct MountainCar {
    state: [f64; 2],
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: [f32; 2],
    lifecycle: Lifecycle,
}

saved!(MountainCar);

impl MountainCar {
    /// The bare task, without a time limit.
    pub fn new() -> Self {
        Self { state: [0.0; 2], observation: [0.0; 2], lifecycle: Lifecycle::default() }
    }

    /// MountainCar-v0: the task with a time limit of 200 steps.
    pub fn v0() -> TimeLimit<Self> {
        TimeLimit::of_positive(Self::new(), V0_TIME_LIMIT)
    }

    /// Position and velocity in full precision; `None` before the first `reset` or
    /// [`set_state`](Self::set_state).
    pub fn state(&self) -> Option<[f64; 2]> {
        self.lifecycle.has_begun().then_some(self.state)
    }

    /// Goes on from position and velocity as a running episode, and returns its observation. The
    /// random generator is left alone.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange) if the position is not in `[-1.2, 0.6]`
    /// or the velocity not in `[-0.07, 0.07]` (or one of them is NaN).
    pub fn set_state(&mut self, state: [f64; 2]) -> Result<&[f32]> {
        check_state(&state, &RANGES)?;
        self.begin(state);
        Ok(&self.observation)
    }

    fn begin(&mut self, state: [f64; 2]) {
        self.move_to(state);
        self.lifecycle.begin();
    }

    #[inline]
    fn move_to(&mut self, state: [f64; 2]) {
        self.state = state;
        self.observation = state.map(|value| value as f32);
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_state(&self.state, &RANGES)?;
        self.move_to(self.state);
        Ok(())
    }
}

impl Default for MountainCar {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for MountainCar {
    fn observation_space(&self) -> &Space {
        &OBSERVATION_SPACE
    }

    fn action_space(&self) -> &Space {
        &ACTION_SPACE
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let position = uniform(self.lifecycle.seeded(seed)?, STARTS.0, STARTS.1);
        self.begin([position, 0.0]);
        Ok(&self.observation)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.lifecycle.check(action, ACTIONS)?;
        self.move_to(drive(self.state, action as f64 - 1.0));
        let [position, velocity] = self.state;
        let terminated = position >= GOAL && velocity >= 0.0;
        self.lifecycle.end_if(terminated);
        Ok(Step { observation: &self.observation, reward: -1.0, terminated, truncated: false })
    }
}

/// The state one step later; `push` is -1, 0 or 1. The order of operations is Gymnasium's.
#[inline]
fn drive([position, velocity]: [f64; 2], push: f64) -> [f64; 2] {
    let velocity = velocity + (push * FORCE + libm::cos(3.0 * position) * -GRAVITY);
    let velocity = velocity.clamp(-SPEED_LIMIT, SPEED_LIMIT);
    let position = (position + velocity).clamp(POSITIONS.0, POSITIONS.1);
    let stopped = position == POSITIONS.0 && velocity < 0.0;
    [position, if stopped { 0.0 } else { velocity }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn at_rest_on_the_floor_of_the_valley_only_the_action_counts() {
        // The slope cos(3 x) is 0 at x = -pi / 6.
        let floor = -std::f64::consts::FRAC_PI_6;
        for (action, velocity) in [(0, -0.001), (1, 0.0), (2, 0.001)] {
            let mut env = MountainCar::new();
            env.set_state([floor, 0.0]).unwrap();
            env.step(action).unwrap();
            let [x, v] = env.state().unwrap();
            assert!((v - velocity).abs() < 1e-17 && (x - floor - velocity).abs() < 1e-15);
        }
    }

    #[test]
    fn the_left_end_stops_the_car_and_the_speed_has_a_limit() {
        let mut env = MountainCar::new();
        env.set_state([-1.19, -0.07]).unwrap();
        env.step(0).unwrap();
        assert_eq!(env.state(), Some([-1.2, 0.0]));
        env.set_state([-1.0, 0.07]).unwrap();
        env.step(2).unwrap();
        assert_eq!(env.state().unwrap()[1], 0.07);
    }

    #[test]
    fn the_goal_ends_the_episode_with_the_last_reward() {
        let mut env = MountainCar::new();
        env.set_state([0.49, 0.05]).unwrap();
        let step = env.step(2).unwrap();
        assert!(step.terminated && !step.truncated);
        assert_eq!(step.reward, -1.0);
        assert_eq!(env.step(2), Err(Error::StepAfterEnd));
    }

    #[test]
    fn starts_are_at_rest_and_uniform_over_their_range() {
        // Chi-square, 9 degrees of freedom: 27.9 is exceeded with probability 0.001.
        let (mut env, mut counts) = (MountainCar::new(), [0_f64; 10]);
        for i in 0..20_000 {
            env.reset((i == 0).then_some(5)).unwrap();
            let [x, v] = env.state().unwrap();
            assert!((-0.6..=-0.4).contains(&x) && v == 0.0);
            counts[(((x + 0.6) * 50.0) as usize).min(9)] += 1.0;
        }
        let chi_square: f64 = counts.iter().map(|c| (c - 2000.0).powi(2) / 2000.0).sum();
        assert!(chi_square < 27.9, "{counts:?}");
    }

    #[test]
    fn states_off_the_track_are_refused() {
        let mut env = MountainCar::new();
        for state in [[0.61, 0.0], [-1.3, 0.0], [0.0, 0.08], [f64::NAN, 0.0], [0.0, f64::NAN]] {
            assert!(matches!(env.set_state(state), Err(Error::StateOutOfRange { .. })));
        }
        assert_eq!(env.state(), None);
    }

    #[test]
    fn spaces_are_gymnasiums() {
        let env = MountainCar::v0();
        assert_eq!((env.action_space().n(), env.limit()), (Some(3), 200));
        let observations = Space::new_box(vec![-1.2, -0.07], vec![0.6, 0.07]).unwrap();
        assert_eq!(env.observation_space(), &observations);
    }
}
