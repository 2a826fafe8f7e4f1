//! The reverse Kullback-Leibler divergence.
//!
//! ```text
//! D = Σ_i q_i log(q_i/p_i)        ∂D/∂(x_i/T) = q_i·(log(q_i/p_i) − D)
//! ```

use crate::kernel::{Element, Simd, map_aligned};
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
    let mut least = F::splat(s, F::default());
    let (student, teacher, weighted) = two_sides(
        s,
        temperature,
        [logits, other],
        [&mut *ex, ez],
        None,
        #[inline(always)]
        |[dx, dz, ex, _]| {
            least = F::min(s, least, F::min(s, dx, dz));
            F::mul(s, ex, F::sub(s, dx, dz))
        },
    )?;
    if F::reduce_min(s, least).widen() < -F::FAR {
        return None;
    }
    let cold = 1.0 / temperature.value();
    let weighted = weighted * student.scale() * cold;
    let divergence = weighted - student.log_sum() + teacher.log_sum();

    // log(q/p) − D = (x − z)/T − Σ q·(x − z)/T: the logarithms of the sums cancel.
    let (slope, offset) = (splat::<S, F>(s, cold), splat::<S, F>(s, -weighted));
    let scale = splat::<S, F>(s, factor * student.scale());
    let at = [F::splat(s, student.at()), F::splat(s, teacher.at())];
    map_aligned(
        s,
        [logits, other, ex],
        gradient,
        #[inline(always)]
        |[x, z, e]| {
            let apart = F::sub(s, F::sub(s, x, at[0]), F::sub(s, z, at[1]));
            F::mul(s, F::mul(s, e, scale), F::mul_add(s, apart, slope, offset))
        },
    );
    Some(divergence)
}
