//! The total variation distance.
//!
//! With `s_i` the sign of `q_i − p_i`,
//!
//! ```text
//! D = ½ Σ_i |q_i − p_i|        ∂D/∂(x_i/T) = ½·q_i·(s_i − Σ_j q_j s_j)
//! ```

use crate::kernel::{Element, Simd, map, map_aligned};
use crate::loss::part::Row;
use crate::loss::softened::{splat, two_sides};
use crate::temperature::Temperature;

/// The distance of a row; the gradient times the row's factor goes to `row.gradient`.
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
    let (mut distance, mut signed) = (zero, zero);
    map(
        s,
        [&*ex, &*ez],
        [F::default(); 2],
        #[inline(always)]
        |[ex, ez]| {
            let (q, p) = (F::mul(s, ex, scale_q), F::mul(s, ez, scale_p));
            distance = F::add(s, distance, F::abs(s, F::sub(s, q, p)));
            signed = F::mul_add(s, q, sign::<S, F>(s, q, p), signed);
        },
    );
    let scale = splat::<S, F>(s, 0.5 * factor);
    let mean = splat::<S, F>(s, F::reduce_sum(s, signed).widen());
    map_aligned(
        s,
        [ex, ez],
        gradient,
        #[inline(always)]
        |[ex, ez]| {
            let (q, p) = (F::mul(s, ex, scale_q), F::mul(s, ez, scale_p));
            F::mul(s, F::mul(s, q, scale), F::sub(s, sign::<S, F>(s, q, p), mean))
        },
    );
    Some(0.5 * F::reduce_sum(s, distance).widen())
}

/// −1, 0 or 1, as `q` is below, at or above `p`.
#[inline(always)]
fn sign<S: Simd, F: Element>(s: S, q: F::V<S>, p: F::V<S>) -> F::V<S> {
    let (minus, zero, plus) =
        (splat::<S, F>(s, -1.0), splat::<S, F>(s, 0.0), splat::<S, F>(s, 1.0));
    F::where_less(s, p, q, plus, F::where_less(s, q, p, minus, zero))
}
