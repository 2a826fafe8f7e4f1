//! Images of handwritten digits: 1,797 small ones that come with the crate, and MNIST from files.
//!
//! ```
//! use reflux_nn::data::{digits, digits_split};
//!
//! let all = digits()?;
//! let split = digits_split()?;
//! let (train, test) = (all.select(&split.train)?, all.select(&split.test)?);
//! assert_eq!((all.len(), train.len(), test.len()), (1797, 1029, 768));
//! assert_eq!(train.inputs().dim(), (1029, 64));
//! # Ok::<(), reflux_nn::Error>(())
//! ```

mod dataset;
mod digits;
mod idx;
mod mnist;

pub use dataset::Dataset;
pub use digits::{Split, digits, digits_split};
pub use mnist::mnist;
