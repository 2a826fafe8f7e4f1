//! The same code, compiled for the vector instructions that the processor has. Results are the same
//! to the bit.

// Whether a processor has an instruction is known only while running.
#![allow(unsafe_code)]

use super::tree::{self, Level};

/// As [`tree::descend`].
pub(super) fn descend(levels: &[Level], points: &mut [f64], slots: &mut [usize]) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has the instructions that it was compiled for.
        return unsafe { descend_avx2(levels, points, slots) };
    }
    tree::descend(levels, points, slots);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn descend_avx2(levels: &[Level], points: &mut [f64], slots: &mut [usize]) {
    tree::descend(levels, points, slots);
}
