//! How far apart the softmax of logits and that of a teacher's logits are, at a temperature.
//!
//! With `p` the teacher's probabilities, `q` the student's and `m = (p + q)/2`,
//!
//! ```text
//! forward KL        Σ_i p_i log(p_i/q_i)
//! reverse KL        Σ_i q_i log(q_i/p_i)
//! Jensen-Shannon    ½ Σ_i p_i log(p_i/m_i) + ½ Σ_i q_i log(q_i/m_i)
//! total variation   ½ Σ_i |p_i − q_i|
//! ```
//!
//! One file a kind, its gradient in the head.

pub(super) mod forward_kl;
mod jensen_shannon;
mod reverse_kl;
mod total_variation;

use ndarray::ArrayRef2;

use super::batch::{check_logits, evaluate};
use super::careful::{has_mass, masked_with_mass};
use super::compiled::Losses;
use super::part::{Part, Row, Targets};
use super::settings::checked_settings;
use super::tempered::{OfSoftened, Tempered};
use super::{Pass, Reduction};
use crate::kernel::Simd;
use crate::row::check_temperature;
use crate::temperature::Temperature;
use crate::{Error, Real, Result};

/// Which distance a [`Divergence`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DivergenceKind {
    /// `Σ p log(p/q)` (Kullback & Leibler 1951): the student has to cover all that the teacher finds
    /// possible. Hinton, Vinyals & Dean 2015, arXiv:1503.02531. The default.
    #[default]
    ForwardKl,
    /// `Σ q log(q/p)`: the student has to keep to what the teacher finds possible, and may leave some
    /// of it out. Gu et al. 2023, arXiv:2306.08543.
    ReverseKl,
    /// Halfway between the two, symmetric, and at most `log 2` (Lin 1991, IEEE Transactions on
    /// Information Theory 37, 145).
    JensenShannon,
    /// The largest difference between the probabilities that the two give to any set of classes; at
    /// most 1. Its gradient is a sign times a probability, and 0 where `p = q` exactly. Wen et al.
    /// 2023, arXiv:2307.15190.
    TotalVariation,
}

/// A distance between the softmax of logits and that of a teacher's logits, times T².
///
/// The factor T² makes up for a gradient that shrinks as 1/T² (that of the total variation shrinks
/// only as 1/T).
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::Divergence;
///
/// let teacher = array![[3.0_f64.ln(), 0.0]]; // softmax: [3/4, 1/4]
/// let student = array![[0.0, 0.0]]; // [1/2, 1/2]
/// let mut gradient = Array2::zeros((1, 2));
///
/// let forward = Divergence::forward_kl(1.0)?;
/// let kl = forward.value_and_gradient(&student, &teacher, &mut gradient)?;
/// assert!((kl - (0.75 * 1.5_f64.ln() + 0.25 * 0.5_f64.ln())).abs() < 1e-15);
/// assert!((gradient[[0, 0]] - (0.5 - 0.75)).abs() < 1e-15);
///
/// let distance = Divergence::total_variation(1.0)?;
/// let value = distance.value_and_gradient(&student, &teacher, &mut gradient)?;
/// assert!((value - 0.25).abs() < 1e-15);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct Divergence {
    kind: DivergenceKind,
    temperature: f64,
    reduction: Reduction,
}

impl Divergence {
    /// The distance of this kind at `temperature`, the mean over the batch.
    ///
    /// # Errors
    ///
    /// [`Error::Temperature`] unless it is finite and above 0.
    pub fn new(kind: DivergenceKind, temperature: f64) -> Result<Self> {
        let temperature = check_temperature(temperature)?;
        Ok(Self { kind, temperature, reduction: Reduction::Mean })
    }

    /// [`DivergenceKind::ForwardKl`]
    ///
    /// # Errors
    ///
    /// As [`Divergence::new`].
    pub fn forward_kl(temperature: f64) -> Result<Self> {
        Self::new(DivergenceKind::ForwardKl, temperature)
    }

    /// [`DivergenceKind::ReverseKl`]
    ///
    /// # Errors
    ///
    /// As [`Divergence::new`].
    pub fn reverse_kl(temperature: f64) -> Result<Self> {
        Self::new(DivergenceKind::ReverseKl, temperature)
    }

    /// [`DivergenceKind::JensenShannon`]
    ///
    /// # Errors
    ///
    /// As [`Divergence::new`].
    pub fn jensen_shannon(temperature: f64) -> Result<Self> {
        Self::new(DivergenceKind::JensenShannon, temperature)
    }

    /// [`DivergenceKind::TotalVariation`]
    ///
    /// # Errors
    ///
    /// As [`Divergence::new`].
    pub fn total_variation(temperature: f64) -> Result<Self> {
        Self::new(DivergenceKind::TotalVariation, temperature)
    }

    /// Mean or sum over the batch.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// Which distance it is.
    pub fn kind(&self) -> DivergenceKind {
        self.kind
    }

    /// The temperature T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Mean or sum.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The distance of the `student`'s logits `[batch, classes]` from the `teacher`'s, of the same
    /// shape, in nats (total variation: a probability) times T². Its gradient with respect to the
    /// student's logits overwrites `gradient`, of the same shape.
    ///
    /// A class that both mask with −∞ takes no part.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, a logit of either that is NaN or +∞; and where the
    /// distance is infinite: for the forward KL, a class that the student masks and the teacher gives
    /// a probability, for the reverse KL the other way about. What is in `gradient` then has no
    /// meaning.
    pub fn value_and_gradient<F: Real>(
        &self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        self.evaluate(student, teacher, Pass::new().with_gradient(gradient))
    }

    /// The distance, and whatever else `pass` asks for.
    ///
    /// # Errors
    ///
    /// As [`Divergence::value_and_gradient`], and for weights that are negative, not finite or not
    /// one a row.
    pub fn evaluate<F: Real>(
        &self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        pass: Pass<'_, F>,
    ) -> Result<F> {
        let loss = Tempered::new(self.kind, self.temperature)?;
        let name = "the teacher's logits";
        let targets = Targets { labels: None, other: Some(teacher.view()), name };
        evaluate(&loss, "a divergence", student, targets, pass, self.reduction)
    }
}

impl<F: Losses> OfSoftened<F> for DivergenceKind {
    const TEACHER: bool = true;

    fn rows(part: &mut Part<'_, '_, F, Tempered<Self, F>>) {
        F::divergence(part);
    }

    #[inline(always)]
    fn row<S: Simd>(&self, s: S, temperature: &Temperature<F>, row: Row<'_, F>) -> Option<f64> {
        match self {
            Self::ForwardKl => forward_kl::row(s, temperature, row),
            Self::ReverseKl => reverse_kl::row(s, temperature, row),
            Self::JensenShannon => jensen_shannon::row(s, temperature, row),
            Self::TotalVariation => total_variation::row(s, temperature, row),
        }
    }

    fn check(&self, temperature: f64, index: usize, row: &Row<'_, F>) -> Result<()> {
        check_logits(index, row.logits)?;
        check_logits(index, row.other)?;
        match self {
            Self::ForwardKl => {
                match masked_with_mass(row.logits, has_mass(row.other, temperature)) {
                    Some(class) => Err(Error::MaskedTarget { row: index, class }),
                    None => Ok(()),
                }
            }
            Self::ReverseKl => {
                match masked_with_mass(row.other, has_mass(row.logits, temperature)) {
                    Some(class) => Err(Error::MaskedTeacher { row: index, class }),
                    None => Ok(()),
                }
            }
            Self::JensenShannon | Self::TotalVariation => Ok(()),
        }
    }
}

checked_settings! {
    Divergence { kind: DivergenceKind, temperature: f64, reduction: Reduction }
    default Divergence {
        kind: DivergenceKind::ForwardKl,
        temperature: 1.0,
        reduction: Reduction::Mean,
    };
    |read| Ok(Divergence::new(read.kind, read.temperature)?.with_reduction(read.reduction))
}
