//! How much of everything the demo does.

use reflux_distill::Distillation;

/// How the classifiers are trained.
pub(crate) struct DigitsPlan {
    /// The hidden layers of the teacher.
    pub(crate) teacher: &'static [usize],
    pub(crate) teacher_epochs: usize,
    pub(crate) teacher_batch: usize,
    /// Temperature and alpha.
    pub(crate) loss: Distillation,
    pub(crate) label_smoothing: f64,
    /// Students of each way: the intervals are over these.
    pub(crate) seeds: u64,
    /// Where distillation matters, and then where it does not.
    pub(crate) settings: Vec<Setting>,
}

/// One student and what it is trained on.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// Why distillation matters here, or does not.
    pub(crate) note: &'static str,
    /// The hidden layers.
    pub(crate) student: &'static [usize],
    /// Labelled rows, at most.
    pub(crate) rows: usize,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f64,
}

/// Hinton, Vinyals & Dean 2015 (arXiv:1503.02531), section 6, do the same with speech: 3% of the data,
/// and a teacher that was trained on all of it.
const FEW_LABELS: &str = "All students of a seed see the same few rows, drawn at random; the teacher \
    was trained on the whole training set. With labels alone a student learns its few rows by heart; \
    the teacher's soft targets for them pass on much of what it learned from all the others.";
const ALL_LABELS: &str = "Here student and teacher have the same data, and the student is large enough \
    to learn from it by itself: soft targets have little left to add.";

impl DigitsPlan {
    /// For the 1,797 digits that come with the workspace.
    pub(crate) fn digits(loss: Distillation, quick: bool) -> Self {
        Self {
            teacher: &[256, 256],
            teacher_epochs: 60,
            teacher_batch: 32,
            loss,
            label_smoothing: 0.1,
            seeds: if quick { 5 } else { 10 },
            settings: vec![
                Setting {
                    name: "Small student, few labels",
                    note: FEW_LABELS,
                    student: &[16],
                    rows: 50,
                    epochs: if quick { 300 } else { 500 },
                    batch: 32,
                    learning_rate: 1e-2,
                },
                Setting {
                    name: "Larger student, all labels",
                    note: ALL_LABELS,
                    student: &[32],
                    rows: usize::MAX,
                    epochs: if quick { 50 } else { 150 },
                    batch: 32,
                    learning_rate: 3e-3,
                },
            ],
        }
    }

    /// For MNIST: 60,000 rows of 784 pixels, so fewer epochs and wider networks.
    pub(crate) fn mnist(loss: Distillation, quick: bool) -> Self {
        Self {
            teacher: &[400, 400],
            teacher_epochs: if quick { 2 } else { 8 },
            teacher_batch: 128,
            loss,
            label_smoothing: 0.1,
            seeds: 5,
            settings: vec![
                Setting {
                    name: "Small student, few labels",
                    note: FEW_LABELS,
                    student: &[16],
                    rows: 1_000,
                    epochs: if quick { 20 } else { 60 },
                    batch: 20,
                    learning_rate: 3e-3,
                },
                Setting {
                    name: "Larger student, all labels",
                    note: ALL_LABELS,
                    student: &[100],
                    rows: usize::MAX,
                    epochs: if quick { 1 } else { 5 },
                    batch: 128,
                    learning_rate: 1e-3,
                },
            ],
        }
    }
}
