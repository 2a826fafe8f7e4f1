//! A finite Markov decision process: for every state and action the transitions that there are. The
//! worlds of this folder are such processes and differ only in their tables.

use crate::error::check_state;
use crate::lifecycle::{Lifecycle, uniform_index};
use crate::{Error, Result, Space, Step};

/// What may come of an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// How likely it is; those of one state and action add up to 1.
    pub probability: f64,
    /// The state that it leads to.
    pub next_state: usize,
    /// The reward that it gives.
    pub reward: f32,
    /// Whether the episode is over.
    pub terminated: bool,
}

impl Transition {
    /// Staying in a state in which the episode is over.
    pub(super) fn absorbed(state: usize) -> Self {
        Self { probability: 1.0, next_state: state, reward: 0.0, terminated: true }
    }
}

/// The table. States are numbers below `states`, actions below `actions`.
#[derive(Clone, Debug)]
pub(super) struct Table {
    actions: usize,
    /// Those of a state and action at `state * actions + action`.
    transitions: Vec<Vec<Transition>>,
    /// One of these is the first state, each as likely as the others.
    starts: Vec<usize>,
    /// Whether an episode is over in a state.
    terminal: Vec<bool>,
    spaces: (Space, Space),
}

impl Table {
    /// Asks `transitions(state, action)` for every line of the table.
    pub(super) fn new(
        (states, actions): (usize, usize),
        starts: Vec<usize>,
        is_terminal: impl Fn(usize) -> bool,
        transitions: impl Fn(usize, usize) -> Vec<Transition>,
    ) -> Self {
        let pairs = (0..states).flat_map(|state| (0..actions).map(move |action| (state, action)));
        Self {
            actions,
            transitions: pairs.map(|(state, action)| transitions(state, action)).collect(),
            starts,
            terminal: (0..states).map(is_terminal).collect(),
            spaces: (Space::Discrete { n: states }, Space::Discrete { n: actions }),
        }
    }

    pub(super) fn observation_space(&self) -> &Space {
        &self.spaces.0
    }

    pub(super) fn action_space(&self) -> &Space {
        &self.spaces.1
    }

    /// None of a state or action that there is not.
    pub(super) fn transitions(&self, state: usize, action: usize) -> &[Transition] {
        if action >= self.actions {
            return &[];
        }
        self.transitions.get(state * self.actions + action).map_or(&[], Vec::as_slice)
    }

    /// An error unless there is such a state.
    fn check_exists(&self, state: usize) -> Result<()> {
        let high = self.terminal.len().saturating_sub(1) as f64;
        check_state(&[state as f64], &[(0.0, high)])
    }

    /// An error unless an episode can go on from `state`.
    fn check_state(&self, state: usize) -> Result<()> {
        self.check_exists(state)?;
        if self.terminal[state] { Err(Error::TerminalState { state }) } else { Ok(()) }
    }
}

/// An episode in a table.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Walk {
    pub(super) state: usize,
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: [f32; 1],
    pub(super) lifecycle: Lifecycle,
}

impl Walk {
    pub(super) fn state(&self) -> Option<usize> {
        self.lifecycle.has_begun().then_some(self.state)
    }

    pub(super) fn set_state(&mut self, table: &Table, state: usize) -> Result<&[f32]> {
        table.check_state(state)?;
        self.move_to(state);
        self.lifecycle.begin();
        Ok(&self.observation)
    }

    #[inline]
    fn move_to(&mut self, state: usize) {
        self.state = state;
        self.observation = [state as f32];
    }

    pub(super) fn reset(&mut self, table: &Table, seed: Option<u64>) -> Result<&[f32]> {
        // Where there is no choice, no random number is drawn; the seed counts all the same.
        let rng = self.lifecycle.seeded(seed)?;
        let start = match table.starts.as_slice() {
            [only] => *only,
            starts => starts[uniform_index(rng, starts.len())],
        };
        self.move_to(start);
        self.lifecycle.begin();
        Ok(&self.observation)
    }

    #[inline]
    pub(super) fn step(&mut self, table: &Table, action: usize) -> Result<Step<'_>> {
        self.lifecycle.check(action, table.actions)?;
        let transitions = table.transitions(self.state, action);
        let chosen = match transitions {
            [only] => *only,
            transitions => {
                let threshold = rand::Rng::random::<f64>(self.lifecycle.rng()?);
                choose(transitions, threshold)
            }
        };
        Ok(self.follow(chosen))
    }

    /// A step whose outcome is given.
    pub(super) fn step_given(
        &mut self,
        table: &Table,
        action: usize,
        outcome: usize,
    ) -> Result<Step<'_>> {
        self.lifecycle.check(action, table.actions)?;
        let transitions = table.transitions(self.state, action);
        match transitions.get(outcome) {
            Some(chosen) => Ok(self.follow(*chosen)),
            None => Err(Error::OutcomeOutOfRange { outcome, n: transitions.len() }),
        }
    }

    #[inline]
    fn follow(&mut self, chosen: Transition) -> Step<'_> {
        self.move_to(chosen.next_state);
        self.lifecycle.end_if(chosen.terminated);
        Step {
            observation: &self.observation,
            reward: chosen.reward,
            terminated: chosen.terminated,
            truncated: false,
        }
    }

    #[cfg(feature = "serde")]
    pub(super) fn restore(&mut self, table: &Table) -> Result<()> {
        table.check_exists(self.state)?;
        if self.lifecycle.is_running() {
            table.check_state(self.state)?;
        }
        self.move_to(self.state);
        Ok(())
    }
}

/// The first transition at which the probabilities add up to more than `threshold`.
fn choose(transitions: &[Transition], threshold: f64) -> Transition {
    let mut sum = 0.0;
    for transition in transitions {
        sum += transition.probability;
        if sum > threshold {
            return *transition;
        }
    }
    // Rounding: the sum may stay a hair below 1.
    transitions[transitions.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(next_state: usize, probability: f64) -> Transition {
        Transition { probability, next_state, reward: 0.0, terminated: false }
    }

    #[test]
    fn the_threshold_finds_the_transition_whose_interval_it_is_in() {
        let three = [to(0, 0.25), to(1, 0.5), to(2, 0.25)];
        for (threshold, state) in [(0.0, 0), (0.24, 0), (0.25, 1), (0.74, 1), (0.75, 2), (1.0, 2)] {
            assert_eq!(choose(&three, threshold).next_state, state, "{threshold}");
        }
    }

    #[test]
    fn transitions_come_as_often_as_their_probabilities_say() {
        // Chi-square, 2 degrees of freedom: 13.8 is exceeded with probability 0.001.
        let outcomes = [0.6, 0.3, 0.1];
        let line = |_, _| (0..3).map(|i| to(i, outcomes[i])).collect();
        let table = Table::new((3, 1), vec![0], |_| false, line);
        let (mut walk, mut counts) = (Walk::default(), [0_f64; 3]);
        walk.reset(&table, Some(1)).unwrap();
        for _ in 0..30_000 {
            counts[walk.step(&table, 0).unwrap().observation[0] as usize] += 1.0;
        }
        let expected = outcomes.map(|p| 30_000.0 * p);
        let chi_square: f64 = counts.iter().zip(expected).map(|(c, e)| (c - e).powi(2) / e).sum();
        assert!(chi_square < 13.8, "{counts:?}");
    }

    #[test]
    fn several_starts_are_equally_likely() {
        let table = Table::new((4, 1), vec![0, 2, 3], |_| false, |state, _| vec![to(state, 1.0)]);
        let (mut walk, mut counts) = (Walk::default(), [0_f64; 4]);
        for i in 0..9_000 {
            counts[walk.reset(&table, (i == 0).then_some(2)).unwrap()[0] as usize] += 1.0;
        }
        assert_eq!(counts[1], 0.0);
        let square = |i: usize| (counts[i] - 3_000.0).powi(2) / 3_000.0;
        assert!(square(0) + square(2) + square(3) < 13.8, "{counts:?}");
    }
}
