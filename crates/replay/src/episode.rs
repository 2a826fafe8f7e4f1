//! What the parts in front of a buffer share: whether an episode goes on, and columns of numbers.

use crate::{Column, ColumnInfo, DType, Element, Error, Result, Schema, Value};

/// Whether an episode goes on after a step, and if not, why: the two ends that Gymnasium keeps
/// apart, because only one of them says what comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Episode {
    /// There is a next step.
    Continues,
    /// The task is over: nothing more can be earned, and the value of what follows is 0.
    Terminated,
    /// Something outside the task stopped it, such as a time limit: what would have followed has a
    /// value, estimated (*bootstrapped*) from the final observation.
    Truncated,
}

impl Episode {
    /// From Gymnasium's two flags. Where both are set, nothing more can be earned: terminated.
    pub fn from_flags(terminated: bool, truncated: bool) -> Self {
        match (terminated, truncated) {
            (true, _) => Self::Terminated,
            (false, true) => Self::Truncated,
            (false, false) => Self::Continues,
        }
    }

    /// Whether this was the last step.
    pub fn is_over(self) -> bool {
        self != Self::Continues
    }
}

/// A floating-point type that a column can hold: `f32` or `f64`. Sums are computed in `f64` and
/// rounded once.
pub trait Real: Element {
    /// The same number, exactly.
    fn to_f64(self) -> f64;
    /// The nearest number of this type.
    fn from_f64(number: f64) -> Self;
}

impl Real for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn from_f64(number: f64) -> Self {
        number as Self
    }
}

impl Real for f64 {
    fn to_f64(self) -> f64 {
        self
    }

    fn from_f64(number: f64) -> Self {
        number
    }
}

/// A computed number, in the type of the column that it goes into.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    F32(f32),
    F64(f64),
}

impl Number {
    /// `number`, for a column of type `dtype`, which is one of [`Real`]'s.
    pub(crate) fn new(dtype: DType, number: f64) -> Self {
        if dtype == DType::F32 { Self::F32(number as f32) } else { Self::F64(number) }
    }

    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::F32(number) => number.into(),
            Self::F64(number) => number.into(),
        }
    }
}

/// The first element of a value from a column of [`Real`] numbers.
pub(crate) fn number(value: Value<'_>) -> f64 {
    match value {
        Value::F32(&[number, ..]) => f64::from(number),
        Value::F64(&[number, ..]) => number,
        _ => unreachable!("the column's type and width have been checked"),
    }
}

/// The position of a column that must hold one number an item.
pub(crate) fn scalar<T: Element>(schema: &Schema, column: Column<T>) -> Result<usize> {
    let index = schema.check(column)?;
    let column = &schema.columns()[index];
    if column.width() != 1 {
        return Err(role(column, "must have one element an item"));
    }
    Ok(index)
}

/// The error for a column that cannot do what it was chosen for.
pub(crate) fn role(column: &ColumnInfo, problem: &'static str) -> Error {
    let (name, shape) = (column.name().to_owned(), column.shape().to_vec());
    Error::Role { name, shape, problem }
}

/// Checks the number of an environment.
pub(crate) fn check_environment(environment: usize, environments: usize) -> Result<()> {
    if environment >= environments {
        return Err(Error::Environment { environment, environments });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminated_episode_is_terminated_even_at_the_time_limit() {
        assert_eq!(Episode::from_flags(false, false), Episode::Continues);
        assert_eq!(Episode::from_flags(false, true), Episode::Truncated);
        assert_eq!(Episode::from_flags(true, false), Episode::Terminated);
        assert_eq!(Episode::from_flags(true, true), Episode::Terminated);
        assert!(!Episode::Continues.is_over() && Episode::Truncated.is_over());
    }
}
