//! What the losses' tests share.

use ndarray::Array2;

/// The gradient of `loss` at `logits` by central differences, with Richardson's extrapolation of two
/// step widths, so that what is left of the error is of order h⁴.
pub(crate) fn central_differences(
    logits: &Array2<f64>,
    loss: impl Fn(&Array2<f64>) -> f64,
) -> Array2<f64> {
    let difference = |at, h: f64| {
        let mut moved = logits.clone();
        moved[at] = logits[at] + h;
        let above = loss(&moved);
        moved[at] = logits[at] - h;
        (above - loss(&moved)) / (2.0 * h)
    };
    Array2::from_shape_fn(logits.dim(), |at| {
        let (wide, narrow) = (difference(at, 2e-3), difference(at, 1e-3));
        (4.0 * narrow - wide) / 3.0
    })
}
