//! The file for TensorBoard, as TensorBoard's own reader sees it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use reflux_dqn::{Event, EventSink, TensorBoard};

/// With `PYTHON` the interpreter of an environment that has `xtask/peers/requirements-tensorboard.txt`:
/// `PYTHON=... cargo test -p reflux-dqn --features tensorboard -- --ignored`.
#[test]
#[ignore = "needs Python with the package tensorboard"]
fn tensorboard_reads_the_numbers_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = TensorBoard::create(folder.path()).unwrap();
    for (step, total_reward) in [(10, 23.0), (300, 7.5), (70_000, -1.0)] {
        sink.record(step, &Event::Episode { actor: 1, total_reward, length: 12 }).unwrap();
    }
    let (mean_return, worst_return) = (500.0, 0.25);
    let evaluated = Event::Evaluated { mean_return, worst_return, episodes: 20, best: true };
    sink.record(80_000, &evaluated).unwrap();
    sink.flush().unwrap();

    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/peers/read_tensorboard.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let got: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = serde_json::json!({
        "episode/actor": [[10, 1.0], [300, 1.0], [70_000, 1.0]],
        "episode/total_reward": [[10, 23.0], [300, 7.5], [70_000, -1.0]],
        "episode/length": [[10, 12.0], [300, 12.0], [70_000, 12.0]],
        "evaluated/mean_return": [[80_000, 500.0]],
        "evaluated/worst_return": [[80_000, 0.25]],
        "evaluated/episodes": [[80_000, 20.0]],
        "evaluated/best": [[80_000, 1.0]],
    });
    assert_eq!(got, expected);
}
