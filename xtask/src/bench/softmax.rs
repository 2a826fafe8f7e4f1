//! Softmax and the distillation loss, against PyTorch.

use ndarray::{Array2, Axis};
use reflux_softmax::{Distillation, log_softmax_into, softmax, softmax_into};
use serde_json::json;

use super::case::{Case, Group, Threads, Work, beyond_caches};
use super::peer::Source;

pub(crate) const GROUP: Group = Group {
    name: "softmax",
    about: "f32, rows x classes. PyTorch is called as one calls it: `torch.softmax(x, -1)` makes a new \
            tensor, `out=` and ours write into one that is there. The distillation loss is alpha 0.1, \
            T = 4, with its gradient: ours in one call, PyTorch's eager loss and backward.",
    peers: &[Source::pytorch("softmax")],
    threads: Threads::OneAndAll,
    cases,
    notes: |_| Ok(Vec::new()),
};

const SHAPES: [(usize, usize); 4] = [(128, 10), (128, 1000), (1024, 1000), (1024, 32_000)];
const LOSS_SHAPES: [(usize, usize); 4] = [(128, 10), (128, 1000), (1024, 1000), (64, 32_000)];
const TEMPERATURE: f32 = 4.0;
const ALPHA: f64 = 0.1;

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        cases.push(case("softmax", shape, 2, softmax_reused));
        cases.push(case("softmax out=", shape, 2, softmax_reused));
    }
    for shape in SHAPES {
        cases.push(case("softmax T=4", shape, 2, softmax_hot));
    }
    cases.push(case("softmax, new array", (128, 1000), 2, softmax_new));
    for shape in SHAPES {
        cases.push(case("log-softmax", shape, 2, log_softmax_reused));
    }
    for shape in LOSS_SHAPES {
        cases.push(case("distillation", shape, 3, distillation));
    }
    cases
}

/// `arrays` is how many arrays of the shape the work reads or writes.
fn case(
    name: &'static str,
    shape: (usize, usize),
    arrays: u64,
    prepare: fn((usize, usize)) -> Work,
) -> Case {
    Case {
        name: format!("{name} {}x{}", shape.0, shape.1),
        items: None,
        bytes: beyond_caches(arrays * (shape.0 * shape.1 * size_of::<f32>()) as u64),
        flops: None,
        point: None,
        parameters: Some(json!({ "work": name, "rows": shape.0, "classes": shape.1 })),
        prepare: Box::new(move || Ok(prepare(shape))),
    }
}

/// The same numbers as in the peer's script.
fn logits((rows, classes): (usize, usize), pace: f64, phase: f64) -> Array2<f32> {
    Array2::from_shape_fn((rows, classes), |(row, class)| {
        (((row * classes + class) as f64 * pace + phase).sin() * 8.0) as f32
    })
}

fn corner(out: &Array2<f32>) -> f64 {
    f64::from(out[[0, 0]])
}

fn softmax_reused(shape: (usize, usize)) -> Work {
    softmax_at(shape, 1.0)
}

fn softmax_hot(shape: (usize, usize)) -> Work {
    softmax_at(shape, TEMPERATURE)
}

fn softmax_at(shape: (usize, usize), temperature: f32) -> Work {
    let (logits, mut out) = (logits(shape, 0.37, 0.0), Array2::zeros(shape));
    Box::new(move || {
        softmax_into(&logits, Axis(1), temperature, &mut out)?;
        Ok(corner(&out))
    })
}

fn softmax_new(shape: (usize, usize)) -> Work {
    let logits = logits(shape, 0.37, 0.0);
    Box::new(move || Ok(corner(&softmax(&logits, Axis(1), 1.0)?)))
}

fn log_softmax_reused(shape: (usize, usize)) -> Work {
    let (logits, mut out) = (logits(shape, 0.37, 0.0), Array2::zeros(shape));
    Box::new(move || {
        log_softmax_into(&logits, Axis(1), 1.0, &mut out)?;
        Ok(corner(&out))
    })
}

fn distillation(shape: (usize, usize)) -> Work {
    let (student, teacher) = (logits(shape, 0.37, 0.0), logits(shape, 0.57, 1.0));
    let labels: Vec<usize> = (0..shape.0).map(|row| row % shape.1).collect();
    let mut gradient = Array2::zeros(shape);
    Box::new(move || {
        let loss =
            Distillation::new().with_alpha(ALPHA)?.with_temperature(f64::from(TEMPERATURE))?;
        let value = loss.value_and_gradient(&student, &teacher, Some(&labels), &mut gradient)?;
        Ok(f64::from(value))
    })
}
