//! The digits that come with the crate, and how they are divided.
//!
//! Alpaydin & Kaynak 1998, <https://doi.org/10.24432/C50P49>, CC BY 4.0. `data/README.md` in the
//! crate's folder says what is in the files and how they were made.

use super::Dataset;
use super::idx::{self, Labelled};
use crate::{Error, Result};

const IMAGES: &[u8] = include_bytes!("../../data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../data/digits-labels-idx1-ubyte.gz");
/// Each pixel is a count of the black ones in a block of 4 x 4.
const LARGEST: u8 = 16;
const SIDE: usize = 8;
const CLASSES: usize = 10;
/// The forms start at rows 0, 130, 256, 386, 516, 646, 776, 906, 1029, ...: this is the ninth.
const FIRST_TEST_ROW: usize = 1029;

/// 1,797 handwritten digits of 8 x 8 pixels: the rows of scikit-learn's `load_digits` in their order,
/// with the pixels divided by 16.
///
/// They are the test part of the UCI data set "Optical Recognition of Handwritten Digits" by
/// E. Alpaydin and C. Kaynak (1998), <https://doi.org/10.24432/C50P49>, under CC BY 4.0. They are part
/// of the compiled library; no file is read.
///
/// # Errors
///
/// [`Error::File`] where the files were damaged before the crate was compiled.
pub fn digits() -> Result<Dataset> {
    from_files(IMAGES, LABELS)
}

/// Which rows of [`digits()`] to train on and which to test on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Split {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows to test on.
    pub test: Vec<usize>,
}

/// Divides the rows of [`digits()`] by writer: the first 1,029 to train on, the last 768 to test on.
///
/// The rows come from 14 forms, filled in one after the other by different people. The first 8 forms
/// are for training and the last 6 for testing, so the accuracy is that on writers never seen before.
/// (Rows dealt out at random put each writer on both sides, and the accuracy comes out higher than a
/// new writer would find it.) Each form asks for every digit about 13 times, so that both parts have
/// nearly equal numbers of each: 101 to 105, and 73 to 78.
///
/// # Errors
///
/// As [`digits()`].
pub fn digits_split() -> Result<Split> {
    let rows = digits()?.len();
    Ok(Split { train: (0..FIRST_TEST_ROW).collect(), test: (FIRST_TEST_ROW..rows).collect() })
}

fn from_files(images: &[u8], labels: &[u8]) -> Result<Dataset> {
    let images = idx::images("digits-images-idx3-ubyte.gz", idx::gunzip(images), [SIDE, SIDE])?;
    let labels = idx::labels("digits-labels-idx1-ubyte.gz", idx::gunzip(labels), CLASSES)?;
    let dataset = Labelled { images, labels, classes: CLASSES, largest: LARGEST }.into_dataset()?;
    if dataset.len() <= FIRST_TEST_ROW {
        let problem = format!("must hold more than {FIRST_TEST_ROW} rows, got {}", dataset.len());
        return Err(Error::file("digits-images-idx3-ubyte.gz", problem));
    }
    Ok(dataset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[usize]) -> Vec<usize> {
        let digits = digits().unwrap().select(rows).unwrap();
        (0..10)
            .map(|class| digits.labels().iter().filter(|&&label| label == class).count())
            .collect()
    }

    #[test]
    fn they_are_what_scikit_learn_returns() {
        let digits = digits().unwrap();
        assert_eq!((digits.len(), digits.features(), digits.classes()), (1797, 64, 10));
        assert_eq!((digits.height(), digits.width()), (8, 8));
        // load_digits().data.sum(), and its rows 0 and 1796.
        let pixels = digits.inputs().mapv(|x| x * 16.0);
        assert_eq!(pixels.mapv(f64::from).sum(), 561_718.0);
        #[rustfmt::skip]
        let first = [
            0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0, 0, 4, 12, 0,
            0, 8, 8, 0, 0, 5, 8, 0, 0, 9, 8, 0, 0, 4, 11, 0, 1, 12, 7, 0, 0, 2, 14, 5, 10, 12, 0, 0, 0,
            0, 6, 13, 10, 0, 0, 0,
        ];
        #[rustfmt::skip]
        let last = [
            0, 0, 10, 14, 8, 1, 0, 0, 0, 2, 16, 14, 6, 1, 0, 0, 0, 0, 15, 15, 8, 15, 0, 0, 0, 0, 5, 16,
            16, 10, 0, 0, 0, 0, 12, 15, 15, 12, 0, 0, 0, 4, 16, 6, 4, 16, 6, 0, 0, 8, 16, 10, 8, 16, 8,
            0, 0, 1, 8, 12, 14, 12, 1, 0,
        ];
        for (row, expected, label) in [(0, first, 0), (1796, last, 8)] {
            assert!(pixels.row(row).iter().zip(expected).all(|(&x, y)| x == y as f32));
            assert_eq!(digits.labels()[row], label);
        }
        let all: Vec<usize> = (0..1797).collect();
        assert_eq!(counts(&all), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn the_split_is_a_partition_with_equal_shares_of_each_digit() {
        let split = digits_split().unwrap();
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1797));
        assert_eq!(counts(&split.train), [101, 104, 103, 105, 103, 104, 103, 102, 101, 103]);
        assert_eq!(counts(&split.test), [77, 78, 74, 78, 78, 78, 78, 77, 73, 77]);
    }

    #[test]
    fn the_split_falls_between_two_forms() {
        // Every form begins with the ten digits three times over, in order.
        let digits = digits().unwrap();
        let start: Vec<usize> = (0..30).map(|i| i % 10).collect();
        assert_eq!(digits.labels()[FIRST_TEST_ROW..][..30], start);
    }

    #[test]
    fn no_flipped_byte_changes_a_digit_unnoticed() {
        // Not every one is an error: gzip has a time stamp and spare bits, which mean nothing.
        let whole = digits().unwrap();
        let mut errors = 0;
        for position in 0..LABELS.len() {
            let mut damaged = LABELS.to_vec();
            damaged[position] ^= 0x10;
            match from_files(IMAGES, &damaged) {
                Ok(read) => assert_eq!(read, whole, "byte {position}"),
                Err(error) => {
                    assert!(matches!(error, Error::File { .. }));
                    errors += 1;
                }
            }
        }
        assert!(errors > LABELS.len() - 10);
        for position in (10..IMAGES.len()).step_by(997) {
            let mut damaged = IMAGES.to_vec();
            damaged[position] ^= 0x10;
            assert!(matches!(from_files(&damaged, LABELS), Err(Error::File { .. })));
        }
        assert!(matches!(from_files(&IMAGES[..20_000], LABELS), Err(Error::File { .. })));
    }
}
