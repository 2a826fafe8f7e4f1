//! Teachers: whatever gives logits.

use ndarray::{Array2, ArrayRef2};
use reflux_nn::{Mlp, Real};

use crate::{Error, Result};

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
}

impl<F: Real> Teacher<F> for Mlp<F> {
    fn classes(&self) -> usize {
        self.config().outputs()
    }

    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        Ok(self.predict(inputs)?)
    }
}

impl<F: Real, T: Teacher<F> + ?Sized> Teacher<F> for &T {
    fn classes(&self) -> usize {
        (**self).classes()
    }

    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        (**self).logits(inputs)
    }
}

/// Several teachers that speak with one voice: the mean of their logits, which is the (renormalised)
/// geometric mean of their probabilities at every temperature.
///
/// Hinton et al. 2015, section 2, allow either mean and section 3 distils an ensemble of ten.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::{Ensemble, Teacher};
/// use reflux_nn::{Mlp, MlpConfig};
///
/// let config = MlpConfig::new(1, &[], 2)?;
/// let one = Mlp::from_parameters(config.clone(), vec![2.0_f32, 0.0, 0.0, 0.0])?;
/// let other = Mlp::from_parameters(config, vec![0.0, 1.0, 0.0, 0.0])?;
/// let both = Ensemble::new(vec![one, other])?;
/// assert_eq!(both.logits(&array![[1.0]])?, array![[1.0, 0.5]]);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ensemble<T> {
    members: Vec<T>,
}

impl<T> Ensemble<T> {
    /// Of at least one teacher.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyEnsemble`] for none, [`Error::Shape`] where their classes differ.
    pub fn new<F: Real>(members: Vec<T>) -> Result<Self>
    where
        T: Teacher<F>,
    {
        let classes = members.first().ok_or(Error::EmptyEnsemble)?.classes();
        match members.iter().find(|member| member.classes() != classes) {
            Some(other) => Err(Error::Shape {
                what: "each teacher's classes",
                expected: vec![classes],
                got: vec![other.classes()],
            }),
            None => Ok(Self { members }),
        }
    }

    /// The teachers.
    pub fn members(&self) -> &[T] {
        &self.members
    }
}

impl<F: Real, T: Teacher<F>> Teacher<F> for Ensemble<T> {
    fn classes(&self) -> usize {
        self.members[0].classes()
    }

    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        let mut sum = self.members[0].logits(inputs)?;
        for member in &self.members[1..] {
            sum += &member.logits(inputs)?;
        }
        sum /= F::from_f64(self.members.len() as f64);
        Ok(sum)
    }
}
