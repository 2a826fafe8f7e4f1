//! A student whose hidden layer is compared with the teacher's, trained by hand: its two layers are two
//! networks, so that a gradient can be added between them.

use ndarray::{Array2, Axis, Zip};
use rand::seq::SliceRandom;
use reflux_distill::{Distill, FeatureLoss, Hinton, Result, Schedule};
use reflux_nn::{Adam, Mlp, MlpConfig, Objective, Optimizer, Workspace};

use super::{BATCH, HIDDEN, RATE, Setting, rng};

/// As `fit` in `main.rs`, with `weight` times a loss of features beside the objective.
pub(crate) fn train(
    setting: &Setting,
    objective: &mut Distill<'_, f32, Hinton>,
    loss: &mut dyn FeatureLoss<f32>,
    weight: f32,
    seed: u64,
) -> Result<Mlp> {
    let (inputs, rng) = (setting.seen.inputs(), &mut rng(seed));
    let config = MlpConfig::new(inputs.ncols(), &[HIDDEN], 10)?;
    let whole = Mlp::<f32>::new(config.clone(), rng)?;
    let (mut body, mut head) = halves(&whole)?;
    let (mut body_adam, mut head_adam) = (Adam::new(RATE)?, Adam::new(RATE)?);
    let (mut body_space, mut head_space) = (Workspace::new(), Workspace::new());
    let mut order: Vec<usize> = (0..inputs.nrows()).collect();
    let rate = Schedule::cosine(RATE, 0.0, setting.steps());
    let mut step = 0;
    for _ in 0..setting.epochs {
        order.shuffle(rng);
        for rows in order.chunks(BATCH) {
            let (x, hints) = (inputs.select(Axis(0), rows), setting.features.select(Axis(0), rows));
            let features = body.forward(&x, &mut body_space)?.mapv(|sum| sum.max(0.0));
            head.forward(&features, &mut head_space)?;
            let (outputs, mut gradient) = head_space.outputs_and_gradient_mut();
            objective.value_and_gradient(rows, &outputs, &mut gradient)?;
            head.backward(&features, &mut head_space)?;

            let mut slopes = Array2::zeros(features.dim());
            loss.value_and_gradient(&features, &hints, &mut slopes)?;
            loss.step()?;
            let from_above = head.input_gradient(&mut head_space)?;
            let (_, mut gradient) = body_space.outputs_and_gradient_mut();
            Zip::from(&mut gradient).and(&features).and(&from_above).and(&slopes).for_each(
                |gradient, &feature, &above, &slope| {
                    *gradient = if feature > 0.0 { above + weight * slope } else { 0.0 };
                },
            );
            body.backward(&x, &mut body_space)?;
            body_adam.set_learning_rate(rate.at(step))?;
            head_adam.set_learning_rate(rate.at(step))?;
            body_adam.step(body.parameters_mut(), body_space.gradients())?;
            head_adam.step(head.parameters_mut(), head_space.gradients())?;
            step += 1;
        }
    }
    let parameters = [body.parameters(), head.parameters()].concat();
    Ok(Mlp::from_parameters(config, parameters)?)
}

/// The first layer and the second, as networks of their own.
fn halves(whole: &Mlp) -> Result<(Mlp, Mlp)> {
    let config = whole.config();
    let body = MlpConfig::new(config.inputs(), &[], HIDDEN)?;
    let head = MlpConfig::new(HIDDEN, &[], config.outputs())?;
    let (of_body, of_head) = whole.parameters().split_at(body.parameters());
    let body = Mlp::from_parameters(body, of_body.to_vec())?;
    Ok((body, Mlp::from_parameters(head, of_head.to_vec())?))
}
