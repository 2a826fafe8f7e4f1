//! The IDX format: a magic number, the size of each dimension, and the values.
//!
//! ```text
//! 00 00 08 n     unsigned bytes, in n dimensions
//! u32 x n        the size of each, big-endian
//! the values     as many bytes as the product of the sizes
//! ```
//!
//! As at <http://yann.lecun.com/exdb/mnist/>. A header is only a
//! claim: memory is taken for the bytes that are there, and a claim beyond [`MOST_ROWS`] is refused
//! before any are read, since a gzip file of a few megabytes can unpack to gigabytes.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use ndarray::Array2;

use super::Dataset;
use crate::{Error, Result};

/// Eight times as many images as MNIST has.
const MOST_ROWS: usize = 500_000;

/// The images of one file.
#[derive(Debug)]
pub(super) struct Images {
    path: PathBuf,
    rows: usize,
    size: [usize; 2],
    pixels: Vec<u8>,
}

/// The labels of one file.
#[derive(Debug)]
pub(super) struct Labels {
    path: PathBuf,
    values: Vec<usize>,
}

/// Images and labels that are said to belong together.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) images: Images,
    pub(super) labels: Labels,
    pub(super) classes: usize,
    /// The pixel value that becomes 1.
    pub(super) largest: u8,
}

/// Unpacks gzip, to the last byte: junk behind the compressed data is an error.
pub(super) fn gunzip<R: Read>(reader: R) -> MultiGzDecoder<R> {
    MultiGzDecoder::new(reader)
}

/// Reads images of exactly `size` pixels, height and width. `path` is for error messages.
pub(super) fn images(
    path: impl AsRef<Path>,
    mut reader: impl Read,
    size: [usize; 2],
) -> Result<Images> {
    let path = path.as_ref();
    let mut read = || {
        let [rows, height, width] = header(&mut reader)?;
        if [height, width] != size {
            return Err(format!(
                "must hold images of {} x {} pixels, its header says {height} x {width}",
                size[0], size[1]
            ));
        }
        Ok((rows, values(&mut reader, rows, height * width)?))
    };
    let (rows, pixels) = read().map_err(|problem| Error::file(path, problem))?;
    Ok(Images { path: path.to_owned(), rows, size, pixels })
}

/// Reads labels that are less than `classes`.
pub(super) fn labels(
    path: impl AsRef<Path>,
    mut reader: impl Read,
    classes: usize,
) -> Result<Labels> {
    let path = path.as_ref();
    let mut read = || {
        let [rows] = header(&mut reader)?;
        let values = values(&mut reader, rows, 1)?;
        match values.iter().position(|&label| usize::from(label) >= classes) {
            Some(row) => Err(format!(
                "row {row} has the label {}, which must be less than {classes}",
                values[row]
            )),
            None => Ok(values.into_iter().map(usize::from).collect()),
        }
    };
    let values = read().map_err(|problem| Error::file(path, problem))?;
    Ok(Labels { path: path.to_owned(), values })
}

impl Labelled {
    /// Scales the pixels to 0 to 1.
    pub(super) fn into_dataset(self) -> Result<Dataset> {
        let Self { images, labels, classes, largest } = self;
        let bad = |problem: String| Error::file(&images.path, problem);
        if images.rows != labels.values.len() {
            return Err(bad(format!(
                "holds {} images, but {} holds {} labels",
                images.rows,
                labels.path.display(),
                labels.values.len()
            )));
        }
        let features = images.size[0] * images.size[1];
        if let Some(at) = images.pixels.iter().position(|&pixel| pixel > largest) {
            return Err(bad(format!(
                "image {} has a pixel of {}, which must be at most {largest}",
                at / features,
                images.pixels[at]
            )));
        }
        let mut scaled = Vec::new();
        if scaled.try_reserve_exact(images.pixels.len()).is_err() {
            return Err(bad(format!("takes {} bytes, too many", 4 * images.pixels.len())));
        }
        scaled.extend(images.pixels.iter().map(|&pixel| f32::from(pixel) / f32::from(largest)));
        let inputs = Array2::from_shape_vec((images.rows, features), scaled)
            .map_err(|error| bad(error.to_string()))?;
        Dataset::new(inputs, labels.values, classes, images.size)
    }
}

/// The sizes of `N` dimensions, from a header that must have as many.
fn header<const N: usize>(reader: &mut impl Read) -> Result<[usize; N], String> {
    let cut =
        |error: std::io::Error| format!("cannot be read up to the end of its header: {error}");
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(cut)?;
    if magic != [0, 0, 8, N as u8] {
        return Err(format!(
            "must start with [0, 0, 8, {N}] (IDX, unsigned bytes, {N} dimensions), got {magic:?}"
        ));
    }
    let mut sizes = [0; N];
    for size in &mut sizes {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map_err(cut)?;
        *size = u32::from_be_bytes(bytes) as usize;
    }
    Ok(sizes)
}

/// Exactly `rows * width` bytes, after which the file must end.
fn values(reader: &mut impl Read, rows: usize, width: usize) -> Result<Vec<u8>, String> {
    if !(1..=MOST_ROWS).contains(&rows) {
        return Err(format!("must hold 1 to {MOST_ROWS} rows, its header says {rows}"));
    }
    let claimed = rows * width;
    let mut bytes = Vec::new();
    // One byte more than there should be: it shows that there is more, and where there is not, it
    // makes gzip come to its end and compare checksums.
    let read = reader.take(claimed as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read beyond {} values: {error}", bytes.len()))?;
    if bytes.len() > claimed {
        return Err(format!("must end after the {claimed} values of its header, but goes on"));
    }
    if bytes.len() < claimed {
        let got = bytes.len();
        return Err(format!("must hold the {claimed} values of its header, but ends after {got}"));
    }
    Ok(bytes)
}
