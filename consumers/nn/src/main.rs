//! A network learns exclusive or, is saved, and is read again.

use std::ops::ControlFlow;

use ndarray::array;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, accuracy};

fn main() -> Result<(), reflux_nn::Error> {
    let inputs = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let labels = [0, 1, 1, 0];
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut mlp = Mlp::new(MlpConfig::new(2, &[16], 2)?, rng)?;
    let (mut objective, mut adam) = (HardLabels::new(&labels), Adam::new(0.02)?);
    let fit = Fit::new(300, 4)?;
    fit.run(&mut mlp, &inputs, &mut objective, &mut adam, rng, |_| ControlFlow::Continue(()))?;
    assert_eq!(accuracy(&mlp.predict(&inputs)?, &labels)?, 1.0);

    let file = std::env::temp_dir().join(format!("uses-nn-{}.safetensors", std::process::id()));
    mlp.save(&file)?;
    let again = Mlp::<f32>::load(&file)?;
    assert_eq!(again.predict(&inputs)?, mlp.predict(&inputs)?);
    let _ = std::fs::remove_file(file);
    println!("nn: exclusive or is learned, saved and read");
    Ok(())
}
