//! Deep Q-learning on CartPole-v1 with the hyperparameters of RL Baselines3 Zoo, against
//! Stable-Baselines3: steps of the environment while learning.

use std::ops::ControlFlow;

use anyhow::Result;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Run, Schedule};
use reflux_envs::CartPole;
use reflux_replay::{Prioritized, Sampler, Uniform};
use serde_json::json;

use super::case::{Case, Group, Threads, Work};
use super::peer::Source;

pub(crate) const GROUP: Group = Group {
    name: "dqn",
    about: "CartPole-v1 with the hyperparameters that RL Baselines3 Zoo publishes (a 256-256 network, \
            128 updates of 64 transitions after every 256 steps), from step 2,048 on; the time is that \
            of acting, stepping and learning in a call, an item is one step of the environment. \
            `DqnConfig::cart_pole` here.",
    peers: &[Source::stable_baselines3("dqn")],
    threads: Threads::One,
    cases,
    notes: |_| Ok(Vec::new()),
};

/// Past the first updates, and a whole number of rounds.
const WARM_UP: u64 = 2_048;
/// One round of updates.
const STEPS: u64 = 256;

fn cases() -> Vec<Case> {
    let parameters = json!({ "task": "CartPole-v1", "warm_up": WARM_UP, "steps": STEPS });
    // As the peer has it, exploration is at its end.
    let plain = || DqnConfig::cart_pole().with_epsilon(Schedule::constant(0.04)?);
    let more = move || Ok(plain()?.with_double(true).with_dueling(true));
    vec![
        case("CartPole-v1", plain, Uniform::new, Some(parameters)),
        case("CartPole-v1, prioritized", plain, Prioritized::new, None),
        case("CartPole-v1, double and dueling", more, Uniform::new, None),
    ]
}

fn case<S: Sampler + std::fmt::Debug + Send + 'static>(
    name: &str,
    config: impl Fn() -> reflux_dqn::Result<DqnConfig> + Send + Sync + 'static,
    sampler: fn() -> S,
    parameters: Option<serde_json::Value>,
) -> Case {
    let prepare = move || {
        let rng = Xoshiro256PlusPlus::seed_from_u64(0);
        let mut run = Run::new(vec![CartPole::v1()], config()?, sampler(), rng)?;
        run.train(WARM_UP, |_, _| ControlFlow::Continue(()))?;
        let work = move || -> Result<f64> {
            let before = run.agent().steps();
            run.train(STEPS, |_, _| ControlFlow::Continue(()))?;
            Ok((run.agent().steps() - before) as f64)
        };
        Ok(Box::new(work) as Work)
    };
    Case {
        name: name.to_owned(),
        items: Some(STEPS as usize),
        bytes: None,
        flops: None,
        point: None,
        parameters,
        prepare: Box::new(prepare),
    }
}
