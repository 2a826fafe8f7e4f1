//! The acrobot of Sutton, "Generalization in reinforcement learning: successful examples using
//! sparse coarse coding", NeurIPS 1995, with the equations of Sutton and Barto's book, as
//! Gymnasium's Acrobot-v1 computes them: one Runge-Kutta step of 0.2 s an action, arithmetic in
//! `f64` in Gymnasium's order.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::error::check_state;
use crate::lifecycle::{Lifecycle, uniform};
use crate::saved::saved;
use crate::{Env, Result, Space, Step, TimeLimit};

// Both links are 1 m long and weigh 1 kg, with the centre of mass in the middle and a moment of
// inertia of 1 kg m^2. Factors of 1 are left out of the equations below: they change no bit.
/// From a joint to its link's centre of mass, in metres.
const CENTRE: f64 = 0.5;
const INERTIA: f64 = 1.0;
const GRAVITY: f64 = 9.8;
/// Seconds between two states.
const TAU: f64 = 0.2;
/// Largest angular velocities of the two joints, in radians a second.
const VELOCITY_LIMITS: [f64; 2] = [4.0 * PI, 9.0 * PI];
const RANGES: [(f64, f64); 4] = [
    (-PI, PI),
    (-PI, PI),
    (-VELOCITY_LIMITS[0], VELOCITY_LIMITS[0]),
    (-VELOCITY_LIMITS[1], VELOCITY_LIMITS[1]),
];
/// Each element of the first state is at most this far from 0.
const START_RANGE: f64 = 0.1;
const ACTIONS: usize = 3;
const V1_TIME_LIMIT: usize = 500;

static ACTION_SPACE: Space = Space::Discrete { n: ACTIONS };
static OBSERVATION_SPACE: LazyLock<Space> = LazyLock::new(|| {
    let [first, second] = VELOCITY_LIMITS.map(|limit| limit as f32);
    let high = [1.0, 1.0, 1.0, 1.0, first, second];
    Space::Box { low: high.map(|bound| -bound).to_vec(), high: high.to_vec(), shape: vec![6] }
});

/// Swing the free end of a chain of two links above a bar, by the torque on the joint between them.
///
/// - Actions 0, 1 and 2 apply -1, 0 and 1 N m.
/// - The observation, shape `[6]`, is cosine and sine of the first angle, cosine and sine of the
///   second, and the angular velocities of the two joints (rad/s), within 4 pi and 9 pi. The first
///   angle is 0 where the first link hangs down; the second is that between the links, 0 where they
///   are in line.
/// - Each step gives reward -1, except the terminating one, which gives 0.
/// - The episode terminates when the free end is more than 1 m, one link, above the fixed joint:
///   `-cos(a) - cos(a + b) > 1` for the angles a and b.
/// - Angles and velocities start uniformly in `[-0.1, 0.1]`, rounded to `f32` as Gymnasium does.
///
/// [`Acrobot::new`] has no time limit; [`Acrobot::v1`] is truncated at 500 steps and corresponds to
/// Gymnasium's Acrobot-v1. The task is from Sutton (1995), [Generalization in reinforcement
/// learning](https://papers.nips.cc/paper/1995/hash/8f1d43620bc6bb580df6e80b0dc05c48-Abstract.html),
/// the equations are those of Sutton and Barto's book, which have a term that the paper leaves out.
///
/// # Differences from Gymnasium
///
/// Seeds and steps after the end, as with [`CartPole`](crate::CartPole). Sine and cosine are those
/// of the `libm` crate, the same on every machine; Gymnasium takes NumPy's, which may differ from
/// one kind of processor to the next in the last bit. The tests replay 20 episodes of 100 random
/// actions and one that swings up: observations are equal bit for bit, states (`f64`) to 10^-13. A
/// double pendulum is chaotic, though: after 500 random actions, 18 of 20 states were equal to
/// 10^-11, and the worst to 5 * 10^-8. The first observation after a reset may differ in its last
/// bit, because Gymnasium computes it, and nothing else, in single precision.
///
/// ```
/// use reflux_envs::{Acrobot, Env};
///
/// let mut env = Acrobot::new();
/// env.set_state([0.0; 4])?; // hanging at rest
/// assert_eq!(env.step(1)?.reward, -1.0);
/// assert!(env.step(2)?.observation[5] > 0.0); // the torque turns the second link
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct Acrobot {
    state: [f64; 4],
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: [f32; 6],
    lifecycle: Lifecycle,
}

saved!(Acrobot);

impl Acrobot {
    /// The bare task, without a time limit.
    pub fn new() -> Self {
        Self { state: [0.0; 4], observation: [0.0; 6], lifecycle: Lifecycle::default() }
    }

    /// Acrobot-v1: the task with a time limit of 500 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::of_positive(Self::new(), V1_TIME_LIMIT)
    }

    /// The two angles (rad) and their velocities (rad/s) in full precision; `None` before the first
    /// `reset` or [`set_state`](Self::set_state).
    pub fn state(&self) -> Option<[f64; 4]> {
        self.lifecycle.has_begun().then_some(self.state)
    }

    /// Goes on from `state`, in the order of [`state`](Self::state), as a running episode, and
    /// returns its observation. The random generator is left alone. Only the next step looks
    /// whether the free end is above the bar.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange) if an angle is not in `[-pi, pi]`, the
    /// first velocity not within 4 pi of 0, or the second not within 9 pi (or any of them is NaN).
    pub fn set_state(&mut self, state: [f64; 4]) -> Result<&[f32]> {
        check_state(&state, &RANGES)?;
        self.begin(state);
        Ok(&self.observation)
    }

    fn begin(&mut self, state: [f64; 4]) {
        self.move_to(state);
        self.lifecycle.begin();
    }

    fn move_to(&mut self, state: [f64; 4]) {
        self.state = state;
        let ((sin_1, cos_1), (sin_2, cos_2)) = (libm::sincos(state[0]), libm::sincos(state[1]));
        let observation = [cos_1, sin_1, cos_2, sin_2, state[2], state[3]];
        self.observation = observation.map(|value| value as f32);
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_state(&self.state, &RANGES)?;
        self.move_to(self.state);
        Ok(())
    }
}

impl Default for Acrobot {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for Acrobot {
    fn observation_space(&self) -> &Space {
        &OBSERVATION_SPACE
    }

    fn action_space(&self) -> &Space {
        &ACTION_SPACE
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let rng = self.lifecycle.seeded(seed)?;
        let start = |_| f64::from(uniform(rng, -START_RANGE, START_RANGE) as f32);
        let state = [0; 4].map(start);
        self.begin(state);
        Ok(&self.observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.lifecycle.check(action, ACTIONS)?;
        let [angle_1, angle_2, velocity_1, velocity_2] =
            runge_kutta_step(self.state, action as f64 - 1.0);
        self.move_to([
            wrap(angle_1),
            wrap(angle_2),
            velocity_1.clamp(-VELOCITY_LIMITS[0], VELOCITY_LIMITS[0]),
            velocity_2.clamp(-VELOCITY_LIMITS[1], VELOCITY_LIMITS[1]),
        ]);
        let [angle_1, angle_2, ..] = self.state;
        let terminated = -libm::cos(angle_1) - libm::cos(angle_2 + angle_1) > 1.0;
        self.lifecycle.end_if(terminated);
        let reward = if terminated { 0.0 } else { -1.0 };
        Ok(Step { observation: &self.observation, reward, terminated, truncated: false })
    }
}

/// The state `TAU` seconds later under `torque`, by one step of the classic fourth-order method.
fn runge_kutta_step(state: [f64; 4], torque: f64) -> [f64; 4] {
    let along = |derivative: [f64; 4], time: f64| -> [f64; 4] {
        std::array::from_fn(|i| state[i] + time * derivative[i])
    };
    let k1 = derivatives(state, torque);
    let k2 = derivatives(along(k1, TAU / 2.0), torque);
    let k3 = derivatives(along(k2, TAU / 2.0), torque);
    let k4 = derivatives(along(k3, TAU), torque);
    std::array::from_fn(|i| state[i] + TAU / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// What the state changes by in a second. The order of operations is Gymnasium's.
fn derivatives([angle_1, angle_2, velocity_1, velocity_2]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin_2, cos_2) = libm::sincos(angle_2);
    let square = CENTRE * CENTRE;
    let d1 = square + (1.0 + square + 2.0 * CENTRE * cos_2) + INERTIA + INERTIA;
    let d2 = square + CENTRE * cos_2 + INERTIA;
    let phi_2 = CENTRE * GRAVITY * libm::cos(angle_1 + angle_2 - PI / 2.0);
    let phi_1 = -CENTRE * (velocity_2 * velocity_2) * sin_2
        - 2.0 * CENTRE * velocity_2 * velocity_1 * sin_2
        + (CENTRE + 1.0) * GRAVITY * libm::cos(angle_1 - PI / 2.0)
        + phi_2;
    let acceleration_2 =
        (torque + d2 / d1 * phi_1 - CENTRE * (velocity_1 * velocity_1) * sin_2 - phi_2)
            / (square + INERTIA - d2 * d2 / d1);
    let acceleration_1 = -(d2 * acceleration_2 + phi_1) / d1;
    [velocity_1, velocity_2, acceleration_1, acceleration_2]
}

/// The angle plus or minus as many turns as bring it into `[-pi, pi]`.
fn wrap(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// Kinetic plus potential energy in joules, from the mechanics of two links, not from the
    /// equations of motion above.
    fn energy([a, b, va, vb]: [f64; 4]) -> f64 {
        // Centres of mass: (sin a, -cos a) / 2 and (sin a + sin(a + b) / 2, -cos a - cos(a + b) /
        // 2).
        let (w1, w2) = (va, va + vb);
        let speed_1 = (0.5 * w1).powi(2);
        let speed_2 = w1 * w1 + 0.25 * w2 * w2 + w1 * w2 * b.cos();
        let kinetic = 0.5 * (speed_1 + speed_2 + w1 * w1 + w2 * w2);
        kinetic + 9.8 * (-0.5 * a.cos() - a.cos() - 0.5 * (a + b).cos())
    }

    #[test]
    fn energy_is_kept_where_there_is_no_torque() {
        // dE/dt along the derivatives is 0 in closed form; here by central differences of E.
        for state in [[0.3, -0.7, 1.1, -2.3], [-2.0, 2.9, -4.0, 6.0], [1.0, 0.5, 0.0, 0.0]] {
            let change = derivatives(state, 0.0);
            let at = |t: f64| energy(std::array::from_fn(|i| state[i] + t * change[i]));
            let power = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(power.abs() < 1e-6, "{state:?}: {power}");
        }
    }

    #[test]
    fn torque_on_the_second_joint_does_work_at_its_velocity() {
        let state = [0.3, -0.7, 1.1, -2.3];
        let change = derivatives(state, 1.0);
        let at = |t: f64| energy(std::array::from_fn(|i| state[i] + t * change[i]));
        let power = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((power - state[3]).abs() < 1e-6, "{power}");
    }

    #[test]
    fn hanging_at_rest_stays_at_rest() {
        let mut env = Acrobot::new();
        env.set_state([0.0; 4]).unwrap();
        for _ in 0..100 {
            let step = env.step(1).unwrap();
            assert_eq!((step.reward, step.done()), (-1.0, false));
        }
        // cos(pi / 2) is not quite 0 in floating point.
        assert!(env.state().unwrap().iter().all(|v| v.abs() < 1e-12));
    }

    #[test]
    fn above_the_bar_the_episode_ends_with_reward_0() {
        let mut env = Acrobot::new();
        env.set_state([3.0, 0.1, 0.0, 0.0]).unwrap();
        let step = env.step(1).unwrap();
        assert!(step.terminated && step.reward == 0.0);
        assert_eq!(env.step(1), Err(Error::StepAfterEnd));
    }

    #[test]
    fn states_stay_in_their_ranges_from_the_fastest_ones() {
        for signs in [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]] {
            let mut env = Acrobot::new();
            env.set_state([3.0, -3.0, signs[0] * 4.0 * PI, signs[1] * 9.0 * PI]).unwrap();
            env.step(2).unwrap();
            check_state(&env.state().unwrap(), &RANGES).unwrap();
        }
        let mut env = Acrobot::new();
        for state in [[4.0, 0.0, 0.0, 0.0], [0.0, 0.0, 13.0, 0.0], [0.0, 0.0, 0.0, f64::NAN]] {
            assert!(matches!(env.set_state(state), Err(Error::StateOutOfRange { .. })));
        }
    }

    #[test]
    fn starts_are_small_and_single_precision() {
        let mut env = Acrobot::new();
        for seed in 0..100 {
            env.reset(Some(seed)).unwrap();
            for value in env.state().unwrap() {
                assert!(value.abs() <= 0.1_f32.into() && f64::from(value as f32) == value);
            }
        }
    }

    #[test]
    fn spaces_are_gymnasiums() {
        let env = Acrobot::v1();
        assert_eq!((env.action_space().n(), env.limit()), (Some(3), 500));
        let high = vec![1.0, 1.0, 1.0, 1.0, 12.566_371, 28.274_334];
        let low = high.iter().map(|v| -v).collect();
        assert_eq!(env.observation_space(), &Space::new_box(low, high).unwrap());
    }
}
