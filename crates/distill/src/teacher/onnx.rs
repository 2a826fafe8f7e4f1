//! A teacher from an ONNX file: whatever another framework has trained and exported.
//!
//! The network is run by [tract](https://docs.rs/tract-onnx), which knows most operators of ONNX, not
//! all of them.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array2, ArrayRef2};
use reflux_nn::Real;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::DimLike;
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

use super::Teacher;
use crate::{Error, Fingerprint, Result};

/// What the output of an ONNX model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OnnxOutput {
    /// Logits: what networks that were trained with a cross-entropy usually give. The default.
    #[default]
    Logits,
    /// Probabilities, as exporters of scikit-learn's classifiers give them. Their logarithms are
    /// taken; a probability below 1e-30, 0 among them, counts as 1e-30.
    Probabilities,
}

/// An ONNX model as a teacher.
///
/// # Example
///
/// ```no_run
/// use reflux_distill::{Labelling, OnnxOutput, OnnxTeacher};
/// # let inputs = ndarray::Array2::<f32>::zeros((1, 784));
///
/// // Exported by torch.onnx.export(model, example, "teacher.onnx"); it takes images [batch, 1, 28, 28].
/// let teacher = OnnxTeacher::load("teacher.onnx", &[1, 28, 28])?;
/// let targets = Labelling::new().cached("teacher.targets", &teacher, &inputs, |_| {
///     std::ops::ControlFlow::Continue(())
/// })?;
///
/// // Exported by skl2onnx with zipmap=False: the labels, and then the probabilities.
/// let forest = OnnxTeacher::load_output(
///     "forest.onnx",
///     &[784],
///     "probabilities",
///     OnnxOutput::Probabilities,
/// )?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OnnxTeacher {
    plan: Arc<TypedRunnableModel>,
    path: PathBuf,
    row_shape: Vec<usize>,
    classes: usize,
    output: OnnxOutput,
    fingerprint: Fingerprint,
}

impl OnnxTeacher {
    /// Reads a model with one input `[batch, row_shape...]` of 32-bit floats and one output `[batch,
    /// classes]`, its logits.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is missing, corrupt or no ONNX, [`Error::OnnxOperators`] for
    /// one with operators that the runtime lacks, [`Error::Onnx`] for a model that takes or gives
    /// something else.
    pub fn load(path: impl AsRef<Path>, row_shape: &[usize]) -> Result<Self> {
        Self::read(path.as_ref(), row_shape, None, OnnxOutput::Logits)
    }

    /// The same for a model whose output is something else, or one of several: the one called `name`.
    ///
    /// # Errors
    ///
    /// As [`OnnxTeacher::load`], and [`Error::Onnx`] for a name that no output has.
    pub fn load_output(
        path: impl AsRef<Path>,
        row_shape: &[usize],
        name: &str,
        output: OnnxOutput,
    ) -> Result<Self> {
        Self::read(path.as_ref(), row_shape, Some(name), output)
    }

    fn read(
        path: &Path,
        row_shape: &[usize],
        name: Option<&str>,
        output: OnnxOutput,
    ) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        let parsed = guarded(|| onnx().model_for_read(&mut bytes.as_slice()));
        let model =
            parsed.map_err(|error| Error::file(path, format!("is no ONNX model: {error}")))?;
        let lacking: Vec<String> = model
            .nodes()
            .iter()
            .filter(|node| node.op_is::<UnimplementedOp>())
            .map(|node| format!("{} ({})", node.op().name(), node.name))
            .collect();
        if !lacking.is_empty() {
            return Err(Error::OnnxOperators { path: path.into(), lacking: lacking.join(", ") });
        }
        let problem = |problem| Error::Onnx { path: path.into(), problem };
        let (plan, classes) = guarded(|| plan(model, row_shape, name)).map_err(problem)?;
        let settings = format!("{row_shape:?} {name:?} {output:?}");
        let parts = [
            Fingerprint::of_bytes("file", &bytes),
            Fingerprint::of_bytes("settings", settings.as_bytes()),
        ];
        Ok(Self {
            plan,
            path: path.into(),
            row_shape: row_shape.to_vec(),
            classes,
            output,
            fingerprint: Fingerprint::of_parts("onnx", &parts),
        })
    }

    fn run(&self, inputs: &[f32], rows: usize) -> Result<Vec<f32>, String> {
        let shape: Vec<usize> = [rows].iter().chain(&self.row_shape).copied().collect();
        guarded(|| {
            let input = Tensor::from_shape(&shape, inputs)?;
            let outputs = self.plan.run(tvec!(input.into()))?;
            let logits = outputs[0].to_plain_array_view::<f32>()?;
            if logits.shape() != [rows, self.classes] {
                refuse(format!(
                    "gave an output of shape {:?}, not {:?}",
                    logits.shape(),
                    [rows, self.classes]
                ))?;
            }
            Ok(logits.iter().copied().collect())
        })
    }
}

impl<F: Real> Teacher<F> for OnnxTeacher {
    fn classes(&self) -> usize {
        self.classes
    }

    /// # Errors
    ///
    /// [`Error::Shape`] unless a row has as many features as the row's shape, [`Error::Onnx`] where
    /// the runtime fails.
    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        let features = self.row_shape.iter().product();
        let (rows, got) = inputs.dim();
        if got != features {
            let (expected, got) = (vec![rows, features], vec![rows, got]);
            return Err(Error::Shape { what: "inputs", expected, got });
        }
        if rows == 0 {
            return Ok(Array2::zeros((0, self.classes)));
        }
        let narrow: Vec<f32> = inputs.iter().map(|x| x.as_f64() as f32).collect();
        let problem = |problem| Error::Onnx { path: self.path.clone(), problem };
        let said = self.run(&narrow, rows).map_err(problem)?;
        let logits = said.into_iter().map(|x| match self.output {
            OnnxOutput::Logits => F::from_f64(x.into()),
            OnnxOutput::Probabilities => F::from_f64(f64::from(x).max(1e-30).ln()),
        });
        Array2::from_shape_vec((rows, self.classes), logits.collect())
            .map_err(|error| problem(error.to_string()))
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Some(self.fingerprint)
    }
}

/// The model made ready to run on any number of rows, and its number of classes.
fn plan(
    mut model: InferenceModel,
    row_shape: &[usize],
    name: Option<&str>,
) -> TractResult<(Arc<TypedRunnableModel>, usize)> {
    let inputs = model.inputs.len();
    if inputs != 1 {
        refuse(format!("must have one input, has {inputs}"))?;
    }
    if let Some(name) = name {
        model.select_outputs_by_name([name])?;
    }
    let outputs = model.outputs.len();
    if outputs != 1 {
        let names: Vec<_> = model.outputs.iter().map(|&at| model.outlet_label(at)).collect();
        refuse(format!("has {outputs} outputs, {names:?}: name one of them"))?;
    }
    let batch = model.symbols.sym("batch");
    let shape: TVec<TDim> =
        [batch.to_dim()].into_iter().chain(row_shape.iter().map(|&n| n.to_dim())).collect();
    model.set_input_fact(0, f32::fact(shape).into())?;
    let model = model.into_optimized()?;
    let output = model.output_fact(0)?;
    let classes = output.shape.get(1).and_then(|dim| dim.to_usize().ok());
    match classes {
        Some(classes) if output.shape.rank() == 2 && output.datum_type == f32::datum_type() => {
            Ok((model.into_runnable()?, classes))
        }
        _ => refuse(format!("must give [batch, classes] of 32-bit floats, gives {output:?}")),
    }
}

fn refuse<T>(problem: String) -> TractResult<T> {
    Err(TractError::msg(problem))
}

/// Runs the runtime. It is not proof against every damaged model: a panic becomes an error.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(one_line(&format!("{error:#}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            Err(one_line(&format!("the runtime panicked: {}", text.unwrap_or("without a word"))))
        }
    }
}

fn one_line(text: &impl Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
