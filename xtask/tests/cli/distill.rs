//! `cargo xtask distill`.

use ndarray::{Array2, array};

use super::*;

/// Two classes, one where `a > b`; `b` is in thousands.
fn csv(rows: usize) -> String {
    let mut text = "a,kind,b\n".to_owned();
    for row in 0..rows {
        let (a, b) = ((row as f64 * 0.7).sin(), (row as f64 * 1.3).cos());
        let kind = if a > b { "above" } else { "below" };
        text.push_str(&format!("{a},{kind},{}\n", 1000.0 * b));
    }
    text
}

const QUICK: [&str; 9] =
    ["distill", "--data", "t.csv", "--label", "kind", "--teacher", "16", "--student", "8"];

/// A quick run on `t.csv`, with these options besides.
fn distill(options: &[&str], folder: &Path) -> Output {
    let more = [
        "--epochs",
        "30",
        "--learning-rate",
        "0.03",
        "--seeds",
        "2",
        "--standardize",
        "--out",
        "out",
    ];
    xtask(&[&QUICK[..], &more, options].concat(), folder)
}

#[track_caller]
fn report(output: &Output, folder: &Path) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.join("out/report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn accuracies(report: &Value) -> Vec<Value> {
    let contenders = report["report"]["contenders"].as_array().unwrap();
    contenders.iter().map(|contender| contender["accuracy"].clone()).collect()
}

#[test]
fn a_table_is_distilled_and_a_resumed_run_trains_nothing_twice() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("t.csv"), csv(300)).unwrap();
    let output = distill(&[], path);
    let first = report(&output, path);
    assert_eq!(first["classes"], json!(["above", "below"]));
    assert_eq!(first["rows"], json!({ "train": 240, "validation": 0, "test": 60 }));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["teacher", "student alone", "label smoothing", "distilled", "95% interval"] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    // Rows as they are in the file, though it was trained on scaled ones.
    let student = reflux_nn::Mlp::load(path.join("out/student.safetensors")).unwrap();
    let rows = student.predict(&array![[0.9, -900.0], [-0.9, 900.0]]).unwrap();
    assert!(rows[[0, 0]] > rows[[0, 1]] && rows[[1, 1]] > rows[[1, 0]], "{rows}");

    assert!(path.join("out/student.onnx").exists());

    // Refused, as it is there; and with --resume nothing is made again, whatever is asked for besides.
    let refused = distill(&[], path);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("error: out holds an earlier run: --resume"), "{message}");
    let kept = path.join("out/students/student-alone-1.safetensors");
    let before = std::fs::metadata(&kept).unwrap().modified().unwrap();
    std::fs::remove_file(path.join("out/students/distilled-2.safetensors")).unwrap();
    let again = distill(&["--resume"], path);
    let progress = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!progress.contains("Teacher"), "{progress}");
    assert!(progress.contains("from the cache"), "{progress}");
    assert_eq!(accuracies(&report(&again, path)), accuracies(&first));
    assert_eq!(std::fs::metadata(&kept).unwrap().modified().unwrap(), before);

    let other = distill(&["--resume", "--alpha", "0.5"], path);
    let message = String::from_utf8(other.stderr).unwrap();
    assert!(message.contains("the earlier run had alpha 0.1, not 0.5"), "{message}");
    let anew = report(&distill(&["--overwrite", "--alpha", "0.5"], path), path);
    assert_eq!(anew["settings"]["objective"]["alpha"], 0.5);
}

#[test]
fn every_objective_and_every_comparison_of_hidden_layers_trains_a_student() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("t.csv"), csv(200)).unwrap();
    let names =
        ["hinton", "kl", "reverse-kl", "js", "tv", "logit-mse", "dkd", "dist", "standardized"];
    let objectives = names.map(|name| ["--objective", name]);
    let few: [&[&str]; 1] = [&["--student-rows", "100"]];
    let features = ["hint", "similarity", "relational"].map(|name| ["--features", name]);
    let options = objectives.iter().chain(&features).map(|options| &options[..]).chain(few);
    for options in options {
        let output =
            distill(&[&["--overwrite", "--validation-fraction", "0.1"], options].concat(), path);
        let report = report(&output, path);
        let distilled = &accuracies(&report)[3][0];
        assert!(distilled.as_f64().unwrap() > 0.7, "{options:?}: {distilled}");
    }
}

#[test]
fn logits_of_another_program_teach() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("t.csv"), csv(200)).unwrap();
    let right = |row: usize| (row as f32 * 0.7).sin() > (row as f32 * 1.3).cos();
    let logits =
        Array2::from_shape_fn(
            (200, 2),
            |(row, class)| {
                if right(row) == (class == 0) { 3.0_f32 } else { 0.0 }
            },
        );
    ndarray_npy::write_npy(path.join("logits.npy"), &logits).unwrap();
    let of = |teacher| {
        let options = ["distill", "--data", "t.csv", "--label", "kind", "--teacher", teacher];
        [&options[..], &["--epochs", "5", "--seeds", "2", "--out", "out"]].concat()
    };
    let output = xtask(&of("logits.npy"), path);
    // They say what the labels say.
    assert_eq!(accuracies(&report(&output, path))[0], json!([1.0]));

    let few = logits.slice(ndarray::s![..50, ..]).to_owned();
    ndarray_npy::write_npy(path.join("few.npy"), &few).unwrap();
    let message =
        String::from_utf8(xtask(&[&of("few.npy")[..], &["--overwrite"]].concat(), path).stderr);
    let message = message.unwrap();
    let said = "error: the teacher's logits are for 50 rows, and the data have 200";
    assert!(message.contains(said), "{message}");
}

#[test]
fn arrays_of_numpy_are_read_by_their_names() {
    use std::io::Write;

    use ndarray_npy::WriteNpyExt;
    use zip::write::SimpleFileOptions;

    let folder = folder();
    let path = folder.path();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path.join("d.npz")).unwrap());
    let mut add = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    };
    let images = ndarray::Array3::from_shape_fn((60, 2, 3), |(row, i, j)| (row * i + j) as f64);
    let classes = ndarray::Array1::from_shape_fn(60, |row| (row % 3) as i64);
    add("images.npy", &|bytes| images.write_npy(bytes).unwrap());
    add("y.npy", &|bytes| classes.write_npy(bytes).unwrap());
    archive.finish().unwrap();

    let command = ["distill", "--data", "d.npz", "--epochs", "1", "--seeds", "1", "--out", "out"];
    let parts = ["error: d.npz: has no array \"x\", but images, y: name them with --x and --y"];
    assert_refused(&command, path, &parts);
    let output = xtask(&[&command[..], &["--x", "images"]].concat(), path);
    let report = report(&output, path);
    assert_eq!(report["rows"], json!({ "train": 48, "validation": 0, "test": 12 }));
    assert_eq!(report["classes"], json!(["0", "1", "2"]));
    assert!(report["student"].as_str().unwrap().contains('6'), "{}", report["student"]);
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line_before_anything_is_made() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("t.csv"), "a,kind\n1.5,x\nmuch,y\n").unwrap();
    let refused = |options: &[&str], part: &str| {
        assert_refused(&[&["distill", "--out", "out"], options].concat(), path, &[part]);
    };
    refused(&["--data", "nowhere"], "error: nowhere: there is no such file or folder");
    let kind = ["--data", "t.csv", "--label", "kind"];
    refused(&kind, "error: t.csv: line 3: the column \"a\" must hold finite numbers, has \"much\"");
    refused(&kind[..2], "error: t.csv: has no column \"label\", but a, kind");
    refused(&["--teacher", "64,x"], "error: the teacher's hidden layers must be whole numbers");
    refused(&["--teacher", "t.onnx"], "error: t.onnx: there is no such file");
    refused(
        &["--student", "0"],
        "error: the student's hidden layers must be whole numbers above 0",
    );
    refused(&["--temperature", "0"], "error: temperature must be finite and > 0, got 0");
    refused(&["--alpha", "2", "--objective", "dkd"], "error: alpha must be between 0 and 1, got 2");
    refused(&["--epochs", "0"], "error: the number of epochs must be at least 1");
    refused(&["--learning-rate", "-1"], "error: learning rate");
    refused(
        &["--test-fraction", "1"],
        "error: the test fraction must be above 0 and below 1, got 1",
    );
    refused(&["--resume", "--seeds", "0"], "error: the number of seeds must be at least 1");
}

#[test]
fn its_help_has_examples() {
    let folder = folder();
    let output = xtask(&["distill", "--help"], folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["Examples:", "--teacher", "--objective", "--resume", "reverse-kl", "--label"] {
        assert!(text.contains(words), "{words}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_where_it_stood() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("t.csv"), csv(300)).unwrap();
    let arguments = [&QUICK[..], &["--epochs", "200", "--out", "out"]].concat();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("xtask"))
        .args(&arguments)
        .current_dir(path)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "Students ..."));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let last = lines.last().unwrap();
    assert_eq!(last, "interrupted; what is finished is in out: --resume goes on");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(path.join("out/teacher.safetensors").exists());
    assert!(!path.join("out/report.json").exists());

    let resumed = xtask(&[&arguments[..], &["--resume"]].concat(), path);
    let resumed = accuracies(&report(&resumed, path));
    let anew = xtask(&[&arguments[..], &["--overwrite"]].concat(), path);
    assert_eq!(accuracies(&report(&anew, path)), resumed);
}
