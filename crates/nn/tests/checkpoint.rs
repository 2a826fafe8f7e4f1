//! A training that is saved, loaded and continued equals one that never stopped, and a damaged file is
//! an error.
#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{
    Activation, Adam, Checkpoint, Error, Fit, HardLabels, Mlp, MlpConfig, Optimizer, RmsProp, Sgd,
    Workspace, mean_loss,
};
use reflux_softmax::CrossEntropy;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(3)
}

fn network(rng: &mut Xoshiro256PlusPlus) -> Mlp {
    let config = MlpConfig::new(4, &[8, 8], 3).unwrap().with_activation(Activation::Silu);
    let config = config.with_dropout(0.5).unwrap().with_layer_norm(true);
    Mlp::new(config.with_noisy(0.5, 1).unwrap(), rng).unwrap()
}

fn optimizers() -> Vec<Box<dyn Optimizer<f32>>> {
    let momentum = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap().with_nesterov(true);
    let rms_prop = RmsProp::new(0.003).unwrap();
    let all = rms_prop.clone().with_centered(true).with_momentum(0.7).unwrap();
    vec![
        Box::new(Sgd::new(0.1).unwrap()),
        Box::new(momentum),
        Box::new(rms_prop),
        Box::new(all),
        Box::new(Adam::new(0.01).unwrap().with_weight_decay(0.1).unwrap()),
    ]
}

fn step(mlp: &mut Mlp, optimizer: &mut dyn Optimizer<f32>, rng: &mut Xoshiro256PlusPlus) {
    let inputs = Array2::from_shape_simple_fn((6, 4), || rng.random_range(-1.0..1.0));
    let labels: Vec<usize> = (0..6).map(|_| rng.random_range(0..3)).collect();
    let mut workspace = Workspace::new();
    mlp.forward_train(&inputs, &mut workspace, rng).unwrap();
    let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
    CrossEntropy::new().value_and_gradient(&outputs, &labels, &mut gradient).unwrap();
    mlp.backward(&inputs, &mut workspace).unwrap();
    optimizer.step(mlp.parameters_mut(), workspace.gradients()).unwrap();
}

#[test]
fn five_steps_a_file_and_five_more_are_ten_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    for (mut optimizer, mut fresh) in optimizers().into_iter().zip(optimizers()) {
        let rng = &mut rng();
        let mut mlp = network(rng);
        for taken in 0..10 {
            if taken == 5 {
                Checkpoint::new(&mlp, &*optimizer)
                    .with_note("rng", serde_json::to_string(&rng).unwrap())
                    .save(&path)
                    .unwrap();
            }
            step(&mut mlp, &mut *optimizer, rng);
        }

        let checkpoint = Checkpoint::load(&path).unwrap();
        fresh.set_learning_rate(0.7).unwrap();
        fresh.restore(checkpoint.optimizer).unwrap();
        let mut rng = serde_json::from_str(&checkpoint.notes["rng"]).unwrap();
        let mut resumed = checkpoint.mlp;
        for _ in 0..5 {
            step(&mut resumed, &mut *fresh, &mut rng);
        }
        assert_eq!(resumed, mlp);
        assert_eq!(fresh.state(), optimizer.state());
    }
}

#[test]
fn a_training_loop_goes_on_from_a_file_as_if_it_had_not_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let inputs = Array2::from_shape_fn((30, 4), |(i, j)| ((i * 4 + j) as f32).sin());
    let labels: Vec<usize> = (0..30).map(|row| row * row % 3).collect();
    let fit = Fit::new(6, 8).unwrap().with_cosine_schedule().with_best_weights(true);
    let (mut objective, mut held_out) = (HardLabels::new(&labels), HardLabels::new(&labels));

    let mut whole = network(&mut rng());
    let mut adam = Adam::new(0.02).unwrap();
    let progress = fit
        .on(&inputs, &mut objective)
        .validate(|mlp| mean_loss(mlp, &inputs, &mut held_out))
        .observe(|epoch| {
            if epoch.number == 3 {
                let checkpoint = Checkpoint::new(epoch.mlp, epoch.optimizer);
                checkpoint.with_progress(epoch.progress).save(&path).unwrap();
            }
            std::ops::ControlFlow::Continue(())
        })
        .run(&mut whole, &mut adam, &mut rng())
        .unwrap();

    let checkpoint = Checkpoint::load(&path).unwrap();
    let (mut resumed, mut restored) = (checkpoint.mlp, Adam::new(9.0).unwrap());
    restored.restore(checkpoint.optimizer).unwrap();
    let (mut objective, mut held_out) = (HardLabels::new(&labels), HardLabels::new(&labels));
    let resumed_progress = fit
        .on(&inputs, &mut objective)
        .validate(|mlp| mean_loss(mlp, &inputs, &mut held_out))
        .resume(checkpoint.progress.unwrap())
        .run(&mut resumed, &mut restored, &mut rng())
        .unwrap();
    assert_eq!((resumed, restored, resumed_progress), (whole, adam, progress));
}

fn example() -> Checkpoint {
    let rng = &mut rng();
    let (mut mlp, mut adam) = (network(rng), Adam::new(0.01).unwrap());
    step(&mut mlp, &mut adam, rng);
    Checkpoint::new(&mlp, &adam).with_note("name", "välue \"1\"\n")
}

#[test]
fn foreign_files_and_later_versions_are_typed_errors() {
    let checkpoint = example();
    assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap(), checkpoint);

    let network = checkpoint.mlp.to_safetensors_bytes().unwrap();
    let error = Checkpoint::from_bytes(&network).unwrap_err().to_string();
    assert!(error.contains("no checkpoint"), "{error}");
    let bytes = checkpoint.to_bytes().unwrap();
    assert!(matches!(Mlp::from_safetensors_bytes(&bytes), Err(Error::Format { .. })));

    let place = bytes.windows(11).position(|part| part == b"\"version\":\"").unwrap() + 11;
    let mut later = bytes.clone();
    later[place] = b'2';
    let error = Checkpoint::from_bytes(&later).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");

    let mut other = RmsProp::new(0.1).unwrap();
    assert!(matches!(other.restore(checkpoint.optimizer), Err(Error::State { .. })));
    assert!(matches!(Checkpoint::load("no/such/file"), Err(Error::File { .. })));
}

/// Bytes that are changed, cut off or put in.
fn damage(bytes: &[u8], at: usize, change: u8, kind: u8) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    // Half of all changes fall into the header, where they do most.
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let at = if change.is_multiple_of(2) { at % header } else { at % bytes.len() };
    match kind {
        0 => damaged.truncate(at),
        1 => damaged.insert(at, change),
        2 => drop(damaged.remove(at)),
        _ => damaged[at] ^= change.max(1),
    }
    damaged
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_checkpoint_is_an_error_or_what_it_was(at: usize, change: u8, kind in 0_u8..8) {
        let checkpoint = example();
        let damaged = damage(&checkpoint.to_bytes().unwrap(), at, change, kind);
        match Checkpoint::from_bytes(&damaged) {
            Ok(read) => prop_assert_eq!(read, checkpoint),
            Err(error) => assert!(matches!(error, Error::Format { .. })),
        }
    }

    #[test]
    fn a_damaged_network_is_an_error_or_a_network(at: usize, change: u8, kind in 0_u8..8) {
        let mlp = example().mlp;
        let damaged = damage(&mlp.to_safetensors_bytes().unwrap(), at, change, kind);
        match Mlp::from_safetensors_bytes(&damaged) {
            Ok(read) => prop_assert_eq!(read.config().inputs(), 4),
            Err(error) => assert!(matches!(error, Error::Format { .. })),
        }
    }
}
