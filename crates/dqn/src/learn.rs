//! The algorithm: Q-learning with a deep network, a target network and replayed experience.
//!
//! ```text
//! R = r_1 + γ·r_2 + … + γⁿ⁻¹·r_n,   d = γⁿ, or 0 where the task is over   (Sutton 1988)
//! a* = argmax_a Q(s', a; θ)                            double (van Hasselt et al. 2016)
//! a* = argmax_a Q(s', a; θ⁻)                           plain (Mnih et al. 2015)
//! Q of s' has a bonus in both for what has seldom been tried, if wanted: see `optimism`
//! y = R + d·Z(s', a*; θ⁻)        Z: the value, or its quantiles or distribution, see `values`
//! L(θ) = mean over the batch of  w·ℓ(Z(s, a; θ), y)    w: Schaul et al. 2016
//! ```

use ndarray::ArrayView2;
use rand::Rng;
use reflux_nn::{Optimizer, clip_norm};
use reflux_replay::Sampler;

use crate::memory::Sampled;
use crate::terms::extra_terms;
use crate::{Dqn, Error, Result, Values};

/// What one update looked like.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Update {
    /// The mean loss of the batch, importance weights and all terms included.
    pub loss: f64,
    /// The mean of Q(s, a) over the batch.
    pub mean_q: f64,
    /// The Euclidean norm of the gradient before it was clipped.
    pub gradient_norm: f64,
}

impl<S: Sampler> Dqn<S> {
    /// One update from one batch: the body of the algorithm.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`] for an empty buffer; [`Error::Diverged`] for a loss or a gradient that is not
    /// finite, with the networks as they were.
    pub fn learn<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<Update> {
        // Sample transitions (s, a, R, d, s') from the buffer, with their importance weights w.
        let scratch = &mut self.scratch;
        self.memory.sample(self.config.batch_size(), rng, &mut scratch.batch)?;
        let sampled = self.memory.columns(&scratch.batch)?;
        let (online, target) = (self.online.mlp(), self.target.mlp());

        // y = R + d·Z(s', a*; θ⁻), with a* by θ or by θ⁻. Noisy layers draw their noise in each pass.
        let next = &sampled.next_observations;
        let judged = target.forward_train(next, &mut scratch.next_target, rng)?;
        let chosen = if self.config.double() {
            online.forward_train(next, &mut scratch.next, rng)?
        } else {
            judged
        };
        let values = self.config.values();
        if let Some(tried) = &self.tried {
            tried.bonuses(next, &mut scratch.bonuses);
        }
        backups(values, &sampled, &chosen, &judged, &scratch.bonuses, &mut scratch.targets);

        // The mean of w·ℓ(Z(s, a; θ), y), and its gradient: only the action taken has one.
        online.forward_train(&sampled.observations, &mut scratch.online, rng)?;
        let (outputs, mut gradient) = scratch.online.outputs_and_gradient_mut();
        gradient.fill(0.0);
        scratch.priorities.clear();
        let teacher_weight = self
            .config
            .teacher()
            .map_or(0.0, |(_, weight)| self.teacher_weight * weight.at(self.steps));
        let (mut loss, mut sum_q, atoms) = (0.0, 0.0, values.atoms());
        let per_row = 1.0 / self.config.batch_size() as f32;
        let rows = outputs.rows().into_iter().zip(gradient.rows_mut());
        for (row, (outputs, gradient)) in rows.enumerate() {
            let taken =
                sampled.actions[row] as usize * atoms..(sampled.actions[row] as usize + 1) * atoms;
            let outputs = &outputs.to_slice().unwrap_or_default()[taken.clone()];
            let gradient = &mut gradient.into_slice().unwrap_or_default()[taken];
            let target = &scratch.targets[row * atoms..(row + 1) * atoms];
            let of_row = values.loss(self.config.loss(), outputs, target, gradient);
            let weight = per_row * sampled.weights[row];
            gradient.iter_mut().for_each(|slope| *slope *= weight);
            loss += f64::from(weight * of_row.loss);
            sum_q += f64::from(values.mean(outputs));
            scratch.priorities.push(of_row.error);
        }
        loss += extra_terms(&self.config, teacher_weight, &sampled, &outputs, &mut gradient)?;
        let diverged = |loss| Error::Diverged { update: self.updates, loss };
        if !loss.is_finite() {
            return Err(diverged(loss));
        }

        // One step of Adam down the clipped gradient.
        online.backward(&sampled.observations, &mut scratch.online)?;
        let gradients = scratch.online.gradients_mut();
        let gradient_norm = clip_norm(gradients, self.config.max_gradient_norm());
        if !gradient_norm.is_finite() {
            return Err(diverged(loss));
        }
        self.adam.step(self.online.mlp_mut().parameters_mut(), gradients)?;
        scratch.actor = None;

        // The priority of a transition is its error.
        self.memory.buffer_mut().set_priorities(scratch.batch.items(), &scratch.priorities)?;

        // Every C updates, θ⁻ ← θ (or a step of size τ towards it).
        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_update_every()) {
            self.target.mlp_mut().blend(self.online.mlp(), self.config.tau() as f32)?;
        }
        let mean_q = sum_q * f64::from(per_row);
        Ok(Update { loss, mean_q, gradient_norm })
    }
}

/// For each row, `y = R + d·Z(s', a*)`, with a* by `chosen` and Z by `judged`, which are the same for
/// plain targets; `bonuses`, `[batch · actions]` or none, are added to both.
fn backups(
    values: Values,
    sampled: &Sampled<'_>,
    chosen: &ArrayView2<'_, f32>,
    judged: &ArrayView2<'_, f32>,
    bonuses: &[f32],
    targets: &mut Vec<f32>,
) {
    let atoms = values.atoms();
    targets.resize(chosen.nrows() * atoms, 0.0);
    let mut bonuses = bonuses.chunks_exact(chosen.ncols() / atoms);
    let rows = chosen.rows().into_iter().zip(judged.rows()).zip(targets.chunks_exact_mut(atoms));
    for (row, ((chosen, judged), target)) in rows.enumerate() {
        let bonuses = bonuses.next().unwrap_or_default();
        let best = values.best_with(chosen.to_slice().unwrap_or_default(), bonuses);
        let next = &judged.to_slice().unwrap_or_default()[best * atoms..(best + 1) * atoms];
        let (reward, discount) = (sampled.rewards[row], sampled.discounts[row]);
        let bonus = discount * bonuses.get(best).copied().unwrap_or(0.0);
        values.backup(reward + bonus, discount, next, target);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn plain_and_double_targets_worked_by_hand() {
        let observations = array![[0.0_f32], [0.0], [0.0]];
        let sampled = Sampled {
            observations: observations.view(),
            actions: &[0, 0, 0],
            rewards: &[1.0, -2.0, 3.0],
            next_observations: observations.view(),
            discounts: &[0.5, 0.5, 0.0],
            teacher: None,
            weights: &[1.0; 3],
        };
        let online = array![[1.0_f32, 2.0], [5.0, 4.0], [9.0, 9.0]];
        let target = array![[10.0_f32, 20.0], [30.0, 40.0], [50.0, 60.0]];
        let (values, mut got) = (Values::Expected, Vec::new());
        // Plain: the largest of the target network's own values; nothing after a terminal state.
        backups(values, &sampled, &target.view(), &target.view(), &[], &mut got);
        assert_eq!(got, [1.0 + 0.5 * 20.0, -2.0 + 0.5 * 40.0, 3.0]);
        // Double: the online network chooses, the target network judges. Row 1 differs.
        backups(values, &sampled, &online.view(), &target.view(), &[], &mut got);
        assert_eq!(got, [1.0 + 0.5 * 20.0, -2.0 + 0.5 * 30.0, 3.0]);
        // Optimism chooses and counts: 2 + 0 < 1 + 3, 5 + 0 > 4 + 0.5; still nothing after the end.
        let bonuses = [3.0, 0.0, 0.0, 0.5, 7.0, 7.0];
        backups(values, &sampled, &online.view(), &target.view(), &bonuses, &mut got);
        assert_eq!(got, [1.0 + 0.5 * (10.0 + 3.0), -2.0 + 0.5 * 30.0, 3.0]);
    }

    #[test]
    fn a_target_of_quantiles_is_that_of_the_action_with_the_best_mean() {
        let observations = array![[0.0_f32]];
        let sampled = Sampled {
            observations: observations.view(),
            actions: &[0],
            rewards: &[1.0],
            next_observations: observations.view(),
            discounts: &[0.5],
            teacher: None,
            weights: &[1.0],
        };
        // Means 2 and 3: the second action.
        let outputs = array![[0.0_f32, 4.0, 1.0, 5.0]];
        let mut got = Vec::new();
        let values = Values::quantile(2).unwrap();
        backups(values, &sampled, &outputs.view(), &outputs.view(), &[], &mut got);
        assert_eq!(got, [1.5, 3.5]);
    }
}
