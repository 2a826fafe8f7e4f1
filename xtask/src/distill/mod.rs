//! `cargo xtask distill`: a student for your own data.
//!
//! `data` reads rows and divides them, `teacher` gets soft targets for them, `student` trains students
//! with and without; `folder` keeps what is finished.

mod data;
mod folder;
mod objective;
mod student;
mod teacher;
mod training;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use reflux_distill::Report;
use serde_json::{Value, json};

use data::{Data, DataArgs};
use folder::{Earlier, Folder};
use objective::ObjectiveArgs;
use student::{Lesson, StudentArgs, Students, Way};
use teacher::{Answers, TeacherArgs};
use training::{Scaling, TrainingArgs};

use crate::interrupt::Interrupted;
use crate::progress::Progress;
use crate::{interrupt, output};

const EXAMPLES: &str = "\
Examples:
  cargo xtask distill --out target/first
      The bundled digits: a teacher 256,256 and a student 32
  cargo xtask distill --student 16 --student-rows 50 --learning-rate 0.01
      The same for a student that sees 50 rows: where a teacher helps
  cargo xtask distill --data iris.csv --label species --standardize --teacher 64,64 --student 4
      Your own table
  cargo xtask distill --data DIR --teacher 1200,1200 --teacher-dropout 0.5 --student 100 \\
      --temperature 8 --alpha 0 --batch-size 128 --epochs 10
      MNIST, from a folder with its four files
  cargo xtask distill --data data.npz --teacher logits.npy --student 64 --objective dkd
      Logits that another program computed, a row for each of the data
  cargo run --release -p xtask --features onnx -- distill --data data.npz --teacher model.onnx
      A model of another framework; without the feature, its runtime is not compiled in
  cargo xtask distill --out target/first --resume --seeds 10
      Go on with a run that was interrupted, or with more seeds";

/// Distil a classifier of your own data into a smaller one, and see whether it was worth it.
///
/// A teacher is trained, or read from a file, and asked once about every row. A student is trained
/// with its soft targets, and for comparison without a teacher and with label smoothing, with several
/// seeds. The folder --out gets the distilled student (student.safetensors, student.onnx), the soft targets, every
/// network, and report.json; the report, with 95% intervals over seeds, goes to standard output.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    teacher: TeacherArgs,
    #[command(flatten)]
    student: StudentArgs,
    #[command(flatten)]
    objective: ObjectiveArgs,
    #[command(flatten)]
    training: TrainingArgs,
    /// How many students are trained in each way; intervals need 2
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Training")]
    seeds: u64,
    /// The folder for what comes out; it is made if need be
    #[arg(long, value_name = "DIR", default_value = "target/distill", help_heading = "Output")]
    out: PathBuf,
    /// Go on with the run in that folder: what is finished is not done again
    #[arg(long, help_heading = "Output")]
    resume: bool,
    /// Remove the run in that folder and begin anew
    #[arg(long, conflicts_with = "resume", help_heading = "Output")]
    overwrite: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    interrupt::listen()?;
    // Whatever can be wrong with the arguments is found before the work begins.
    ensure!(args.seeds > 0, "the number of seeds must be at least 1, got 0");
    args.objective.check()?;
    args.training.check()?;
    args.student.check()?;
    args.teacher.check()?;
    let data = Data::load(&args.data, args.training.seed)?;
    let folder = Folder::claim(&args.out, &settings(args, &data)?, earlier(args))?;
    let result = work(args, &data, &folder);
    match result {
        Err(error) if error.is::<Interrupted>() => Err(error.context(format!(
            "interrupted; what is finished is in {}: --resume goes on",
            folder.path().display()
        ))),
        other => other,
    }
}

fn earlier(args: &Args) -> Earlier {
    match (args.resume, args.overwrite) {
        (true, _) => Earlier::Resume,
        (_, true) => Earlier::Overwrite,
        _ => Earlier::Refuse,
    }
}

/// All that what comes out depends on, but for the number of seeds.
fn settings(args: &Args, data: &Data) -> Result<Value> {
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "data": data.fingerprint().to_string(),
        "standardize": args.data.standardize,
        "teacher": serde_json::to_value(&args.teacher)?,
        "student": serde_json::to_value(&args.student)?,
        "objective": serde_json::to_value(&args.objective)?,
        "training": serde_json::to_value(&args.training)?,
    }))
}

fn work(args: &Args, data: &Data, folder: &Folder) -> Result<()> {
    let progress = Progress::new();
    let scaling = args.data.standardize.then(|| Scaling::of(data.train.rows.inputs()));
    let scaling = scaling.as_ref();
    let source = args.teacher.source(data, scaling, &args.training, folder, &progress)?;
    let answers = source.answers(data, args.objective.has_features(), folder, &progress)?;
    let lesson = Lesson {
        data,
        scaling,
        answers: &answers,
        student: &args.student,
        objective: &args.objective,
        training: &args.training,
        folder,
    };
    let students = lesson.teach(args.seeds, &progress)?;
    save(&students, folder)?;
    let report = report(data, &answers, &students)?;
    let json = json!({
        "settings": settings(args, data)?,
        "source": data.source,
        "classes": data.classes,
        "rows": {
            "train": data.train.rows.len(),
            "validation": data.validation.as_ref().map_or(0, |part| part.rows.len()),
            "test": data.test.rows.len(),
        },
        "teacher": answers.name,
        "student": students[0].first.config().to_string(),
        "report": report,
    });
    output::write(&folder.report(), &serde_json::to_string_pretty(&json)?)?;
    println!(
        "{}: {} rows to train on, {} to judge by, {} classes\nteacher {}, student {}\n\n{report}\n\n\
         student.safetensors, student.onnx, the soft targets and report.json are in {}",
        data.source,
        data.train.rows.len(),
        data.test.rows.len(),
        data.classes.len(),
        answers.name,
        students[0].first.config(),
        folder.path().display()
    );
    Ok(())
}

/// The distilled student of the first seed: the best of several would be the luckiest.
fn save(students: &[Students], folder: &Folder) -> Result<()> {
    let distilled = students.iter().find(|students| students.way == Way::Distilled);
    let distilled = distilled.context("there is a distilled student")?;
    distilled.first.save(folder.best_student())?;
    distilled.first.save_onnx(folder.best_student_onnx())?;
    Ok(())
}

fn report<'a>(data: &'a Data, answers: &Answers, students: &[Students]) -> Result<Report<'a>> {
    let mut report = Report::new(data.test.rows.labels());
    if let Some(targets) = &answers.test {
        report.add_teacher("teacher", answers.cost, &targets.logits())?;
    }
    for students in students {
        let cost = training::cost(&students.first, data)?;
        report.add(students.way.name(), cost, &students.logits)?;
    }
    Ok(report)
}
