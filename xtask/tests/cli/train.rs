//! `cargo xtask train` and `cargo xtask eval`.

use super::*;

/// A training of a second.
const QUICK: &[&str] = &[
    "train",
    "--env",
    "CartPole-v1",
    "--hidden",
    "16",
    "--batch",
    "8",
    "--buffer",
    "500",
    "--learning-starts",
    "100",
    "--train-every",
    "2",
    "--updates",
    "1",
    "--prioritized",
    "--n-step",
    "3",
    "--actors",
    "2",
    "--eval-episodes",
    "2",
    "--checkpoint-every",
    "3000",
];

#[track_caller]
fn succeeds(arguments: &[&str], folder: &Path) -> String {
    let output = xtask(arguments, folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_training_leaves_all_that_it_promises_and_its_policy_can_be_judged() {
    let folder = folder();
    let path = folder.path();
    let more = ["--steps", "2000", "--double", "--dueling", "--noisy", "--tensorboard"];
    let values = ["--distributional", "qr-dqn", "--atoms", "5", "--out", "run"];
    let text = succeeds(&[QUICK, &more, &values].concat(), path);
    assert!(text.contains("CartPole-v1: 2000 steps"), "{text}");

    let run = path.join("run");
    let config: Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("config.json")).unwrap()).unwrap();
    for (setting, expected) in [
        ("double", json!(true)),
        ("dueling", json!(true)),
        ("noisy", json!(0.5)),
        ("n_step", json!(3)),
        ("hidden", json!([16])),
        ("values", json!({ "Quantile": { "quantiles": 5, "kappa": 1.0 } })),
        // From the preset.
        ("learning_rate", json!(2.3e-3)),
        // The preset's share of the steps.
        ("epsilon", json!({ "Linear": { "initial": 1.0, "last": 0.04, "steps": 320 } })),
    ] {
        assert_eq!(config["agent"][setting], expected, "{setting}");
    }

    // The same events in both files.
    let events = lines(&run.join("metrics.jsonl"));
    let episodes = events.iter().filter(|event| event["event"] == "episode").count();
    let trials = events.iter().filter(|event| event["event"] == "evaluated").count();
    assert!(episodes > 20 && trials == 50, "{episodes} episodes, {trials} trials");
    let mut table = csv::Reader::from_path(run.join("metrics.csv")).unwrap();
    let rows = table.records().map(Result::unwrap);
    let returns: Vec<f64> =
        rows.filter(|row| &row[2] == "total_reward").map(|row| row[3].parse().unwrap()).collect();
    let expected = events.iter().filter_map(|event| event["total_reward"].as_f64());
    assert_eq!(returns, expected.collect::<Vec<f64>>());
    assert_eq!(files(&run.join("tensorboard")).len(), 1);

    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.trim_end().ends_with("</html>"));
    assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count());
    // Noisy layers: no plot of epsilon.
    assert_eq!(page.matches("<svg").count(), 3);

    // The best trial again, and one seed is one result.
    let best = events.iter().filter_map(|event| event["mean_return"].as_f64());
    let best = best.fold(f64::NEG_INFINITY, f64::max);
    let trial = ["eval", "run", "--episodes", "2", "--seed", "1000000", "--json"];
    let judged: Value = serde_json::from_str(&succeeds(&trial, path)).unwrap();
    assert_eq!(judged["result"]["mean"], best);
    assert_eq!(
        judged["result"]["returns"],
        judged["result"]["lengths"]
            .as_array()
            .map(|lengths| {
                json!(lengths.iter().map(|length| length.as_f64().unwrap()).collect::<Vec<f64>>())
            })
            .unwrap()
    );
    assert_eq!(succeeds(&trial, path), succeeds(&trial, path));
    let text = succeeds(&["eval", "run", "--last", "--episodes", "3"], path);
    assert!(text.contains("interquartile mean") && text.contains("policy-last"), "{text}");
}

/// Starts a training, and stops it with a signal when it says that it has come so far.
#[cfg(unix)]
fn stopped(arguments: &[&str], folder: &Path, at: &str, signal: &str) -> (Option<i32>, String) {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("xtask"))
        .args(arguments)
        .current_dir(folder)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(at)));
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    let last = lines.last().unwrap_or_default();
    (child.wait().unwrap().code(), last)
}

#[cfg(unix)]
#[test]
fn a_training_that_was_interrupted_and_killed_is_the_same_as_one_that_never_stopped() {
    let folder = folder();
    let path = folder.path();
    let long = [QUICK, &["--steps", "40000"]].concat();
    succeeds(&[&long[..], &["--out", "whole"]].concat(), path);

    // Ctrl-C first, and then no time to save anything.
    let (code, last) = stopped(&[&long[..], &["--out", "parts"]].concat(), path, " 25% ", "-INT");
    assert_eq!(code, Some(130), "{last}");
    assert!(last.starts_with("interrupted after "), "{last}");
    assert!(last.ends_with(" steps; --resume parts goes on"), "{last}");
    assert!(path.join("parts/report.html").exists());
    let resume = ["train", "--resume", "parts"];
    let (code, _) = stopped(&resume, path, " 50% ", "-KILL");
    assert_eq!(code, None);
    let text = succeeds(&resume, path);
    assert!(text.contains("CartPole-v1: "), "{text}");

    for file in ["metrics.jsonl", "metrics.csv", "policy.safetensors", "policy-last.safetensors"] {
        let read = |run: &str| std::fs::read(path.join(run).join(file)).unwrap();
        assert!(read("whole") == read("parts"), "{file} differs");
    }
    // Nothing is left to do.
    let before = std::fs::read(path.join("parts/metrics.jsonl")).unwrap();
    assert!(succeeds(&resume, path).contains("CartPole-v1: 0 steps"));
    assert_eq!(std::fs::read(path.join("parts/metrics.jsonl")).unwrap(), before);
}

#[test]
fn a_bare_file_is_judged_in_the_environment_that_is_named() {
    let folder = folder();
    let path = folder.path();
    // Pushes to the side to which the pole falls: 500 steps from every start.
    let feedback = [0.1_f32, 0.3, 1.0, 0.5];
    let weights = feedback.iter().map(|w| -w).chain(feedback).chain([0.0, 0.0]).collect();
    let shape = reflux_nn::MlpConfig::new(4, &[], 2).unwrap();
    let policy = reflux_nn::Mlp::from_parameters(shape, weights).unwrap();
    policy.save(path.join("p.safetensors")).unwrap();
    let eval = |env| ["eval", "p.safetensors", "--env", env, "--episodes", "5", "--json"];
    let judged: Value = serde_json::from_str(&succeeds(&eval("CartPole-v1"), path)).unwrap();
    assert_eq!(judged["result"]["returns"], json!([500.0, 500.0, 500.0, 500.0, 500.0]));
    assert_eq!(judged["result"]["interquartile_mean"], 500.0);
    assert_eq!(judged["result"]["interval"], json!([500.0, 500.0]));
    assert_eq!(judged["result"]["mean_length"], 500.0);

    let misfit = ["a policy for Acrobot-v1 has 6 inputs and 3 outputs, this has 4 and 2"];
    assert_refused(&eval("Acrobot-v1"), path, &misfit);
    let nameless = ["error: p.safetensors is a file: --env must say for which environment"];
    assert_refused(&["eval", "p.safetensors"], path, &nameless);
    assert_refused(&["eval", "."], path, &["error: . holds no policy: policy.json cannot be read"]);
    assert_refused(&["eval", "nowhere"], path, &["error: nowhere: there is no such file"]);
    let none = ["error: the number of episodes must be at least 1, got 0"];
    assert_refused(
        &["eval", "p.safetensors", "--env", "CartPole-v1", "--episodes", "0"],
        path,
        &none,
    );
}

#[test]
fn settings_that_cannot_be_are_refused_in_one_line_before_anything_is_made() {
    let folder = folder();
    let path = folder.path();
    let refused = |options: &[&str], part: &str| {
        assert_refused(&[&["train", "--env", "CartPole-v1"], options].concat(), path, &[part]);
    };
    let unknown = ["error: there is no environment \"Pong\", but CartPole-v1, MountainCar-v0, "];
    assert_refused(&["train", "--env", "Pong"], path, &unknown);
    refused(&["--gamma", "2"], "error: gamma must be between 0 and 1, got 2");
    refused(&["--learning-rate", "-1"], "error: learning rate must be finite and above 0, got -1");
    refused(&["--hidden", "8,0"], "error: the hidden layers must be whole numbers above 0");
    refused(&["--n-step", "0"], "error: n_step must be at least 1, got 0");
    refused(&["--batch", "64", "--buffer", "8"], "error: buffer capacity must be at least a batch");
    refused(&["--actors", "0"], "error: the number of actors must be at least 1, got 0");
    refused(&["--steps", "0"], "error: training steps must be at least 1, got 0");
    refused(&["--eval-episodes", "0"], "error: episodes of an evaluation must be at least 1");
    refused(&["--checkpoint-every", "0"], "error: --checkpoint-every must be at least 1, got 0");
    let c51 = ["--distributional", "c51", "--returns=5"];
    refused(&c51, "error: --returns must be two numbers such as -100,0, got \"5\"");
    let none = ["error: nowhere holds no training: config.json cannot be read"];
    assert_refused(&["train", "--resume", "nowhere"], path, &none);

    // What the parser itself refuses.
    for wrong in [&["--frobnicate"][..], &["--loss", "abs"], &["--atoms", "3"], &["--gamma", "x"]] {
        let output = xtask(&[&["train", "--env", "CartPole-v1"], wrong].concat(), path);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
    }
}

#[test]
fn every_environment_can_be_trained_in_and_help_names_it() {
    let folder = folder();
    let path = folder.path();
    let help = succeeds(&["train", "--help"], path);
    let names = "CartPole-v1 MountainCar-v0 Acrobot-v1 FrozenLake-v1 FrozenLake8x8-v1 \
                 CliffWalking-v1 CliffWalkingSlippery-v1 Catch DeepSea";
    for name in names.split_whitespace() {
        assert!(help.contains(name), "{name}");
        let options = ["--hidden", "4", "--steps", "40", "--learning-starts", "32"];
        let trials = ["--eval-every", "40", "--eval-episodes", "1", "--out", name];
        succeeds(&[&["train", "--env", name], &options[..], &trials].concat(), path);
        let trial = lines(&path.join(name).join("metrics.jsonl")).pop().unwrap();
        assert_eq!((&trial["event"], &trial["step"]), (&json!("evaluated"), &json!(40)), "{name}");
    }
    for words in ["Examples:", "--distributional", "--resume", "--prioritized", "cart-pole"] {
        assert!(help.contains(words), "{words}");
    }
}
