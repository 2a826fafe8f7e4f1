//! Which values an observation or an action can take.

use crate::{Error, Result};

/// The set of legal observations or actions of an environment.
///
/// An element is described by a flat slice of `f32`: one whole number for [`Space::Discrete`], one
/// number for each bound of [`Space::Box`], whose [`shape`](Space::shape) says how they are to be
/// read (the last index counts fastest).
///
/// ```
/// use reflux_envs::Space;
///
/// let square = Space::new_box(vec![-1.0, -1.0], vec![1.0, 1.0])?;
/// assert_eq!(square.len(), 2);
/// assert!(square.contains(&[0.5, -1.0]));
/// assert!(!square.contains(&[0.5, -1.1]));
///
/// let left_or_right = Space::new_discrete(2)?;
/// assert_eq!(left_or_right.n(), Some(2));
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Space {
    /// The whole numbers `0..n`.
    Discrete {
        /// How many there are, at least 1.
        n: usize,
    },
    /// Vectors of `f32`, each element between its own bounds, which may be infinite.
    Box {
        /// The smallest legal value of each element.
        low: Vec<f32>,
        /// The largest legal value of each element, as long as `low`.
        high: Vec<f32>,
        /// Axes whose product is the number of elements.
        shape: Vec<usize>,
    },
}

impl Space {
    /// The space `0..n`.
    ///
    /// # Errors
    ///
    /// [`Error::EmptySpace`] if `n` is 0.
    pub fn new_discrete(n: usize) -> Result<Self> {
        if n == 0 { Err(Error::EmptySpace) } else { Ok(Self::Discrete { n }) }
    }

    /// The box of the vectors `v` with `low[i] <= v[i] <= high[i]` for every `i`.
    ///
    /// # Errors
    ///
    /// [`Error::BoundsLength`] if `low` and `high` differ in length, [`Error::Bounds`] if a lower
    /// bound is above its upper bound or one of the two is NaN.
    pub fn new_box(low: Vec<f32>, high: Vec<f32>) -> Result<Self> {
        if low.len() != high.len() {
            return Err(Error::BoundsLength { low: low.len(), high: high.len() });
        }
        for (index, (&low, &high)) in low.iter().zip(&high).enumerate() {
            if low.is_nan() || high.is_nan() || low > high {
                return Err(Error::Bounds { index, low, high });
            }
        }
        let shape = vec![low.len()];
        Ok(Self::Box { low, high, shape })
    }

    /// The box of `shape` in which every element is between `low` and `high`, which are no NaN.
    pub(crate) fn uniform_box(shape: &[usize], low: f32, high: f32) -> Self {
        let len = shape.iter().product();
        Self::Box { low: vec![low; len], high: vec![high; len], shape: shape.to_vec() }
    }

    /// A box without elements, for a field that is filled in later.
    pub(crate) fn nothing() -> Self {
        Self::uniform_box(&[0], 0.0, 0.0)
    }

    /// The same box with another shape, such as `[rows, columns]` for an image.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `shape` is not one of as many elements, or this space is discrete.
    pub fn with_shape(mut self, new: &[usize]) -> Result<Self> {
        let len = self.len();
        let product = new.iter().try_fold(1_usize, |product, &axis| product.checked_mul(axis));
        match &mut self {
            Self::Box { shape, .. } if product == Some(len) => *shape = new.to_vec(),
            _ => return Err(Error::Shape { shape: new.to_vec(), len }),
        }
        Ok(self)
    }

    /// The axes of an element; none for a discrete space, whose elements are single numbers.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Discrete { .. } => &[],
            Self::Box { shape, .. } => shape,
        }
    }

    /// The flat length of an element: 1 for a discrete space, the number of bounds for a box.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete { .. } => 1,
            Self::Box { low, .. } => low.len(),
        }
    }

    /// True for a box without any bounds, whose only element is the vector of length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of elements of a discrete space; `None` for a box.
    pub fn n(&self) -> Option<usize> {
        match self {
            Self::Discrete { n } => Some(*n),
            Self::Box { .. } => None,
        }
    }

    /// Whether `element`, flat, belongs to this space.
    ///
    /// False for a slice of another length than [`len`](Self::len), for NaN, and, in a discrete
    /// space, for a number that is not whole.
    pub fn contains(&self, element: &[f32]) -> bool {
        match self {
            Self::Discrete { n } => match element {
                // f64 holds every whole f32 and, rounded, every n: the comparison cannot wrap.
                [v] => *v >= 0.0 && v.fract() == 0.0 && f64::from(*v) < *n as f64,
                _ => false,
            },
            Self::Box { low, high, .. } => {
                element.len() == low.len()
                    && element.len() == high.len()
                    && element.iter().zip(low).all(|(v, low)| v >= low)
                    && element.iter().zip(high).all(|(v, high)| v <= high)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discrete_contains_the_whole_numbers_below_n() {
        let space = Space::new_discrete(3).unwrap();
        for inside in [0.0, 1.0, 2.0] {
            assert!(space.contains(&[inside]), "{inside}");
        }
        for outside in [-1.0, 0.5, 3.0, f32::NAN, f32::INFINITY] {
            assert!(!space.contains(&[outside]), "{outside}");
        }
        assert!(!space.contains(&[]));
        assert!(!space.contains(&[0.0, 1.0]));
        assert_eq!((space.len(), space.n()), (1, Some(3)));
    }

    #[test]
    fn box_contains_its_bounds_and_no_nan() {
        let space = Space::new_box(vec![0.0, f32::NEG_INFINITY], vec![1.0, 2.0]).unwrap();
        assert!(space.contains(&[0.0, 2.0]));
        assert!(space.contains(&[1.0, f32::NEG_INFINITY]));
        assert!(!space.contains(&[1.5, 0.0]));
        assert!(!space.contains(&[-0.5, 0.0]));
        assert!(!space.contains(&[f32::NAN, 0.0]));
        assert!(!space.contains(&[0.5]));
        assert_eq!((space.len(), space.n()), (2, None));
    }

    #[test]
    fn a_box_takes_any_shape_of_as_many_elements() {
        let flat = Space::new_box(vec![0.0; 6], vec![1.0; 6]).unwrap();
        assert_eq!(flat.shape(), [6]);
        let image = flat.clone().with_shape(&[2, 3]).unwrap();
        assert_eq!((image.shape(), image.len()), (&[2, 3][..], 6));
        assert_eq!(image, Space::uniform_box(&[2, 3], 0.0, 1.0));
        let wrong = Error::Shape { shape: vec![2, 2], len: 6 };
        assert_eq!(flat.clone().with_shape(&[2, 2]), Err(wrong));
        assert!(flat.with_shape(&[usize::MAX, 2]).is_err());
        let discrete = Space::new_discrete(6).unwrap();
        assert_eq!(discrete.shape(), [0; 0]);
        assert!(discrete.with_shape(&[6]).is_err());
    }

    #[test]
    fn spaces_that_make_no_sense_are_refused() {
        assert_eq!(Space::new_discrete(0), Err(Error::EmptySpace));
        let uneven = Space::new_box(vec![0.0], vec![1.0, 1.0]);
        assert_eq!(uneven, Err(Error::BoundsLength { low: 1, high: 2 }));
        let crossed = Space::new_box(vec![0.0, 2.0], vec![1.0, 1.0]);
        assert_eq!(crossed, Err(Error::Bounds { index: 1, low: 2.0, high: 1.0 }));
        assert!(Space::new_box(vec![f32::NAN], vec![1.0]).is_err());
        assert!(Space::new_box(vec![0.0], vec![f32::NAN]).is_err());
    }
}
