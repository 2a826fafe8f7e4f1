//! The forward Kullback-Leibler divergence.
//!
//! ```text
//! D = Σ_i p_i log(p_i/q_i)        ∂D/∂(x_i/T) = q_i − p_i
//! ```

use crate::kernel::{Element, Simd, update_aligned};
use crate::loss::part::Row;
use crate::loss::softened::{Softened, splat, two_sides};
use crate::temperature::Temperature;

/// The divergence of a row; the gradient times the row's factor goes to `row.gradient`.
#[inline(always)]
pub(super) fn row<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: Row<'_, F>,
) -> Option<f64> {
    let Row { logits, other, factor, gradient, spare: [ez, _], .. } = row;
    let (student, teacher, weighted) = two_sides(
        s,
        temperature,
        [logits, other],
        [&mut *gradient, &mut *ez],
        None,
        #[inline(always)]
        |[dx, dz, _, ez]| F::mul(s, ez, F::sub(s, dz, dx)),
    )?;
    let q = splat::<S, F>(s, factor * student.scale());
    let p = splat::<S, F>(s, -factor * teacher.scale());
    update_aligned(
        s,
        gradient,
        [ez],
        #[inline(always)]
        |ex, [ez]| F::mul_add(s, ex, q, F::mul(s, ez, p)),
    );
    Some(from_sums(temperature, &student, &teacher, weighted))
}

/// The divergence, from the teacher's exponentials times `(z − max) − (x − max)`, summed: for
/// `log(p/q) = (z − x)/T − log Σ exp(z/T) + log Σ exp(x/T)`.
#[inline(always)]
pub(in crate::loss) fn from_sums<F: Element>(
    temperature: &Temperature<F>,
    student: &Softened<F>,
    teacher: &Softened<F>,
    weighted: f64,
) -> f64 {
    weighted * teacher.scale() / temperature.value() - teacher.log_sum() + student.log_sum()
}
