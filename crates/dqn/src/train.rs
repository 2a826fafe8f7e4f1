//! The training loop: an agent plays and learns from what it remembers.

use std::ops::ControlFlow;

use rand::Rng;
use reflux_distill::Teacher;
use reflux_envs::Env;
use reflux_replay::Sampler;

use crate::actors::Actors;
use crate::{Dqn, Event, Result};

/// Lets `agent` take `steps` steps in `env`, with rounds of updates between them as its
/// configuration says (algorithm 1 of Mnih et al. 2015).
///
/// The environment is reset at the start, with a seed drawn from `rng`, so that one seed settles
/// everything. `observe` is called after each episode and each round of updates, with the agent as
/// it is; it may end the training, after the step that it is in. To go on later, call `train` again.
/// [`Run`](crate::Run) does more: several environments, evaluation, files, exact resume.
///
/// # Errors
///
/// What the environment, the agent or its buffer refuse: an observation with NaN or of another
/// length, a panic, a loss that is not finite. The agent is then as it was before the step.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{Dqn, DqnConfig, Event, train};
/// use reflux_envs::CartPole;
/// use reflux_replay::Prioritized;
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut env = CartPole::v1();
/// let mut agent = Dqn::for_env(&env, DqnConfig::new(), Prioritized::new(), rng)?;
/// let mut episodes = 0;
/// train(&mut agent, &mut env, 1_000, rng, |_agent, event| {
///     episodes += u32::from(matches!(event, Event::Episode { .. }));
///     if episodes == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// assert_eq!(episodes, 20);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
pub fn train<E, S, R>(
    agent: &mut Dqn<S>,
    env: &mut E,
    steps: u64,
    rng: &mut R,
    mut observe: impl FnMut(&Dqn<S>, Event) -> ControlFlow<()>,
) -> Result<()>
where
    E: Env + ?Sized,
    S: Sampler,
    R: Rng + ?Sized,
{
    agent.set_actors(1)?;
    let mut actors = Actors::new(vec![env], agent)?;
    actors.reset(rng.random())?;
    let (mut owed, mut stop) = (0, false);
    for _ in 0..steps {
        advance(agent, &mut actors, None, &mut owed, rng, &mut |agent, event| {
            stop |= observe(agent, event).is_break();
            Ok(())
        })?;
        if stop {
            break;
        }
    }
    agent.flush()
}

/// One step of each actor, and the updates that fall on it. `owed` counts updates that have fallen due
/// and are not yet made: those that an error kept from being made come first.
pub(crate) fn advance<E, S, R>(
    agent: &mut Dqn<S>,
    actors: &mut Actors<E>,
    teacher: Option<&dyn Teacher<f32>>,
    owed: &mut u64,
    rng: &mut R,
    observe: &mut impl FnMut(&Dqn<S>, Event) -> Result<()>,
) -> Result<()>
where
    E: Env,
    S: Sampler,
    R: Rng + ?Sized,
{
    if *owed == 0 {
        let before = agent.steps();
        let mut ended = Vec::new();
        actors.step(agent, teacher, rng, &mut ended)?;
        *owed = updates_due(agent, before);
        for event in ended {
            observe(agent, event)?;
        }
    }
    if *owed > 0 {
        let done = agent.steps() as f64 / agent.config().training_steps() as f64;
        agent.set_progress(done.min(1.0))?;
        let mut last = agent.learn(rng)?;
        *owed -= 1;
        while *owed > 0 {
            last = agent.learn(rng)?;
            *owed -= 1;
        }
        observe(agent, Event::Learned(last))?;
    }
    Ok(())
}

/// How many updates the steps since `before` bring. The ratio of steps to updates does not depend on
/// how many actors there are.
fn updates_due<S: Sampler>(agent: &Dqn<S>, before: u64) -> u64 {
    let (steps, config) = (agent.steps(), agent.config());
    if steps < config.learning_starts() || agent.buffer().is_empty() {
        return 0;
    }
    let rounds = steps / config.train_every() - before / config.train_every();
    rounds * config.updates_per_training()
}
