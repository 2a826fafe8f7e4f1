//! Several teachers as one.

use ndarray::{Array2, ArrayRef2, Axis};
use reflux_nn::Real;
use reflux_softmax::log_softmax;

use super::Teacher;
use crate::{Error, Fingerprint, Result};

/// Of what an [`Ensemble`] takes the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Mean {
    /// Of the logits, which is the (renormalised) geometric mean of the probabilities at every
    /// temperature. The default.
    #[default]
    Logits,
    /// The arithmetic mean of the probabilities at temperature 1: a member that is sure counts for
    /// more, and one that is unsure for less.
    Probabilities,
}

/// Several teachers that speak with one voice.
///
/// Hinton et al. 2015, section 2, allow either [`Mean`], and section 3 distils an ensemble of ten.
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
    mean: Mean,
}

impl<T> Ensemble<T> {
    /// The mean of the logits of at least one teacher.
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
            None => Ok(Self { members, mean: Mean::default() }),
        }
    }

    /// Of what the mean is taken.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self { mean, ..self }
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
        let said = |member: &T| -> Result<Array2<F>> {
            let logits = member.logits(inputs)?;
            match self.mean {
                Mean::Logits => Ok(logits),
                Mean::Probabilities => Ok(log_softmax(&logits, Axis(1), F::one())?),
            }
        };
        let count = F::from_f64(self.members.len() as f64);
        let mut sum = said(&self.members[0])?;
        for member in &self.members[1..] {
            let other = said(member)?;
            match self.mean {
                Mean::Logits => sum += &other,
                Mean::Probabilities => sum.zip_mut_with(&other, |sum, &other| {
                    *sum = log_of_sum(*sum, other);
                }),
            }
        }
        match self.mean {
            Mean::Logits => sum /= count,
            Mean::Probabilities => sum -= count.ln(),
        }
        Ok(sum)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let parts: Option<Vec<_>> = self.members.iter().map(Teacher::fingerprint).collect();
        Some(Fingerprint::of_parts(&format!("ensemble, mean of {:?}", self.mean), &parts?))
    }
}

/// `log(exp(a) + exp(b))`
fn log_of_sum<F: Real>(a: F, b: F) -> F {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high + (low - high).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Axis, array};
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::{Mlp, MlpConfig};
    use reflux_softmax::softmax;

    use super::*;

    fn mlp(classes: usize, seed: u64) -> Mlp<f64> {
        let config = MlpConfig::new(3, &[5], classes).unwrap();
        Mlp::new(config, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).unwrap()
    }

    #[test]
    fn the_mean_of_logits_is_the_geometric_mean_of_probabilities() {
        let members = vec![mlp(4, 1), mlp(4, 2), mlp(4, 3)];
        let inputs = array![[0.2, -1.0, 3.0], [1.5, 0.5, -0.5]];
        for temperature in [1.0, 4.0] {
            let mut product = Array2::ones((2, 4));
            for member in &members {
                let logits = member.logits(&inputs).unwrap();
                product *= &softmax(&logits, Axis(1), temperature).unwrap();
            }
            let root = product.mapv(f64::cbrt);
            let expected = &root / &root.sum_axis(Axis(1)).insert_axis(Axis(1));
            let logits = Ensemble::new(members.clone()).unwrap().logits(&inputs).unwrap();
            let got = softmax(&logits, Axis(1), temperature).unwrap();
            assert_relative_eq!(got, expected, max_relative = 1e-12);
        }
    }

    #[test]
    fn the_mean_of_probabilities_is_that() {
        let members = vec![mlp(4, 1), mlp(4, 2), mlp(4, 3)];
        let inputs = array![[0.2, -1.0, 3.0], [1.5, 0.5, -0.5]];
        let mut sum = Array2::zeros((2, 4));
        for member in &members {
            sum += &softmax(&member.logits(&inputs).unwrap(), Axis(1), 1.0).unwrap();
        }
        let ensemble = Ensemble::new(members).unwrap().with_mean(Mean::Probabilities);
        let logits = ensemble.logits(&inputs).unwrap();
        assert_relative_eq!(logits.mapv(f64::exp), sum / 3.0, max_relative = 1e-12);
    }

    #[test]
    fn its_fingerprint_is_that_of_its_members_and_its_mean() {
        let of = |seeds: [u64; 2], mean| {
            let members = seeds.map(|seed| mlp(4, seed)).to_vec();
            Ensemble::new(members).unwrap().with_mean(mean).fingerprint().unwrap()
        };
        assert_eq!(of([1, 2], Mean::Logits), of([1, 2], Mean::Logits));
        assert_ne!(of([1, 2], Mean::Logits), of([2, 1], Mean::Logits));
        assert_ne!(of([1, 2], Mean::Logits), of([1, 2], Mean::Probabilities));
    }

    #[test]
    fn an_ensemble_of_one_is_that_one() {
        let inputs = array![[0.2, -1.0, 3.0]];
        let alone = Ensemble::new(vec![mlp(4, 1)]).unwrap();
        assert_eq!(alone.logits(&inputs).unwrap(), mlp(4, 1).logits(&inputs).unwrap());
        assert_eq!((Teacher::classes(&alone), alone.members().len()), (4, 1));
    }

    #[test]
    fn teachers_of_different_kinds_form_an_ensemble() {
        let inner = Ensemble::new(vec![mlp(4, 1), mlp(4, 2)]).unwrap();
        let members: Vec<&dyn Teacher<f64>> = vec![&inner, &inner];
        let outer = Ensemble::new(members).unwrap();
        let inputs = array![[0.2, -1.0, 3.0]];
        assert_relative_eq!(outer.logits(&inputs).unwrap(), inner.logits(&inputs).unwrap());
    }

    #[test]
    fn members_must_exist_and_know_the_same_classes() {
        let none = Ensemble::<Mlp<f64>>::new(Vec::new());
        assert!(matches!(none, Err(Error::EmptyEnsemble)));
        let error = Ensemble::new(vec![mlp(4, 1), mlp(5, 1)]).unwrap_err().to_string();
        assert_eq!(error, "each teacher's classes must have shape [4], got [5]");
        // What a member refuses, the ensemble refuses.
        let ensemble = Ensemble::new(vec![mlp(4, 1)]).unwrap();
        assert!(matches!(ensemble.logits(&array![[1.0]]), Err(Error::Nn(_))));
    }
}
