//! numpy's `.npz`: an array of inputs, of any number of dimensions, and one of classes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use ndarray::{Array2, ArrayD};
use ndarray_npy::{ViewElement, ViewNpyError, ViewNpyExt};
use zip::ZipArchive;

use super::{Table, numbers};

/// Reads all rows of the arrays `x` and `y`.
pub(super) fn read(path: &Path, x: &str, y: &str) -> Result<Table> {
    parse(path, x, y).with_context(|| path.display().to_string())
}

fn parse(path: &Path, x: &str, y: &str) -> Result<Table> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let inputs = Bytes::of(&mut archive, x)?.inputs(x)?;
    let labels = Bytes::of(&mut archive, y)?.labels(y)?;
    let rows = inputs.nrows();
    ensure!(labels.len() == rows, "{x:?} has {rows} rows, and {y:?} has {}", labels.len());
    let largest = labels.iter().max().copied().unwrap_or(0);
    ensure!(
        largest < rows.max(2),
        "{y:?} must hold classes counted from 0, and has a class {largest} in {rows} rows"
    );
    Ok(Table { inputs, labels, classes: numbers(largest + 1) })
}

/// An array's file, from an address on that suits any number.
struct Bytes {
    memory: Vec<u8>,
    start: usize,
}

impl Bytes {
    fn of(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Self> {
        let known: Vec<String> =
            archive.file_names().filter_map(Result::ok).map(Cow::into_owned).collect();
        let Ok(mut file) = archive.by_name(&format!("{name}.npy")) else {
            let known: Vec<&str> = known.iter().map(|name| name.trim_end_matches(".npy")).collect();
            return Err(anyhow!(
                "has no array {name:?}, but {}: name them with --x and --y",
                known.join(", ")
            ));
        };
        const ALIGNMENT: usize = 16;
        let mut memory = vec![0; ALIGNMENT];
        file.read_to_end(&mut memory).with_context(|| format!("{name:?}"))?;
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        memory.copy_within(ALIGNMENT.., start);
        let len = memory.len() - ALIGNMENT + start;
        memory.truncate(len);
        Ok(Self { memory, start })
    }

    /// The array, if it is of this type, each element mapped.
    ///
    /// It is read where it lies, so that a header that claims more than there is costs no memory.
    fn array<T: ViewElement + Copy, U>(&self, map: fn(T) -> U) -> Result<ArrayD<U>, ViewNpyError> {
        let view = ndarray::ArrayViewD::<T>::view_npy(&self.memory[self.start..])?;
        Ok(view.mapv(map))
    }

    fn inputs(&self, name: &str) -> Result<Array2<f32>> {
        let array = self
            .array::<f32, f32>(|x| x)
            .or_else(|_| self.array::<f64, f32>(|x| x as f32))
            .or_else(|_| self.array::<u8, f32>(f32::from))
            .or_else(|_| self.array::<i64, f32>(|x| x as f32))
            .or_else(|_| self.array::<i32, f32>(|x| x as f32));
        let array = array.map_err(|error| {
            anyhow!("{name:?} must be of float32, float64, uint8, int32 or int64: {error}")
        })?;
        ensure!(array.ndim() >= 2, "{name:?} must be [rows, features], is {:?}", array.shape());
        let rows = array.shape()[0];
        let features = array.len().checked_div(rows).unwrap_or(0);
        let array = array.as_standard_layout().into_owned();
        Ok(array.into_shape_with_order((rows, features))?)
    }

    fn labels(&self, name: &str) -> Result<Vec<usize>> {
        let array = self
            .array::<i64, i64>(|y| y)
            .or_else(|_| self.array::<i32, i64>(i64::from))
            .or_else(|_| self.array::<u8, i64>(i64::from));
        let array =
            array.map_err(|error| anyhow!("{name:?} must be of int64, int32 or uint8: {error}"))?;
        ensure!(array.ndim() == 1, "{name:?} must be [rows], is {:?}", array.shape());
        let label = |&label: &i64| {
            usize::try_from(label)
                .map_err(|_| anyhow!("{name:?} must hold classes counted from 0, has {label}"))
        };
        array.iter().map(label).collect()
    }
}
