//! A training with all that belongs to it.

use std::ops::ControlFlow;

use rand::Rng;
use reflux_distill::Teacher;
use reflux_envs::Env;
use reflux_replay::Sampler;

use crate::actors::Actors;
use crate::error::check_positive;
use crate::train::advance;
use crate::{Dqn, DqnConfig, Error, Event, EventSink, QNetwork, Result, evaluate};

/// How often the policy is tried out without exploration, in an environment of its own.
#[derive(Debug, Clone)]
pub struct Evaluation<E> {
    /// The environment.
    pub env: E,
    /// After so many steps of the training.
    pub every: u64,
    /// In so many episodes.
    pub episodes: usize,
    /// The seed of the first of them; the same each time, so that trials can be compared.
    pub seed: u64,
}

/// An agent that learns in one or several environments: agent, environments, random numbers, and the
/// counters between them.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{DqnConfig, Evaluation, Event, Run};
/// use reflux_envs::CartPole;
/// use reflux_replay::Prioritized;
///
/// let config = DqnConfig::new().with_n_step(3)?.with_dueling(true);
/// let rng = Xoshiro256PlusPlus::seed_from_u64(0);
/// let envs = vec![CartPole::v1(); 4];
/// let evaluation = Evaluation { env: CartPole::v1(), every: 500, episodes: 5, seed: 1_000 };
/// let mut run = Run::new(envs, config, Prioritized::new(), rng)?.with_evaluation(evaluation)?;
/// run.train(1_000, |_agent, event| {
///     if let Event::Evaluated { mean_return, .. } = event {
///         println!("{mean_return}");
///     }
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(run.agent().steps(), 1_000);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
pub struct Run<E, S, R> {
    pub(crate) agent: Dqn<S>,
    pub(crate) actors: Actors<E>,
    pub(crate) rng: R,
    /// Updates that are due.
    pub(crate) owed: u64,
    pub(crate) best: Option<(f64, QNetwork)>,
    teacher: Option<Box<dyn Teacher<f32> + Send>>,
    /// The return at which the teacher has nothing more to say.
    /// The returns at which the teacher's term weighs everything and nothing.
    teacher_returns: Option<[f64; 2]>,
    evaluation: Option<Evaluation<E>>,
    sinks: Vec<Box<dyn EventSink + Send>>,
}

impl<E, S: std::fmt::Debug, R> std::fmt::Debug for Run<E, S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl<E: Env, S: Sampler, R: Rng> Run<E, S, R> {
    /// A new agent in these environments, which are reset. `rng` settles its weights, the seeds of the
    /// environments, and all that follows.
    ///
    /// # Errors
    ///
    /// As [`Dqn::for_env`], and [`Error::Env`] for no environments or some that differ.
    pub fn new(envs: Vec<E>, config: DqnConfig, sampler: S, mut rng: R) -> Result<Self> {
        let first = envs.first().ok_or(reflux_envs::Error::NoEnvironments)?;
        let agent = Dqn::for_env(first, config, sampler, &mut rng)?;
        Self::with_agent(envs, agent, rng)
    }

    /// An agent that has learned already, from recorded data, say. The environments are reset.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::ActionSpace`] for environments that are not the agent's,
    /// [`Error::Env`] for none or some that differ.
    pub fn with_agent(envs: Vec<E>, mut agent: Dqn<S>, mut rng: R) -> Result<Self> {
        agent.flush()?;
        agent.set_actors(envs.len())?;
        let mut actors = Actors::new(envs, &agent)?;
        actors.reset(rng.random())?;
        Ok(Self::from_parts(agent, actors, rng, 0, None))
    }

    pub(crate) fn from_parts(
        agent: Dqn<S>,
        actors: Actors<E>,
        rng: R,
        owed: u64,
        best: Option<(f64, QNetwork)>,
    ) -> Self {
        let (teacher, teacher_returns, evaluation, sinks) = (None, None, None, Vec::new());
        Self { agent, actors, rng, owed, best, teacher, teacher_returns, evaluation, sinks }
    }

    /// Tries the policy out now and then, and keeps the [best](Self::best) network.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where steps or episodes are 0.
    pub fn with_evaluation(self, evaluation: Evaluation<E>) -> Result<Self> {
        check_positive("steps between evaluations", evaluation.every)?;
        check_positive("episodes of an evaluation", evaluation.episodes as u64)?;
        Ok(Self { evaluation: Some(evaluation), ..self })
    }

    /// Sends every event there, too.
    pub fn with_sink(mut self, sink: impl EventSink + Send + 'static) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Asks `teacher` about every observation, for an agent that was
    /// [told to listen](DqnConfig::with_teacher).
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for another number of actions; [`Error::Teacher`] for an agent that does not
    /// listen.
    pub fn with_teacher(self, teacher: impl Teacher<f32> + Send + 'static) -> Result<Self> {
        let actions = self.agent.q_network().actions();
        crate::error::check_length("the teacher's actions", actions, teacher.classes())?;
        if self.agent.config().teacher().is_none() {
            return Err(Error::Teacher("is not configured to listen to a teacher"));
        }
        Ok(Self { teacher: Some(Box::new(teacher)), ..self })
    }

    /// After each evaluation, weighs the teacher's term by `1 − mean return/teacher's return`, so that
    /// it is gone when the student is as good: QDagger (Agarwal et al. 2022, arXiv:2206.01626). There,
    /// the agent has learned from the teacher's data before ([`Dqn::remember_all`],
    /// [`Dqn::learn_offline`], [`Run::with_agent`]).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless the return is finite and above 0.
    pub fn with_teacher_return(self, teacher_return: f64) -> Result<Self> {
        crate::error::check_above_zero("the teacher's return", teacher_return)?;
        self.with_teacher_returns(0.0, teacher_return)
    }

    /// [`with_teacher_return`](Self::with_teacher_return) for tasks whose returns are not above 0: the
    /// weight is 1 at the return `lowest`, such as that of random actions, 0 at the teacher's, and on a
    /// line in between.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless both are finite and the teacher's is the larger one.
    pub fn with_teacher_returns(self, lowest: f64, teacher_return: f64) -> Result<Self> {
        crate::error::check_above_zero(
            "the teacher's return over the lowest",
            teacher_return - lowest,
        )?;
        Ok(Self { teacher_returns: Some([lowest, teacher_return]), ..self })
    }

    /// Goes on for `steps` steps, counted over all environments, or a few more, since each environment
    /// takes one at a time. `observe` is called after each event; it may stop the run, after the step
    /// that it is in.
    ///
    /// # Errors
    ///
    /// What an environment, the agent, its buffer or a sink refuse. After [`Error::Diverged`] all is as
    /// it was before that update, which comes first when the run goes on.
    pub fn train(
        &mut self,
        steps: u64,
        mut observe: impl FnMut(&Dqn<S>, &Event) -> ControlFlow<()>,
    ) -> Result<()> {
        self.try_train(steps, |agent, event| Ok(observe(agent, event)))
    }

    /// [`train`](Self::train) with an observer that may fail, such as a student that learns from this
    /// agent ([`OnlineDistillation`](crate::OnlineDistillation)).
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train), and what `observe` returns: the run has then taken the step that the
    /// event is of, and can go on.
    pub fn try_train(
        &mut self,
        steps: u64,
        mut observe: impl FnMut(&Dqn<S>, &Event) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let until = self.agent.steps().saturating_add(steps);
        let mut stop = false;
        while self.agent.steps() < until && !stop {
            let before = self.agent.steps();
            let Self { agent, actors, rng, owed, teacher, sinks, .. } = self;
            let teacher = teacher.as_deref().map(|teacher| teacher as &dyn Teacher<f32>);
            advance(agent, actors, teacher, owed, rng, &mut |agent, event| {
                stop |= tell(sinks, &mut observe, agent, &event)?.is_break();
                Ok(())
            })?;
            if let Some(event) = self.evaluate_if_due(before)? {
                stop |= tell(&mut self.sinks, &mut observe, &self.agent, &event)?.is_break();
            }
        }
        self.sinks.iter_mut().try_for_each(|sink| sink.flush())
    }

    fn evaluate_if_due(&mut self, before: u64) -> Result<Option<Event>> {
        let Some(Evaluation { env, every, episodes, seed }) = &mut self.evaluation else {
            return Ok(None);
        };
        if self.agent.steps() / *every == before / *every {
            return Ok(None);
        }
        let returns = evaluate(&mut self.agent.greedy(), env, *episodes, *seed)?;
        let mean_return = returns.iter().sum::<f64>() / returns.len() as f64;
        let worst_return = returns.iter().copied().fold(f64::INFINITY, f64::min);
        let best = self.best.as_ref().is_none_or(|(mean, _)| mean_return >= *mean);
        if let Some([lowest, teacher_return]) = self.teacher_returns {
            let missing = (teacher_return - mean_return) / (teacher_return - lowest);
            self.agent.set_teacher_weight(missing.clamp(0.0, 1.0))?;
        }
        if best {
            self.best = Some((mean_return, self.agent.q_network().clone()));
        }
        Ok(Some(Event::Evaluated { mean_return, worst_return, episodes: *episodes, best }))
    }

    /// The agent.
    pub fn agent(&self) -> &Dqn<S> {
        &self.agent
    }

    /// The network with the largest mean return of all evaluations, and that return.
    pub fn best(&self) -> Option<(f64, &QNetwork)> {
        self.best.as_ref().map(|(mean, network)| (*mean, network))
    }

    /// The agent, without its environments.
    pub fn into_agent(self) -> Dqn<S> {
        self.agent
    }
}

/// Tells the sinks, then the observer.
fn tell<S: Sampler>(
    sinks: &mut [Box<dyn EventSink + Send>],
    observe: &mut impl FnMut(&Dqn<S>, &Event) -> Result<ControlFlow<()>>,
    agent: &Dqn<S>,
    event: &Event,
) -> Result<ControlFlow<()>> {
    for sink in sinks {
        sink.record(agent.steps(), event)?;
    }
    observe(agent, event)
}
