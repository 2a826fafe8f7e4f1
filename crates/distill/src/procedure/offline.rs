//! Offline distillation: a teacher that is finished, and a student that is not.
//!
//! Hinton, Vinyals & Dean 2015, arXiv:1503.02531; with unlabelled inputs alone, section 1 there and
//! Buciluă, Caruana & Niculescu-Mizil 2006, "Model compression".

use std::ops::ControlFlow;

use ndarray::{ArrayRef2, ArrayView2};
use rand::Rng;
use reflux_nn::{Epoch, Fit, Mlp, MlpConfig, Optimizer, Real};

use crate::{Distill, Labelling, LogitLoss, Result, Teacher};

/// What a student learns from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Lesson<'a, F = f32> {
    /// The inputs `[rows, features]`.
    pub inputs: ArrayView2<'a, F>,
    /// The class of each row, where they are known.
    pub labels: Option<&'a [usize]>,
}

impl<'a, F: Real> Lesson<'a, F> {
    /// Inputs that nobody has labelled: the teacher's answers are all that there is to learn from.
    pub fn unlabelled(inputs: &'a ArrayRef2<F>) -> Self {
        Self { inputs: inputs.view(), labels: None }
    }

    /// Inputs with the class of each row.
    pub fn labelled(inputs: &'a ArrayRef2<F>, labels: &'a [usize]) -> Self {
        Self { inputs: inputs.view(), labels: Some(labels) }
    }
}

/// How students are trained: how long, with which optimizer, towards which objective. Each starts with
/// its own copy of the optimizer and of the loss.
///
/// # Example
///
/// A student from a transfer set without labels:
///
/// ```
/// use std::ops::ControlFlow;
///
/// use ndarray::Array2;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_distill::{Hinton, Lesson, Offline, agreement};
/// use reflux_nn::{Adam, Fit, Mlp, MlpConfig};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let teacher = Mlp::new(MlpConfig::new(2, &[16], 3)?, rng)?;
/// let inputs = Array2::from_shape_fn((500, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin() * 2.0);
///
/// let loss = Hinton::new().with_alpha(0.0)?.with_temperature(2.0)?;
/// let offline = Offline::new(Fit::new(50, 32)?, Adam::new(0.01)?, loss);
/// let (config, lesson) = (MlpConfig::new(2, &[8], 3)?, Lesson::unlabelled(&inputs));
/// let student = offline.distil(&teacher, config, lesson, rng, |_| ControlFlow::Continue(()))?;
/// assert!(agreement(&student.predict(&inputs)?, &teacher.predict(&inputs)?)? > 0.9);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Offline<O, L> {
    fit: Fit,
    optimizer: O,
    loss: L,
}

impl<O: Clone, L: Clone> Offline<O, L> {
    /// `optimizer` and `loss` as they are before the first step.
    pub fn new(fit: Fit, optimizer: O, loss: L) -> Self {
        Self { fit, optimizer, loss }
    }

    /// Asks `teacher` about every row of the lesson, once, and trains a new network of this
    /// configuration towards what it says. `observe` is called after each epoch; it may end the
    /// training.
    ///
    /// # Errors
    ///
    /// Whatever the teacher, the objective or the training loop refuses: a teacher with other classes
    /// than the student, labels that are missing, a loss that is not finite.
    pub fn distil<F: Real, R: Rng + ?Sized>(
        &self,
        teacher: &(impl Teacher<F> + Sync + ?Sized),
        student: MlpConfig,
        lesson: Lesson<'_, F>,
        rng: &mut R,
        observe: impl FnMut(&Epoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<Mlp<F>>
    where
        O: Optimizer<F>,
        L: LogitLoss<F>,
    {
        check_classes(teacher.classes(), student.outputs())?;
        let go_on = |_| ControlFlow::Continue(());
        let targets = Labelling::new().run(teacher, &lesson.inputs, go_on)?;
        let loss = self.loss.clone();
        let mut objective = match lesson.labels {
            Some(labels) => Distill::new(&targets, labels, loss)?,
            None => Distill::unlabelled(&targets, loss)?,
        };
        let mut student = Mlp::new(student, rng)?;
        let mut optimizer = self.optimizer.clone();
        let inputs = &lesson.inputs;
        self.fit.run(&mut student, inputs, &mut objective, &mut optimizer, rng, observe)?;
        Ok(student)
    }
}

fn check_classes(teacher: usize, student: usize) -> Result<()> {
    if teacher == student {
        return Ok(());
    }
    let (expected, got) = (vec![teacher], vec![student]);
    Err(crate::Error::Shape { what: "the student's classes", expected, got })
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::{Adam, HardLabels};

    use super::*;
    use crate::{Error, Hinton, SoftTargets};

    fn offline() -> Offline<Adam<f64>, Hinton> {
        Offline::new(Fit::new(3, 2).unwrap(), Adam::new(0.1).unwrap(), Hinton::new())
    }

    fn mlp(hidden: &[usize], classes: usize) -> Mlp<f64> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        Mlp::new(MlpConfig::new(2, hidden, classes).unwrap(), rng).unwrap()
    }

    #[test]
    fn it_is_labelling_and_fitting_by_hand() {
        let inputs = array![[0.1, 0.2], [1.0, -1.0], [0.5, 2.0]];
        let (labels, teacher) = ([0, 1, 1], mlp(&[4], 2));
        let rng = || Xoshiro256PlusPlus::seed_from_u64(5);
        let config = MlpConfig::new(2, &[3], 2).unwrap();
        let lesson = Lesson::labelled(&inputs, &labels);
        let go_on = |_: &Epoch<'_, f64>| ControlFlow::Continue(());
        let got = offline().distil(&teacher, config.clone(), lesson, &mut rng(), go_on).unwrap();

        let mut own = rng();
        let targets = SoftTargets::from_teacher(&teacher, &inputs).unwrap();
        let mut objective = Distill::new(&targets, &labels, Hinton::new()).unwrap();
        let mut student = Mlp::new(config, &mut own).unwrap();
        let mut adam = Adam::new(0.1).unwrap();
        let fit = Fit::new(3, 2).unwrap();
        fit.run(&mut student, &inputs, &mut objective, &mut adam, &mut own, go_on).unwrap();
        assert_eq!(got, student);
        // And not what labels alone lead to.
        let mut objective = HardLabels::new(&labels);
        fit.run(&mut student, &inputs, &mut objective, &mut adam, &mut own, go_on).unwrap();
        assert_ne!(got, student);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_trained() {
        let inputs = array![[0.1, 0.2]];
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(5);
        let mut run = |classes, labels: Option<&[usize]>| {
            let config = MlpConfig::new(2, &[3], classes).unwrap();
            let lesson = Lesson { inputs: inputs.view(), labels };
            offline().distil(&mlp(&[], 2), config, lesson, rng, |_| unreachable!())
        };
        let error = run(3, Some(&[0])).unwrap_err().to_string();
        assert_eq!(error, "the student's classes must have shape [2], got [3]");
        assert!(matches!(run(2, None), Err(Error::LabelsMissing { .. })));
        assert!(matches!(run(2, Some(&[0, 1])), Err(Error::Shape { .. })));
    }
}
