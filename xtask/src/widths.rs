//! Widths of layers, as they are written in an argument.

use anyhow::{Result, anyhow};

/// Widths such as `800,800`; `what` they are of, for the error.
pub(crate) fn widths(text: &str, what: &str) -> Result<Vec<usize>> {
    let width = |width: &str| width.trim().parse().ok().filter(|&width: &usize| width > 0);
    let widths: Option<Vec<usize>> = text.split(',').map(width).collect();
    widths
        .ok_or_else(|| anyhow!("{what} must be whole numbers above 0 such as 64,64, got {text:?}"))
}
