//! What Gymnasium's NormalizeObservation makes of CartPole-v1.

use reflux_envs::{CartPole, Env, Error, NormalizeObservation, Result, Space, Step};

use super::recording::{F32s, F64s, Recording};

/// A CartPole that starts each episode from a recorded state.
struct Recorded {
    env: CartPole,
    starts: Vec<[f64; 4]>,
}

impl Env for Recorded {
    fn observation_space(&self) -> &Space {
        self.env.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, _seed: Option<u64>) -> Result<&[f32]> {
        let nothing_left = || Error::Environment("no start is left".to_owned());
        let start = self.starts.pop().ok_or_else(nothing_left)?;
        self.env.set_state(start)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        self.env.step(action)
    }
}

#[test]
fn normalized_observations_are_gymnasiums_but_for_its_rounding_to_f32() {
    let compressed = include_bytes!("../data/normalize_observation.json.gz");
    let recording = Recording::<F32s, F64s, ()>::read(compressed);
    let starts = recording.episodes.iter().rev();
    let starts = starts.map(|e| e.start.0.as_slice().try_into().unwrap()).collect();
    let env = Recorded { env: CartPole::new(), starts };
    let mut env = NormalizeObservation::new(env);
    let close = |ours: &[f32], theirs: &F32s, name: &str| {
        for (ours, theirs) in ours.iter().zip(&theirs.0) {
            // The first observations divide by a variance that is almost 0.
            let allowed = 1e-3 * theirs.abs().max(1.0);
            assert!((ours - theirs).abs() < allowed, "{name}: {ours} {theirs}");
        }
    };
    for episode in &recording.episodes {
        close(env.reset(None).unwrap(), &episode.first, "reset");
        for recorded in episode.steps() {
            let step = env.step(recorded.action).unwrap();
            recorded.assert_rest(&step);
            close(step.observation, recorded.observation.unwrap(), &recorded.name);
        }
    }
}
