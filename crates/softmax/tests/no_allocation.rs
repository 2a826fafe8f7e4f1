//! What writes into the caller's memory allocates nothing, and a loss nothing after its first batch.

// `GlobalAlloc` is an unsafe trait, and an allocator is the only place where every allocation can
// be counted. The one here passes each call on to the system's.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ndarray::{Array1, Array2, Axis};
use reflux_softmax::{
    CrossEntropy, Distillation, Divergence, Entropy, LogitMse, SoftCrossEntropy, log_softmax_into,
    logsumexp_into, softmax_into,
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

fn logits(rows: usize, classes: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, classes), |(row, class)| ((row * 31 + class * 17) % 23) as f32)
}

#[test]
fn softmax_into_allocates_nothing() {
    let (x, mut out, mut sums) = (logits(20, 100), Array2::zeros((20, 100)), Array1::zeros(20));
    let counted = allocations(|| {
        softmax_into(&x, Axis(1), 2.0, &mut out).unwrap();
        log_softmax_into(&x, Axis(1), 2.0, &mut out).unwrap();
        logsumexp_into(&x, Axis(1), 2.0, &mut sums).unwrap();
    });
    assert_eq!(counted, 0);
}

#[test]
fn strided_rows_allocate_once() {
    let (x, mut out) = (logits(20, 100), Array2::zeros((20, 100)));
    softmax_into(&x, Axis(0), 2.0, &mut out).unwrap();
    let counted = allocations(|| softmax_into(&x, Axis(0), 2.0, &mut out).unwrap());
    assert_eq!(counted, 0);
}

#[test]
fn losses_allocate_nothing_after_the_first_batch() {
    let (x, z, labels) = (logits(20, 100), logits(20, 100) * 0.5, vec![3; 20]);
    let targets = reflux_softmax::softmax(&z, Axis(1), 1.0).unwrap();
    let mut gradient = Array2::zeros(x.dim());
    let mut batch = || {
        let hard = CrossEntropy::new().with_label_smoothing(0.1).unwrap();
        hard.value_and_gradient(&x, &labels, &mut gradient).unwrap();
        let soft = SoftCrossEntropy::new(1.0).unwrap();
        soft.value_and_gradient(&x, &targets, &mut gradient).unwrap();
        Entropy::new().value_and_gradient(&x, &mut gradient).unwrap();
        LogitMse::new().value_and_gradient(&x, &z, &mut gradient).unwrap();
        let js = Divergence::jensen_shannon(2.0).unwrap();
        js.value_and_gradient(&x, &z, &mut gradient).unwrap();
        for temperature in [2.0, 3.0] {
            let loss = Distillation::new().with_temperature(temperature).unwrap();
            loss.value_and_gradient(&x, &z, Some(&labels), &mut gradient).unwrap();
        }
    };
    batch();
    assert_eq!(allocations(batch), 0);
}
