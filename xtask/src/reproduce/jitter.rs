//! Images moved about by whole pixels: what the teacher of Hinton et al. 2015 is trained with.

use ndarray::ArrayViewMut2;
use rand::{Rng, RngCore};

/// Moves each image `[height, width]` of a batch by up to `most` pixels in each direction; what moves
/// in from outside is black.
pub(crate) fn jitter(
    [height, width]: [usize; 2],
    most: i32,
) -> impl FnMut(ArrayViewMut2<'_, f32>, &mut dyn RngCore) {
    let mut from = Vec::new();
    move |mut batch, rng| {
        for mut image in batch.rows_mut() {
            let (down, right) = (rng.random_range(-most..=most), rng.random_range(-most..=most));
            let (down, right) = (down as isize, right as isize);
            from.clear();
            from.extend(image.iter().copied());
            for (index, pixel) in image.iter_mut().enumerate() {
                let row = (index / width).checked_add_signed(-down).filter(|row| *row < height);
                let column = (index % width).checked_add_signed(-right).filter(|at| *at < width);
                *pixel = match (row, column) {
                    (Some(row), Some(column)) => from[row * width + column],
                    _ => 0.0,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn an_image_is_moved_by_whole_pixels_and_every_move_happens() {
        // One bright pixel in the middle of 5 x 7.
        let mut images = Array2::<f32>::zeros((500, 35));
        images.column_mut(2 * 7 + 3).fill(1.0);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        jitter([5, 7], 2)(images.view_mut(), rng);
        let mut seen = [0; 35];
        for image in images.rows() {
            assert_eq!(image.sum(), 1.0);
            seen[image.iter().position(|pixel| *pixel == 1.0).unwrap()] += 1;
        }
        for (index, count) in seen.into_iter().enumerate() {
            let reachable = (1..=5).contains(&(index % 7));
            assert_eq!(count > 0, reachable, "pixel {index}");
        }
        // What falls off one side does not come back on the other.
        let mut corner = Array2::<f32>::zeros((500, 35));
        corner.column_mut(0).fill(1.0);
        jitter([5, 7], 2)(corner.view_mut(), rng);
        assert!(corner.rows().into_iter().any(|image| image.sum() == 0.0));
        assert!(corner.slice(ndarray::s![.., 3..7]).sum() == 0.0);
    }
}
