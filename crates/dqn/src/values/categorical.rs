//! Distributions of returns over fixed atoms.
//!
//! ```text
//! z_i = min + i·Δ,  Δ = (max − min)/(N − 1),  p = softmax(outputs),  Q = Σ p_i z_i
//! m_i = Σ_j p_j(s', a*) · [1 − |clip(r + d·z_j) − z_i|/Δ]₊          the projected target
//! L   = −Σ_i m_i log p_i
//! ```
//!
//! Bellemare, Dabney & Munos 2017, arXiv:1707.06887, equation 7 and algorithm 1.

use super::RowLoss;

/// The largest output and the sum of exponentials relative to it.
fn partition(outputs: &[f32]) -> (f32, f32) {
    let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (largest, outputs.iter().map(|output| (output - largest).exp()).sum())
}

/// Where the atoms are.
fn atoms(count: usize, min: f64, max: f64) -> impl Iterator<Item = f32> {
    let step = (max - min) / (count - 1) as f64;
    (0..count).map(move |i| (min + i as f64 * step) as f32)
}

pub(super) fn mean(outputs: &[f32], min: f64, max: f64) -> f32 {
    let (largest, sum) = partition(outputs);
    let weighted = outputs.iter().zip(atoms(outputs.len(), min, max));
    weighted.map(|(output, atom)| (output - largest).exp() * atom).sum::<f32>() / sum
}

pub(super) fn project(
    reward: f32,
    discount: f32,
    next: &[f32],
    min: f64,
    max: f64,
    target: &mut [f32],
) {
    let (largest, sum) = partition(next);
    let last = next.len() - 1;
    let per_step = last as f32 / (max - min) as f32;
    target.fill(0.0);
    for (output, atom) in next.iter().zip(atoms(next.len(), min, max)) {
        let p = (output - largest).exp() / sum;
        let moved = (reward + discount * atom).clamp(min as f32, max as f32);
        let place = ((moved - min as f32) * per_step).clamp(0.0, last as f32);
        let (below, part) = (place.floor(), place.fract());
        target[below as usize] += p * (1.0 - part);
        target[(below as usize + 1).min(last)] += p * part;
    }
}

pub(super) fn loss(outputs: &[f32], target: &[f32], gradient: &mut [f32]) -> RowLoss {
    let (largest, sum) = partition(outputs);
    let log_sum = largest + sum.ln();
    let mut loss = 0.0;
    for ((&output, &m), gradient) in outputs.iter().zip(target).zip(gradient) {
        loss += m * (log_sum - output);
        *gradient = (output - log_sum).exp() - m;
    }
    // As Hessel et al. 2018 (Rainbow), the loss is the priority.
    RowLoss { loss, error: loss }
}

pub(super) fn add_slope_of_mean(
    slope: f32,
    outputs: &[f32],
    min: f64,
    max: f64,
    gradient: &mut [f32],
) {
    let (largest, sum) = partition(outputs);
    let value = mean(outputs, min, max);
    let rows = outputs.iter().zip(atoms(outputs.len(), min, max)).zip(gradient);
    for ((output, atom), gradient) in rows {
        *gradient += slope * (output - largest).exp() / sum * (atom - value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: &[f32], expected: &[f32]) {
        let near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near, "{got:?} is not {expected:?}");
    }

    #[test]
    fn a_projection_worked_by_hand() {
        // Atoms 0, 1, 2 with probabilities ½, ¼, ¼; r = 0.5, d = 0.5: they move to 0.5, 1, 1.5.
        let next = [2.0_f32.ln(), 0.0, 0.0];
        let mut target = [0.0; 3];
        project(0.5, 0.5, &next, 0.0, 2.0, &mut target);
        close(&target, &[0.25, 0.25 + 0.25 + 0.125, 0.125]);
        // Beyond the last atom, everything is on it; after the end, everything is on the reward.
        project(9.0, 0.5, &next, 0.0, 2.0, &mut target);
        close(&target, &[0.0, 0.0, 1.0]);
        project(1.25, 0.0, &next, 0.0, 2.0, &mut target);
        close(&target, &[0.0, 0.75, 0.25]);
    }

    #[test]
    fn the_loss_is_the_cross_entropy_and_its_gradient_the_difference() {
        let (outputs, target) = ([2.0_f32.ln(), 0.0, 0.0], [0.0, 1.0, 0.0]);
        let mut gradient = [0.0; 3];
        let row = loss(&outputs, &target, &mut gradient);
        close(&[row.loss], &[4.0_f32.ln()]);
        close(&gradient, &[0.5, -0.75, 0.25]);
        close(&[mean(&outputs, 0.0, 2.0)], &[0.75]);
    }

    #[test]
    fn the_slope_of_the_mean_matches_central_differences() {
        let outputs = [0.3_f32, -1.0, 0.7];
        let mut gradient = [0.0; 3];
        add_slope_of_mean(2.0, &outputs, -1.0, 3.0, &mut gradient);
        for i in 0..3 {
            let value = |change: f32| {
                let mut moved = outputs;
                moved[i] += change;
                2.0 * mean(&moved, -1.0, 3.0)
            };
            let expected = (value(0.01) - value(-0.01)) / 0.02;
            assert!((gradient[i] - expected).abs() < 1e-3, "{} {expected}", gradient[i]);
        }
    }
}
