//! Who teaches: a network that is trained here, one from a file, an ONNX model, or logits.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array2, ArrayView2, Axis};
use reflux_distill::{Cost, Error, Labelling, Precomputed, SoftTargets, Teacher, hidden_features};
use reflux_nn::{HardLabels, Mlp, MlpConfig};
use serde::Serialize;

use super::data::{Data, Part};
use super::folder::Folder;
use super::training::{self, Scaling, TrainingArgs};
use crate::interrupt;
use crate::progress::Progress;
use crate::widths::widths;

/// Which teacher, and how it is trained if it is.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Teacher")]
pub(super) struct TeacherArgs {
    /// The widths of the hidden layers of a network to train, as in 256,256; or a file: .safetensors
    /// with a network or with a tensor `logits`, .npy with logits for all rows of the data, .onnx
    #[arg(long, value_name = "WIDTHS|FILE", default_value = "256,256")]
    pub(super) teacher: String,
    /// The probability with which a trained teacher's hidden values are dropped
    #[arg(long, value_name = "P", allow_negative_numbers = true, default_value_t = 0.0)]
    teacher_dropout: f64,
    /// How many epochs a teacher is trained for; as many as the students if it is not said
    #[arg(long, value_name = "N")]
    teacher_epochs: Option<usize>,
    /// ONNX: the shape of a row, as in 1,28,28, if it is not flat
    #[arg(long, value_name = "SHAPE")]
    row_shape: Option<String>,
    /// ONNX: the name of the output that holds the logits, if there are several
    #[arg(long, value_name = "NAME")]
    onnx_output: Option<String>,
    /// ONNX: that output holds probabilities
    #[arg(long)]
    probabilities: bool,
}

/// A teacher's hidden values `[rows, width]`.
pub(super) type Features = Array2<f32>;

/// What `--teacher` says.
enum Kind<'a> {
    Widths(Vec<usize>),
    Npy(&'a Path),
    Safetensors(&'a Path),
    Onnx(&'a Path),
}

/// A teacher that is ready to be asked.
pub(super) enum Source {
    Network(Box<Mlp>),
    #[cfg(feature = "onnx")]
    Onnx {
        teacher: Box<reflux_distill::OnnxTeacher>,
        bytes: u64,
    },
    /// Answers for all rows of the data, or for those to train on alone.
    Logits(SoftTargets),
}

/// What a teacher said.
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) cost: Cost,
    pub(super) train: SoftTargets,
    /// Unknown for logits of the rows to train on alone.
    pub(super) test: Option<SoftTargets>,
    pub(super) features: Option<Features>,
}

impl TeacherArgs {
    /// What can be said against it before any work.
    pub(super) fn check(&self) -> Result<()> {
        self.kind()?;
        self.shape_of_row(1)?;
        MlpConfig::new(1, &[1], 1)?.with_dropout(self.teacher_dropout)?;
        ensure!(self.teacher_epochs != Some(0), "a teacher must be trained for at least 1 epoch");
        Ok(())
    }

    fn kind(&self) -> Result<Kind<'_>> {
        let path = Path::new(&self.teacher);
        if path.extension().is_none() && !path.exists() {
            return Ok(Kind::Widths(widths(&self.teacher, "the teacher's hidden layers")?));
        }
        ensure!(path.exists(), "{}: there is no such file", path.display());
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => Ok(Kind::Npy(path)),
            Some("safetensors") => Ok(Kind::Safetensors(path)),
            Some("onnx") if cfg!(feature = "onnx") => Ok(Kind::Onnx(path)),
            Some("onnx") => bail!(
                "{}: ONNX models need: cargo run --release -p xtask --features onnx -- distill ...",
                path.display()
            ),
            _ => bail!(
                "{}: a teacher is a .safetensors, .npy or .onnx file, or widths such as 256,256",
                path.display()
            ),
        }
    }

    fn shape_of_row(&self, features: usize) -> Result<Vec<usize>> {
        match &self.row_shape {
            Some(shape) => widths(shape, "the shape of a row"),
            None => Ok(vec![features]),
        }
    }

    /// Trains the teacher, unless it is in the folder already, or reads it from its file.
    pub(super) fn source(
        &self,
        data: &Data,
        scaling: Option<&Scaling>,
        settings: &TrainingArgs,
        folder: &Folder,
        progress: &Progress,
    ) -> Result<Source> {
        match self.kind()? {
            Kind::Widths(hidden) => {
                let path = folder.teacher();
                if path.exists() {
                    return Ok(Source::Network(Box::new(Mlp::load(path)?)));
                }
                let mlp = self.train(&hidden, data, scaling, settings, progress)?;
                mlp.save(path)?;
                Ok(Source::Network(Box::new(mlp)))
            }
            Kind::Npy(path) => Ok(Source::Logits(SoftTargets::from_npy(path)?)),
            Kind::Safetensors(path) => match SoftTargets::from_safetensors(path, "logits") {
                Ok(logits) => Ok(Source::Logits(logits)),
                Err(error @ Error::TeacherLogit { .. }) => Err(error.into()),
                Err(_) => Ok(Source::Network(Box::new(Mlp::load(path)?))),
            },
            Kind::Onnx(path) => self.onnx(path, data.train.rows.features()),
        }
    }

    fn train(
        &self,
        hidden: &[usize],
        data: &Data,
        scaling: Option<&Scaling>,
        settings: &TrainingArgs,
        progress: &Progress,
    ) -> Result<Mlp> {
        let rows = &data.train.rows;
        let config = MlpConfig::new(rows.features(), hidden, data.classes.len())?
            .with_dropout(self.teacher_dropout)?;
        let epochs = self.teacher_epochs.unwrap_or(settings.epochs(rows.len()));
        let task = progress.task("Teacher", epochs as u64);
        let mut objective = HardLabels::new(rows.labels());
        let rng = &mut settings.rng(0);
        let mlp = Mlp::new(config, rng)?;
        let mlp = training::train(
            mlp,
            rows,
            data.validation.as_ref(),
            scaling,
            &mut objective,
            &settings.fit(epochs)?,
            settings.learning_rate,
            rng,
            |loss| task.advance(|| format!("loss {loss:.4}")),
        )?;
        task.finish(mlp.config());
        Ok(mlp)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, path: &Path, features: usize) -> Result<Source> {
        use reflux_distill::{OnnxOutput, OnnxTeacher};
        let shape = self.shape_of_row(features)?;
        let kind = if self.probabilities { OnnxOutput::Probabilities } else { OnnxOutput::Logits };
        let teacher = match &self.onnx_output {
            Some(name) => OnnxTeacher::load_output(path, &shape, name, kind)?,
            None => {
                ensure!(
                    !self.probabilities,
                    "name the output that holds the probabilities with --onnx-output"
                );
                OnnxTeacher::load(path, &shape)?
            }
        };
        let bytes = std::fs::metadata(path)?.len();
        Ok(Source::Onnx { teacher: Box::new(teacher), bytes })
    }

    #[cfg(not(feature = "onnx"))]
    fn onnx(&self, path: &Path, _features: usize) -> Result<Source> {
        bail!("{}: the feature onnx is not compiled in", path.display())
    }
}

impl Source {
    /// Asks about all rows, or reads from the folder what was answered before.
    pub(super) fn answers(
        &self,
        data: &Data,
        with_features: bool,
        folder: &Folder,
        progress: &Progress,
    ) -> Result<Answers> {
        let classes = data.classes.len();
        let known = self.classes();
        ensure!(known == classes, "the teacher knows {known} classes, and the data have {classes}");
        let ask = |part: &Part, what: &str| -> Result<Option<SoftTargets>> {
            let path = folder.targets(what);
            let inputs = part.rows.inputs();
            match self {
                Self::Network(mlp) => label(&**mlp, inputs, &path, what, progress).map(Some),
                #[cfg(feature = "onnx")]
                Self::Onnx { teacher, .. } => {
                    label(&**teacher, inputs, &path, what, progress).map(Some)
                }
                Self::Logits(all) => match given(all, part, data)? {
                    None => Ok(None),
                    Some(teacher) => label(&teacher, inputs, &path, what, progress).map(Some),
                },
            }
        };
        let train = ask(&data.train, "train")?.context("logits for the rows to train on")?;
        let test = ask(&data.test, "test")?;
        Ok(Answers {
            name: self.name(),
            cost: self.cost(data)?,
            train,
            test,
            features: self.features(data, with_features)?,
        })
    }

    fn classes(&self) -> usize {
        match self {
            Self::Network(mlp) => mlp.config().outputs(),
            #[cfg(feature = "onnx")]
            Self::Onnx { teacher, .. } => Teacher::<f32>::classes(&**teacher),
            Self::Logits(all) => all.classes(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Network(mlp) => mlp.config().to_string(),
            #[cfg(feature = "onnx")]
            Self::Onnx { .. } => "an ONNX model".to_owned(),
            Self::Logits(_) => "logits from a file".to_owned(),
        }
    }

    /// Zeros for what is not known.
    fn cost(&self, data: &Data) -> Result<Cost> {
        match self {
            Self::Network(mlp) => training::cost(mlp, data),
            #[cfg(feature = "onnx")]
            Self::Onnx { bytes, .. } => Ok(Cost::new(0, *bytes as usize, 0)),
            Self::Logits(_) => Ok(Cost::new(0, 0, 0)),
        }
    }

    fn features(&self, data: &Data, wanted: bool) -> Result<Option<Features>> {
        if !wanted {
            return Ok(None);
        }
        match self {
            Self::Network(mlp) => {
                let last = mlp.config().hidden().len().checked_sub(1);
                let last = last.context("--features needs a teacher with a hidden layer")?;
                Ok(Some(hidden_features(mlp, &data.train.rows.inputs(), last)?))
            }
            #[cfg(feature = "onnx")]
            Self::Onnx { .. } => bail!("--features needs a teacher that is a network, not ONNX"),
            Self::Logits(_) => bail!("--features needs a teacher that is a network, not logits"),
        }
    }
}

fn label(
    teacher: &(impl Teacher<f32> + Sync),
    inputs: ArrayView2<'_, f32>,
    path: &PathBuf,
    what: &str,
    progress: &Progress,
) -> Result<SoftTargets> {
    let there = path.exists();
    let task = progress.task(&format!("Soft targets, {what}"), inputs.nrows() as u64);
    let targets = Labelling::new().cached(path, teacher, &inputs, |rows| {
        task.set(rows as u64, String::new);
        interrupt::flow()
    });
    interrupt::check()?;
    let targets = targets?;
    task.finish(if there { "from the cache" } else { "written to the cache" });
    Ok(targets)
}

/// The logits of a part, if they are there, as a teacher.
fn given(all: &SoftTargets, part: &Part, data: &Data) -> Result<Option<Precomputed>> {
    let (rows, all_rows, train) = (all.rows(), data.all_rows(), data.train.rows.len());
    let inputs = part.rows.inputs();
    if rows == all_rows {
        let logits = all.logits().select(Axis(0), &part.positions);
        return Ok(Some(Precomputed::new(SoftTargets::from_logits(logits)?, &inputs)?));
    }
    // Of MNIST's training file, say; its rows come first.
    ensure!(
        rows == train && data.train.positions.iter().copied().eq(0..train),
        "the teacher's logits are for {rows} rows, and the data have {all_rows}"
    );
    if part.positions == data.train.positions {
        return Ok(Some(Precomputed::new(all.clone(), &inputs)?));
    }
    Ok(None)
}
