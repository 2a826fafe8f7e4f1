//! Policies that have been trained: the environments they play in, the folders they are kept in, and how good
//! they are. What `train`, `eval`, `distill-policy` and the reproductions share.

mod judge;
mod saved;
mod student;
mod task;
mod teacher;

pub(crate) use judge::Judgement;
pub(crate) use saved::{BEST, Card, LAST, Saved, Source};
pub(crate) use student::{hidden_of_size, record, teach, time_of_an_action};
pub(crate) use task::{Preset, Task};
pub(crate) use teacher::train_teacher;
