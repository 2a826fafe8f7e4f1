//! `cargo xtask distill-policy`.

use reflux_nn::{Mlp, MlpConfig};

use super::*;

/// A policy with the hidden layers 32-32 that pushes to the side to which the pole falls, which holds it
/// up for 500 steps from every start: the feedback, its sign in either of two units, and what is left of
/// it in a second layer.
fn teacher(path: &Path) {
    let feedback = [0.1_f32, 0.3, 1.0, 0.5];
    let (inputs, width, actions) = (4, 32, 2);
    let mut first = vec![0.0; width * inputs];
    first[..inputs].copy_from_slice(&feedback);
    for (slot, weight) in first[inputs..2 * inputs].iter_mut().zip(feedback) {
        *slot = -weight;
    }
    let mut second = vec![0.0; width * width];
    (second[0], second[width + 1]) = (1.0, 1.0);
    // Action 0 pushes left: where the feedback is negative.
    let mut last = vec![0.0; actions * width];
    (last[1], last[width]) = (1.0, 1.0);
    let layers = [(first, width), (second, width), (last, actions)];
    let parameters = layers
        .into_iter()
        .flat_map(|(weights, bias)| [weights, vec![0.0; bias]].concat())
        .collect();
    let shape = MlpConfig::new(inputs, &[width, width], actions).unwrap();
    Mlp::from_parameters(shape, parameters).unwrap().save(path).unwrap();
}

const QUICK: &[&str] = &[
    "distill-policy",
    "t.safetensors",
    "--env",
    "CartPole-v1",
    "--transitions",
    "4000",
    "--updates",
    "2500",
    "--epsilon",
    "0.2",
    "--episodes",
    "20",
];

fn distil(options: &[&str], folder: &Path) -> Output {
    xtask(&[QUICK, options].concat(), folder)
}

#[track_caller]
fn report(output: &Output, folder: &Path) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&std::fs::read_to_string(folder.join("report.json")).unwrap()).unwrap()
}

#[test]
fn a_student_of_a_tenth_plays_as_well_as_its_teacher() {
    let folder = folder();
    let path = folder.path();
    teacher(&path.join("t.safetensors"));
    let output = distil(&["--size", "10%"], path);
    let found = report(&output, &path.join("student"));
    // 4·32 + 32 + 32² + 32 + 32·2 + 2, of which a tenth is 128; of width w: w² + 8w + 2, 107 at 7 and 130 at 8.
    assert_eq!(found["teacher"]["parameters"], 1_282);
    assert_eq!(found["student"]["parameters"], 107);
    assert_eq!(found["student"]["bytes"], 428);
    assert_eq!(found["teacher"]["result"]["mean"], 500.0);
    let mean = found["student"]["result"]["mean"].as_f64().unwrap();
    assert!(mean >= 475.0, "{mean}");
    assert_eq!(found["student"]["result"]["returns"].as_array().unwrap().len(), 20);
    assert!(found["student"]["microseconds_per_action"].as_f64().unwrap() > 0.0);
    let text = String::from_utf8(output.stdout).unwrap();
    let written = std::fs::read_to_string(path.join("student/report.md")).unwrap();
    assert!(text.starts_with(&written) && written.contains("| student |"), "{text}");
    assert!(path.join("student/policy.onnx").exists());

    // The folder is a policy like any other, and what was said of it is true.
    let judge = ["eval", "student", "--episodes", "20", "--json"];
    let judged: Value = serde_json::from_slice(&xtask(&judge, path).stdout).unwrap();
    assert_eq!(judged["result"], found["student"]["result"]);

    // Not over what is there, unless that is wanted; one seed is one student.
    let parts = ["error: student holds a policy: --overwrite replaces it"];
    assert_refused(&[QUICK, &["--size", "10%"]].concat(), path, &parts);
    let student = || std::fs::read(path.join("student/policy.safetensors")).unwrap();
    let before = student();
    report(&distil(&["--size", "10%", "--overwrite"], path), &path.join("student"));
    assert!(student() == before);
}

#[test]
fn every_loss_makes_a_student_of_any_shape() {
    let folder = folder();
    let path = folder.path();
    teacher(&path.join("t.safetensors"));
    for loss in ["kl", "nll", "mse"] {
        let output = distil(&["--hidden", "8,4", "--loss", loss, "--out", loss], path);
        let found = report(&output, &path.join(loss));
        assert_eq!(found["student"]["parameters"], 4 * 8 + 8 + 8 * 4 + 4 + 4 * 2 + 2);
        let mean = found["student"]["result"]["mean"].as_f64().unwrap();
        assert!(mean >= 400.0, "{loss}: {mean}");
    }
}

#[test]
fn what_cannot_be_distilled_is_refused_in_one_line_before_the_work() {
    let folder = folder();
    let path = folder.path();
    teacher(&path.join("t.safetensors"));
    let refused = |options: &[&str], part: &str| {
        assert_refused(&[QUICK, options].concat(), path, &[part]);
    };
    refused(&["--temperature", "0"], "error: temperature must be finite and above 0, got 0");
    refused(&["--size", "much"], "error: --size must be a share such as 7%, got \"much\"");
    refused(&["--size", "0.1%"], "error: no student is so small");
    refused(&["--hidden", "a"], "error: the student's hidden layers must be whole numbers");
    refused(&["--last"], "error: --last is for the folder of a training");
    let arguments = ["distill-policy", "t.safetensors", "--env", "CartPole-v1", "--epsilon", "2"];
    assert_refused(&arguments, path, &["error: epsilon must be between 0 and 1, got 2"]);
    std::fs::create_dir(path.join("p")).unwrap();
    std::fs::rename(path.join("t.safetensors"), path.join("p/policy.safetensors")).unwrap();
    let card = r#"{ "env": "CartPole-v1", "values": "Expected" }"#;
    std::fs::write(path.join("p/policy.json"), card).unwrap();
    let over = ["distill-policy", "p", "--out", "p", "--overwrite"];
    assert_refused(&over, path, &["error: p is the teacher's folder: --out must name another"]);
}
