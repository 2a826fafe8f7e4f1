//! Distillation as a whole, against PyTorch: an epoch of a student, and the labelling of a data set.

use std::ops::ControlFlow;

use anyhow::Result;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Distill, Distillation, Labelling, SoftTargets};
use reflux_nn::{Adam, Fit};
use serde_json::json;

use super::case::{Case, Group, Threads, Work};
use super::nn::{LARGE, STUDENT, Shape, work};
use super::peer::Source;

pub(crate) const GROUP: Group = Group {
    name: "distill",
    about: "f32, MNIST's shapes, 4,096 rows. An epoch trains a student 784-800-800-10 towards soft \
            targets that are at hand, in shuffled batches of 128: Hinton's loss with alpha 0.1 and \
            T = 4, and Adam. Its images are blank outside a square of 20 x 20 pixels, the place of \
            which varies by two, as MNIST's are; in a second epoch, no pixel is. Labelling asks a teacher 784-1200-1200-10 about every row, in batches of \
            256. All sides start from the same weights, and must have the same mean loss in a first \
            epoch that is not shuffled. PyTorch is eager, with Adam(fused=True), \
            zero_grad(set_to_none=True) and inference_mode(). GFLOP/s counts matrix products.",
    peers: &[Source::pytorch("distill")],
    threads: Threads::OneAndAll,
    cases,
    notes: |_| Ok(Vec::new()),
};

const ROWS: usize = 4096;
const LABELLED_AT_ONCE: usize = 256;
const LEARNING_RATE: f64 = 1e-4;

fn cases() -> Vec<Case> {
    let products: usize = LARGE.widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
    vec![
        epoch("epoch", true),
        epoch("epoch, no pixel blank", false),
        case("labelling", LARGE, LABELLED_AT_ONCE, 2 * (ROWS * products) as u64, labelling),
    ]
}

fn epoch(name: &'static str, blank: bool) -> Case {
    let flops = (ROWS / STUDENT.batch) as u64 * STUDENT.training_flops();
    case(name, STUDENT, STUDENT.batch, flops, move || train(blank))
}

fn case(
    name: &'static str,
    shape: Shape,
    batch: usize,
    flops: u64,
    prepare: impl Fn() -> Result<Work> + Send + Sync + 'static,
) -> Case {
    let widths: Vec<String> = shape.widths.iter().map(ToString::to_string).collect();
    let parameters = json!({ "work": name, "widths": shape.widths, "rows": ROWS, "batch": batch });
    Case {
        name: format!("{name} {} x {ROWS}", widths.join("-")),
        items: Some(ROWS),
        bytes: None,
        flops: Some(flops),
        point: None,
        parameters: Some(parameters),
        prepare: Box::new(prepare),
    }
}

/// Whether a pixel of an image lies in the square that has ink.
fn is_inked(image: usize, pixel: usize) -> bool {
    let (down, right) = (3 + image % 3, 3 + image / 3 % 3);
    (down..down + 20).contains(&(pixel / 28)) && (right..right + 20).contains(&(pixel % 28))
}

fn train(blank: bool) -> Result<Work> {
    let mut inputs = work::values(0, (ROWS, STUDENT.widths[0]), |value| value);
    if blank {
        for ((image, pixel), value) in inputs.indexed_iter_mut() {
            if !is_inked(image, pixel) {
                *value = 0.0;
            }
        }
    }
    let targets = SoftTargets::from_logits(work::values(100, (ROWS, 10), |value| 8.0 * value))?;
    let labels: Vec<usize> = (0..ROWS).map(|row| row % 10).collect();
    let loss = Distillation::new().with_alpha(0.1)?.with_temperature(4.0)?;
    let fit = Fit::new(1, STUDENT.batch)?;
    let (mut mlp, mut adam) = (work::network(STUDENT)?, Adam::new(LEARNING_RATE)?);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);

    let mut agreed = 0.0;
    let mut objective = Distill::new(&targets, &labels, loss)?;
    let ordered = fit.with_shuffle(false);
    ordered.run(&mut mlp, &inputs, &mut objective, &mut adam, rng, |epoch| {
        agreed = epoch.loss;
        ControlFlow::Continue(())
    })?;
    let mut rng = rng.clone();
    Ok(Box::new(move || {
        let mut objective = Distill::new(&targets, &labels, loss)?;
        fit.run(&mut mlp, &inputs, &mut objective, &mut adam, &mut rng, |_| {
            ControlFlow::Continue(())
        })?;
        Ok(agreed)
    }))
}

fn labelling() -> Result<Work> {
    let inputs = work::values(0, (ROWS, LARGE.widths[0]), |value| value);
    let teacher = work::network(LARGE)?;
    let labelling = Labelling::new().with_batch_size(LABELLED_AT_ONCE)?;
    Ok(Box::new(move || {
        let targets = labelling.run(&teacher, &inputs, |_| ControlFlow::Continue(()))?;
        Ok(f64::from(targets.logits()[[0, 0]]))
    }))
}
