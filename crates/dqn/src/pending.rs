//! The steps that an n-step assembler holds back, so that a run can be saved in the middle of an
//! episode.

use std::collections::VecDeque;

use crate::Transition;
#[cfg(feature = "serde")]
use crate::{Error, Result};

/// For each actor, the last n − 1 steps of its episode, or those that there are.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Pending {
    most: usize,
    actors: Vec<VecDeque<Waiting>>,
}

#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Waiting {
    observation: Vec<f32>,
    action: usize,
    reward: f32,
    next_observation: Vec<f32>,
    teacher: Option<Vec<f32>>,
}

impl Pending {
    pub(crate) fn new(actors: usize, n_step: usize) -> Self {
        Self { most: n_step - 1, actors: vec![VecDeque::new(); actors] }
    }

    pub(crate) fn push(&mut self, actor: usize, step: &Transition<'_>) {
        if self.most == 0 {
            return;
        }
        let waiting = &mut self.actors[actor];
        if step.terminated || step.truncated {
            return waiting.clear();
        }
        let oldest = if waiting.len() == self.most { waiting.pop_front() } else { None };
        let mut slot = oldest.unwrap_or_default();
        slot.observation.clear();
        slot.observation.extend_from_slice(step.observation);
        slot.next_observation.clear();
        slot.next_observation.extend_from_slice(step.next_observation);
        (slot.action, slot.reward) = (step.action, step.reward);
        slot.teacher = step.teacher.map(<[f32]>::to_vec);
        waiting.push_back(slot);
    }

    pub(crate) fn clear(&mut self, actor: usize) {
        self.actors[actor].clear();
    }

    #[cfg(feature = "serde")]
    pub(crate) fn steps(&self, actor: usize) -> impl Iterator<Item = &Waiting> {
        self.actors[actor].iter()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn check(&self, actors: usize, n_step: usize) -> Result<()> {
        let fits = self.actors.len() == actors
            && self.most == n_step - 1
            && self.actors.iter().all(|waiting| waiting.len() <= self.most);
        if fits { Ok(()) } else { Err(Error::run("the steps that wait do not fit the settings")) }
    }
}

#[cfg(feature = "serde")]
impl Waiting {
    pub(crate) fn transition(&self) -> Transition<'_> {
        Transition {
            observation: &self.observation,
            action: self.action,
            reward: self.reward,
            next_observation: &self.next_observation,
            terminated: false,
            truncated: false,
            teacher: self.teacher.as_deref(),
        }
    }
}
