//! Students that become teachers: of their equals, or of ever smaller ones.

use std::ops::ControlFlow;

use rand::Rng;
use reflux_nn::{Epoch, Mlp, MlpConfig, Optimizer, Real};

use super::{Lesson, Offline};
use crate::{LogitLoss, Result, Teacher};

impl<O: Clone, L: Clone> Offline<O, L> {
    /// Trains a network of the first configuration towards `teacher`, one of the second towards that
    /// one, and so on; gives all of them. `observe` is called after each epoch with the number of the
    /// network, from 0; it may end that network's training.
    ///
    /// Teacher assistants between a large teacher and a small student, each smaller than the one
    /// before: Mirzadeh et al. 2020, "Improved knowledge distillation via teacher assistant",
    /// arXiv:1902.03393. They are for teachers so much larger than the student that it learns less
    /// from them than from lesser ones.
    ///
    /// # Errors
    ///
    /// As [`Offline::distil`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use ndarray::Array2;
    /// use rand::SeedableRng;
    /// use rand_xoshiro::Xoshiro256PlusPlus;
    /// use reflux_distill::{Hinton, Lesson, Offline};
    /// use reflux_nn::{Adam, Fit, Mlp, MlpConfig};
    ///
    /// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    /// let teacher = Mlp::new(MlpConfig::new(2, &[64], 3)?, rng)?;
    /// let inputs = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
    /// let offline = Offline::new(Fit::new(5, 20)?, Adam::new(0.01)?, Hinton::new().with_alpha(0.0)?);
    ///
    /// let configs = [MlpConfig::new(2, &[16], 3)?, MlpConfig::new(2, &[4], 3)?];
    /// let lesson = Lesson::unlabelled(&inputs);
    /// let networks = offline.chain(&teacher, &configs, lesson, rng, |_, _| ControlFlow::Continue(()))?;
    /// let [assistant, student] = &networks[..] else { unreachable!() };
    /// assert_eq!((assistant.config().hidden(), student.config().hidden()), (&[16][..], &[4][..]));
    /// # Ok::<(), reflux_distill::Error>(())
    /// ```
    pub fn chain<F: Real, R: Rng + ?Sized>(
        &self,
        teacher: &(impl Teacher<F> + Sync + ?Sized),
        configs: &[MlpConfig],
        lesson: Lesson<'_, F>,
        rng: &mut R,
        mut observe: impl FnMut(usize, &Epoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<Vec<Mlp<F>>>
    where
        O: Optimizer<F>,
        L: LogitLoss<F>,
    {
        let mut networks: Vec<Mlp<F>> = Vec::with_capacity(configs.len());
        for (number, config) in configs.iter().enumerate() {
            let observe = |epoch: &Epoch<'_, F>| observe(number, epoch);
            let config = config.clone();
            let next = match networks.last() {
                None => self.distil(teacher, config, lesson, rng, observe)?,
                Some(last) => self.distil(last, config, lesson, rng, observe)?,
            };
            networks.push(next);
        }
        Ok(networks)
    }

    /// Born-again networks: generations of networks just like `first`, each taught by the one before;
    /// gives all but the first. An [`Ensemble`](crate::Ensemble) of them is often better than any.
    ///
    /// Furlanello et al. 2018, "Born-again neural networks", arXiv:1805.04770, who train with labels
    /// and teacher in equal parts, at temperature 1.
    ///
    /// # Errors
    ///
    /// As [`Offline::distil`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use ndarray::Array2;
    /// use rand::SeedableRng;
    /// use rand_xoshiro::Xoshiro256PlusPlus;
    /// use reflux_distill::{Ensemble, Hinton, Lesson, Teacher, Offline};
    /// use reflux_nn::{Adam, Fit, Mlp, MlpConfig};
    ///
    /// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    /// let inputs = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
    /// let labels: Vec<usize> = inputs.rows().into_iter().map(|x| usize::from(x[0] > x[1])).collect();
    /// let first = Mlp::new(MlpConfig::new(2, &[8], 2)?, rng)?; // and trained
    ///
    /// let loss = Hinton::new().with_alpha(0.5)?.with_temperature(1.0)?;
    /// let offline = Offline::new(Fit::new(5, 20)?, Adam::new(0.01)?, loss);
    /// let lesson = Lesson::labelled(&inputs, &labels);
    /// let born = offline.born_again(&first, 3, lesson, rng, |_, _| ControlFlow::Continue(()))?;
    /// assert_eq!(Ensemble::new(born)?.logits(&inputs)?.dim(), (100, 2));
    /// # Ok::<(), reflux_distill::Error>(())
    /// ```
    pub fn born_again<F: Real, R: Rng + ?Sized>(
        &self,
        first: &Mlp<F>,
        generations: usize,
        lesson: Lesson<'_, F>,
        rng: &mut R,
        observe: impl FnMut(usize, &Epoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<Vec<Mlp<F>>>
    where
        O: Optimizer<F>,
        L: LogitLoss<F>,
    {
        let configs = vec![first.config().clone(); generations];
        self.chain(first, &configs, lesson, rng, observe)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::{Adam, Fit};

    use super::*;
    use crate::Hinton;

    #[test]
    fn each_is_taught_by_the_one_before() {
        let inputs = Array2::from_shape_fn((30, 2), |(i, j)| ((i * (7 + 4 * j)) as f64).sin());
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let teacher = Mlp::<f64>::new(MlpConfig::new(2, &[6], 3).unwrap(), rng).unwrap();
        let loss = Hinton::new().with_alpha(0.0).unwrap();
        let offline = Offline::new(Fit::new(4, 10).unwrap(), Adam::new(0.05).unwrap(), loss);
        let lesson = Lesson::unlabelled(&inputs);
        let configs = [&[5][..], &[4]].map(|hidden| MlpConfig::new(2, hidden, 3).unwrap());

        let mut seen = Vec::new();
        let mut one = Xoshiro256PlusPlus::seed_from_u64(1);
        let networks = offline.chain(&teacher, &configs, lesson, &mut one, |number, epoch| {
            seen.push((number, epoch.number));
            ControlFlow::Continue(())
        });
        let networks = networks.unwrap();
        assert_eq!(seen[3..5], [(0, 4), (1, 1)]);

        let mut other = Xoshiro256PlusPlus::seed_from_u64(1);
        let go_on = |_: &Epoch<'_, f64>| ControlFlow::Continue(());
        let [first, second] = configs;
        let first = offline.distil(&teacher, first, lesson, &mut other, go_on).unwrap();
        let second = offline.distil(&first, second, lesson, &mut other, go_on).unwrap();
        assert_eq!(networks, [first, second]);
    }
}
