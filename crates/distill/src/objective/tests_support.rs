//! What the tests of the objectives share.

use approx::assert_relative_eq;
use ndarray::{Array2, array};

use crate::Result;

/// A student's and a teacher's logits `[4, 4]`.
pub(crate) fn logits() -> (Array2<f64>, Array2<f64>) {
    (
        array![
            [0.3, -1.2, 2.0, 0.7],
            [4.0, 0.0, -3.0, 1.1],
            [1.0, 1.25, 1.0, 0.5],
            [-0.4, 0.9, 0.2, -2.2]
        ],
        array![
            [5.0, 1.0, -2.0, 0.5],
            [0.0, 3.0, 2.5, -1.0],
            [2.0, -2.5, 0.0, 1.5],
            [1.0, 0.25, 0.3, 3.0]
        ],
    )
}

/// That the gradient which `loss` writes is that of its value, by central differences with Richardson's
/// extrapolation of two step widths.
pub(crate) fn assert_gradient(
    at: &Array2<f64>,
    mut loss: impl FnMut(&Array2<f64>, &mut Array2<f64>) -> Result<f64>,
) {
    let mut gradient = Array2::zeros(at.dim());
    loss(at, &mut gradient).unwrap();
    let mut scratch = Array2::zeros(at.dim());
    let mut difference = |index, h: f64| {
        let mut moved = at.clone();
        moved[index] = at[index] + h;
        let above = loss(&moved, &mut scratch).unwrap();
        moved[index] = at[index] - h;
        (above - loss(&moved, &mut scratch).unwrap()) / (2.0 * h)
    };
    let expected = Array2::from_shape_fn(at.dim(), |index| {
        (4.0 * difference(index, 1e-3) - difference(index, 2e-3)) / 3.0
    });
    assert!(expected.iter().any(|slope| slope.abs() > 1e-3), "{expected}");
    assert_relative_eq!(gradient, expected, max_relative = 1e-7, epsilon = 1e-8);
}

/// A student's features `[5, 3]` and a teacher's `[5, 4]`.
pub(crate) fn features() -> (Array2<f64>, Array2<f64>) {
    (
        array![
            [0.5, 1.0, -0.3],
            [2.0, 0.1, 0.7],
            [-1.0, 0.4, 1.5],
            [0.2, -0.8, 0.9],
            [1.2, 0.6, -1.1]
        ],
        array![
            [1.0, 0.0, 2.0, 0.5],
            [0.3, 1.5, -0.5, 1.0],
            [-0.7, 0.8, 0.1, 2.0],
            [1.1, -0.2, 0.6, -1.0],
            [0.0, 0.9, 1.3, 0.4]
        ],
    )
}
