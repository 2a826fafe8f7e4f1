//! The cart-pole task of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve
//! difficult learning control problems", IEEE Transactions on Systems, Man, and Cybernetics
//! SMC-13(5), 1983, as Gymnasium's CartPole-v1 computes it: without friction, one Euler step of
//! 20 ms an action, arithmetic in `f64` in Gymnasium's order.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::error::check_state;
use crate::lifecycle::{Lifecycle, uniform};
use crate::saved::saved;
use crate::{Env, Result, Space, Step, TimeLimit};

const GRAVITY: f64 = 9.8;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = POLE_MASS + 1.0;
/// Half the length of the pole, in metres.
const HALF_LENGTH: f64 = 0.5;
const POLE_MASS_LENGTH: f64 = POLE_MASS * HALF_LENGTH;
/// The push of one action, in newtons.
const FORCE: f64 = 10.0;
/// Seconds between two states.
const TAU: f64 = 0.02;
/// The episode ends when the cart is farther than this from the middle, in metres.
const POSITION_LIMIT: f64 = 2.4;
/// The episode ends when the pole leans more than this: 12 degrees, in radians.
const ANGLE_LIMIT: f64 = 24.0 * PI / 360.0;
/// Fastest legal velocities of [`CartPole::set_state`]: far beyond what an episode can reach, and
/// low enough to keep every number that follows finite, also as `f32`.
const VELOCITY_LIMIT: f64 = 1e6;
/// Each element of the first state is at most this far from 0.
const START_RANGE: f64 = 0.05;
const ACTIONS: usize = 2;
const V1_TIME_LIMIT: usize = 500;

static ACTION_SPACE: Space = Space::Discrete { n: ACTIONS };
static OBSERVATION_SPACE: LazyLock<Space> = LazyLock::new(|| {
    let high = [2.0 * POSITION_LIMIT, f64::INFINITY, 2.0 * ANGLE_LIMIT, f64::INFINITY];
    let high = high.map(|bound| bound as f32);
    Space::Box { low: high.map(|bound| -bound).to_vec(), high: high.to_vec(), shape: vec![4] }
});

/// Balance a pole on a cart by pushing the cart to the left or to the right.
///
/// - Action 0 pushes to the left, action 1 to the right, with 10 N.
/// - The observation, shape `[4]`, is the state rounded to `f32`: cart position (m), cart velocity
///   (m/s), pole angle (rad, 0 is upright), pole angular velocity (rad/s).
/// - Each step gives reward 1, the terminating one too.
/// - The episode terminates when the cart is more than 2.4 m from the middle or the pole leans more
///   than 12 degrees.
///
/// [`CartPole::new`] has no time limit; [`CartPole::v1`] is truncated at 500 steps and corresponds
/// to Gymnasium's CartPole-v1. The task is from Barto, Sutton and Anderson (1983), [Neuronlike
/// adaptive elements that can solve difficult learning control
/// problems](https://doi.org/10.1109/TSMC.1983.6313077).
///
/// # Differences from Gymnasium
///
/// The dynamics are Gymnasium's: the tests replay recorded episodes and ask for equality of
/// observations, states, rewards and ends. What differs:
///
/// - Starts are uniform in `[-0.05, 0.05]` there and here, but are drawn from our own generator
///   (xoshiro256++ instead of NumPy's PCG64), so a seed gives another start than it gives there.
///   Use [`set_state`](Self::set_state) to begin where a recorded episode begins.
/// - Stepping after the end is [`StepAfterEnd`](crate::Error::StepAfterEnd); Gymnasium warns and
///   goes on.
/// - Sine and cosine are those of the `libm` crate, so that a seed gives the same episode on every
///   machine. They can differ in the last bit of `f64` from the C library's, which Gymnasium uses.
///   One step seldom shows it, and then only in the last bits of [`state`](Self::state); the
///   recorded episodes never do. But an upright pole is unstable, so under a fixed list of actions
///   the difference can grow over hundreds of steps until the two episodes part.
///
/// ```
/// use reflux_envs::{CartPole, Env};
///
/// let mut env = CartPole::new();
/// env.set_state([0.0, 0.0, 0.0, 0.0])?;
/// let step = env.step(1)?; // push to the right: the cart speeds up, the pole lags behind
/// assert!(step.observation[1] > 0.0 && step.observation[3] < 0.0);
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct CartPole {
    state: [f64; 4],
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: [f32; 4],
    lifecycle: Lifecycle,
}

saved!(CartPole);

impl CartPole {
    /// The bare task, without a time limit.
    pub fn new() -> Self {
        Self { state: [0.0; 4], observation: [0.0; 4], lifecycle: Lifecycle::default() }
    }

    /// CartPole-v1: the task with a time limit of 500 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::of_positive(Self::new(), V1_TIME_LIMIT)
    }

    /// Cart position (m), cart velocity (m/s), pole angle (rad), pole angular velocity (rad/s), in
    /// full precision; `None` before the first `reset` or [`set_state`](Self::set_state).
    pub fn state(&self) -> Option<[f64; 4]> {
        self.lifecycle.has_begun().then_some(self.state)
    }

    /// Goes on from `state`, in the order of [`state`](Self::state), as a running episode, and
    /// returns its observation.
    ///
    /// This takes the place of `reset` where the start has to be a given one, for instance to
    /// replay a recorded episode. The random generator is left alone.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange) if the position is not within 2.4 m, the
    /// angle not within 12 degrees, or a velocity not within 10^6 of 0 (or any of them is NaN).
    pub fn set_state(&mut self, state: [f64; 4]) -> Result<&[f32]> {
        check(&state)?;
        self.begin(state);
        Ok(&self.observation)
    }

    fn begin(&mut self, state: [f64; 4]) {
        self.move_to(state);
        self.lifecycle.begin();
    }

    #[inline]
    fn move_to(&mut self, state: [f64; 4]) {
        self.state = state;
        self.observation = state.map(|value| value as f32);
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        if self.lifecycle.is_running() {
            check(&self.state)?;
        }
        check_state(&self.state, &[(f64::MIN, f64::MAX); 4])?;
        self.move_to(self.state);
        Ok(())
    }
}

impl Default for CartPole {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for CartPole {
    fn observation_space(&self) -> &Space {
        &OBSERVATION_SPACE
    }

    fn action_space(&self) -> &Space {
        &ACTION_SPACE
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let rng = self.lifecycle.seeded(seed)?;
        let state = std::array::from_fn(|_| uniform(rng, -START_RANGE, START_RANGE));
        self.begin(state);
        Ok(&self.observation)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.lifecycle.check(action, ACTIONS)?;
        self.move_to(euler_step(self.state, if action == 1 { FORCE } else { -FORCE }));
        let [position, _, angle, _] = self.state;
        let terminated = position.abs() > POSITION_LIMIT || angle.abs() > ANGLE_LIMIT;
        self.lifecycle.end_if(terminated);
        Ok(Step { observation: &self.observation, reward: 1.0, terminated, truncated: false })
    }
}

/// An error unless an episode can go on from `state`.
fn check(state: &[f64; 4]) -> Result<()> {
    let limits = [POSITION_LIMIT, VELOCITY_LIMIT, ANGLE_LIMIT, VELOCITY_LIMIT];
    check_state(state, &limits.map(|limit| (-limit, limit)))
}

/// The state `TAU` seconds later under `force`. The order of operations is Gymnasium's: another
/// one rounds differently.
#[inline]
fn euler_step([x, x_dot, theta, theta_dot]: [f64; 4], force: f64) -> [f64; 4] {
    let (sin, cos) = libm::sincos(theta);
    let push = (force + POLE_MASS_LENGTH * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
    let inertia = HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS);
    let theta_acc = (GRAVITY * sin - cos * push) / inertia;
    let x_acc = push - POLE_MASS_LENGTH * theta_acc * cos / TOTAL_MASS;
    [x + TAU * x_dot, x_dot + TAU * x_acc, theta + TAU * theta_dot, theta_dot + TAU * theta_acc]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn starts_are_those_of_the_published_generator() {
        // From an independent implementation of SplitMix64 (for seeding) and xoshiro256++: seed 0,
        // first and second reset. These starts are a promise: changing them is a breaking change.
        let first = [
            -0.01754247319685933,
            -0.011776070348832657,
            -0.014038279235264475,
            -0.048854449106534636,
        ];
        let second = [
            -0.0004729931316168959,
            -0.047943476044025414,
            0.035724739901589336,
            0.034550880786836935,
        ];
        let mut env = CartPole::new();
        let observation = env.reset(Some(0)).unwrap().to_vec();
        assert_eq!(observation, first.map(|v| v as f32));
        assert_eq!(env.state(), Some(first));
        env.reset(None).unwrap();
        assert_eq!(env.state(), Some(second));
        env.reset(Some(0)).unwrap();
        assert_eq!(env.state(), Some(first));
    }

    #[test]
    fn starts_are_uniform_over_their_range() {
        // Chi-square over 10 equal bins for each element, 20,000 starts: 9 degrees of freedom,
        // 27.9 is exceeded with probability 0.001.
        const STARTS: usize = 20_000;
        let mut counts = [[0_usize; 10]; 4];
        let mut env = CartPole::new();
        for i in 0..STARTS {
            env.reset((i == 0).then_some(11)).unwrap();
            for (element, counts) in env.state().unwrap().into_iter().zip(&mut counts) {
                assert!((-0.05..=0.05).contains(&element), "{element}");
                counts[(((element + 0.05) * 100.0) as usize).min(9)] += 1;
            }
        }
        let expected = STARTS as f64 / 10.0;
        for counts in counts {
            let chi_square: f64 =
                counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum();
            assert!(chi_square < 27.9, "{chi_square}: {counts:?}");
        }
    }

    #[test]
    fn one_step_from_rest_is_newtons_law() {
        // At rest and upright: sin = 0, cos = 1, so push = F / M, angular acceleration
        // -push / (l (4/3 - m / M)), and x'' = push - m l theta'' / M.
        let mut env = CartPole::new();
        env.set_state([0.0; 4]).unwrap();
        env.step(1).unwrap();
        let push = 10.0 / 1.1;
        let theta_acc = -push / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
        let x_acc = push - 0.05 * theta_acc / 1.1;
        let [x, x_dot, theta, theta_dot] = env.state().unwrap();
        assert_eq!((x, theta), (0.0, 0.0));
        assert!((x_dot - 0.02 * x_acc).abs() < 1e-15, "{x_dot}");
        assert!((theta_dot - 0.02 * theta_acc).abs() < 1e-15, "{theta_dot}");
    }

    #[test]
    fn left_and_right_are_mirror_images() {
        let (mut right, mut left) = (CartPole::new(), CartPole::new());
        right.set_state([0.01, -0.02, 0.03, 0.04]).unwrap();
        left.set_state([-0.01, 0.02, -0.03, -0.04]).unwrap();
        for action in [1, 0, 0, 1, 1, 1, 0, 1] {
            right.step(action).unwrap();
            left.step(1 - action).unwrap();
            assert_eq!(right.state().unwrap(), left.state().unwrap().map(|v| -v));
        }
    }

    #[test]
    fn the_terminating_step_is_rewarded_and_leaves_the_limits() {
        for (state, index) in [([2.4, 1.0, 0.0, 0.0], 0), ([0.0, 0.0, -0.209, -1.0], 2)] {
            let mut env = CartPole::new();
            env.set_state(state).unwrap();
            let step = env.step(1).unwrap();
            assert!(step.terminated && !step.truncated && step.done());
            assert_eq!(step.reward, 1.0);
            let limit = [2.4, 0.0, 12_f32.to_radians(), 0.0][index];
            assert!(step.observation[index].abs() > limit);
        }
    }

    #[test]
    fn steps_outside_of_an_episode_are_errors() {
        let mut env = CartPole::new();
        assert_eq!(env.step(5), Err(Error::StepBeforeReset));
        assert_eq!(env.state(), None);
        env.set_state([2.4, 1.0, 0.0, 0.0]).unwrap();
        assert!(env.step(0).unwrap().terminated);
        assert_eq!(env.step(5), Err(Error::StepAfterEnd));
        env.reset(None).unwrap();
        let before = env.state();
        assert_eq!(env.step(2), Err(Error::ActionOutOfRange { action: 2, n: 2 }));
        assert_eq!(env.state(), before);
        assert!(env.step(1).is_ok());
    }

    #[test]
    fn states_that_no_episode_goes_on_from_are_refused() {
        let mut env = CartPole::new();
        env.reset(Some(1)).unwrap();
        let before = env.state();
        for (state, index) in [
            ([2.5, 0.0, 0.0, 0.0], 0),
            ([0.0, 1e7, 0.0, 0.0], 1),
            ([0.0, 0.0, -0.21, 0.0], 2),
            ([0.0, 0.0, 0.0, f64::NEG_INFINITY], 3),
        ] {
            match env.set_state(state) {
                Err(Error::StateOutOfRange { index: at, value, .. }) => {
                    assert_eq!((at, value), (index, state[index]));
                }
                other => panic!("{state:?} gave {other:?}"),
            }
        }
        assert!(env.set_state([0.0, f64::NAN, 0.0, 0.0]).is_err());
        assert_eq!(env.state(), before);
    }

    #[test]
    fn the_fastest_legal_states_stay_finite() {
        for velocities in [(1e6, 1e6), (-1e6, 1e6), (1e6, -1e6)] {
            let mut env = CartPole::new();
            env.set_state([-2.4, velocities.0, -0.2, velocities.1]).unwrap();
            let step = env.step(0).unwrap();
            assert!(step.terminated && step.observation.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn spaces_are_gymnasiums() {
        let env = CartPole::new();
        assert_eq!(env.action_space(), &Space::Discrete { n: 2 });
        // Printed by Gymnasium: Box([-4.8 -inf -0.41887903 -inf], [4.8 inf 0.41887903 inf], (4,)).
        let high = vec![4.8, f32::INFINITY, 0.418_879_03, f32::INFINITY];
        let low = high.iter().map(|v| -v).collect();
        assert_eq!(env.observation_space(), &Space::new_box(low, high).unwrap());
        assert_eq!(CartPole::v1().limit(), 500);
    }
}
