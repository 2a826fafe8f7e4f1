//! Walks parameters, gradients and what an optimizer remembers side by side, in vectors and threads.

#![allow(clippy::needless_range_loop)]

use reflux_softmax::Real;
use reflux_softmax::simd::{Path, Simd, WithSimd};

/// Parameters that are worth a thread of their own.
#[cfg(feature = "rayon")]
const PORTION: usize = 1 << 16;

/// Replaces each parameter and its `N` numbers of memory by what `rule` makes of them and the
/// gradient. All slices have one length.
///
/// `rule` looks at one parameter alone, so neither vectors nor threads change its result; it should be
/// marked `#[inline(always)]`, or it is not compiled for the instructions at hand.
pub(super) fn update<F: Real, const N: usize>(
    parameters: &mut [F],
    gradients: &[F],
    memory: [&mut [F]; N],
    rule: impl Fn(F, F, [F; N]) -> (F, [F; N]) + Sync + Copy,
) {
    #[cfg(feature = "rayon")]
    if parameters.len() > PORTION && rayon::current_num_threads() > 1 {
        let middle = (parameters.len() / 2).next_multiple_of(64);
        let (parameters, parameters_rest) = parameters.split_at_mut(middle);
        let (gradients, gradients_rest) = gradients.split_at(middle);
        let mut rest = [const { None }; N];
        let mut index = 0;
        let memory = memory.map(|memory| {
            let (first, second) = memory.split_at_mut(middle);
            rest[index] = Some(second);
            index += 1;
            first
        });
        let rest = rest.map(Option::unwrap_or_default);
        rayon::join(
            || update(parameters, gradients, memory, rule),
            || update(parameters_rest, gradients_rest, rest, rule),
        );
        return;
    }
    Path::best().run(Update { parameters, gradients, memory, rule });
}

struct Update<'a, F, R, const N: usize> {
    parameters: &'a mut [F],
    gradients: &'a [F],
    memory: [&'a mut [F]; N],
    rule: R,
}

impl<F: Real, R: Fn(F, F, [F; N]) -> (F, [F; N]), const N: usize> WithSimd for Update<'_, F, R, N> {
    type Output = ();

    /// Written for one number; the compiler makes vectors of it.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { parameters, gradients, memory, rule } = self;
        let len = parameters.len();
        let gradients = &gradients[..len];
        let memory = memory.map(|memory| &mut memory[..len]);
        for i in 0..len {
            let mut own = [F::zero(); N];
            for n in 0..N {
                own[n] = memory[n][i];
            }
            let (parameter, own) = rule(parameters[i], gradients[i], own);
            parameters[i] = parameter;
            for n in 0..N {
                memory[n][i] = own[n];
            }
        }
    }
}
