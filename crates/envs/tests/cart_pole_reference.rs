//! Replays CartPole-v1 episodes recorded from Gymnasium (`tests/data/cartpole_v1.json`, written by
//! `xtask/peers/record_cartpole.py`, whose head describes the format) and asks for equality.

// clippy.toml allows this in tests, but not in their helpers.
#![allow(clippy::unwrap_used)]

use reflux_envs::{CartPole, Env, TimeLimit};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recording {
    episodes: Vec<Episode>,
}

#[derive(Deserialize)]
struct Episode {
    policy: String,
    seed: u64,
    limit: usize,
    start: String,
    actions: String,
    steps: Vec<Kept>,
}

/// Steps taken, observation bits, state bits, reward, terminated, truncated.
#[derive(Deserialize)]
struct Kept(usize, String, String, f32, bool, bool);

impl Episode {
    fn name(&self) -> String {
        format!("{} {} (limit {})", self.policy, self.seed, self.limit)
    }

    fn actions(&self) -> Vec<usize> {
        self.actions.bytes().map(|digit| usize::from(digit - b'0')).collect()
    }

    fn env(&self) -> TimeLimit<CartPole> {
        let mut env = TimeLimit::new(CartPole::new(), self.limit).unwrap();
        env.inner_mut().set_state(f64s(&self.start)).unwrap();
        env
    }
}

fn recording() -> Recording {
    serde_json::from_str(include_str!("data/cartpole_v1.json")).unwrap()
}

fn f64s(bits: &str) -> [f64; 4] {
    let values: Vec<f64> =
        bits.split(' ').map(|v| f64::from_bits(u64::from_str_radix(v, 16).unwrap())).collect();
    values.try_into().unwrap()
}

fn f32s(bits: &str) -> [f32; 4] {
    let values: Vec<f32> =
        bits.split(' ').map(|v| f32::from_bits(u32::from_str_radix(v, 16).unwrap())).collect();
    values.try_into().unwrap()
}

#[test]
fn observations_states_rewards_and_ends_equal_gymnasiums_from_start_to_end() {
    for episode in recording().episodes {
        let name = episode.name();
        let mut env = episode.env();
        let mut kept = episode.steps.iter().peekable();
        for (action, taken) in episode.actions().into_iter().zip(1..) {
            let step = env.step(action).unwrap();
            let Some(Kept(_, observation, state, reward, terminated, truncated)) =
                kept.next_if(|kept| kept.0 == taken)
            else {
                assert_eq!((step.reward, step.done()), (1.0, false), "{name}, step {taken}");
                continue;
            };
            assert_eq!(step.observation, f32s(observation), "{name}, step {taken}");
            assert_eq!(step.reward, *reward, "{name}, step {taken}");
            assert_eq!(step.terminated, *terminated, "{name}, step {taken}");
            assert_eq!(step.truncated, *truncated, "{name}, step {taken}");
            assert_eq!(env.inner().state(), Some(f64s(state)), "{name}, step {taken}");
        }
        assert!(kept.next().is_none(), "{name} was not replayed to its end");
    }
}

#[test]
fn every_kind_of_end_is_in_the_recording() {
    let ends: Vec<(String, usize, bool, bool)> = recording()
        .episodes
        .into_iter()
        .map(|episode| {
            let last = episode.steps.last().unwrap();
            assert_eq!(last.0, episode.actions.len(), "{}", episode.name());
            (episode.policy, last.0, last.4, last.5)
        })
        .collect();
    let count = |policy: &str, terminated, truncated| {
        ends.iter()
            .filter(|end| end.0 == policy && (end.2, end.3) == (terminated, truncated))
            .count()
    };
    assert_eq!(count("random", true, false), 20);
    assert_eq!(count("balance", false, true), 3);
    assert!(ends.iter().filter(|end| end.0 == "balance").all(|end| end.1 == 500));
    assert_eq!(count("left", true, false), 1);
    assert_eq!(count("right", true, false), 1);
    assert_eq!(count("limit", true, true), 1);
    assert_eq!(count("limit", false, true), 1);
}
