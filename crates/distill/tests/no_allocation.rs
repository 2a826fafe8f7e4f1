//! An objective allocates nothing after its first batch.

// `GlobalAlloc` is an unsafe trait, and an allocator is the only place where every allocation can
// be counted. The one here passes each call on to the system's.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    DecoupledKd, Dist, Distill, Divergence, DivergenceKind, FeatureLoss, Hint, Hinton, LogitLoss,
    LogitMse, Relational, Similarity, SoftDivergence, SoftTargets, Standardized, WithLabels,
};
use reflux_nn::{Adam, Objective};

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

fn values(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 31 + j * 17) as f32).sin())
}

#[test]
fn logit_objectives_allocate_nothing_after_the_first_batch() {
    let forward = || Divergence::forward_kl(2.0).unwrap();
    let losses: [Box<dyn LogitLoss<f32>>; 8] = [
        Box::new(Hinton::new()),
        Box::new(forward()),
        Box::new(SoftDivergence::new(DivergenceKind::JensenShannon, 4.0).unwrap()),
        Box::new(LogitMse::new()),
        Box::new(DecoupledKd::new()),
        Box::new(Dist::new()),
        Box::new(Standardized::new(forward())),
        Box::new(WithLabels::new(Standardized::new(DecoupledKd::new()))),
    ];
    let targets = SoftTargets::from_logits(values(64, 10)).unwrap();
    let labels: Vec<usize> = (0..64).map(|row| row % 10).collect();
    let (rows, outputs) = ([5, 63, 0, 17], values(4, 10));
    let mut gradient = Array2::zeros((4, 10));
    for (index, loss) in losses.into_iter().enumerate() {
        let mut objective = Distill::new(&targets, &labels, loss).unwrap();
        objective.value_and_gradient(&rows, &outputs, &mut gradient).unwrap();
        let counted = allocations(|| {
            objective.value_and_gradient(&rows, &outputs, &mut gradient).unwrap();
        });
        assert_eq!(counted, 0, "loss {index}");
    }
}

#[test]
fn feature_objectives_allocate_no_more_than_their_matrix_products() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let hint = Hint::new(3, 5, Adam::new(0.1).unwrap(), rng).unwrap();
    let losses: [(Box<dyn FeatureLoss<f32>>, usize); 3] = [
        (Box::new(hint), 2),
        (Box::new(Similarity::new()), 4),
        // Three products for each row as the vertex of the angles.
        (Box::new(Relational::new()), 3 * 4),
    ];
    let (student, teacher, mut gradient) = (values(4, 3), values(4, 5), Array2::zeros((4, 3)));
    for (mut loss, products) in losses {
        let mut step = || {
            loss.value_and_gradient(&student, &teacher, &mut gradient).unwrap();
            loss.step().unwrap();
        };
        step();
        // `matrixmultiply` takes memory to pack the factors of a product.
        assert!(allocations(step) <= products + 1);
    }
}
