//! Asking a teacher about a whole data set, batch by batch.

use std::ops::ControlFlow;
use std::path::Path;

use ndarray::{ArrayRef2, s};
#[cfg(feature = "rayon")]
use rayon::prelude::*;
use reflux_nn::Real;

use super::{CacheKey, Rows, SoftTargets, TargetForm, check_finite, checked_logits};
use crate::{Error, Result, Teacher};

/// After so many batches the observer is told.
const BATCHES_AT_ONCE: usize = 32;

/// How a data set is labelled: in batches of what size, and into which form.
///
/// # Example
///
/// A teacher that is asked once, whatever number of students are trained:
///
/// ```
/// use std::ops::ControlFlow;
///
/// use ndarray::Array2;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_distill::{Labelling, TargetForm};
/// use reflux_nn::{Mlp, MlpConfig};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let teacher = Mlp::new(MlpConfig::new(5, &[20], 3)?, rng)?;
/// let inputs = Array2::from_shape_fn((1000, 5), |(i, j)| ((i + 7 * j) as f32).sin());
///
/// let labelling = Labelling::new().with_form(TargetForm::Quantized)?;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("teacher.safetensors");
/// let first = labelling.cached(&path, &teacher, &inputs, |_| ControlFlow::Continue(()))?;
/// let again = labelling.cached(&path, &teacher, &inputs, |_| unreachable!("it is in the file"))?;
/// assert_eq!(first, again);
///
/// // Another teacher, or other data, and the file is refused.
/// let other = Mlp::new(MlpConfig::new(5, &[20], 3)?, rng)?;
/// let stale = labelling.cached(&path, &other, &inputs, |_| ControlFlow::Continue(()));
/// assert!(stale.unwrap_err().to_string().contains("was made with another teacher"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelling {
    batch_size: usize,
    form: TargetForm,
}

impl Labelling {
    /// In batches of 256 rows, in full.
    pub fn new() -> Self {
        Self { batch_size: 256, form: TargetForm::Full }
    }

    /// Sets the number of rows about which the teacher is asked at once.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for 0.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::setting("batch size", "at least 1", 0.0));
        }
        Ok(Self { batch_size, ..self })
    }

    /// Sets the form in which the targets are kept.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for one whose settings are not legal.
    pub fn with_form(self, form: TargetForm) -> Result<Self> {
        Ok(Self { form: form.checked()?, ..self })
    }

    /// Asks `teacher` about every row of `inputs` `[rows, features]`; with the feature `rayon`, on
    /// several threads. Which rows make up a batch does not depend on the threads, and so neither does
    /// the result. `observe` is told now and then how many rows are done; it may end the work.
    ///
    /// # Errors
    ///
    /// Whatever the teacher refuses, [`Error::Shape`] where it gives another number of rows or
    /// classes than it should, [`Error::TeacherLogit`] for a logit that is not finite, and
    /// [`Error::Stopped`] where the observer ended it. Of several errors it is the one of the first
    /// batch.
    pub fn run<F: Real>(
        &self,
        teacher: &(impl Teacher<F> + Sync + ?Sized),
        inputs: &ArrayRef2<F>,
        mut observe: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<SoftTargets<F>> {
        let (rows, classes) = (inputs.nrows(), teacher.classes());
        let starts: Vec<usize> = (0..rows).step_by(self.batch_size).collect();
        let label = |&start: &usize| -> Result<Rows<F>> {
            let end = rows.min(start + self.batch_size);
            let logits = checked_logits(teacher, &inputs.slice(s![start..end, ..]))?;
            check_finite(&logits, start)?;
            let mut kept = Rows::new(self.form, classes);
            logits.rows().into_iter().for_each(|row| kept.push(row));
            Ok(kept)
        };
        let mut kept = Rows::new(self.form, classes);
        for starts in starts.chunks(BATCHES_AT_ONCE) {
            #[cfg(feature = "rayon")]
            let labelled: Vec<_> = starts.par_iter().map(label).collect();
            #[cfg(not(feature = "rayon"))]
            let labelled: Vec<_> = starts.iter().map(label).collect();
            for batch in labelled {
                kept.append(batch?);
            }
            let done = rows.min(starts[starts.len() - 1] + self.batch_size);
            if observe(done).is_break() && done < rows {
                return Err(Error::Stopped { rows: done });
            }
        }
        Ok(SoftTargets { shape: (rows, classes), kept })
    }

    /// The targets that are in the file `path`, if there is one; otherwise [`Labelling::run`], whose
    /// result is written there for the next time.
    ///
    /// # Errors
    ///
    /// As [`Labelling::run`], [`SoftTargets::save`] and [`SoftTargets::load`]: a file that was made
    /// with another teacher, other data or another form is refused and left as it is.
    /// [`Error::NoFingerprint`] for a teacher that has none.
    pub fn cached<F: Real>(
        &self,
        path: impl AsRef<Path>,
        teacher: &(impl Teacher<F> + Sync + ?Sized),
        inputs: &ArrayRef2<F>,
        observe: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<SoftTargets<F>> {
        let key = CacheKey::new(teacher, inputs)?;
        if path.as_ref().exists() {
            let form = self.form.clamped(teacher.classes());
            return SoftTargets::load_form(path, &key, Some(form));
        }
        let targets = self.run(teacher, inputs, observe)?;
        targets.save(path, &key)?;
        Ok(targets)
    }
}

impl Default for Labelling {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    /// Its logits are the features, and it is asked for few rows at a time.
    struct Echo;

    impl Teacher<f64> for Echo {
        fn classes(&self) -> usize {
            3
        }

        fn logits(&self, inputs: &ArrayRef2<f64>) -> Result<Array2<f64>> {
            assert!(inputs.nrows() <= 4);
            Ok(inputs.to_owned())
        }
    }

    fn labelling() -> Labelling {
        Labelling::new().with_batch_size(4).unwrap()
    }

    #[test]
    fn every_row_gets_its_own_logits_in_every_form() {
        let inputs = Array2::from_shape_fn((1001, 3), |(i, j)| (i * 3 + j) as f64);
        let mut reported = Vec::new();
        let targets = labelling().run(&Echo, &inputs, |done| {
            reported.push(done);
            ControlFlow::Continue(())
        });
        let targets = targets.unwrap();
        assert_eq!(targets.logits(), inputs);
        assert_eq!((reported[0], reported.last()), (4 * BATCHES_AT_ONCE, Some(&1001)));
        for form in [TargetForm::top_k(2).unwrap(), TargetForm::Quantized] {
            let direct = labelling().with_form(form).unwrap();
            let direct = direct.run(&Echo, &inputs, |_| ControlFlow::Continue(())).unwrap();
            assert_eq!(direct, targets.to_form(form).unwrap());
        }
    }

    #[test]
    fn a_bad_logit_is_named_by_its_row_in_the_data_set() {
        let mut inputs = Array2::zeros((20, 3));
        inputs[[17, 1]] = f64::NAN;
        let error = labelling().run(&Echo, &inputs, |_| ControlFlow::Continue(())).unwrap_err();
        let expected = "the teacher's logits must be finite, got NaN for class 1 of row 17";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_observer_can_end_it() {
        let inputs = Array2::zeros((1000, 3));
        let stopped = labelling().run(&Echo, &inputs, |_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(Error::Stopped { rows: 128 })));
        assert!(labelling().with_batch_size(0).is_err());
    }

    #[test]
    fn a_teacher_without_a_fingerprint_cannot_be_cached() {
        let cached = labelling()
            .cached("nowhere", &Echo, &array![[0.0, 1.0, 2.0]], |_| ControlFlow::Continue(()));
        assert!(matches!(cached, Err(Error::NoFingerprint)));
    }
}
