//! A small network that learns what a policy does, from a replay buffer with the policy's values.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::latency;
use reflux_dqn::{
    Distilled, EpsilonGreedy, Greedy, Policy, PolicyDistillation, PolicyMemory, QNetwork, Values,
};
use reflux_envs::Env;
use reflux_nn::{Mlp, MlpConfig};

use super::Task;
use crate::interrupt;

/// A buffer with what the teacher saw in so many steps, and its values of each action beside it. Of its
/// actions the share `epsilon` is random: so it also shows how to get back from a mistake.
pub(crate) fn record(
    teacher: &QNetwork,
    task: &Task,
    transitions: usize,
    epsilon: f64,
    seed: u64,
) -> Result<PolicyMemory> {
    let (observation_len, actions) = (task.observation_space().len(), teacher.actions());
    let mut memory = PolicyMemory::new(observation_len, actions, transitions)?;
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut actor = EpsilonGreedy::new(Greedy::of(teacher), epsilon, actions, rng)?;
    memory.record(&mut actor, teacher, &mut task.clone(), transitions, seed)?;
    Ok(memory)
}

/// A student with these hidden layers. `observe` is called after each update.
pub(crate) fn teach(
    memory: &mut PolicyMemory,
    task: &Task,
    hidden: &[usize],
    distillation: &PolicyDistillation,
    seed: u64,
    mut observe: impl FnMut(&Distilled<'_>),
) -> Result<QNetwork> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let shape = MlpConfig::new(task.observation_space().len(), hidden, memory.actions())?;
    let mut student = Mlp::new(shape, rng)?;
    distillation.run(&mut student, memory, rng, |distilled| {
        observe(distilled);
        interrupt::flow()
    })?;
    interrupt::check()?;
    Ok(QNetwork::new(student, Values::Expected)?)
}

/// As many hidden layers as the teacher has, all of one width: the widest with at most the share `size`
/// of its parameters.
pub(crate) fn hidden_of_size(teacher: &QNetwork, size: f64) -> Result<Vec<usize>> {
    let config = teacher.mlp().config();
    let most = (size * config.parameters() as f64) as usize;
    let layers = config.hidden().len().max(1);
    let fits = |width: usize| {
        let shape = MlpConfig::new(config.inputs(), &vec![width; layers], teacher.actions());
        shape.is_ok_and(|shape| shape.parameters() <= most)
    };
    let width = (1..).take_while(|&width| fits(width)).last().with_context(|| {
        format!(
            "no student is so small: {:.4}% of the teacher's {} parameters are {most}",
            100.0 * size,
            config.parameters()
        )
    })?;
    Ok(vec![width; layers])
}

/// How long a policy takes for one action, alone on this thread.
pub(crate) fn time_of_an_action(network: &QNetwork, task: &Task) -> Result<Duration> {
    let observation = task.clone().reset(Some(0))?.to_vec();
    let mut policy = Greedy::of(network);
    policy.act(&observation)?;
    Ok(latency(|| policy.act(&observation).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_student_below_a_share_of_the_teacher_is_found() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let shape = MlpConfig::new(4, &[256, 256], 2).unwrap();
        let teacher = QNetwork::new(Mlp::new(shape, rng).unwrap(), Values::Expected).unwrap();
        // 67,586 parameters. Of width w: 4w + w + w² + w + 2w + 2, at 64: 4,610, at 65: 4,747.
        assert_eq!(hidden_of_size(&teacher, 0.07).unwrap(), [64, 64]);
        assert_eq!(hidden_of_size(&teacher, 4747.0 / 67_586.0 + 1e-9).unwrap(), [65, 65]);
        assert!(hidden_of_size(&teacher, 1e-4).is_err());
    }
}
