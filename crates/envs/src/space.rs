//! Which values an observation or an action can take.

use crate::{Error, Result};

/// The set of legal observations or actions of an environment.
///
/// An element is described by a flat slice of `f32`: one whole number for [`Space::Discrete`], one
/// number for each bound of [`Space::Box`].
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
        Ok(Self::Box { low, high })
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
            Self::Box { low, high } => {
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
