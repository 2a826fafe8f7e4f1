//! A student that learns while its teacher is still learning.

use rand::Rng;
use reflux_nn::Mlp;
use reflux_replay::{Batch, ItemId, Sampler};

use crate::error::check_length;
use crate::policy_distillation::Learner;
use crate::{Dqn, Event, PolicyDistillation, QNetwork, Result};

/// A student that follows an agent: after each of the agent's rounds of updates it makes some of its own,
/// on observations from the agent's replay buffer, towards the values that the agent's best network so
/// far gives to them (Rusu et al. 2015, arXiv:1511.06295, on online distillation).
///
/// The best network is that of the best [evaluation](crate::Run::with_evaluation); before the first, or
/// without any, it is the agent's as it is. Observations are drawn uniformly, whatever the agent's
/// sampler, and with random numbers of the student's own: the agent learns the same with a student as
/// without.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{DqnConfig, OnlineDistillation, PolicyDistillation, Run};
/// use reflux_envs::CartPole;
/// use reflux_nn::{Mlp, MlpConfig};
/// use reflux_replay::Uniform;
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
/// let student = Mlp::new(MlpConfig::new(4, &[16], 2)?, &mut rng)?;
/// // One update of the student in each round.
/// let distillation = PolicyDistillation::new().with_updates(1)?;
/// let mut online = OnlineDistillation::new(student, distillation, rng.clone())?;
///
/// let mut run = Run::new(vec![CartPole::v1()], DqnConfig::new(), Uniform::new(), rng)?;
/// run.try_train(1_000, |agent, event| {
///     online.follow(agent, event)?;
///     Ok(ControlFlow::Continue(()))
/// })?;
/// assert_eq!(online.updates(), run.agent().updates());
/// let small = online.into_student();
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug)]
pub struct OnlineDistillation<R> {
    pub(crate) distillation: PolicyDistillation,
    pub(crate) student: Mlp,
    pub(crate) learner: Learner,
    pub(crate) rng: R,
    /// The network of the agent's best evaluation.
    pub(crate) best: Option<QNetwork>,
    items: Vec<ItemId>,
    batch: Batch,
}

impl<R: Rng> OnlineDistillation<R> {
    /// A student with observations in and one output an action out. Of `distillation`, the number of
    /// updates is that in each round of the agent's.
    ///
    /// # Errors
    ///
    /// [`Error::Nn`](crate::Error::Nn) for a learning rate that Adam refuses.
    pub fn new(student: Mlp, distillation: PolicyDistillation, rng: R) -> Result<Self> {
        let learner = Learner::new(&distillation)?;
        let (best, items, batch) = (None, Vec::new(), Batch::new());
        Ok(Self { distillation, student, learner, rng, best, items, batch })
    }

    /// Takes an event of the agent's training, and learns after a round of updates; to be called from
    /// the observer of [`Run::try_train`](crate::Run::try_train). The result is the mean loss of the
    /// student's updates, where there were some.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for a student that does not fit the agent;
    /// [`Error::Diverged`](crate::Error::Diverged) for a loss that is not finite, with the student as it
    /// was before that update.
    pub fn follow<S: Sampler>(&mut self, agent: &Dqn<S>, event: &Event) -> Result<Option<f64>> {
        match event {
            Event::Evaluated { best: true, .. } => {
                self.best = Some(agent.q_network().clone());
                Ok(None)
            }
            Event::Learned(_) => self.learn(agent).map(Some),
            _ => Ok(None),
        }
    }

    fn learn<S: Sampler>(&mut self, agent: &Dqn<S>) -> Result<f64> {
        let teacher = self.best.as_ref().unwrap_or(agent.q_network());
        let shape = self.student.config();
        check_length("the student's outputs", teacher.actions(), shape.outputs())?;
        check_length("the student's inputs", agent.network().config().inputs(), shape.inputs())?;
        let (updates, buffer) = (self.distillation.updates(), agent.buffer());
        let mut sum = 0.0;
        for _ in 0..updates {
            self.items.clear();
            let drawn = (0..self.distillation.batch_size())
                .filter_map(|_| buffer.items().nth(self.rng.random_range(0..buffer.len())));
            self.items.extend(drawn);
            buffer.gather(&self.items, &mut self.batch)?;
            let observations = agent.memory.columns(&self.batch)?.observations;
            let said = teacher.predict(&observations)?;
            sum += self.learner.update(&mut self.student, &observations, &said)?;
        }
        Ok(sum / updates as f64)
    }

    /// The student as it is now.
    pub fn student(&self) -> &Mlp {
        &self.student
    }

    /// The student, alone.
    pub fn into_student(self) -> Mlp {
        self.student
    }

    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.learner.updates()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::MlpConfig;
    use reflux_replay::Prioritized;

    use super::*;
    use crate::{DqnConfig, Error, PolicyLoss, Transition, Update};

    const LEARNED: Event = Event::Learned(Update { loss: 0.0, mean_q: 0.0, gradient_norm: 0.0 });

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(2)
    }

    /// A linear agent, Q(x) = [a·x + b, c·x + d], that remembers x from −1 to 1.
    fn agent(parameters: [f32; 4]) -> Dqn<Prioritized> {
        let config = DqnConfig::new().with_hidden(&[]).unwrap();
        let mut agent = Dqn::new(1, 2, config, Prioritized::new(), &mut rng()).unwrap();
        agent.online.mlp_mut().parameters_mut().copy_from_slice(&parameters);
        for x in -10..=10 {
            agent
                .remember(&Transition {
                    observation: &[x as f32 / 10.0],
                    action: 0,
                    reward: 0.0,
                    next_observation: &[0.0],
                    terminated: true,
                    truncated: false,
                    teacher: None,
                })
                .unwrap();
        }
        agent
    }

    fn online(actions: usize) -> OnlineDistillation<Xoshiro256PlusPlus> {
        let student = Mlp::new(MlpConfig::new(1, &[], actions).unwrap(), &mut rng()).unwrap();
        let distillation = PolicyDistillation::new()
            .with_loss(PolicyLoss::MeanSquaredError)
            .and_then(|distillation| distillation.with_learning_rate(0.01))
            .and_then(|distillation| distillation.with_updates(10))
            .unwrap();
        OnlineDistillation::new(student, distillation, rng()).unwrap()
    }

    #[track_caller]
    fn learns(online: &mut OnlineDistillation<Xoshiro256PlusPlus>, agent: &Dqn<Prioritized>) {
        for _ in 0..150 {
            online.follow(agent, &LEARNED).unwrap();
        }
    }

    #[track_caller]
    fn is(online: &OnlineDistillation<Xoshiro256PlusPlus>, expected: [f32; 4]) {
        let got = online.student().parameters();
        let near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(near, "{got:?} is not {expected:?}");
    }

    #[test]
    fn a_student_of_its_teachers_shape_becomes_its_best_teacher() {
        // The only linear function with the teacher's values at three or more points is the teacher.
        let (first, second) = ([1.0, -0.5, 0.25, 2.0], [-1.0, 0.5, 0.0, 1.0]);
        let mut online = online(2);
        let mut agent = agent(first);
        learns(&mut online, &agent);
        is(&online, first);
        assert_eq!(online.updates(), 1_500);

        // Without an evaluation it follows the agent; with one, what was best then.
        agent.online.mlp_mut().parameters_mut().copy_from_slice(&second);
        learns(&mut online, &agent);
        is(&online, second);
        let evaluated =
            |best| Event::Evaluated { mean_return: 1.0, worst_return: 1.0, episodes: 1, best };
        assert!(online.follow(&agent, &evaluated(true)).unwrap().is_none());
        agent.online.mlp_mut().parameters_mut().copy_from_slice(&first);
        online.follow(&agent, &evaluated(false)).unwrap();
        learns(&mut online, &agent);
        is(&online, second);
    }

    #[test]
    fn a_student_that_does_not_fit_is_a_typed_error() {
        let refused = online(3).follow(&agent([0.0; 4]), &LEARNED);
        assert!(matches!(refused, Err(Error::Length { expected: 2, got: 3, .. })), "{refused:?}");
    }
}
