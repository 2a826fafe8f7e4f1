//! Relational distillation: distances and angles between the rows of a batch.
//!
//! ```text
//! distances   ψ(i, j) = ‖s_i − s_j‖/μ,   μ their mean over all pairs i ≠ j
//! angles      ψ(i, j, k) = ⟨e_ij, e_kj⟩,   e_ij = (s_i − s_j)/‖s_i − s_j‖,   i, j, k distinct
//! L = λ_D·mean_{i,j} h(ψ_S − ψ_T) + λ_A·mean_{i,j,k} h(ψ_S − ψ_T)
//! ```
//!
//! `h` is Huber's loss with δ = 1. Park et al. 2019, "Relational knowledge distillation",
//! arXiv:1904.05068, equations 5 to 10; means rather than sums, as in the authors' code, so that the
//! weights do not depend on the size of the batch (that code counts pairs of a row with itself too,
//! whose loss is 0).

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayRef2, ArrayViewMut2};
use reflux_nn::{Real, Regression};

use super::FeatureLoss;
use super::feature_loss::checked_features;
use super::memory::Memory;
use crate::{Result, Schedule};

/// The distances between all pairs of rows, and the angles of all triplets, compared with the
/// teacher's.
///
/// It needs no projection: the widths of the two layers may differ. Angles take time in proportion to
/// the third power of the batch.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_distill::{FeatureLoss, Relational};
///
/// // Moved, turned by a quarter and twice as large: the relations are the same.
/// let student = array![[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]];
/// let teacher = array![[5.0, 5.0], [5.0, 7.0], [-1.0, 5.0]];
/// let mut gradient = Array2::<f64>::zeros((3, 2));
/// let value = Relational::new().value_and_gradient(&student, &teacher, &mut gradient)?;
/// assert!(value < 1e-30);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Relational<F = f32> {
    distance_weight: f64,
    angle_weight: f64,
    memory: Memory<F>,
}

impl<F: Real> Relational<F> {
    /// The paper's λ_D 1 and λ_A 2 (RKD-DA).
    pub fn new() -> Self {
        Self { distance_weight: 1.0, angle_weight: 2.0, memory: Memory::default() }
    }

    /// Sets λ_D; 0 leaves distances out.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_distance_weight(self, distance_weight: f64) -> Result<Self> {
        Schedule::from(distance_weight).checked_weight("the weight of distances")?;
        Ok(Self { distance_weight, ..self })
    }

    /// Sets λ_A; 0 leaves angles out.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_angle_weight(self, angle_weight: f64) -> Result<Self> {
        Schedule::from(angle_weight).checked_weight("the weight of angles")?;
        Ok(Self { angle_weight, ..self })
    }
}

impl<F: Real> Default for Relational<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Real> FeatureLoss<F> for Relational<F> {
    fn value_and_gradient(
        &mut self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let rows = checked_features(student, teacher, gradient)?;
        gradient.fill(F::zero());
        let huber = Regression::huber(1.0)?;
        let mut value = 0.0;
        if self.distance_weight > 0.0 && rows > 1 {
            let matrices = self.memory.matrices([(rows, rows); 2]);
            value += distances(student, teacher, gradient, huber, self.distance_weight, matrices);
        }
        if self.angle_weight > 0.0 && rows > 2 {
            let square = (rows, rows);
            let shapes = [square, square, student.dim(), teacher.dim(), student.dim(), (rows, 1)];
            let matrices = self.memory.matrices(shapes);
            value += angles(student, teacher, gradient, huber, self.angle_weight, matrices);
        }
        Ok(F::from_f64(value))
    }
}

/// The loss of the distances; adds its gradient.
fn distances<F: Real>(
    student: &ArrayRef2<F>,
    teacher: &ArrayRef2<F>,
    gradient: &mut ArrayRef2<F>,
    huber: Regression,
    weight: f64,
    [mut own, mut other]: [ArrayViewMut2<'_, F>; 2],
) -> f64 {
    let (own_mean, other_mean) =
        (pair_distances(student, &mut own), pair_distances(teacher, &mut other));
    let rows = student.nrows();
    let pairs = (rows * (rows - 1)) as f64;
    // `other` becomes the gradient with respect to ψ; a distance also moves the mean of all.
    let (mut value, mut through_mean) = (0.0, 0.0);
    for ((i, j), other) in other.indexed_iter_mut().filter(|((i, j), _)| i != j) {
        let (loss, slope) = huber.value_and_slope(own[[i, j]] * own_mean, *other * other_mean);
        value += loss.as_f64();
        through_mean += slope.as_f64() * own[[i, j]].as_f64() * own_mean.as_f64();
        *other = slope;
    }
    let shared = F::from_f64(through_mean / pairs);
    // Each pair stands in the sum twice.
    let each = F::from_f64(2.0 * weight / pairs) * own_mean;
    for i in 0..rows {
        for j in (0..i).filter(|&j| own[[i, j]] > F::zero()) {
            let slope = each * (other[[i, j]] - shared) / own[[i, j]];
            for k in 0..student.ncols() {
                let along = slope * (student[[i, k]] - student[[j, k]]);
                gradient[[i, k]] += along;
                gradient[[j, k]] -= along;
            }
        }
    }
    weight * value / pairs
}

/// All distances between rows, and one over their mean (0 where all rows are equal).
fn pair_distances<F: Real>(features: &ArrayRef2<F>, out: &mut ArrayViewMut2<'_, F>) -> F {
    let rows = features.nrows();
    let mut sum = 0.0;
    for i in 0..rows {
        out[[i, i]] = F::zero();
        for j in 0..i {
            let pair = features.row(i).into_iter().zip(features.row(j));
            let distance = pair.map(|(&a, &b)| (a - b) * (a - b)).sum::<F>().sqrt();
            (out[[i, j]], out[[j, i]]) = (distance, distance);
            sum += 2.0 * distance.as_f64();
        }
    }
    let pairs = (rows * (rows - 1)) as f64;
    if sum > 0.0 { F::from_f64(pairs / sum) } else { F::zero() }
}

/// The loss of the angles; adds its gradient.
fn angles<F: Real>(
    student: &ArrayRef2<F>,
    teacher: &ArrayRef2<F>,
    gradient: &mut ArrayRef2<F>,
    huber: Regression,
    weight: f64,
    matrices: [ArrayViewMut2<'_, F>; 6],
) -> f64 {
    let [mut own, mut other, mut directions, mut teacher_directions, mut slopes, mut lengths] =
        matrices;
    let rows = student.nrows();
    let triplets = (rows * (rows - 1) * (rows - 2)) as f64;
    let each = F::from_f64(2.0 * weight / triplets);
    let mut value = 0.0;
    for vertex in 0..rows {
        cosines(teacher, vertex, &mut teacher_directions, &mut lengths, &mut other);
        cosines(student, vertex, &mut directions, &mut lengths, &mut own);
        // `other` becomes the gradient with respect to the cosines, which is symmetric.
        for ((i, k), other) in other.indexed_iter_mut() {
            if i == k || i == vertex || k == vertex {
                *other = F::zero();
                continue;
            }
            let (loss, slope) = huber.value_and_slope(own[[i, k]], *other);
            value += loss.as_f64();
            *other = each * slope;
        }
        general_mat_mul(F::one(), &other, &directions, F::zero(), &mut slopes);
        for i in (0..rows).filter(|&i| lengths[[i, 0]] > F::zero()) {
            let (direction, slope) = (directions.row(i), slopes.row(i));
            let along = direction.dot(&slope);
            for k in 0..student.ncols() {
                let moved = (slope[k] - along * direction[k]) / lengths[[i, 0]];
                gradient[[i, k]] += moved;
                gradient[[vertex, k]] -= moved;
            }
        }
    }
    weight * value / triplets
}

/// The directions in which the other rows lie from row `vertex`, how far, and the cosines of the
/// angles between them. What lies at no distance has no direction: its cosines are 0.
fn cosines<F: Real>(
    features: &ArrayRef2<F>,
    vertex: usize,
    directions: &mut ArrayViewMut2<'_, F>,
    lengths: &mut ArrayViewMut2<'_, F>,
    out: &mut ArrayViewMut2<'_, F>,
) {
    let from = features.row(vertex);
    for (i, mut direction) in directions.rows_mut().into_iter().enumerate() {
        direction.assign(&features.row(i));
        direction -= &from;
        let length = direction.iter().map(|&x| x * x).sum::<F>().sqrt();
        lengths[[i, 0]] = length;
        if length > F::zero() {
            direction /= length;
        }
    }
    general_mat_mul(F::one(), directions, &directions.t(), F::zero(), out);
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::objective::tests_support::{assert_gradient, features};

    fn loss(distance_weight: f64, angle_weight: f64) -> Relational<f64> {
        let loss = Relational::new().with_distance_weight(distance_weight).unwrap();
        loss.with_angle_weight(angle_weight).unwrap()
    }

    #[test]
    fn closed_form() {
        // Distances 3, 4, 5 of mean 4 against three of 1: ψ differs by ∓1/4, 0 and ±1/4. The
        // student's angles have the cosines 0, 3/5 and 4/5, the teacher's 1/2 each.
        let student = array![[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]];
        let teacher = array![[0.0, 0.0], [1.0, 0.0], [0.5, 0.75_f64.sqrt()]];
        let mut gradient = Array2::zeros((3, 2));
        let value = loss(6.0, 0.0).value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        assert_relative_eq!(value, 6.0 / 3.0 * (0.5 / 16.0 + 0.5 / 16.0), max_relative = 1e-12);
        let value = loss(0.0, 6.0).value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        let halves: f64 = [0.5_f64, 0.1, 0.3].iter().map(|x| 0.5 * x * x).sum();
        assert_relative_eq!(value, 6.0 / 3.0 * halves, max_relative = 1e-12);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let (student, teacher) = features();
        for (distance_weight, angle_weight) in [(1.0, 0.0), (0.0, 1.0), (1.0, 2.0)] {
            assert_gradient(&student, |x, gradient| {
                loss(distance_weight, angle_weight).value_and_gradient(x, &teacher, gradient)
            });
        }
        // Far apart, where Huber's loss is linear.
        let far = array![[0.3, 0.1, 0.0], [1.0, 0.0, 0.2], [0.0, 2.0, 0.1], [1.0, 20.0, 30.0]];
        let near = array![[0.0, 0.0], [9.0, 1.0], [0.1, 0.0], [0.3, 0.2]];
        assert_gradient(&far, |x, gradient| loss(1.0, 2.0).value_and_gradient(x, &near, gradient));
    }

    #[test]
    fn too_few_and_equal_rows_are_no_loss_and_no_nan() {
        let mut gradient = Array2::zeros((1, 2));
        let (student, teacher) = (array![[1.0, 2.0]], array![[3.0]]);
        let value = Relational::new().value_and_gradient(&student, &teacher, &mut gradient);
        assert_eq!((value.unwrap(), gradient), (0.0, Array2::zeros((1, 2))));
        let (student, teacher) = (Array2::ones((3, 2)), array![[3.0], [1.0], [0.0]]);
        let mut gradient = Array2::zeros((3, 2));
        let value = Relational::new().value_and_gradient(&student, &teacher, &mut gradient);
        assert!(value.unwrap() > 0.0);
        assert!(gradient.iter().all(|&slope: &f64| slope == 0.0));
    }
}
