//! All that an optimizer is, as names and numbers: what a checkpoint holds of it.

use std::collections::BTreeMap;

use reflux_softmax::Real;

use crate::mlp::check_finite;
use crate::{Error, Result};

/// An optimizer's settings, its count of steps, and what it remembers between them.
///
/// [`Optimizer::state`](crate::Optimizer::state) gives one, and
/// [`Optimizer::restore`](crate::Optimizer::restore) takes it back:
/// [`Checkpoint`](crate::Checkpoint) is what writes and reads it.
///
/// An optimizer of one's own builds its state with [`new`](Self::new),
/// [`with_setting`](Self::with_setting) and [`with_memory`](Self::with_memory), and takes it apart with
/// [`setting`](Self::setting), [`memories`](Self::memories) and [`finish`](Self::finish), which check
/// what they give.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState<F = f32> {
    pub(crate) kind: String,
    pub(crate) steps: u64,
    pub(crate) settings: BTreeMap<String, f64>,
    pub(crate) memory: BTreeMap<String, Vec<F>>,
}

impl<F: Real> OptimizerState<F> {
    /// Of an optimizer called `kind`, such as `adam`, after so many steps.
    pub fn new(kind: &str, steps: u64) -> Self {
        Self { kind: kind.to_owned(), steps, settings: BTreeMap::new(), memory: BTreeMap::new() }
    }

    /// Adds a setting; a switch is 0 or 1.
    pub fn with_setting(mut self, name: &str, value: f64) -> Self {
        self.settings.insert(name.to_owned(), value);
        self
    }

    /// Adds what is remembered of each parameter; nothing, where `values` is empty.
    pub fn with_memory(mut self, name: &str, values: &[F]) -> Self {
        if !values.is_empty() {
            self.memory.insert(name.to_owned(), values.to_vec());
        }
        self
    }

    /// What the optimizer is called.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How many steps it has taken, where it counts them.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes out a setting of an optimizer called `kind`.
    ///
    /// # Errors
    ///
    /// [`Error::State`] where this state is another kind's or has no such setting.
    pub fn setting(&mut self, kind: &'static str, name: &str) -> Result<f64> {
        if self.kind != kind {
            return Err(Error::state(kind, format!("is one of {:?}", self.kind)));
        }
        let missing = || Error::state(kind, format!("lacks the setting {name:?}"));
        self.settings.remove(name).ok_or_else(missing)
    }

    /// Takes out what is remembered under these names, each as long as the others, or empty where
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`Error::State`] where the lengths differ or a value is NaN or infinite.
    pub fn memories<const N: usize>(
        &mut self,
        kind: &'static str,
        names: [&str; N],
    ) -> Result<[Vec<F>; N]> {
        let memories = names.map(|name| self.memory.remove(name).unwrap_or_default());
        let length = memories.iter().map(Vec::len).max().unwrap_or(0);
        for (memory, name) in memories.iter().zip(names) {
            check_finite("the optimizer's memory", memory.iter())
                .map_err(|error| Error::state(kind, format!("has a bad {name:?}: {error}")))?;
            if !memory.is_empty() && memory.len() != length {
                let got = memory.len();
                let problem =
                    format!("has {got} values in {name:?} and {length} in another memory");
                return Err(Error::state(kind, problem));
            }
        }
        Ok(memories)
    }

    /// Checks that everything has been taken out.
    ///
    /// # Errors
    ///
    /// [`Error::State`] where something is left that the optimizer does not know.
    pub fn finish(self, kind: &'static str) -> Result<()> {
        match self.settings.keys().chain(self.memory.keys()).next() {
            Some(name) => Err(Error::state(kind, format!("has {name:?}, which is unknown"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Optimizer, RmsProp, Sgd};

    fn optimizers() -> [Box<dyn Optimizer<f64>>; 5] {
        let rms_prop = || RmsProp::new(0.01).unwrap();
        [
            Box::new(Sgd::new(0.1).unwrap()),
            Box::new(Sgd::new(0.1).unwrap().with_momentum(0.9).unwrap().with_nesterov(true)),
            Box::new(rms_prop().with_alpha(0.9).unwrap()),
            Box::new(rms_prop().with_centered(true).with_momentum(0.5).unwrap()),
            Box::new(Adam::new(0.1).unwrap().with_weight_decay(0.3).unwrap()),
        ]
    }

    /// One that differs from all of the above in every setting.
    fn fresh(kind: &str) -> Box<dyn Optimizer<f64>> {
        match kind {
            "sgd" => Box::new(Sgd::new(0.7).unwrap().with_weight_decay(0.1).unwrap()),
            "rms_prop" => Box::new(RmsProp::new(0.7).unwrap().with_epsilon(0.1).unwrap()),
            _ => Box::new(Adam::new(0.7).unwrap().with_betas(0.1, 0.2).unwrap()),
        }
    }

    #[test]
    fn a_restored_optimizer_steps_as_the_one_it_was_taken_from() {
        for mut optimizer in optimizers() {
            let mut restored = fresh(optimizer.state().kind());
            for taken in 0..4 {
                let gradients = [0.3 - f64::from(taken), 2.0];
                let (mut one, mut two) = ([1.0, -1.0], [1.0, -1.0]);
                restored.restore(optimizer.state()).unwrap();
                assert_eq!(restored.state(), optimizer.state());
                optimizer.step(&mut one, &gradients).unwrap();
                restored.step(&mut two, &gradients).unwrap();
                assert_eq!((one, optimizer.state()), (two, restored.state()));
            }
        }
    }

    #[test]
    fn foreign_and_damaged_states_are_refused_and_change_nothing() {
        for mut optimizer in optimizers() {
            optimizer.step(&mut [1.0, 2.0], &[0.5, 0.25]).unwrap();
            let good = optimizer.state();
            let mut damaged = vec![OptimizerState::new("lion", 0)];
            let mut damage = |change: &dyn Fn(&mut OptimizerState<f64>)| {
                let mut state = good.clone();
                change(&mut state);
                damaged.push(state);
            };
            damage(&|state| _ = state.settings.remove("learning_rate"));
            damage(&|state| _ = state.settings.insert("learning_rate".into(), f64::NAN));
            damage(&|state| _ = state.settings.insert("patience".into(), 1.0));
            damage(&|state| _ = state.memory.insert("patience".into(), vec![1.0, 1.0]));
            for name in good.memory.keys() {
                damage(&|state| _ = state.memory.insert(name.clone(), vec![f64::NAN, 1.0]));
                if good.memory.len() > 1 {
                    damage(&|state| _ = state.memory.insert(name.clone(), vec![1.0]));
                }
            }
            for state in damaged {
                let result = optimizer.restore(state.clone());
                let refused = matches!(result, Err(Error::State { .. } | Error::Config { .. }));
                assert!(refused, "{state:?}");
                assert_eq!(optimizer.state(), good);
            }
        }
    }
}
