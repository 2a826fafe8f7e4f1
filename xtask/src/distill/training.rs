//! Training as every network here is trained: Adam, a cosine schedule, perhaps standardized rows.

use anyhow::Result;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Cost, latency};
use reflux_nn::data::Dataset;
use reflux_nn::{Adam, Fit, HardLabels, Mlp, Objective, Predictor, mean_loss};
use serde::Serialize;

use super::data::{Data, Part};
use crate::interrupt;

/// So many are enough for a small network on a small data set.
const STEPS: usize = 3000;

/// How long, in what portions, how fast, from which seed.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Training")]
pub(super) struct TrainingArgs {
    /// How many times a student sees the data; by default as often as makes 3,000 steps, but at least 10
    /// and at most 1,000 times
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// How many rows a step is made of
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch_size: usize,
    /// Adam's, at the beginning; it goes down to 0 along half a cosine
    #[arg(long, value_name = "R", allow_negative_numbers = true, default_value_t = 1e-3)]
    pub(super) learning_rate: f64,
    /// Everything random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
}

impl TrainingArgs {
    /// An error for a setting that is not legal.
    pub(super) fn check(&self) -> Result<()> {
        anyhow::ensure!(self.epochs != Some(0), "the number of epochs must be at least 1, got 0");
        self.fit(1)?;
        Adam::<f32>::new(self.learning_rate)?;
        Ok(())
    }

    /// For whoever learns from so many rows.
    pub(super) fn epochs(&self, rows: usize) -> usize {
        let steps = rows.div_ceil(self.batch_size).max(1);
        self.epochs.unwrap_or(STEPS.div_ceil(steps).clamp(10, 1000))
    }

    pub(super) fn fit(&self, epochs: usize) -> Result<Fit> {
        Ok(Fit::new(epochs, self.batch_size)?.with_cosine_schedule())
    }

    /// The teacher's generator is number 0, those of the students follow.
    pub(super) fn rng(&self, number: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed.wrapping_add(number))
    }
}

/// Trains a network; what comes out takes rows as they are, whatever the scaling. With rows to
/// validate by, it is that of the epoch with the least loss on them. `observe` gets the loss of each
/// epoch.
#[allow(clippy::too_many_arguments)]
pub(super) fn train(
    mut mlp: Mlp,
    rows: &Dataset,
    validation: Option<&Part>,
    scaling: Option<&Scaling>,
    objective: &mut dyn Objective<f32>,
    fit: &Fit,
    learning_rate: f64,
    rng: &mut Xoshiro256PlusPlus,
    observe: impl Fn(f64),
) -> Result<Mlp> {
    interrupt::check()?;
    let scaled = |inputs| scaling.map(|scaling| scaling.apply(inputs));
    let inputs = scaled(rows.inputs());
    let inputs = inputs.as_ref().map_or(rows.inputs(), |scaled| scaled.view());
    let mut adam = Adam::new(learning_rate)?;
    let fit = fit.with_best_weights(validation.is_some());
    let mut training = fit.on(&inputs, objective).observe(|epoch| {
        observe(epoch.loss);
        interrupt::flow()
    });
    if let Some(part) = validation {
        let held = scaled(part.rows.inputs()).unwrap_or_else(|| part.rows.inputs().to_owned());
        let labels = part.rows.labels();
        training =
            training.validate(move |mlp| mean_loss(mlp, &held, &mut HardLabels::new(labels)));
    }
    training.run(&mut mlp, &mut adam, rng)?;
    interrupt::check()?;
    if let Some(scaling) = scaling {
        scaling.fold_into(&mut mlp);
    }
    Ok(mlp)
}

/// What a network costs, with how long it takes for one row.
pub(super) fn cost(mlp: &Mlp, data: &Data) -> Result<Cost> {
    let mut predictor = Predictor::new(mlp);
    let inputs = data.test.rows.inputs();
    let (row, mut output) = (inputs.row(0).to_vec(), vec![0.0; mlp.config().outputs()]);
    predictor.predict_row(&row, &mut output)?;
    let time = latency(|| predictor.predict_row(&row, &mut output).is_ok());
    Ok(Cost::of_mlp(mlp).with_latency(time))
}

/// `(x − mean) / deviation`, for each feature.
pub(super) struct Scaling {
    mean: Array1<f32>,
    deviation: Array1<f32>,
}

impl Scaling {
    /// Of these rows `[rows, features]`, at least one. A feature that is always the same is only
    /// shifted.
    pub(super) fn of(inputs: ArrayView2<'_, f32>) -> Self {
        // In f64: a mean of many large numbers.
        let inputs = inputs.mapv(f64::from);
        let rows = inputs.nrows().max(1) as f64;
        let mean = inputs.sum_axis(Axis(0)) / rows;
        let variance = (&inputs - &mean).mapv(|x| x * x).sum_axis(Axis(0)) / rows;
        let deviation = variance.mapv(|v| if v > 0.0 { v.sqrt() as f32 } else { 1.0 });
        Self { mean: mean.mapv(|x| x as f32), deviation }
    }

    fn apply(&self, inputs: ArrayView2<'_, f32>) -> Array2<f32> {
        (&inputs - &self.mean) / &self.deviation
    }

    /// Makes a network for scaled rows one for rows as they are: `W(x − m)/d + b` is `(W/d)x` with a
    /// bias `b − Σ(W/d)m`.
    fn fold_into(&self, mlp: &mut Mlp) {
        let inputs = mlp.config().inputs();
        let outputs = mlp.config().hidden().first().copied().unwrap_or(mlp.config().outputs());
        // The first layer's weights [outputs, inputs], and then its biases.
        let (weights, rest) = mlp.parameters_mut().split_at_mut(outputs * inputs);
        for (weights, bias) in weights.chunks_exact_mut(inputs).zip(rest) {
            let mut shift = 0.0;
            for ((weight, mean), deviation) in
                weights.iter_mut().zip(&self.mean).zip(&self.deviation)
            {
                *weight /= deviation;
                shift += f64::from(*weight) * f64::from(*mean);
            }
            *bias -= shift as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use reflux_nn::MlpConfig;

    use super::*;

    #[test]
    fn a_network_with_the_scaling_in_its_first_layer_says_the_same_of_rows_as_they_are() {
        let raw = array![[100.0, 0.01, 7.0], [300.0, 0.03, 7.0], [200.0, -0.05, 7.0]];
        let scaling = Scaling::of(raw.view());
        let scaled = scaling.apply(raw.view());
        for column in scaled.columns().into_iter().take(2) {
            assert!(column.sum().abs() < 1e-5);
            assert!((column.dot(&column) - 3.0).abs() < 1e-4);
        }
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        let mut mlp = Mlp::new(MlpConfig::new(3, &[5], 2).unwrap(), rng).unwrap();
        let expected = mlp.predict(&scaled).unwrap();
        scaling.fold_into(&mut mlp);
        let got = mlp.predict(&raw).unwrap();
        assert!((got - expected).iter().all(|x| x.abs() < 1e-4));
    }
}
