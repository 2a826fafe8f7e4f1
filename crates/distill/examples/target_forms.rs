//! What each form of keeping soft targets costs a student of handwritten digits, and what it saves.
//!
//! `cargo run --release -p reflux-distill --example target_forms`

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    Distill, Distillation, Interval, Labelling, Result, SoftTargets, TargetForm, agreement,
};
use reflux_nn::data::{digits, digits_split};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective, accuracy};

const SEEDS: u64 = 10;
const TEMPERATURE: f64 = 4.0;

fn train(
    hidden: &[usize],
    inputs: ndarray::ArrayView2<'_, f32>,
    mut objective: impl Objective<f32>,
    seed: u64,
) -> Result<Mlp> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut network = Mlp::new(MlpConfig::new(inputs.ncols(), hidden, 10)?, rng)?;
    let (fit, mut adam) = (Fit::new(60, 32)?.with_cosine_schedule(), Adam::new(3e-3)?);
    fit.run(&mut network, &inputs, &mut objective, &mut adam, rng, |_| ControlFlow::Continue(()))?;
    Ok(network)
}

/// The accuracy of students, in percent, one a seed.
fn students(
    inputs: ndarray::ArrayView2<'_, f32>,
    targets: &SoftTargets,
    test: &reflux_nn::data::Dataset,
) -> Result<Vec<f64>> {
    let loss = Distillation::new().with_temperature(TEMPERATURE)?.with_alpha(0.0)?;
    let each = (1..=SEEDS).map(|seed| {
        let student = train(&[16], inputs, Distill::unlabelled(targets, loss)?, seed)?;
        Ok(100.0 * accuracy(&student.predict(&test.inputs())?, test.labels())?)
    });
    each.collect()
}

fn main() -> Result<()> {
    let (all, split) = (digits()?, digits_split()?);
    let (seen, test) = (all.select(&split.train)?, all.select(&split.test)?);
    let teacher = train(&[256, 256], seen.inputs(), HardLabels::new(seen.labels()), 0)?;

    let top = |k| TargetForm::top_k(k)?.at_temperature(TEMPERATURE);
    let forms = [TargetForm::Full, TargetForm::Quantized, top(4)?, top(2)?, top(1)?];
    println!(
        "| form | bytes a row | same choice as full | student right, % | minus full, points |"
    );
    println!("|---|---:|---:|---:|---:|");
    let mut full: Option<(SoftTargets, Vec<f64>)> = None;
    for form in forms {
        let labelling = Labelling::new().with_form(form)?;
        let targets = labelling.run(&teacher, &seen.inputs(), |_| ControlFlow::Continue(()))?;
        let right = students(seen.inputs(), &targets, &test)?;
        let (whole, best) = full.get_or_insert_with(|| (targets.clone(), right.clone()));
        println!(
            "| {form} | {} | {:.1}% | {:.2} | {:.2} |",
            targets.bytes() / targets.rows(),
            100.0 * agreement(&targets.logits(), &whole.logits())?,
            Interval::new(&right)?,
            Interval::of_differences(&right, best)?,
        );
    }
    println!();
    println!("{SEEDS} seeds, 64-16-10, 1,029 rows, T = {TEMPERATURE}; ± is a 95% interval.");
    Ok(())
}
