//! Quantile regression of returns.
//!
//! ```text
//! Z(s, a) = {θ_1 … θ_N},  Q = mean θ,  τ_i = (i − ½)/N
//! T_j = r + d·θ⁻_j(s', a*)
//! L = Σ_i mean_j |τ_i − 1{T_j < θ_i}| · Huber_κ(T_j − θ_i)/κ
//! ```
//!
//! Dabney, Rowland, Bellemare & Munos 2018, arXiv:1710.10044, equations 9, 10 and algorithm 1.

use super::RowLoss;

pub(super) fn mean(outputs: &[f32]) -> f32 {
    outputs.iter().sum::<f32>() / outputs.len() as f32
}

pub(super) fn loss(outputs: &[f32], targets: &[f32], kappa: f32, gradient: &mut [f32]) -> RowLoss {
    let n = outputs.len() as f32;
    let mut loss = 0.0;
    for (i, (&quantile, slope)) in outputs.iter().zip(gradient.iter_mut()).enumerate() {
        let tau = (i as f32 + 0.5) / n;
        let (mut sum, mut sum_of_slopes) = (0.0, 0.0);
        for &target in targets {
            let error = target - quantile;
            let weight = if error < 0.0 { 1.0 - tau } else { tau };
            // Written so that a NaN stays one.
            let huber = if error.abs() > kappa {
                error.abs() - 0.5 * kappa
            } else {
                0.5 * error * error / kappa
            };
            sum += weight * huber;
            let clipped = if error.abs() > kappa { error.signum() } else { error / kappa };
            sum_of_slopes -= weight * clipped;
        }
        loss += sum / n;
        *slope = sum_of_slopes / n;
    }
    RowLoss { loss, error: (mean(targets) - mean(outputs)).abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_two_quantiles_worked_by_hand() {
        // τ = ¼, ¾; errors T − θ: for θ = 0: 0.5, 3; for θ = 1: −0.5, 2. κ = 1.
        let mut gradient = [0.0; 2];
        let row = loss(&[0.0, 1.0], &[0.5, 3.0], 1.0, &mut gradient);
        let first = (0.25 * 0.125 + 0.25 * 2.5) / 2.0;
        let second = (0.25 * 0.125 + 0.75 * 1.5) / 2.0;
        assert_eq!(row, RowLoss { loss: first + second, error: 1.25 });
        assert_eq!(gradient, [-(0.25 * 0.5 + 0.25) / 2.0, -(0.75 - 0.25 * 0.5) / 2.0]);
    }

    #[test]
    fn gradients_match_central_differences() {
        let (outputs, targets) = ([0.3_f32, -1.0, 2.5], [0.8_f32, -0.2, 4.0]);
        let mut gradient = [0.0; 3];
        loss(&outputs, &targets, 0.7, &mut gradient);
        for i in 0..3 {
            let value = |change: f32| {
                let mut moved = outputs;
                moved[i] += change;
                loss(&moved, &targets, 0.7, &mut [0.0; 3]).loss
            };
            let expected = (value(0.01) - value(-0.01)) / 0.02;
            assert!((gradient[i] - expected).abs() < 1e-3, "{} {expected}", gradient[i]);
        }
    }

    #[test]
    fn the_quantiles_of_a_known_distribution_have_no_gradient() {
        // Of the targets 0, 1, 2, 3, the median lies between 1 and 2: equally many on each side.
        let mut gradient = [0.0];
        loss(&[1.5], &[0.0, 1.0, 2.0, 3.0], 1e-6, &mut gradient);
        assert_eq!(gradient, [0.0]);
    }
}
