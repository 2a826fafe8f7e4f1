//! CartPole-v1, MountainCar-v0 and Acrobot-v1 of Gymnasium.

use reflux_envs::{Acrobot, CartPole, Env, MountainCar, TimeLimit};

use super::recording::{F32s, F64s, Recording};

type Classic = Recording<F32s, F64s, ()>;
type Episode = super::recording::Episode<F32s, F64s, ()>;

/// What `replay` needs of an environment with a state of `N` numbers.
trait Physics<const N: usize>: Env {
    fn state(&self) -> Option<[f64; N]>;
    fn set_state(&mut self, state: [f64; N]) -> &[f32];
}

macro_rules! physics {
    ($name:ident, $n:literal) => {
        impl Physics<$n> for $name {
            fn state(&self) -> Option<[f64; $n]> {
                $name::state(self)
            }

            fn set_state(&mut self, state: [f64; $n]) -> &[f32] {
                $name::set_state(self, state).unwrap()
            }
        }
    };
}

physics!(CartPole, 4);
physics!(MountainCar, 2);
physics!(Acrobot, 4);

fn array<const N: usize>(state: &F64s) -> [f64; N] {
    state.0.as_slice().try_into().unwrap()
}

/// Starts where the episode started, takes its actions and asks for equal observations, rewards and
/// ends, except for the last bit of the first observation if it is `rounded`; returns the largest
/// difference of a recorded state.
fn replay<const N: usize, E: Physics<N>>(env: E, episode: &Episode, rounded: bool) -> f64 {
    let mut env = TimeLimit::new(env, episode.limit).unwrap();
    let first = env.inner_mut().set_state(array(&episode.start));
    for (ours, theirs) in first.iter().zip(&episode.first.0) {
        let apart = ours.to_bits().abs_diff(theirs.to_bits());
        assert!(apart <= u32::from(rounded), "{} {}", episode.policy, episode.seed);
    }
    let mut largest = 0.0_f64;
    for recorded in episode.steps() {
        let step = env.step(recorded.action).unwrap();
        recorded.assert_rest(&step);
        if let Some(observation) = recorded.observation {
            assert_eq!(step.observation, observation.0, "{}", recorded.name);
        }
        if let Some(state) = recorded.state {
            let (ours, theirs) = (env.inner().state().unwrap(), array::<N>(state));
            let apart = ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs());
            largest = apart.fold(largest, f64::max);
        }
    }
    largest
}

#[test]
fn cart_pole_equals_gymnasiums_bit_for_bit() {
    let recording = Classic::read(include_bytes!("../data/cart_pole.json.gz"));
    for episode in &recording.episodes {
        assert_eq!(replay(CartPole::new(), episode, false), 0.0);
    }
    // Every kind of end is there.
    let count = |policy: &str, end: (bool, bool)| {
        recording.episodes.iter().filter(|e| e.policy == policy && e.end() == end).count()
    };
    assert_eq!(count("random", (true, false)), 20);
    assert_eq!(count("balance", (false, true)), 3);
    assert_eq!(count("left", (true, false)) + count("right", (true, false)), 2);
    assert_eq!((count("limit", (true, true)), count("limit", (false, true))), (1, 1));
}

#[test]
fn mountain_car_equals_gymnasiums() {
    let recording = Classic::read(include_bytes!("../data/mountain_car.json.gz"));
    let mut arrived = 0;
    for episode in &recording.episodes {
        assert_eq!(replay(MountainCar::new(), episode, false), 0.0);
        arrived += usize::from(episode.end() == (true, false));
    }
    assert_eq!((recording.episodes.len(), arrived), (22, 2));
}

#[test]
fn acrobot_equals_gymnasiums() {
    let recording = Classic::read(include_bytes!("../data/acrobot.json.gz"));
    for episode in &recording.episodes {
        // Gymnasium computes sine and cosine of the first state, and of no other, in f32.
        let apart = replay(Acrobot::new(), episode, true);
        assert!(apart < 1e-12, "{apart}");
    }
    let last = recording.episodes.last().unwrap();
    assert_eq!((last.policy.as_str(), last.end()), ("pump", (true, false)));
}
