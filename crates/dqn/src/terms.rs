//! What may be added to the loss of temporal differences.
//!
//! ```text
//! conservative       α·(log Σ_a exp Q(s, a) − Q(s, a_data))      CQL(H): Kumar et al. 2020, eq. 4
//! behavior cloning   λ·(max_a [Q(s, a) + m·1{a ≠ a_data}] − Q(s, a_data)),  m = 0.8
//!                                                                Hester et al. 2018
//! teacher            λ_t·ℓ(Q(s, ·), Q_teacher(s, ·))             Schmitt et al. 2018
//! ```
//!
//! Each is a mean over the batch, on the expected returns Q; its slope goes on to the atoms.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use reflux_softmax::CrossEntropy;

use crate::memory::Sampled;
use crate::q_network::means;
use crate::{DqnConfig, Result};

/// By how much the action in the data should be better than all others (Hester et al. 2018).
const MARGIN: f32 = 0.8;

/// Adds the gradient of all terms, the teacher's with this weight, with respect to the outputs `[batch, actions · atoms]`; gives their
/// sum.
pub(crate) fn extra_terms(
    config: &DqnConfig,
    teacher_weight: f64,
    sampled: &Sampled<'_>,
    outputs: &ArrayView2<'_, f32>,
    gradient: &mut ArrayViewMut2<'_, f32>,
) -> Result<f64> {
    let (conservative, cloning) = (config.conservative(), config.behavior_cloning());
    let teacher = config.teacher().map(|(loss, _)| (loss, teacher_weight));
    let teacher = teacher.filter(|(_, weight)| *weight > 0.0);
    if conservative == 0.0 && cloning == 0.0 && teacher.is_none() {
        return Ok(0.0);
    }
    let values = means(config.values(), outputs);
    let mut slopes = Array2::<f32>::zeros(values.dim());
    let mut sum = 0.0;
    if conservative > 0.0 {
        // Of values as logits, this is the cross-entropy with the action in the data.
        let actions: Vec<usize> = sampled.actions.iter().map(|&action| action as usize).collect();
        let mut slope = Array2::zeros(values.dim());
        let loss = CrossEntropy::new().value_and_gradient(&values, &actions, &mut slope)?;
        sum += conservative * f64::from(loss);
        slopes.scaled_add(conservative as f32, &slope);
    }
    if cloning > 0.0 {
        sum += cloning * margin(&values, sampled.actions, cloning as f32, &mut slopes);
    }
    if let (Some((loss, weight)), Some(said)) = (teacher, sampled.teacher) {
        let mut slope = Array2::zeros(values.dim());
        sum += weight * f64::from(loss.value_and_gradient(&values, &said, &mut slope)?);
        slopes.scaled_add(weight as f32, &slope);
    }

    let atoms = config.values().atoms();
    let rows = slopes.rows().into_iter().zip(outputs.rows()).zip(gradient.rows_mut());
    for ((slopes, outputs), gradient) in rows {
        let outputs = outputs.to_slice().unwrap_or_default().chunks_exact(atoms);
        let gradient = gradient.into_slice().unwrap_or_default().chunks_exact_mut(atoms);
        for ((&slope, outputs), gradient) in slopes.iter().zip(outputs).zip(gradient) {
            config.values().add_slope_of_mean(slope, outputs, gradient);
        }
    }
    Ok(sum)
}

/// The mean large-margin loss; adds `weight` times its slopes.
fn margin(values: &Array2<f32>, actions: &[i64], weight: f32, slopes: &mut Array2<f32>) -> f64 {
    let per_row = 1.0 / values.nrows() as f32;
    let mut sum = 0.0;
    for (row, &taken) in actions.iter().enumerate() {
        let taken = taken as usize;
        let (mut worst, mut largest) = (taken, values[[row, taken]]);
        for (action, value) in values.row(row).iter().enumerate() {
            if action != taken && value + MARGIN > largest {
                (worst, largest) = (action, value + MARGIN);
            }
        }
        sum += f64::from(largest - values[[row, taken]]);
        slopes[[row, worst]] += weight * per_row;
        slopes[[row, taken]] -= weight * per_row;
    }
    sum * f64::from(per_row)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{PolicyLoss, Schedule, Values};

    /// Terms on two actions with the values 0 and ln 3, where the data has the first.
    fn terms(config: DqnConfig, teacher: Option<ArrayView2<'_, f32>>) -> (f64, Array2<f32>) {
        let observations = array![[0.0_f32]];
        let sampled = Sampled {
            observations: observations.view(),
            actions: &[0],
            rewards: &[0.0],
            next_observations: observations.view(),
            discounts: &[0.0],
            teacher,
            weights: &[1.0],
        };
        let outputs = array![[0.0, 3.0_f32.ln()]];
        let mut gradient = Array2::zeros((1, 2));
        let weight = config.teacher().map_or(0.0, |(_, weight)| weight.at(50));
        let sum = extra_terms(&config, weight, &sampled, &outputs.view(), &mut gradient.view_mut())
            .unwrap();
        (sum, gradient)
    }

    fn close(got: (f64, Array2<f32>), sum: f64, gradient: [f32; 2]) {
        let near = (got.0 - sum).abs() < 1e-6
            && got.1.iter().zip(gradient).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near, "{got:?} is not {sum} {gradient:?}");
    }

    #[test]
    fn each_term_worked_by_hand() {
        let config = DqnConfig::new;
        assert_eq!(terms(config(), None), (0.0, array![[0.0, 0.0]]));
        // log(1 + 3) − 0; softmax is [¼, ¾].
        let conservative = terms(config().with_conservative(2.0).unwrap(), None);
        close(conservative, 2.0 * 4.0_f64.ln(), [-1.5, 1.5]);
        let cloning = terms(config().with_behavior_cloning(0.5).unwrap(), None);
        close(cloning, 0.5 * (3.0_f64.ln() + 0.8), [-0.5, 0.5]);
        // A weight that falls from 1 to 0 in 100 steps is ½ at step 50.
        let weight = Schedule::linear(1.0, 0.0, 100).unwrap();
        let teacher = config().with_teacher(Some((PolicyLoss::NegativeLogLikelihood, weight)));
        let said = array![[2.0, 1.0]];
        close(terms(teacher.unwrap(), Some(said.view())), 0.5 * 4.0_f64.ln(), [-0.375, 0.375]);
    }

    #[test]
    fn the_slope_of_a_mean_of_quantiles_is_shared_by_them() {
        let observations = array![[0.0_f32]];
        let sampled = Sampled {
            observations: observations.view(),
            actions: &[0],
            rewards: &[0.0],
            next_observations: observations.view(),
            discounts: &[0.0],
            teacher: None,
            weights: &[1.0],
        };
        let config = DqnConfig::new().with_values(Values::quantile(2).unwrap()).unwrap();
        let config = config.with_conservative(1.0).unwrap();
        let outputs = array![[1.0, 3.0, 4.0, 0.0]];
        let mut gradient = Array2::zeros((1, 4));
        extra_terms(&config, 0.0, &sampled, &outputs.view(), &mut gradient.view_mut()).unwrap();
        assert_eq!(gradient, array![[-0.25, -0.25, 0.25, 0.25]]);
    }
}
