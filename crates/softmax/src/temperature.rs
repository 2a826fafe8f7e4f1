//! A temperature that has been checked, and rows that are fit to be computed with.

use crate::Result;
use crate::kernel::{Base, Element, Shift, Simd};
use crate::row::check_temperature;

/// A temperature T, and what the kernels need of it.
#[derive(Debug, Clone, Copy)]
pub struct Temperature<F> {
    value: f64,
    /// `value` is `near · 2^exponent`; the exponent is 0 unless the temperature is extreme.
    exponent: i32,
    near: f64,
    base: Base<F>,
    /// The maximum of each row is known to be 0.
    centred: bool,
}

impl<F: Element> Temperature<F> {
    pub(crate) fn new(value: f64) -> Result<Self> {
        let value = check_temperature(value)?;
        let exponent = value.log2().floor() as i32;
        let exponent = if exponent.abs() <= F::TEMPERATE { 0 } else { exponent };
        let near = scaled(value, -exponent);
        Ok(Self { value, exponent, near, base: Base::new(near), centred: false })
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// That of a row which [`Temperature::centre`] has prepared.
    pub(crate) fn of_centred(&self) -> Self {
        Self { value: self.near, exponent: 0, centred: true, ..*self }
    }

    /// A logit that has no probability in a row whose largest is 0.
    pub(crate) fn nothing(&self) -> F {
        Shift::new(self.base, F::default()).floor()
    }

    /// A shift for a row, from the largest logit of its first vector: in most rows it is near enough to
    /// the largest of all.
    #[inline(always)]
    pub(crate) fn guess<S: Simd>(&self, s: S, row: &[F]) -> Option<Shift<F>> {
        if self.centred {
            return self.shift(F::default());
        }
        let (vectors, rest) = F::vectors::<S>(row);
        let first = match vectors.first() {
            Some(&first) => first,
            None => F::load_part(s, rest, F::splat(s, F::MASKED)),
        };
        let guess = F::reduce_max(s, first);
        self.shift(if guess == F::MASKED { maximum(row) } else { guess })
    }

    /// The shift of a row whose maximum is `max`. `None` asks for [`Temperature::centre`].
    #[inline(always)]
    pub(crate) fn shift(&self, max: F) -> Option<Shift<F>> {
        (self.exponent == 0 && self.base.reaches(max)).then(|| Shift::new(self.base, max))
    }

    /// Moves and scales a row whose logits or temperature are too extreme for the kernels, so that
    /// with [`Temperature::of_centred`] it has the same softmax and a maximum of 0.
    ///
    /// All that matters beside the maximum is so close to it that the difference is exact (Sterbenz
    /// 1974); what overflows is so far below that it does not matter.
    pub(crate) fn centre(&self, row: &mut [F], max: F) {
        for x in row {
            if *x > F::MASKED {
                let far = scaled(x.widen() - max.widen(), -self.exponent);
                *x = F::narrow(far.max(-F::FAR));
            }
        }
    }
}

/// `x·2^exponent`, in two steps, because the power alone may overflow.
fn scaled(x: f64, exponent: i32) -> f64 {
    let half = exponent / 2;
    x * 2.0_f64.powi(half) * 2.0_f64.powi(exponent - half)
}

/// The largest element; −∞ for none. NaN is passed over.
pub(crate) fn maximum<F: Element>(row: &[F]) -> F {
    row.iter().fold(F::MASKED, |max, &x| if x > max { x } else { max })
}
