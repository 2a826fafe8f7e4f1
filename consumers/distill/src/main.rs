//! A student learns from a teacher alone, without labels, to agree with it.

use std::ops::ControlFlow;

use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Distill, Distillation, SoftTargets, agreement};
use reflux_nn::{Adam, Fit, Mlp, MlpConfig};

fn main() -> Result<(), reflux_distill::Error> {
    let inputs = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let teacher = Mlp::new(MlpConfig::new(2, &[32], 3)?, rng)?;

    let targets = SoftTargets::from_teacher(&teacher, &inputs)?;
    let loss = Distillation::new().with_temperature(2.0)?.with_alpha(0.0)?;
    let mut student = Mlp::new(MlpConfig::new(2, &[8], 3)?, rng)?;
    let (mut objective, mut adam) = (Distill::unlabelled(&targets, loss)?, Adam::new(0.02)?);
    Fit::new(100, 20)?.run(&mut student, &inputs, &mut objective, &mut adam, rng, |_| {
        ControlFlow::Continue(())
    })?;

    let agreement = agreement(&student.predict(&inputs)?, &teacher.predict(&inputs)?)?;
    assert!(agreement > 0.9, "{agreement}");
    println!("distill: the student agrees on {:.0}% of the inputs", 100.0 * agreement);
    Ok(())
}
