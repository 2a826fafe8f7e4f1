//! An agent learns to leave a corridor of its own: an environment from outside the crates.

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Dqn, DqnConfig, Greedy, evaluate, train};
use reflux_envs::{Env, Space, Step, TimeLimit};
use reflux_replay::Prioritized;

/// Two states in a row. Action 1 goes on, from the second state to the end with reward 1; action 0 goes
/// back to the first.
struct Corridor {
    observations: Space,
    actions: Space,
    observation: [f32; 2],
}

impl Env for Corridor {
    fn observation_space(&self) -> &Space {
        &self.observations
    }

    fn action_space(&self) -> &Space {
        &self.actions
    }

    fn reset(&mut self, _seed: Option<u64>) -> Result<&[f32], reflux_envs::Error> {
        self.observation = [1.0, 0.0];
        Ok(&self.observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>, reflux_envs::Error> {
        let terminated = action == 1 && self.observation == [0.0, 1.0];
        self.observation = if action == 1 && !terminated { [0.0, 1.0] } else { [1.0, 0.0] };
        let reward = if terminated { 1.0 } else { 0.0 };
        Ok(Step { observation: &self.observation, reward, terminated, truncated: false })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corridor = Corridor {
        observations: Space::new_box(vec![0.0; 2], vec![1.0; 2])?,
        actions: Space::new_discrete(2)?,
        observation: [1.0, 0.0],
    };
    let mut env = TimeLimit::new(corridor, 20)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let config = DqnConfig::new().with_hidden(&[16])?.with_learning_starts(100);
    let config =
        config.with_learning_rate(3e-3)?.with_target_update(50, 1.0)?.with_training(1, 1)?;
    let mut agent = Dqn::for_env(&env, config, Prioritized::new(), rng)?;
    train(&mut agent, &mut env, 2_000, rng, |_, _| ControlFlow::Continue(()))?;

    let network = agent.into_network();
    let returns = evaluate(&mut Greedy::new(&network), &mut env, 5, 20)?;
    assert_eq!(returns, [1.0; 5]);
    println!("dqn: the agent leaves the corridor");
    Ok(())
}
