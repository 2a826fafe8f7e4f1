//! A task: MNIST with its pixels permuted, or turned about their middle.

use std::fmt::{self, Display, Formatter};

use ndarray::{Array2, ArrayRef2};
use rand::Rng;
use rand::seq::SliceRandom;

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;

/// What sets one task apart from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    Permuted,
    Rotated,
}

impl Domain {
    pub(super) const EACH: [Self; 2] = [Self::Permuted, Self::Rotated];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Permuted => "permuted",
            Self::Rotated => "rotated",
        }
    }
}

impl Display for Domain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From which pixel each pixel comes; none is black.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    from: Vec<Option<usize>>,
}

impl Task {
    /// A random permutation, or an angle between 0 and 180 degrees.
    pub(super) fn draw<R: Rng + ?Sized>(domain: Domain, rng: &mut R) -> Self {
        match domain {
            Domain::Permuted => {
                let mut from: Vec<usize> = (0..PIXELS).collect();
                from.shuffle(rng);
                Self { from: from.into_iter().map(Some).collect() }
            }
            Domain::Rotated => Self::rotation(rng.random_range(0.0..180.0)),
        }
    }

    /// Counterclockwise by `degrees`, each pixel that which its middle falls into: as the authors'
    /// code has it, by way of torchvision and Pillow.
    fn rotation(degrees: f64) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let middle = SIDE as f64 / 2.0;
        let from = (0..PIXELS).map(|pixel| {
            let (x, y) =
                ((pixel % SIDE) as f64 + 0.5 - middle, (pixel / SIDE) as f64 + 0.5 - middle);
            let column = (cosine * x - sine * y + middle).floor();
            let row = (sine * x + cosine * y + middle).floor();
            let inside = 0.0..SIDE as f64;
            (inside.contains(&column) && inside.contains(&row))
                .then_some(row as usize * SIDE + column as usize)
        });
        Self { from: from.collect() }
    }

    /// The task's images `[rows, 784]` of these.
    pub(super) fn apply(&self, images: &ArrayRef2<f32>) -> Array2<f32> {
        let mut out = Array2::zeros(images.dim());
        for (image, mut out) in images.rows().into_iter().zip(out.rows_mut()) {
            for (pixel, from) in out.iter_mut().zip(&self.from) {
                *pixel = from.map_or(0.0, |from| image[from]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn a_quarter_turn_moves_the_right_side_to_the_top() {
        // Bright in row 10 of the last column.
        let mut image = Array2::zeros((1, PIXELS));
        image[[0, 10 * SIDE + SIDE - 1]] = 1.0;
        // Not quite 90, so that no middle of a pixel falls on the edge of another.
        let turned = Task::rotation(90.0 + 1e-9).apply(&image);
        assert_eq!(turned.iter().position(|x| *x == 1.0), Some(10));
        assert_eq!(Task::rotation(0.0).apply(&image), image);
    }

    #[test]
    fn a_permutation_keeps_every_pixel() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let image = Array2::from_shape_fn((1, PIXELS), |(_, pixel)| pixel as f32);
        let permuted = Task::draw(Domain::Permuted, rng).apply(&image);
        assert_ne!(permuted, image);
        let mut values = permuted.into_raw_vec_and_offset().0;
        values.sort_by(f32::total_cmp);
        assert_eq!(values, image.into_raw_vec_and_offset().0);
    }
}
