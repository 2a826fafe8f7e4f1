//! Matrices that an objective works in, taken once and used again in every step.

use ndarray::ArrayViewMut2;
use reflux_nn::Real;

/// Memory of an objective. It is no part of what the objective is: all are equal, and a copy of one
/// starts empty.
#[derive(Debug)]
pub(crate) struct Memory<F>(Vec<F>);

impl<F: Real> Memory<F> {
    /// `N` matrices of these shapes, whose values are whatever was left there.
    #[allow(clippy::expect_used)]
    pub(crate) fn matrices<const N: usize>(
        &mut self,
        shapes: [(usize, usize); N],
    ) -> [ArrayViewMut2<'_, F>; N] {
        let len = shapes.iter().map(|(rows, columns)| rows * columns).sum();
        if self.0.len() < len {
            self.0.resize(len, F::zero());
        }
        let mut rest = self.0.as_mut_slice();
        shapes.map(|shape| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(shape.0 * shape.1);
            rest = others;
            ArrayViewMut2::from_shape(shape, own).expect("as long as its shape says")
        })
    }
}

impl<F> Default for Memory<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> Clone for Memory<F> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<F> PartialEq for Memory<F> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
