//! The paper's correction: a student that never saw a class learns the wrong bias for it, so the biases
//! of these classes are moved together by what is best on the test set.

use ndarray::Array2;
use reflux_nn::argmax;

/// The amounts that are tried are multiples of this, up to [`FARTHEST`] in both directions.
const STEP: f32 = 0.1;
const FARTHEST: i32 = 200;

/// By how much to move the logits of `classes` for the fewest errors; the least move among equals.
pub(super) fn best_bias(logits: &Array2<f32>, labels: &[usize], classes: &[usize]) -> f32 {
    let moved = |bias: f32| {
        let mut logits = logits.clone();
        move_by(&mut logits, classes, bias);
        errors(&logits, labels)
    };
    let steps = (-FARTHEST..=FARTHEST).map(|step| step as f32 * STEP);
    let best = steps.min_by(|a, b| {
        let by_errors = moved(*a).cmp(&moved(*b));
        by_errors.then(a.abs().total_cmp(&b.abs()))
    });
    best.unwrap_or(0.0)
}

/// Adds `bias` to the logits of `classes`.
pub(super) fn move_by(logits: &mut Array2<f32>, classes: &[usize], bias: f32) {
    for &class in classes {
        logits.column_mut(class).mapv_inplace(|logit| logit + bias);
    }
}

/// How many rows have another largest logit than their label's.
pub(super) fn errors(logits: &Array2<f32>, labels: &[usize]) -> usize {
    logits.rows().into_iter().zip(labels).filter(|(row, label)| argmax(*row) != **label).count()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_bias_is_the_smallest_that_makes_the_fewest_errors() {
        // Class 1 is always 2 too low, and never right; 1.05 more is too much for the last row.
        let logits = array![[1.0, 0.0], [2.0, 1.0], [0.0, -3.05], [4.0, 1.5]];
        assert_eq!(errors(&logits, &[1, 1, 0, 1]), 3);
        let bias = best_bias(&logits, &[1, 1, 0, 1], &[1]);
        assert!((2.5..2.65).contains(&bias), "{bias}");
        assert_eq!(best_bias(&logits, &[0, 0, 0, 0], &[1]), 0.0);
    }
}
