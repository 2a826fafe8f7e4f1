//! Replay, and both techniques together: CartPole-v1 solved with uniform and with prioritized replay,
//! and the better policy distilled into students of several sizes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::Cost;
use reflux_dqn::{
    Dqn, DqnConfig, EpsilonGreedy, Event, Greedy, PolicyDistillation, PolicyMemory, evaluate, train,
};
use reflux_envs::{CartPole, Env};
use reflux_nn::{Mlp, MlpConfig};
use reflux_replay::{Prioritized, Sampler, Uniform};
use serde::Serialize;

use super::cost::cost;
use crate::interrupt;
use crate::progress::{Progress, Task};

/// Episodes behind each return in the table.
pub(crate) const EVALUATION_EPISODES: usize = 100;
/// The return at which CartPole-v1 counts as solved, as Gymnasium defines it.
pub(crate) const SOLVED: f64 = 475.0;
/// While it trains, an agent's network is tried out after this many steps ...
const TRIAL_EVERY: u64 = 1_000;
/// ... in a few episodes, and in many where those went well. The goal of the trials is well above
/// that of the evaluation, which starts elsewhere: the best of many trials has had some luck.
const TRIAL_EPISODES: usize = 10;
const LONG_TRIAL_EPISODES: usize = 100;
const TRIAL_GOAL: f64 = 498.0;
/// The seeds of trials and of the evaluation do not overlap.
const TRIAL_SEED: u64 = 1_000_000;
const EVALUATION_SEED: u64 = 2_000_000;

/// How much of everything.
pub(crate) struct Plan {
    /// Steps after which an agent that has not solved the task gives up.
    pub(crate) max_steps: u64,
    /// Steps that the teacher plays into the buffer that its students learn from.
    pub(crate) recorded_steps: usize,
    /// Updates of each student.
    pub(crate) updates: u64,
    /// The hidden layers of each student, the smallest first.
    pub(crate) students: &'static [&'static [usize]],
    /// Which of them the table shows: one with at most 7% of the teacher's parameters.
    pub(crate) main_student: usize,
}

impl Plan {
    pub(crate) fn new(quick: bool) -> Self {
        let students: &[&[usize]] = &[&[2], &[4], &[8], &[16], &[16, 16], &[32, 32], &[64, 64]];
        let (students, main_student) = if quick { (&students[5..], 1) } else { (students, 6) };
        Self {
            max_steps: 100_000,
            recorded_steps: if quick { 10_000 } else { 20_000 },
            updates: if quick { 3_000 } else { 8_000 },
            students,
            main_student,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CartPoleResult {
    pub(crate) agents: Vec<AgentResult>,
    /// Which of the agents became the teacher.
    pub(crate) teacher: usize,
    /// Students by size, the smallest first.
    pub(crate) students: Vec<PolicyResult>,
    /// Which of the students the table shows.
    pub(crate) main_student: usize,
    pub(crate) recorded_steps: usize,
    pub(crate) temperature: f64,
}

#[derive(Serialize)]
pub(crate) struct AgentResult {
    pub(crate) replay: &'static str,
    /// Whether the mean return of its policy is at least [`SOLVED`].
    pub(crate) solved: bool,
    /// Steps taken in the environment.
    pub(crate) steps: u64,
    pub(crate) updates: u64,
    /// While acting and learning, without the trials.
    pub(crate) steps_per_second: f64,
    pub(crate) policy: PolicyResult,
    /// The return of each training episode, and the step at which it ended.
    pub(crate) episodes: Vec<(u64, f64)>,
    /// The mean return of each trial without exploration, and its step.
    pub(crate) trials: Vec<(u64, f64)>,
    #[serde(skip)]
    pub(crate) network: Mlp,
}

#[derive(Serialize, Clone)]
pub(crate) struct PolicyResult {
    pub(crate) network: String,
    pub(crate) cost: Cost,
    /// Over `EVALUATION_EPISODES` episodes, the same for all.
    pub(crate) mean_return: f64,
    pub(crate) worst_return: f64,
}

impl PolicyResult {
    /// Its parameters, in percent of its teacher's.
    pub(crate) fn size_percent(&self, teacher: &Self) -> f64 {
        100.0 * self.cost.parameters as f64 / teacher.cost.parameters as f64
    }

    /// Its mean return, in percent of its teacher's.
    pub(crate) fn return_percent(&self, teacher: &Self) -> f64 {
        100.0 * self.mean_return / teacher.mean_return
    }
}

impl CartPoleResult {
    pub(crate) fn teacher(&self) -> &PolicyResult {
        &self.agents[self.teacher].policy
    }

    pub(crate) fn student(&self) -> &PolicyResult {
        &self.students[self.main_student]
    }
}

pub(crate) fn run(plan: &Plan, seed: u64, progress: &Progress) -> Result<CartPoleResult> {
    // Each agent on a thread of its own; each has its own random numbers, so they do not depend on
    // what the other does.
    let (uniform, prioritized) = (
        progress.task("DQN with uniform replay", plan.max_steps),
        progress.task("DQN with prioritized replay", plan.max_steps),
    );
    let (uniform, prioritized) = rayon::join(
        || solve("uniform", Uniform::new(), plan, seed, uniform),
        || solve("prioritized", Prioritized::new(), plan, seed, prioritized),
    );
    let mut agents = vec![uniform?, prioritized?];
    interrupt::check()?;
    for agent in &mut agents {
        // Timed again now that nothing else is running.
        agent.policy.cost = cost(&agent.network);
    }
    let better = agents[1].policy.mean_return > agents[0].policy.mean_return;
    let teacher = usize::from(better);
    let distillation = PolicyDistillation::new().with_updates(plan.updates)?;
    let students = distil(&agents[teacher].network, plan, &distillation, seed, progress)?;
    Ok(CartPoleResult {
        agents,
        teacher,
        students,
        main_student: plan.main_student,
        recorded_steps: plan.recorded_steps,
        temperature: match distillation.loss() {
            reflux_dqn::PolicyLoss::KullbackLeibler { temperature } => temperature,
            _ => 1.0,
        },
    })
}

/// Trains until the task is solved or the steps are used up, and keeps the network that did best in
/// its trials.
fn solve<S: Sampler>(
    replay: &'static str,
    sampler: S,
    plan: &Plan,
    seed: u64,
    task: Task,
) -> Result<AgentResult> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut env = CartPole::v1();
    // Steadier than the published setting: double targets, smaller steps, a target that follows sooner.
    let config = DqnConfig::cart_pole()
        .with_double(true)
        .with_learning_rate(1e-3)?
        .with_target_update(64, 1.0)?;
    let mut agent = Dqn::for_env(&env, config, sampler, rng)?;
    let (mut episodes, mut trials) = (Vec::new(), Vec::new());
    let mut best = (f64::NEG_INFINITY, agent.network().clone());
    let (mut passed, mut failure) = (false, None);
    let (started, mut trial_time) = (Instant::now(), Duration::ZERO);
    train(&mut agent, &mut env, plan.max_steps, rng, |agent, event| {
        let step = agent.steps();
        match event {
            Event::Episode { total_reward, .. } => {
                episodes.push((step, total_reward));
                task.set(step, || format!("return {total_reward:.0}"));
            }
            Event::Learned(_) if trials.last().is_none_or(|(at, _)| step >= at + TRIAL_EVERY) => {
                let trial_started = Instant::now();
                match try_out(agent.network()) {
                    Ok(mean) => {
                        trials.push((step, mean));
                        if mean > best.0 {
                            best = (mean, agent.network().clone());
                        }
                        passed = mean >= TRIAL_GOAL;
                    }
                    Err(error) => failure = Some(error),
                }
                trial_time += trial_started.elapsed();
            }
            _ => {}
        }
        if passed || failure.is_some() { ControlFlow::Break(()) } else { interrupt::flow() }
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    interrupt::check()?;
    let seconds = (started.elapsed() - trial_time).as_secs_f64();
    let policy = judge(&best.1)?;
    let solved = policy.mean_return >= SOLVED;
    let verdict = if solved { "solved" } else { "not solved" };
    task.finish(format!("{verdict} after {} steps", agent.steps()));
    Ok(AgentResult {
        replay,
        solved,
        steps: agent.steps(),
        updates: agent.updates(),
        steps_per_second: agent.steps() as f64 / seconds,
        policy,
        episodes,
        trials,
        network: best.1,
    })
}

/// The mean return without exploration: over a few episodes, and over many where those went well.
fn try_out(network: &Mlp) -> Result<f64> {
    let few = mean_return(network, TRIAL_EPISODES, TRIAL_SEED)?.0;
    if few < TRIAL_GOAL {
        return Ok(few);
    }
    Ok(mean_return(network, LONG_TRIAL_EPISODES, TRIAL_SEED)?.0)
}

/// The mean and the smallest return of a network over episodes of its own choice of actions.
fn mean_return(network: &Mlp, episodes: usize, seed: u64) -> Result<(f64, f64)> {
    let returns = evaluate(&mut Greedy::new(network), &mut CartPole::v1(), episodes, seed)?;
    let worst = returns.iter().copied().fold(f64::INFINITY, f64::min);
    Ok((returns.iter().sum::<f64>() / returns.len() as f64, worst))
}

fn judge(network: &Mlp) -> Result<PolicyResult> {
    let (mean_return, worst_return) = mean_return(network, EVALUATION_EPISODES, EVALUATION_SEED)?;
    Ok(PolicyResult {
        network: network.config().to_string(),
        cost: cost(network),
        mean_return,
        worst_return,
    })
}

/// Students of every size, all from one buffer of what the teacher saw and said.
fn distil(
    teacher: &Mlp,
    plan: &Plan,
    distillation: &PolicyDistillation,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<PolicyResult>> {
    let mut env = CartPole::v1();
    let actions = env.action_space().n().context("CartPole has discrete actions")?;
    let observation_len = env.observation_space().len();
    let mut memory = PolicyMemory::new(observation_len, actions, plan.recorded_steps)?;
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    // Now and then the teacher stumbles, so that it also shows how to get up again.
    let mut actor = EpsilonGreedy::new(Greedy::new(teacher), 0.1, actions, rng)?;
    memory.record(&mut actor, teacher, &mut env, plan.recorded_steps, seed)?;

    let task = progress.task("Students of the policy", plan.updates * plan.students.len() as u64);
    let mut results = Vec::new();
    for hidden in plan.students {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut student = Mlp::new(MlpConfig::new(observation_len, hidden, actions)?, rng)?;
        let name = student.config().to_string();
        distillation.run(&mut student, &mut memory, rng, |distilled| {
            task.advance(|| format!("{name}, loss {:.3}", distilled.loss));
            interrupt::flow()
        })?;
        interrupt::check()?;
        results.push(judge(&student)?);
    }
    task.finish(format!("{} sizes", results.len()));
    Ok(results)
}
