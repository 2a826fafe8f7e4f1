//! The dueling head: a value and an advantage for each action become action values.
//!
//! ```text
//! Q(a) = V + A(a) − mean_a' A(a')
//! ```
//!
//! Wang et al. 2016, arXiv:1511.06581, equation 9. With several atoms (quantiles or categories) an
//! action, each atom has a value of its own, as in Rainbow (Hessel et al. 2018, arXiv:1710.02298).

use ndarray::ArrayView2;
use reflux_softmax::Real;

/// The layer below gives the `atoms` of V and then those of each action's advantage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dueling {
    pub(crate) actions: usize,
    pub(crate) atoms: usize,
}

impl Dueling {
    pub(crate) fn inputs(&self) -> usize {
        (self.actions + 1) * self.atoms
    }

    pub(crate) fn outputs(&self) -> usize {
        self.actions * self.atoms
    }

    pub(super) fn forward<F: Real>(&self, inputs: ArrayView2<'_, F>, outputs: &mut [F]) {
        let rows = inputs.ncols();
        let per_action = F::from_f64(1.0 / self.actions as f64);
        for atom in 0..self.atoms {
            for row in 0..rows {
                let advantage = |action: usize| inputs[[(action + 1) * self.atoms + atom, row]];
                let mean = (0..self.actions).map(advantage).sum::<F>() * per_action;
                for action in 0..self.actions {
                    outputs[(action * self.atoms + atom) * rows + row] =
                        inputs[[atom, row]] + advantage(action) - mean;
                }
            }
        }
    }

    pub(super) fn input_gradient<F: Real>(&self, delta: &[F], below: &mut [F]) {
        let rows = delta.len() / self.outputs();
        let per_action = F::from_f64(1.0 / self.actions as f64);
        for atom in 0..self.atoms {
            for row in 0..rows {
                let at = |action: usize| (action * self.atoms + atom) * rows + row;
                let sum = (0..self.actions).map(|action| delta[at(action)]).sum::<F>();
                below[atom * rows + row] = sum;
                for action in 0..self.actions {
                    below[at(action + 1)] = delta[at(action)] - sum * per_action;
                }
            }
        }
    }
}
