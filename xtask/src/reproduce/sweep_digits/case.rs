//! Which students there are.

use std::fmt::{self, Display, Formatter};

/// The weight that label smoothing spreads over all classes.
pub(super) const SMOOTHING: f64 = 0.1;
pub(super) const TEMPERATURES: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
pub(super) const ALPHAS: [f64; 5] = [0.0, 0.1, 0.3, 0.5, 0.9];
/// Rows with a label; the last is all of them.
pub(super) const ROWS: [usize; 6] = [20, 50, 100, 200, 500, usize::MAX];
pub(super) const WIDTHS: [usize; 7] = [2, 4, 8, 16, 32, 64, 128];
/// Where rows are few.
pub(super) const FEW: usize = 50;
/// The student, where it is not its width that changes.
const WIDTH: usize = 16;

/// Who teaches: hidden layers, trained on all labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teacher {
    /// As wide as the student.
    Tiny,
    /// Four times as wide.
    Small,
    /// The one of all other studies.
    Large,
    /// Of the same layers, trained with label smoothing.
    LargeSmoothed,
    Huge,
    /// The mean of the logits of five large ones.
    Five,
}

pub(super) const TEACHERS: [Teacher; 6] = [
    Teacher::Tiny,
    Teacher::Small,
    Teacher::Large,
    Teacher::Huge,
    Teacher::Five,
    Teacher::LargeSmoothed,
];

impl Teacher {
    pub(super) fn hidden(self) -> &'static [usize] {
        match self {
            Self::Tiny => &[WIDTH],
            Self::Small => &[64],
            Self::Large | Self::LargeSmoothed | Self::Five => &[256, 256],
            Self::Huge => &[1024, 1024],
        }
    }

    pub(super) fn members(self) -> u64 {
        if self == Self::Five { 5 } else { 1 }
    }

    pub(super) fn smoothing(self) -> f64 {
        if self == Self::LargeSmoothed { SMOOTHING } else { 0.0 }
    }
}

impl Display for Teacher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("64-")?;
        for width in self.hidden() {
            write!(f, "{width}-")?;
        }
        f.write_str("10")?;
        match self {
            Self::LargeSmoothed => write!(f, ", label smoothing {SMOOTHING}"),
            Self::Five => f.write_str(", five of them"),
            _ => Ok(()),
        }
    }
}

/// What a student learns from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Taught {
    Labels,
    Smoothed,
    Distilled { teacher: Teacher, temperature: f64, alpha: f64 },
}

impl Display for Taught {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labels => f.write_str("labels alone"),
            Self::Smoothed => f.write_str("label smoothing"),
            Self::Distilled { temperature, alpha, .. } => {
                write!(f, "distilled, T {temperature}, alpha {alpha}")
            }
        }
    }
}

/// A kind of student: one network a seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    /// The rows that it is shown, at most.
    pub(super) rows: usize,
    /// Its hidden units.
    pub(super) width: usize,
    pub(super) taught: Taught,
}

impl Case {
    /// Of the usual width, from the labels of so many rows.
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, width: WIDTH, taught: Taught::Labels }
    }

    pub(super) fn wide(self, width: usize) -> Self {
        Self { width, ..self }
    }

    pub(super) fn taught(self, taught: Taught) -> Self {
        Self { taught, ..self }
    }

    /// From the large teacher.
    pub(super) fn distilled(self, temperature: f64, alpha: f64) -> Self {
        self.taught(Taught::Distilled { teacher: Teacher::Large, temperature, alpha })
    }

    /// From this teacher, by the usual temperature and alpha.
    pub(super) fn taught_by(self, teacher: Teacher) -> Self {
        self.taught(Taught::Distilled { teacher, temperature: 4.0, alpha: 0.1 })
    }
}

/// Every student of every study, each once.
pub(super) fn all(train_rows: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for rows in ROWS.map(|rows| rows.min(train_rows)) {
        let case = Case::new(rows);
        cases.extend([case, case.taught(Taught::Smoothed), case.taught_by(Teacher::Large)]);
    }
    for rows in [FEW, train_rows] {
        let case = Case::new(rows);
        for temperature in TEMPERATURES {
            cases.extend(ALPHAS.map(|alpha| case.distilled(temperature, alpha)));
        }
        for width in WIDTHS {
            cases.extend([case.wide(width), case.wide(width).taught_by(Teacher::Large)]);
        }
        cases.extend(TEACHERS.map(|teacher| case.taught_by(teacher)));
    }
    let mut once: Vec<Case> = Vec::new();
    for case in cases {
        if !once.contains(&case) {
            once.push(case);
        }
    }
    once
}
