//! Teachers: whatever gives logits.

mod ensemble;
#[cfg(feature = "onnx")]
mod onnx;
mod precomputed;

use ndarray::{Array2, ArrayRef2};
use reflux_nn::{Mlp, Real};

pub use ensemble::{Ensemble, Mean};
#[cfg(feature = "onnx")]
pub use onnx::{OnnxOutput, OnnxTeacher};
pub use precomputed::Precomputed;

use crate::{Fingerprint, Result};

/// Something that says, for each input, how likely it finds each class.
///
/// A network is one; so can anything be that a user implements it for: an ensemble, a lookup in a
/// file, a model behind a socket.
pub trait Teacher<F: Real> {
    /// The number of classes.
    fn classes(&self) -> usize;

    /// The logits `[rows, classes]` for `inputs` `[rows, features]`.
    ///
    /// # Errors
    ///
    /// Inputs of the wrong shape or with NaN among them, and whatever else the teacher meets.
    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>>;

    /// What changes when its answers do: a hash of its parameters, say. Without one, what it says
    /// cannot be kept in a file for later ([`Labelling::cached`](crate::Labelling::cached)).
    fn fingerprint(&self) -> Option<Fingerprint> {
        None
    }
}

impl<F: Real> Teacher<F> for Mlp<F> {
    fn classes(&self) -> usize {
        self.config().outputs()
    }

    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        Ok(self.predict(inputs)?)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Some(Fingerprint::of_mlp(self))
    }
}

/// What points to a teacher is one.
macro_rules! pointer {
    ($pointer:ty) => {
        impl<F: Real, T: Teacher<F> + ?Sized> Teacher<F> for $pointer {
            fn classes(&self) -> usize {
                (**self).classes()
            }

            fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
                (**self).logits(inputs)
            }

            fn fingerprint(&self) -> Option<Fingerprint> {
                (**self).fingerprint()
            }
        }
    };
}

pointer!(&T);
pointer!(Box<T>);
