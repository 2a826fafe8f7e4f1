//! MNIST and the sets that share its format, from their files.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Dataset;
use super::idx::{self, Labelled};
use crate::{Error, Result};

const SIDE: usize = 28;
const CLASSES: usize = 10;

/// Reads MNIST, or a set in its form such as Fashion-MNIST, from the folder `dir`: the data to train on
/// and the data to test on, with pixels from 0 to 1.
///
/// The folder holds the four files under their usual names, each as it is or as `.gz`:
///
/// ```text
/// train-images-idx3-ubyte    train-labels-idx1-ubyte
/// t10k-images-idx3-ubyte     t10k-labels-idx1-ubyte
/// ```
///
/// LeCun, Cortes & Burges 1998. It is not part of this crate; wherever it is downloaded from, every
/// header field, length, checksum and label is checked here.
///
/// # Errors
///
/// [`Error::File`], naming the file, for one that is missing, truncated or too long, that has another
/// magic number or size of image, or another number of images than labels, or a label above 9, and for
/// more than 500,000 images.
pub fn mnist(dir: impl AsRef<Path>) -> Result<(Dataset, Dataset)> {
    let dir = dir.as_ref();
    Ok((part(dir, "train")?, part(dir, "t10k")?))
}

fn part(dir: &Path, name: &str) -> Result<Dataset> {
    let (path, reader) = open(dir, &format!("{name}-images-idx3-ubyte"))?;
    let images = idx::images(path, reader, [SIDE, SIDE])?;
    let (path, reader) = open(dir, &format!("{name}-labels-idx1-ubyte"))?;
    let labels = idx::labels(path, reader, CLASSES)?;
    Labelled { images, labels, classes: CLASSES, largest: u8::MAX }.into_dataset()
}

/// The file of this name, or the same with `.gz`.
fn open(dir: &Path, name: &str) -> Result<(PathBuf, Box<dyn Read>)> {
    let plain = dir.join(name);
    match File::open(&plain) {
        Ok(file) => return Ok((plain, Box::new(BufReader::new(file)))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::file(plain, error)),
    }
    let packed = dir.join(format!("{name}.gz"));
    match File::open(&packed) {
        Ok(file) => Ok((packed, Box::new(idx::gunzip(BufReader::new(file))))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::file(plain, "is missing, with and without .gz"))
        }
        Err(error) => Err(Error::file(packed, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::*;

    const IMAGES: &str = "train-images-idx3-ubyte";
    const LABELS: &str = "train-labels-idx1-ubyte";

    fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, sizes.len() as u8];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Image `i` is all `i`, with the label `i % 10`.
    fn pair(rows: u32) -> (Vec<u8>, Vec<u8>) {
        let pixels: Vec<u8> = (0..rows).flat_map(|row| [row as u8; SIDE * SIDE]).collect();
        let labels: Vec<u8> = (0..rows).map(|row| (row % 10) as u8).collect();
        (idx(&[rows, 28, 28], &pixels), idx(&[rows], &labels))
    }

    /// A folder with 12 images to train on, plain, and 3 to test on, packed.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let (images, labels) = pair(12);
        write(IMAGES, &images);
        write(LABELS, &labels);
        let (images, labels) = pair(3);
        write("t10k-images-idx3-ubyte.gz", &gzip(&images));
        write("t10k-labels-idx1-ubyte.gz", &gzip(&labels));
        folder
    }

    /// The message for a folder in which `name` has these bytes instead.
    fn message(name: &str, bytes: &[u8]) -> String {
        let folder = folder();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        match mnist(folder.path()) {
            Err(Error::File { path: blamed, problem }) if blamed == path => problem,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn plain_and_packed_files_are_read() {
        let (train, test) = mnist(folder().path()).unwrap();
        assert_eq!((train.len(), test.len()), (12, 3));
        assert_eq!((train.features(), train.height(), train.width()), (784, 28, 28));
        assert_eq!(train.labels(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        assert!(train.inputs().row(11).iter().all(|&x| x == 11.0 / 255.0));
        assert_eq!(test.labels(), [0, 1, 2]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let (images, labels) = pair(12);
        for length in (0..images.len()).step_by(61).chain(0..20) {
            message(IMAGES, &images[..length]);
        }
        for length in 0..labels.len() {
            message(LABELS, &labels[..length]);
        }
        assert_eq!(
            message(LABELS, &labels[..10]),
            "must hold the 12 values of its header, but ends after 2"
        );
        let packed = gzip(&pair(3).0);
        for length in 0..packed.len() {
            message("t10k-images-idx3-ubyte.gz", &packed[..length]);
        }
    }

    #[test]
    fn what_follows_the_data_is_an_error() {
        let (images, labels) = pair(12);
        let more = |bytes: &[u8]| [bytes, &[0]].concat();
        assert!(message(IMAGES, &more(&images)).ends_with("of its header, but goes on"));
        assert!(message(LABELS, &more(&labels)).ends_with("of its header, but goes on"));
        message("t10k-images-idx3-ubyte.gz", &more(&gzip(&pair(3).0)));
    }

    #[test]
    fn every_header_field_is_checked() {
        let (images, labels) = pair(12);
        for (name, bytes) in [(IMAGES, &images), (LABELS, &labels)] {
            for position in 0..4 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1;
                assert!(message(name, &damaged).starts_with("must start with [0, 0, 8, "));
            }
        }
        let wide = message(IMAGES, &idx(&[12, 28, 29], &[]));
        assert_eq!(wide, "must hold images of 28 x 28 pixels, its header says 28 x 29");
        message(IMAGES, &idx(&[12, 27, 28], &[]));
        message(IMAGES, &idx(&[0, 28, 28], &[]));
    }

    #[test]
    fn a_claim_of_billions_takes_no_memory() {
        let claim = message(IMAGES, &idx(&[u32::MAX, 28, 28], &[0; 100]));
        assert_eq!(claim, "must hold 1 to 500000 rows, its header says 4294967295");
        let below_the_limit = message(IMAGES, &idx(&[500_000, 28, 28], &[0; 100]));
        assert!(below_the_limit.ends_with("but ends after 100"));
        // A hundred megabytes of zeros behind a header for 12 images: unpacked no further than that.
        let bomb = gzip(&idx(&[3, 28, 28], &vec![0; 100_000_000]));
        assert!(bomb.len() < 1_000_000);
        assert!(message("t10k-images-idx3-ubyte.gz", &bomb).ends_with("but goes on"));
    }

    #[test]
    fn images_and_labels_must_match() {
        let (_, labels) = pair(11);
        let folder = folder();
        std::fs::write(folder.path().join(LABELS), labels).unwrap();
        let error = mnist(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("holds 12 images, but") && error.ends_with("holds 11 labels"),
            "{error}"
        );

        let label = message(LABELS, &idx(&[12], &[0, 1, 10, 3, 4, 5, 6, 7, 8, 9, 0, 1]));
        assert_eq!(label, "row 2 has the label 10, which must be less than 10");
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = folder();
        std::fs::remove_file(folder.path().join(LABELS)).unwrap();
        let error = mnist(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("train-labels-idx1-ubyte: is missing, with and without .gz"),
            "{error}"
        );
    }
}
