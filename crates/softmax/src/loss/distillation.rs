//! Hinton's objective: a student learns from hard labels and from a teacher's logits at once.
//!
//! ```text
//! L = α·CE(labels, q(1)) + (1 − α)·T²·KL(p(T) ‖ q(T))
//! ∂L/∂x_i = α·(q_i(1) − y_i) + (1 − α)·T·(q_i(T) − p_i(T))
//! ```
//!
//! with `q` the student's and `p` the teacher's softmax. Hinton, Vinyals & Dean 2015,
//! arXiv:1503.02531, section 2.

use ndarray::ArrayRef2;

use super::batch::evaluate;
use super::mixed::Mixed;
use super::part::Targets;
use super::settings::checked_settings;
use super::{Pass, Reduction};
use crate::row::check_temperature;
use crate::{Error, Real, Result};

/// The distillation loss, in nats: `alpha` is the weight of the **hard labels**, `1 − alpha` that of
/// the teacher.
///
/// The teacher's term is multiplied by T², because its gradient shrinks as 1/T²; so alpha means the
/// same at every temperature. The term is the Kullback-Leibler divergence: its gradient is that of
/// the soft cross-entropy, and it is 0 when the student has become the teacher.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::Distillation;
///
/// let teacher = array![[6.0_f32, 2.0, -3.0]];
/// let student = array![[1.0_f32, 0.5, 0.0]];
/// let mut gradient = Array2::zeros((1, 3));
///
/// let loss = Distillation::new().with_temperature(4.0)?.with_alpha(0.1)?;
/// let value = loss.value_and_gradient(&student, &teacher, Some(&[0]), &mut gradient)?;
/// assert!(value > 0.0 && gradient[[0, 0]] < 0.0); // downhill is towards the teacher
///
/// // No labels at all: soft targets alone.
/// let loss = loss.with_alpha(0.0)?;
/// assert_eq!(loss.value_and_gradient(&teacher, &teacher, None, &mut gradient)?, 0.0);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct Distillation {
    alpha: f64,
    temperature: f64,
    reduction: Reduction,
}

impl Default for Distillation {
    fn default() -> Self {
        Self { alpha: 0.1, temperature: 4.0, reduction: Reduction::Mean }
    }
}

impl Distillation {
    /// `alpha` 0.1, `temperature` 4, the mean over the batch: the setting in which later papers
    /// compare with this loss (Tian, Krishnan & Isola 2020, arXiv:1910.10699). Hinton et al. used 20
    /// for a wide net on MNIST and found 2.5 to 4 best for a very narrow one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the weight of the hard labels: 1 is plain training, 0 needs no labels.
    ///
    /// # Errors
    ///
    /// [`Error::Alpha`] outside `[0, 1]`.
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&alpha) {
            Ok(Self { alpha, ..self })
        } else {
            Err(Error::Alpha(alpha))
        }
    }

    /// Sets the temperature at which student and teacher are compared.
    ///
    /// # Errors
    ///
    /// [`Error::Temperature`] unless it is finite and above 0.
    pub fn with_temperature(self, temperature: f64) -> Result<Self> {
        Ok(Self { temperature: check_temperature(temperature)?, ..self })
    }

    /// Mean or sum over the batch.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// The weight of the hard labels.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The temperature T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Mean or sum.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The loss of the `student`'s logits `[batch, classes]` against the `teacher`'s, of the same
    /// shape, and `labels` `[batch]`, which may be left out where alpha is 0. Its gradient with
    /// respect to the student's logits overwrites `gradient`, of the same shape.
    ///
    /// A class that both mask with −∞ takes no part.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, a label that is no class, labels missing with alpha above
    /// 0, a logit of either that is NaN or +∞, a target on a class that the student masks. What is in
    /// `gradient` then has no meaning.
    pub fn value_and_gradient<F: Real>(
        &self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        labels: Option<&[usize]>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        self.evaluate(student, teacher, labels, Pass::new().with_gradient(gradient))
    }

    /// The loss, and whatever else `pass` asks for.
    ///
    /// # Errors
    ///
    /// As [`Distillation::value_and_gradient`], and for weights that are negative, not finite or not
    /// one a row.
    pub fn evaluate<F: Real>(
        &self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        labels: Option<&[usize]>,
        pass: Pass<'_, F>,
    ) -> Result<F> {
        if labels.is_none() && self.alpha > 0.0 {
            return Err(Error::LabelsMissing { alpha: self.alpha });
        }
        let loss = Mixed::new(self.alpha, self.temperature)?;
        let name = "the teacher's logits";
        let targets = Targets { labels, other: Some(teacher.view()), name };
        evaluate(&loss, "distillation", student, targets, pass, self.reduction)
    }
}

checked_settings! {
    Distillation { alpha: f64, temperature: f64, reduction: Reduction }
    default Distillation::default();
    |read| Ok(Distillation::new()
        .with_alpha(read.alpha)?
        .with_temperature(read.temperature)?
        .with_reduction(read.reduction))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::loss::tests_support::central_differences;
    use crate::{CrossEntropy, SoftCrossEntropy, softmax};

    fn logits() -> (Array2<f64>, Array2<f64>) {
        (
            array![[0.3, -1.2, 2.0], [4.0, 0.0, -3.0], [1.0, 1.0, 1.0]],
            array![[5.0, 1.0, -2.0], [0.0, 3.0, 2.5], [9.0, -9.0, 0.0]],
        )
    }

    fn settings() -> impl Iterator<Item = Distillation> {
        [0.0, 0.3, 1.0].into_iter().flat_map(|alpha| {
            [0.5, 1.0, 4.0, 20.0].into_iter().map(move |temperature| {
                let loss = Distillation::new().with_alpha(alpha).unwrap();
                loss.with_temperature(temperature).unwrap()
            })
        })
    }

    #[test]
    fn closed_form() {
        // Teacher [1, 3]/4 and student [1, 1]/2, both at T = 2.
        let teacher = array![[0.0, 2.0 * 3.0_f64.ln()]];
        let student = array![[0.0, 0.0]];
        let mut gradient = Array2::zeros((1, 2));
        let loss = Distillation::new().with_alpha(0.25).unwrap().with_temperature(2.0).unwrap();
        let value = loss.value_and_gradient(&student, &teacher, Some(&[0]), &mut gradient).unwrap();
        let kl = 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln();
        assert_relative_eq!(value, 0.25 * 2.0_f64.ln() + 0.75 * 4.0 * kl, max_relative = 1e-14);
        let slope = 0.25 * (0.5 - 1.0) + 0.75 * 2.0 * (0.5 - 0.25);
        assert_relative_eq!(gradient, array![[slope, -slope]], max_relative = 1e-14);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let (student, teacher) = logits();
        for loss in settings() {
            let mut gradient = Array2::zeros(student.dim());
            loss.value_and_gradient(&student, &teacher, Some(&[0, 1, 2]), &mut gradient).unwrap();
            let expected = central_differences(&student, |x| {
                let scratch = &mut Array2::zeros(x.dim());
                loss.value_and_gradient(x, &teacher, Some(&[0, 1, 2]), scratch).unwrap()
            });
            assert_relative_eq!(gradient, expected, max_relative = 1e-7, epsilon = 1e-8);
        }
    }

    #[test]
    fn it_is_the_weighted_sum_of_its_two_parts() {
        let (student, teacher) = logits();
        let labels = [2, 0, 1];
        let mut hard = Array2::zeros(student.dim());
        CrossEntropy::new().value_and_gradient(&student, &labels, &mut hard).unwrap();
        for loss in settings() {
            let (mut both, mut soft) = (hard.clone(), hard.clone());
            loss.value_and_gradient(&student, &teacher, Some(&labels), &mut both).unwrap();
            let targets = softmax(&teacher, ndarray::Axis(1), loss.temperature()).unwrap();
            SoftCrossEntropy::new(loss.temperature())
                .unwrap()
                .value_and_gradient(&student, &targets, &mut soft)
                .unwrap();
            let expected = &hard * loss.alpha() + &soft * (1.0 - loss.alpha());
            assert_relative_eq!(both, expected, max_relative = 1e-12, epsilon = 1e-14);
        }
    }

    #[test]
    fn at_high_temperature_it_matches_centred_logits() {
        // Hinton et al., equation 4: for T large against the logits, and logits of zero mean, the
        // gradient of the soft term with the factor T² tends to (x − z)/K.
        let student = array![[1.0, -2.0, 1.0]];
        let teacher = array![[3.0, -1.0, -2.0]];
        let mut gradient = Array2::zeros((1, 3));
        let loss = Distillation::new().with_alpha(0.0).unwrap().with_temperature(1e6).unwrap();
        loss.value_and_gradient(&student, &teacher, None, &mut gradient).unwrap();
        assert_relative_eq!(gradient, (&student - &teacher) / 3.0, max_relative = 1e-4);
    }

    #[test]
    fn a_class_that_both_mask_takes_no_part() {
        let inf = f64::NEG_INFINITY;
        let loss = Distillation::new();
        let mut gradient = Array2::zeros((1, 3));
        let (student, teacher) = (array![[0.5, inf, 1.0]], array![[2.0, inf, 0.0]]);
        let masked =
            loss.value_and_gradient(&student, &teacher, Some(&[0]), &mut gradient).unwrap();
        let mut narrow = Array2::zeros((1, 2));
        let value = loss
            .value_and_gradient(&array![[0.5, 1.0]], &array![[2.0, 0.0]], Some(&[0]), &mut narrow)
            .unwrap();
        assert_relative_eq!(masked, value, max_relative = 1e-14);
        let expected = array![[narrow[[0, 0]], 0.0, narrow[[0, 1]]]];
        assert_relative_eq!(gradient, expected, max_relative = 1e-14);
        let result =
            loss.value_and_gradient(&student, &array![[2.0, 1.0, 0.0]], Some(&[0]), &mut gradient);
        assert_eq!(result, Err(Error::MaskedTarget { row: 0, class: 1 }));
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let (student, teacher) = logits();
        let loss = Distillation::new();
        let scratch = || Array2::zeros((3, 3));
        assert_eq!(loss.with_temperature(0.0), Err(Error::Temperature(0.0)));
        assert_eq!(loss.with_alpha(1.5), Err(Error::Alpha(1.5)));
        assert!(matches!(loss.with_alpha(f64::NAN), Err(Error::Alpha(_))));
        assert_eq!(
            loss.value_and_gradient(&student, &teacher, None, &mut scratch()),
            Err(Error::LabelsMissing { alpha: 0.1 })
        );
        let mut nan = teacher.clone();
        nan[[1, 2]] = f64::NAN;
        for (student, teacher) in [(&student, &nan), (&nan, &teacher)] {
            assert!(matches!(
                loss.value_and_gradient(student, teacher, Some(&[0, 0, 0]), &mut scratch()),
                Err(Error::Logit { row: 1, .. })
            ));
        }
        let narrow = Array2::zeros((3, 2));
        assert!(matches!(
            loss.value_and_gradient(&student, &narrow, Some(&[0, 0, 0]), &mut scratch()),
            Err(Error::Shape { what: "the teacher's logits", .. })
        ));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_are_checked_when_they_are_read() {
        let loss: Distillation = serde_json::from_str(r#"{"temperature": 20.0}"#).unwrap();
        assert_eq!((loss.temperature(), loss.alpha()), (20.0, 0.1));
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<Distillation>(&text).unwrap(), loss);
        let error = serde_json::from_str::<Distillation>(r#"{"alpha": 2.0}"#).unwrap_err();
        assert!(error.to_string().starts_with("alpha must be between 0 and 1, got 2"));
    }
}
