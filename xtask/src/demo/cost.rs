//! What a network costs, measured and as a table shows it.

use ndarray::Array2;
use reflux_distill::{Cost, latency};
use reflux_nn::{Mlp, Workspace};

use crate::plots::thousands;

/// Of the weights in f32; one row forward on this thread, where nothing else should be running.
pub(crate) fn cost(network: &Mlp) -> Cost {
    let row = Array2::from_shape_fn((1, network.config().inputs()), |(_, j)| (j as f32).sin());
    let mut workspace = Workspace::new();
    let time = latency(|| network.forward(&row, &mut workspace).map(|outputs| outputs[[0, 0]]));
    Cost::of_mlp(network).with_latency(time)
}

/// Parameters, bytes and the time for one row.
pub(crate) fn cells(cost: Cost) -> [String; 3] {
    [
        thousands(cost.parameters as f64),
        thousands(cost.bytes as f64),
        cost.latency.map_or(String::new(), |seconds| format!("{:.2} µs", 1e6 * seconds)),
    ]
}

/// How many rows `fast` takes in the time in which `slow` takes one.
pub(crate) fn times_as_fast(fast: Cost, slow: Cost) -> f64 {
    slow.latency.zip(fast.latency).map_or(f64::NAN, |(slow, fast)| slow / fast)
}
