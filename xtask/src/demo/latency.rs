//! What a network costs: parameters, bytes, and the time for one row.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use ndarray::Array2;
use reflux_nn::{Mlp, Workspace};
use serde::Serialize;

use crate::plots::thousands;

/// Timed groups of rows, of which the median counts, and about how long each takes.
const GROUPS: usize = 21;
const GROUP_NANOSECONDS: f64 = 1e6;

#[derive(Serialize, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) parameters: usize,
    /// Of the weights in f32.
    pub(crate) bytes: usize,
    /// One row, forward, one thread, memory reused.
    pub(crate) row_nanoseconds: f64,
}

impl Cost {
    /// Parameters, bytes and the time for one row, as a table shows them.
    pub(crate) fn cells(self) -> [String; 3] {
        [
            thousands(self.parameters as f64),
            thousands(self.bytes as f64),
            format!("{:.2} µs", self.row_nanoseconds / 1000.0),
        ]
    }
}

/// Measures on this thread; nothing else should be running.
pub(crate) fn cost(network: &Mlp) -> Result<Cost> {
    let row = Array2::from_shape_fn((1, network.config().inputs()), |(_, j)| (j as f32).sin());
    let mut workspace = Workspace::new();
    let mut nanoseconds = |rows: usize| -> Result<f64> {
        let started = Instant::now();
        for _ in 0..rows {
            black_box(network.forward(black_box(&row), &mut workspace)?);
        }
        Ok(started.elapsed().as_nanos() as f64 / rows as f64)
    };
    let first = nanoseconds(10)?;
    let rows = (GROUP_NANOSECONDS / first.max(1.0)).ceil() as usize;
    let mut groups = (0..GROUPS).map(|_| nanoseconds(rows)).collect::<Result<Vec<_>>>()?;
    groups.sort_by(f64::total_cmp);
    let parameters = network.config().parameters();
    let bytes = parameters * size_of::<f32>();
    Ok(Cost { parameters, bytes, row_nanoseconds: groups[GROUPS / 2] })
}
