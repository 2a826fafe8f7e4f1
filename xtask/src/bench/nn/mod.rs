//! Training steps and inference of multilayer perceptrons, against PyTorch and candle.

pub(super) mod work;

use anyhow::Result;
use serde_json::json;

use super::case::{Case, Group, Threads, Work};
use super::measure::Row;
use super::peer::{Program, Source};

pub(crate) const GROUP: Group = Group {
    name: "nn",
    about: "f32, ReLU, layers x batch. A training step is forward pass, loss, backward pass and Adam; \
            the distillation loss is alpha 0.1, T = 4; Huber's is that of one chosen output a row. All \
            sides start from the same weights and must have the same loss after 10 steps. PyTorch is \
            eager, with Adam(fused=True), zero_grad(set_to_none=True) and inference_mode(); \
            torch.compile is that with forward pass and loss compiled. GFLOP/s counts matrix products. \
            Inference is a Predictor here; with 8-bit weights it is measured against 32 bits there.",
    peers: &[Source::pytorch("nn"), Source::pytorch("nn_compiled"), CANDLE],
    threads: Threads::OneAndAll,
    cases,
    notes,
};

const CANDLE: Source = Source {
    program: Program::Rust { package: "rust-nn" },
    needs: "candle, about four minutes on one core",
};

/// The widths of a network, from its inputs to its outputs, and the rows that it is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) widths: &'static [usize],
    pub(super) batch: usize,
}

pub(super) const LARGE: Shape = Shape { widths: &[784, 1200, 1200, 10], batch: 128 };
pub(super) const STUDENT: Shape = Shape { widths: &[784, 800, 800, 10], batch: 128 };
const DQN: Shape = Shape { widths: &[4, 256, 256, 2], batch: 64 };
const DIGITS: Shape = Shape { widths: &[64, 64, 10], batch: 64 };
const SMALL: Shape = Shape { widths: &[4, 64, 64, 2], batch: 32 };

impl Shape {
    fn name(&self) -> String {
        let widths: Vec<String> = self.widths.iter().map(ToString::to_string).collect();
        format!("{} x {}", widths.join("-"), self.batch)
    }

    /// Multiplications and additions of the matrix products of a training step: in each layer one
    /// for its outputs, one for its weights' gradient and, but for the first, one for its inputs'.
    pub(super) fn training_flops(&self) -> u64 {
        let mut products = self.widths.windows(2).map(|pair| pair[0] * pair[1]);
        let first = products.next().unwrap_or(0);
        2 * (self.batch * (2 * first + 3 * products.sum::<usize>())) as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    CrossEntropy,
    Distillation,
    Huber,
}

impl Loss {
    fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross-entropy",
            Self::Distillation => "distillation",
            Self::Huber => "Huber",
        }
    }
}

/// Of a weight that predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bits {
    ThirtyTwo,
    Eight,
}

/// Steps that should spend their time on matrix products.
const LARGE_STEPS: [(Shape, Loss); 2] =
    [(LARGE, Loss::CrossEntropy), (STUDENT, Loss::Distillation)];
const SMALL_STEPS: [(Shape, Loss); 3] =
    [(DQN, Loss::Huber), (DIGITS, Loss::CrossEntropy), (SMALL, Loss::CrossEntropy)];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, loss) in LARGE_STEPS {
        let flops = Some(shape.training_flops());
        cases.push(Case { flops, ..training(shape, loss) });
        cases.push(Case { flops, ..case(products_name(shape), move || Ok(work::products(shape))) });
    }
    cases.extend(SMALL_STEPS.map(|(shape, loss)| training(shape, loss)));
    for (shape, batch) in [(SMALL, 1), (LARGE, 1), (LARGE, 32)] {
        cases.push(inference(Shape { batch, ..shape }, Bits::ThirtyTwo));
    }
    for shape in [SMALL, LARGE] {
        cases.push(inference(Shape { batch: 1, ..shape }, Bits::Eight));
    }
    cases
}

fn training(shape: Shape, loss: Loss) -> Case {
    let (widths, batch) = (shape.widths, shape.batch);
    let parameters =
        json!({ "work": "training", "loss": loss.name(), "widths": widths, "batch": batch });
    Case {
        parameters: Some(parameters),
        ..case(training_name(shape, loss), move || work::training(shape, loss))
    }
}

fn inference(shape: Shape, bits: Bits) -> Case {
    let (widths, batch) = (shape.widths, shape.batch);
    let parameters = json!({ "work": "inference", "widths": widths, "batch": batch });
    let suffix = if bits == Bits::Eight { ", 8-bit weights" } else { "" };
    Case {
        parameters: Some(parameters),
        ..case(format!("inference {}{suffix}", shape.name()), move || work::inference(shape, bits))
    }
}

fn case(name: String, prepare: impl Fn() -> Result<Work> + Send + Sync + 'static) -> Case {
    Case {
        name,
        items: None,
        bytes: None,
        flops: None,
        point: None,
        parameters: None,
        prepare: Box::new(prepare),
    }
}

fn training_name(shape: Shape, loss: Loss) -> String {
    format!("step {}, {}", shape.name(), loss.name())
}

fn products_name(shape: Shape) -> String {
    format!("its matrix products alone, {}", shape.name())
}

/// What part of a large step its matrix products are, on one thread.
fn notes(rows: &[Row]) -> Result<Vec<String>> {
    let time = |name: &str| rows.iter().find(|row| row.threads == 1 && row.name == name);
    let note = |(shape, loss)| {
        let step = training_name(shape, loss);
        let part = time(&products_name(shape))?.ours_ns / time(&step)?.ours_ns;
        Some(format!(
            "{step}, 1 thread: the same matrix products alone take {:.0}% of that time",
            100.0 * part
        ))
    };
    Ok(LARGE_STEPS.into_iter().filter_map(note).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_step_is_three_products_a_layer_and_two_in_the_first() {
        let shape = Shape { widths: &[3, 5, 2], batch: 7 };
        assert_eq!(shape.training_flops(), 2 * 7 * (2 * 3 * 5 + 3 * 5 * 2));
        assert_eq!(LARGE.training_flops(), 1_596_825_600);
    }
}
