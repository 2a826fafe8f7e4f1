//! How an agent chooses: at random now and then, or with noise, else the best that it knows.

use ndarray::{ArrayView2, aview1};
use rand::Rng;
use reflux_nn::Predictor;
use reflux_replay::Sampler;

use crate::memory::check_observation;
use crate::{Dqn, Result};

/// From this many steps between two rounds of updates on, it pays to pack the weights for acting.
const STEPS_THAT_PAY_FOR_PACKING: u64 = 32;

impl<S: Sampler> Dqn<S> {
    /// An action for `observation`: at random with the probability that [`Dqn::epsilon`] gives for
    /// this step, else the best that the network knows.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for an observation of another length,
    /// [`Error::NonFinite`](crate::Error::NonFinite) for NaN.
    pub fn act<R: Rng + ?Sized>(&mut self, observation: &[f32], rng: &mut R) -> Result<usize> {
        let rows = aview1(observation).insert_axis(ndarray::Axis(0));
        let actions = self.act_all(&rows, rng)?;
        Ok(actions[0])
    }

    /// [`act`](Self::act) for each row of `observations` `[actors, observation]`, in one pass.
    ///
    /// # Errors
    ///
    /// As [`act`](Self::act).
    pub fn act_all<R: Rng + ?Sized>(
        &mut self,
        observations: &ArrayView2<'_, f32>,
        rng: &mut R,
    ) -> Result<&[usize]> {
        let (epsilon, actions) = (self.epsilon(), self.online.actions());
        let observation_len = self.online.mlp().config().inputs();
        let mut chosen = std::mem::take(&mut self.scratch.actions);
        chosen.clear();
        for row in observations.rows() {
            check_observation(row.to_slice().unwrap_or_default(), observation_len)?;
            let random = rng.random::<f64>() < epsilon;
            // `actions` stands for the best, which is asked for below.
            chosen.push(if random { rng.random_range(0..actions) } else { actions });
        }
        if chosen.contains(&actions) {
            self.choose_best(observations, &mut chosen, rng)?;
        }
        self.scratch.actions = chosen;
        Ok(&self.scratch.actions)
    }

    /// Puts the best action where `chosen` has none.
    fn choose_best<R: Rng + ?Sized>(
        &mut self,
        observations: &ArrayView2<'_, f32>,
        chosen: &mut [usize],
        rng: &mut R,
    ) -> Result<()> {
        let (values, actions) = (self.config.values(), self.online.actions());
        let mlp = self.online.mlp();
        let undecided = |chosen: &usize| *chosen == actions;
        // None without optimism, so that the slices below are empty.
        let bonuses = &mut self.scratch.bonuses;
        if let Some(tried) = &self.tried {
            tried.bonuses(observations, bonuses);
        }
        let mut bonuses = bonuses.chunks_exact(actions);
        let packs = self.config.train_every() >= STEPS_THAT_PAY_FOR_PACKING;
        if packs && self.config.noisy().is_none() {
            let actor = self.scratch.actor.get_or_insert_with(|| Predictor::new(mlp));
            self.scratch.outputs.resize(mlp.config().outputs(), 0.0);
            for (row, chosen) in observations.rows().into_iter().zip(chosen) {
                let bonuses = bonuses.next().unwrap_or_default();
                if undecided(chosen) {
                    let row = row.to_slice().unwrap_or_default();
                    actor.predict_row(row, &mut self.scratch.outputs)?;
                    *chosen = values.best_with(&self.scratch.outputs, bonuses);
                }
            }
        } else {
            let outputs = mlp.forward_train(observations, &mut self.scratch.online, rng)?;
            for (row, chosen) in outputs.rows().into_iter().zip(chosen) {
                let bonuses = bonuses.next().unwrap_or_default();
                if undecided(chosen) {
                    *chosen = values.best_with(row.to_slice().unwrap_or_default(), bonuses);
                }
            }
        }
        Ok(())
    }
}
