//! Softmax and the distillation loss with its gradient, on shapes from a digit classifier to a
//! language model's vocabulary: `cargo bench -p reflux-softmax`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use ndarray::{Array2, Axis};
use reflux_softmax::{Distillation, softmax_into};

const SHAPES: [(usize, usize); 3] = [(128, 10), (128, 1000), (64, 32_000)];

fn logits((rows, classes): (usize, usize), phase: f32) -> Array2<f32> {
    Array2::from_shape_fn((rows, classes), |(row, class)| {
        ((row * classes + class) as f32 * 0.37 + phase).sin() * 8.0
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("softmax");
    for shape in SHAPES {
        let (student, teacher) = (logits(shape, 0.0), logits(shape, 1.0));
        let labels: Vec<usize> = (0..shape.0).map(|row| row % shape.1).collect();
        let mut out = Array2::zeros(shape);
        let name = format!("{}x{}", shape.0, shape.1);
        group.bench_function(BenchmarkId::new("softmax_into", &name), |bencher| {
            bencher.iter(|| softmax_into(black_box(&student), Axis(1), 1.0, &mut out));
        });
        let loss = Distillation::new();
        group.bench_function(BenchmarkId::new("distillation", &name), |bencher| {
            bencher.iter(|| {
                loss.value_and_gradient(black_box(&student), &teacher, Some(&labels), &mut out)
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
