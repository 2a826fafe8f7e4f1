//! The folder of a run: its settings, and everything that is finished.
//!
//! ```text
//! settings.json               what the run was asked to do
//! teacher.safetensors         a teacher that was trained
//! targets-train.safetensors   what it says about the rows to train on, and about those of the test
//! targets-test.safetensors
//! students/WAY-SEED.safetensors
//! student.safetensors         the distilled student of the first seed, and as ONNX
//! student.onnx
//! report.json
//! ```

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::output;

const SETTINGS: &str = "settings.json";
const FILES: [&str; 6] = [
    "teacher.safetensors",
    "targets-train.safetensors",
    "targets-test.safetensors",
    "student.safetensors",
    "student.onnx",
    "report.json",
];
const STUDENTS: &str = "students";

/// A folder that belongs to this run.
pub(super) struct Folder {
    path: PathBuf,
}

/// What is to be done with an earlier run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Earlier {
    Refuse,
    Resume,
    Overwrite,
}

impl Folder {
    /// Makes the folder and writes the settings; or finds that those of an earlier run are the same.
    pub(super) fn claim(path: &Path, settings: &Value, earlier: Earlier) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        let file = path.join(SETTINGS);
        if file.exists() {
            match earlier {
                Earlier::Refuse => bail!(
                    "{} holds an earlier run: --resume goes on with it, --overwrite begins anew",
                    path.display()
                ),
                Earlier::Resume => {
                    same(&file, settings)?;
                    return Ok(folder);
                }
                Earlier::Overwrite => folder.clear()?,
            }
        }
        output::prepare_folder(path)?;
        output::prepare_folder(&path.join(STUDENTS))?;
        output::write(&file, &serde_json::to_string_pretty(settings)?)?;
        Ok(folder)
    }

    fn clear(&self) -> Result<()> {
        let students = self.path.join(STUDENTS);
        let of_students = std::fs::read_dir(&students).into_iter().flatten().flatten();
        let of_students = of_students
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
        let files = FILES.iter().map(|name| self.path.join(name));
        for file in files.chain(of_students).filter(|file| file.exists()) {
            std::fs::remove_file(&file)
                .with_context(|| format!("{} cannot be removed", file.display()))?;
        }
        Ok(())
    }

    pub(super) fn teacher(&self) -> PathBuf {
        self.path.join("teacher.safetensors")
    }

    pub(super) fn targets(&self, what: &str) -> PathBuf {
        self.path.join(format!("targets-{what}.safetensors"))
    }

    /// One of those of all seeds.
    pub(super) fn student(&self, way: &str, seed: u64) -> PathBuf {
        self.path.join(STUDENTS).join(format!("{way}-{seed}.safetensors"))
    }

    /// The one to use.
    pub(super) fn best_student(&self) -> PathBuf {
        self.path.join("student.safetensors")
    }

    /// The same as ONNX.
    pub(super) fn best_student_onnx(&self) -> PathBuf {
        self.path.join("student.onnx")
    }

    pub(super) fn report(&self) -> PathBuf {
        self.path.join("report.json")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn same(file: &Path, settings: &Value) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let earlier: Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    let difference = difference(&earlier, settings);
    ensure!(
        difference.is_none(),
        "{}: the earlier run had {}: --overwrite begins anew",
        file.display(),
        difference.unwrap_or_default()
    );
    Ok(())
}

/// The first setting that is not the same.
fn difference(earlier: &Value, now: &Value) -> Option<String> {
    let (Value::Object(before), Value::Object(after)) = (earlier, now) else {
        return (earlier != now).then(|| format!("{earlier}, not {now}"));
    };
    let names = before.keys().chain(after.keys());
    names.into_iter().find_map(|name| {
        let (before, after) = (&before.get(name), &after.get(name));
        let difference = difference(before.unwrap_or(&Value::Null), after.unwrap_or(&Value::Null))?;
        Some(if before.is_some_and(Value::is_object) {
            difference
        } else {
            format!("{name} {difference}")
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_setting_that_differs_is_named() {
        let earlier = json!({ "a": { "alpha": 0.1, "epochs": 3 }, "seed": 0 });
        assert_eq!(difference(&earlier, &earlier), None);
        let now = json!({ "a": { "alpha": 0.1, "epochs": 4 }, "seed": 0 });
        assert_eq!(difference(&earlier, &now).unwrap(), "epochs 3, not 4");
    }
}
