//! The floating-point types that the crates compute with.

use ndarray::NdFloat;

use crate::kernel::Element;
use crate::lanes::Compiled;
use crate::loss::Losses;
use crate::scratch::Scratch;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
///
/// Everything numeric in Reflux is generic over it: `f32` is what users run, `f64` is what gradients
/// are checked in. The trait is sealed, so that a later version may add to it.
pub trait Real:
    NdFloat + Default + std::iter::Sum + Element + Compiled + Losses + Scratch + sealed::Sealed
{
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self {
        Self::narrow(value)
    }
    /// The same value as `f64`, exactly.
    fn as_f64(self) -> f64 {
        self.widen()
    }
}

impl Real for f32 {}
impl Real for f64 {}
