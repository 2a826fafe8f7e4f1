//! The Jensen-Shannon divergence.
//!
//! With `t_i = (q_i − p_i)/(q_i + p_i)`, so that `q_i/m_i = 1 + t_i` and `p_i/m_i = 1 − t_i`,
//!
//! ```text
//! D = ½ Σ_i p_i log(1 − t_i) + ½ A        A = Σ_i q_i log(1 + t_i)
//! ∂D/∂(x_i/T) = ½·q_i·(log(1 + t_i) − A)
//! ```

use crate::kernel::{Element, Simd, ln_1p, map_aligned, map_into};
use crate::loss::part::Row;
use crate::loss::softened::{splat, two_sides};
use crate::temperature::Temperature;

/// The divergence of a row; the gradient times the row's factor goes to `row.gradient`.
#[inline(always)]
pub(super) fn row<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: Row<'_, F>,
) -> Option<f64> {
    let Row { logits, other, factor, gradient, spare: [ex, ez], .. } = row;
    let zero = F::splat(s, F::default());
    let (student, teacher, _) = two_sides(
        s,
        temperature,
        [logits, other],
        [&mut *ex, &mut *ez],
        None,
        #[inline(always)]
        |_| zero,
    )?;
    let (scale_q, scale_p) = (splat::<S, F>(s, student.scale()), splat::<S, F>(s, teacher.scale()));
    // Where one probability is 0, t is ±1 and log(1 ∓ t) is not needed: what is short of 1 by a
    // rounding will do. Where both are 0, the least normal number keeps t from being NaN.
    let most = splat::<S, F>(s, 1.0 - F::EPSILON);
    let least = splat::<S, F>(s, -1.0 + F::EPSILON);
    let tiny = F::splat(s, F::TINY);
    let (mut teachers, mut students) = (zero, zero);
    map_into(
        s,
        [&*ex, &*ez],
        [F::default(); 2],
        [&mut *gradient],
        #[inline(always)]
        |[ex, ez]| {
            let (q, p) = (F::mul(s, ex, scale_q), F::mul(s, ez, scale_p));
            let t = F::div(s, F::sub(s, q, p), F::max(s, F::add(s, q, p), tiny));
            let t = F::max(s, F::min(s, t, most), least);
            let above = ln_1p::<S, F>(s, t);
            students = F::mul_add(s, q, above, students);
            teachers = F::mul_add(s, p, ln_1p::<S, F>(s, F::sub(s, zero, t)), teachers);
            [above]
        },
    );
    let students = F::reduce_sum(s, students).widen();
    let divergence = 0.5 * (students + F::reduce_sum(s, teachers).widen());

    let scale = splat::<S, F>(s, 0.5 * factor * student.scale());
    let mean = splat::<S, F>(s, students);
    // In place of the logarithms, which are in the gradient's row.
    ez.copy_from_slice(gradient);
    map_aligned(
        s,
        [ex, ez],
        gradient,
        #[inline(always)]
        |[e, above]| F::mul(s, F::mul(s, e, scale), F::sub(s, above, mean)),
    );
    // NaN in a logit makes a sum NaN, and the comparisons above lose it.
    let fit = (student.scale() + teacher.scale()).is_finite();
    fit.then_some(divergence)
}
