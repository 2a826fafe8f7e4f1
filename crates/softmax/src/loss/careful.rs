//! Rows that the kernels do not take as they are: masked classes, logits or temperatures beyond their
//! reach. They are rare; here they become rows that have the same loss and that the kernels take.

use crate::kernel::Element;
use crate::temperature::{Temperature, maximum};

/// A copy of a row whose largest logit is 0 and whose masked classes are so far below it that they have
/// no probability.
pub(super) fn centred<F: Element>(temperature: &Temperature<F>, row: &[F]) -> Vec<F> {
    let mut centred = row.to_vec();
    temperature.centre(&mut centred, maximum(row));
    for x in &mut centred {
        if *x == F::MASKED {
            *x = temperature.of_centred().nothing();
        }
    }
    centred
}

/// The first class that is masked in `logits` although `mass` puts something on it.
pub(super) fn masked_with_mass<F: Element>(
    logits: &[F],
    mass: impl Fn(usize) -> bool,
) -> Option<usize> {
    (0..logits.len()).find(|&class| logits[class] == F::MASKED && mass(class))
}

/// Which classes have a probability that is more than 0 in this precision.
pub(super) fn has_mass<F: Element>(logits: &[F], temperature: f64) -> impl Fn(usize) -> bool {
    let max = maximum(logits).widen();
    let exponential = move |x: F| ((x.widen() - max) / temperature).exp();
    let sum: f64 = logits.iter().map(|&x| exponential(x)).sum();
    move |class| F::narrow(exponential(logits[class]) / sum) > F::default()
}
