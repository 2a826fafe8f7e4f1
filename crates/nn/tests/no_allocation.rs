//! A training step allocates nothing after the first, and a predictor nothing after its first batch.

// `GlobalAlloc` is an unsafe trait, and an allocator is the only place where every allocation can
// be counted. The one here passes each call on to the system's.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{
    Activation, Adam, HardLabels, Mlp, MlpConfig, Objective, Optimizer, Predictor, Sgd, Workspace,
    clip_norm,
};

struct Counting;

thread_local! {
    // By thread: the test runner's own threads allocate too.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each method has its default's contract and passes its arguments to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn config() -> MlpConfig {
    MlpConfig::new(6, &[40, 30], 6)
        .unwrap()
        .with_activation(Activation::Gelu)
        .with_layer_norm(true)
        .with_dropout(0.2)
        .and_then(|config| config.with_noisy(0.5, 2))
        .and_then(|config| config.with_dueling(2))
        .unwrap()
}

fn inputs(rows: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, 6), |(i, j)| ((i * 6 + j) as f32).sin())
}

#[test]
fn a_training_step_allocates_nothing_after_the_first() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut mlp = Mlp::new(config(), rng).unwrap();
    let mut target = mlp.clone();
    let inputs = inputs(50);
    let rows: Vec<usize> = (0..50).collect();
    let labels: Vec<usize> = rows.iter().map(|row| row % 6).collect();
    let weights = vec![0.5; 50];
    let mut objective = HardLabels::new(&labels).with_weights(&weights);
    let optimizers: [Box<dyn Optimizer<f32>>; 2] = [
        Box::new(Adam::new(1e-3).unwrap()),
        Box::new(Sgd::new(1e-3).unwrap().with_momentum(0.9).unwrap()),
    ];
    for mut optimizer in optimizers {
        let mut workspace = Workspace::new();
        let mut step = |rows: std::ops::Range<usize>| {
            let batch = inputs.slice(ndarray::s![rows.clone(), ..]);
            mlp.forward_train(&batch, &mut workspace, rng).unwrap();
            let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
            let rows: [usize; 50] = std::array::from_fn(|row| row);
            let rows = &rows[..outputs.nrows()];
            objective.value_and_gradient(rows, &outputs, &mut gradient).unwrap();
            workspace.hidden_and_gradient_mut(0).unwrap().1.fill(0.1);
            mlp.backward(&batch, &mut workspace).unwrap();
            mlp.input_gradient(&mut workspace).unwrap();
            clip_norm(workspace.gradients_mut(), 1.0);
            optimizer.step(mlp.parameters_mut(), workspace.gradients()).unwrap();
            target.blend(&mlp, 0.01).unwrap();
        };
        assert!(allocations(|| step(0..50)) > 0);
        // The same size, a smaller one, a single row, and back.
        let counted = allocations(|| [0..50, 0..17, 3..4, 0..50].into_iter().for_each(&mut step));
        assert_eq!(counted, 0);
    }
}

#[test]
fn a_predictor_allocates_nothing_after_its_first_batch() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mlp = Mlp::new(config(), rng).unwrap();
    let (inputs, mut outputs) = (inputs(9), Array2::zeros((9, 6)));
    let row = [0.5; 6];
    for mut predictor in [Predictor::new(&mlp), Predictor::int8(&mlp)] {
        let counted = allocations(|| predictor.predict_row(&row, &mut [0.0; 6]).unwrap());
        assert_eq!(counted, 0);
        predictor.predict_into(&inputs, &mut outputs).unwrap();
        let counted = allocations(|| {
            predictor.predict_into(&inputs, &mut outputs).unwrap();
            predictor.predict_row(&row, &mut [0.0; 6]).unwrap();
        });
        assert_eq!(counted, 0);
    }
}
