//! The vector code that the other crates of Reflux are written in as well. It is no part of the public
//! interface: it may change in any release.

pub use crate::kernel::{Element, Path, Simd, WithSimd, exp};
pub use crate::scratch::Scratch;
