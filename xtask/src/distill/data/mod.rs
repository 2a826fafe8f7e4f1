//! The data that a student is to learn: the bundled digits, MNIST's files, `.npz` or CSV.

mod csv;
mod npz;

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::Fingerprint;
use reflux_nn::data::{self, Dataset};

/// Where the data are, and how they are divided.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// `digits` (bundled), a folder with MNIST's four IDX files, a .npz file, or a .csv file with a
    /// header
    #[arg(long, value_name = "DATA", default_value = "digits")]
    pub(crate) data: PathBuf,
    /// CSV: the column that holds the class, by its name; all others must be numbers
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    pub(crate) label: String,
    /// npz: the name of the array of inputs, `[rows, ...]`
    #[arg(long, value_name = "NAME", default_value = "x")]
    pub(crate) x: String,
    /// npz: the name of the array of classes, `[rows]`, whole numbers from 0
    #[arg(long, value_name = "NAME", default_value = "y")]
    pub(crate) y: String,
    /// npz and CSV: the part of the rows, drawn at random, that is kept for the final test
    #[arg(long, value_name = "F", default_value_t = 0.2)]
    pub(crate) test_fraction: f64,
    /// The part of the other rows that is not trained on: the network of the epoch that is best there
    /// is kept; 0 keeps the last
    #[arg(long, value_name = "F", default_value_t = 0.0)]
    pub(crate) validation_fraction: f64,
    /// Bring each feature to mean 0 and deviation 1 for the training; saved networks take rows as they
    /// are all the same
    #[arg(long)]
    pub(crate) standardize: bool,
}

/// Some of the rows, and where they stand among all of them.
pub(super) struct Part {
    pub(super) rows: Dataset,
    pub(super) positions: Vec<usize>,
}

/// Rows to train on, perhaps rows to choose the best epoch by, and rows to judge by.
pub(super) struct Data {
    pub(super) source: String,
    /// What the classes are called.
    pub(super) classes: Vec<String>,
    pub(super) train: Part,
    pub(super) validation: Option<Part>,
    pub(super) test: Part,
}

/// All rows of a file.
struct Table {
    inputs: Array2<f32>,
    labels: Vec<usize>,
    classes: Vec<String>,
}

impl Data {
    /// Reads everything, and divides it as the seed says.
    pub(super) fn load(args: &DataArgs, seed: u64) -> Result<Self> {
        args.check()?;
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let path = &args.data;
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let mut data = if path == Path::new("digits") {
            Self::digits()?
        } else if path.is_dir() {
            Self::mnist(path)?
        } else if extension == "npz" {
            Self::divided(npz::read(path, &args.x, &args.y)?, args, rng)?
        } else if extension == "csv" {
            Self::divided(csv::read(path, &args.label)?, args, rng)?
        } else {
            ensure!(path.exists(), "{}: there is no such file or folder", path.display());
            anyhow::bail!(
                "{}: must be `digits`, a folder with MNIST's files, a .npz or a .csv file",
                path.display()
            );
        };
        let rows = data.train.rows.len();
        let count = share(args.validation_fraction, rows);
        if count > 0 {
            let mut order: Vec<usize> = (0..rows).collect();
            order.shuffle(rng);
            data.validation = Some(data.train.select(&mut order[..count])?);
            data.train = data.train.select(&mut order[count..])?;
        }
        Ok(data)
    }

    fn digits() -> Result<Self> {
        let (all, split) = (data::digits()?, data::digits_split()?);
        let part = |positions: Vec<usize>| -> Result<Part> {
            Ok(Part { rows: all.select(&positions)?, positions })
        };
        Ok(Self {
            source: "UCI handwritten digits, 8x8, divided by writer".to_owned(),
            classes: numbers(all.classes()),
            train: part(split.train)?,
            validation: None,
            test: part(split.test)?,
        })
    }

    fn mnist(folder: &Path) -> Result<Self> {
        let (train, test) = data::mnist(folder)?;
        let part = |rows, positions: Range<usize>| Part { rows, positions: positions.collect() };
        let (first_test, end) = (train.len(), train.len() + test.len());
        Ok(Self {
            source: format!("IDX files from {}", folder.display()),
            classes: numbers(train.classes()),
            train: part(train, 0..first_test),
            validation: None,
            test: part(test, first_test..end),
        })
    }

    fn divided(table: Table, args: &DataArgs, rng: &mut Xoshiro256PlusPlus) -> Result<Self> {
        let (rows, features) = table.inputs.dim();
        let path = args.data.display();
        ensure!(rows >= 2 && features > 0, "{path}: needs at least 2 rows and 1 feature");
        let all = Dataset::new(table.inputs, table.labels, table.classes.len(), [1, features])
            .with_context(|| path.to_string())?;
        let mut order: Vec<usize> = (0..rows).collect();
        order.shuffle(rng);
        let all = Part { rows: all, positions: (0..rows).collect() };
        let count = share(args.test_fraction, rows).clamp(1, rows - 1);
        Ok(Self {
            source: path.to_string(),
            classes: table.classes,
            test: all.select(&mut order[..count])?,
            validation: None,
            train: all.select(&mut order[count..])?,
        })
    }

    /// Of how many rows the file or files are.
    pub(super) fn all_rows(&self) -> usize {
        let validation = self.validation.as_ref().map_or(0, |part| part.rows.len());
        self.train.rows.len() + validation + self.test.rows.len()
    }

    /// Of all that is trained on and judged by.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let parts = [Some(&self.train), self.validation.as_ref(), Some(&self.test)];
        let of_part = |part: &Part| {
            let labels = format!("{:?}", part.rows.labels());
            let labels = Fingerprint::of_bytes("labels", labels.as_bytes());
            [Fingerprint::of_data(&part.rows.inputs()), labels]
        };
        let parts: Vec<Fingerprint> = parts.into_iter().flatten().flat_map(of_part).collect();
        Fingerprint::of_parts("division", &parts)
    }
}

impl DataArgs {
    fn check(&self) -> Result<()> {
        let (test, validation) = (self.test_fraction, self.validation_fraction);
        ensure!(
            test > 0.0 && test < 1.0,
            "the test fraction must be above 0 and below 1, got {test}"
        );
        ensure!(
            (0.0..1.0).contains(&validation),
            "the validation fraction must be at least 0 and below 1, got {validation}"
        );
        Ok(())
    }
}

impl Part {
    /// These rows, in the order in which they were.
    fn select(&self, rows: &mut [usize]) -> Result<Self> {
        rows.sort_unstable();
        let positions = rows.iter().map(|&row| self.positions[row]).collect();
        Ok(Self { rows: self.rows.select(rows)?, positions })
    }
}

/// A fraction of so many rows, but never all of them.
fn share(fraction: f64, rows: usize) -> usize {
    ((fraction * rows as f64).round() as usize).min(rows.saturating_sub(1))
}

fn numbers(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}
