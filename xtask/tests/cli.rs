//! The command as a user meets it: what it prints, what it writes, and how it says no.
#![allow(clippy::unwrap_used)]

#[path = "cli/distill.rs"]
mod distill;
#[path = "cli/distill_policy.rs"]
mod distill_policy;
#[path = "cli/train.rs"]
mod train;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

fn xtask(arguments: &[&str], folder: &Path) -> Output {
    let binary = assert_cmd::cargo::cargo_bin!("xtask");
    Command::new(binary).args(arguments).current_dir(folder).output().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

/// Asserts that the command fails with one line on standard error that contains all of `parts`, and
/// leaves the folder as it was.
#[track_caller]
fn assert_refused(arguments: &[&str], folder: &Path, parts: &[&str]) {
    let before = files(folder);
    let output = xtask(arguments, folder);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
    assert_eq!(output.stdout, b"");
    assert_eq!(files(folder), before);
}

#[test]
fn a_temperature_or_an_alpha_out_of_range_is_refused() {
    let folder = folder();
    let demo = |option, value| ["demo", option, value];
    let zero = ["error: temperature must be finite and > 0, got 0"];
    assert_refused(&demo("--temperature", "0"), folder.path(), &zero);
    let nan = ["error: temperature must be finite and > 0, got NaN"];
    assert_refused(&demo("--temperature", "NaN"), folder.path(), &nan);
    let alpha = ["error: alpha must be between 0 and 1, got 1.5"];
    assert_refused(&demo("--alpha", "1.5"), folder.path(), &alpha);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused_before_the_work() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "in the way").unwrap();
    let parts = ["error: the folder file/out cannot be made: "];
    assert_refused(&["demo", "--out", "file/out"], folder.path(), &parts);
    let parts = ["error: the folder file cannot be made: "];
    assert_refused(&["demo", "--json", "file/figures.json"], folder.path(), &parts);
}

#[test]
fn a_data_folder_without_or_with_damaged_files_is_refused() {
    let folder = folder();
    let demo = ["demo", "--data", "mnist"];
    assert_refused(&demo, folder.path(), &["error: mnist/", "train-images"]);

    // Says 10 images of 28 x 28, and holds half of one.
    let mnist = folder.path().join("mnist");
    std::fs::create_dir(&mnist).unwrap();
    let header = [[0, 0, 8, 3], [0, 0, 0, 10], [0, 0, 0, 28], [0, 0, 0, 28]].concat();
    let truncated = [header, vec![7; 392]].concat();
    std::fs::write(mnist.join("train-images-idx3-ubyte"), truncated).unwrap();
    assert_refused(&demo, folder.path(), &["error: mnist/train-images-idx3-ubyte: "]);
}

#[test]
fn help_explains_itself() {
    let folder = folder();
    let output = xtask(&["demo", "--help"], folder.path());
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for option in ["--quick", "--seed", "--out", "--json", "--data", "--temperature", "--alpha"] {
        assert!(text.contains(option), "{option}");
    }
}

#[test]
fn the_quick_demo_tells_the_whole_story() {
    let folder = folder();
    let arguments = ["demo", "--quick", "--out", "report", "--json", "figures.json"];
    let output = xtask(&arguments, folder.path());
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{progress}");
    assert!(progress.contains("Teacher: done, ") && !progress.contains('\u{1b}'), "{progress}");
    let mut written = files(folder.path());
    written.sort();
    assert_eq!(written, ["figures.json", "report.html"]);

    let text = std::fs::read_to_string(folder.path().join("figures.json")).unwrap();
    let figures: Value = serde_json::from_str(&text).unwrap();
    let number = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(number("/digits/teacher/evaluation/accuracy") > 0.9);
    assert_eq!(number("/digits/comparisons/0/gain/count"), 5.0);
    let teacher = number("/cart_pole/teacher") as usize;
    let agent = |field: &str| number(&format!("/cart_pole/agents/{teacher}/policy/{field}"));
    let student = number("/cart_pole/main_student") as usize;
    let student = |field: &str| number(&format!("/cart_pole/students/{student}/{field}"));
    assert!(agent("mean_return") >= 475.0);
    assert!(student("mean_return") >= 0.95 * agent("mean_return"));
    assert!(student("cost/parameters") <= 0.07 * agent("cost/parameters"));

    // One page that fetches nothing; the only addresses in it are the names of SVG's vocabulary.
    let page = std::fs::read_to_string(folder.path().join("report/report.html")).unwrap();
    assert!(page.trim_end().ends_with("</html>"));
    assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count());
    assert!(page.matches("<svg").count() >= 5);

    let tables = String::from_utf8(output.stdout).unwrap();
    for words in ["label smoothing", "distilled", "prioritized", "uniform", "95% intervals"] {
        assert!(tables.contains(words), "{words}");
    }
}

/// The demo's figures, but for those that are times.
fn figures(threads: &str) -> Value {
    fn without_times(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for time in ["seconds", "steps_per_second", "latency"] {
                    fields.remove(time);
                }
                fields.values_mut().for_each(without_times);
            }
            Value::Array(values) => values.iter_mut().for_each(without_times),
            _ => {}
        }
    }
    let folder = folder();
    let output = Command::new(assert_cmd::cargo::cargo_bin!("xtask"))
        .args(["demo", "--quick", "--seed", "7", "--json", "figures.json"])
        .env("RAYON_NUM_THREADS", threads)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(folder.path().join("figures.json")).unwrap();
    let mut figures = serde_json::from_str(&text).unwrap();
    without_times(&mut figures);
    figures
}

#[test]
fn a_seed_gives_the_same_figures_with_any_number_of_threads() {
    assert_eq!(figures("1"), figures("3"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_nothing_half_written() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let folder = folder();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("xtask"))
        .args(["demo", "--out", "report", "--json", "figures.json"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "Teacher ...");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let last = lines.last().unwrap();
    assert_eq!(last, "interrupted; nothing was written");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

#[test]
fn a_refused_run_leaves_earlier_figures_alone() {
    let folder = folder();
    let path = folder.path().join("old.json");
    std::fs::write(&path, "old").unwrap();
    let arguments = ["demo", "--temperature", "-1", "--json", "old.json"];
    assert_refused(&arguments, folder.path(), &["temperature"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn a_benchmark_without_peers_needs_no_python_and_writes_its_rows() {
    let folder = folder();
    let arguments = ["bench", "softmax", "--only", "128x10", "--repetitions", "1"];
    let json = ["--json", "rows.json"];
    let output = xtask(&[&arguments[..], &json].concat(), folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("distillation 128x10"), "{text}");

    let rows = std::fs::read_to_string(folder.path().join("rows.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let one = |row: &&Value| row["name"] == "softmax 128x10" && row["threads"] == 1;
    let row = rows.iter().find(one).unwrap();
    assert_eq!(row["group"], "softmax");
    assert!(row["ours_ns"].as_f64().unwrap() > 0.0);
    assert_eq!((&row["peer"], &row["ratio"]), (&json!(null), &json!(null)));
}

#[test]
fn a_benchmark_that_there_is_not_is_refused() {
    let folder = folder();
    let known = ["error: there is no group \"nothing\"", "softmax", "replay"];
    assert_refused(&["bench", "nothing"], folder.path(), &known);
    let none = ["error: no case's name contains \"unheard of\""];
    let arguments = ["bench", "softmax", "--only", "unheard of", "--json", "rows.json"];
    assert_refused(&arguments, folder.path(), &none);
}
