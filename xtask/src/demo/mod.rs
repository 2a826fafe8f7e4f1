//! `cargo xtask demo`: the whole story on real data, as tables, as JSON and as a page with plots.

mod cart_pole;
mod cost;
mod curves;
mod digits;
mod pictures;
mod plan;
mod report;
mod tables;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use reflux_distill::Distillation;
use reflux_nn::data;
use serde::Serialize;

use crate::output;
use crate::progress::Progress;
use crate::{demo::plan::DigitsPlan, interrupt};

const REPORT: &str = "report.html";

/// The whole story on real data.
///
/// First a classifier of handwritten digits, the teacher, is trained; its soft targets train a
/// student that is a fraction of its size, beside the same student with hard labels and with label
/// smoothing. Then two agents learn to balance CartPole's pole, one from experience replayed uniformly,
/// one by priority; the policy of the better one is distilled into smaller networks through a replay
/// buffer. Tables go to standard output, progress to standard error.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer epochs, seeds and students: the same story, with wider intervals
    #[arg(long)]
    quick: bool,
    /// Everything random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The folder for report.html; it is made if need be
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
    /// Also write every figure to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write the students' learning curves to this file, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Use MNIST instead of the bundled digits: a folder with its four IDX files, gzipped or not
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The temperature of the soft targets: above 1 softens them
    #[arg(long, value_name = "T", allow_negative_numbers = true, default_value_t = 4.0)]
    temperature: f64,
    /// The weight of the hard labels against the soft targets, from 0 to 1
    #[arg(long, value_name = "A", allow_negative_numbers = true, default_value_t = 0.1)]
    alpha: f64,
}

/// Everything that the demo found out.
#[derive(Serialize)]
pub(crate) struct DemoResult {
    version: &'static str,
    quick: bool,
    seed: u64,
    seconds: f64,
    digits: digits::DigitsResult,
    cart_pole: cart_pole::CartPoleResult,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    interrupt::listen()?;
    // Whatever can be wrong with the arguments is found before the work begins.
    let loss = Distillation::new().with_temperature(args.temperature)?.with_alpha(args.alpha)?;
    output::prepare_folder(&args.out)?;
    for file in args.json.iter().chain(&args.picture) {
        output::prepare_parent(file)?;
    }
    let (plan, data) = load(args, loss)?;

    let progress = Progress::new();
    let digits = digits::run(&plan, &data, args.seed, &progress)?;
    println!("{}", tables::digits(&digits));
    let cart_pole = cart_pole::run(&cart_pole::Plan::new(args.quick), args.seed, &progress)?;
    println!("{}", tables::cart_pole(&cart_pole));

    let result = DemoResult {
        version: env!("CARGO_PKG_VERSION"),
        quick: args.quick,
        seed: args.seed,
        seconds: started.elapsed().as_secs_f64(),
        digits,
        cart_pole,
    };
    interrupt::check()?;
    let page = args.out.join(REPORT);
    output::write(&page, &report::page(&result)?)?;
    if let Some(file) = &args.json {
        output::write(file, &serde_json::to_string_pretty(&result)?)?;
    }
    if let Some(file) = &args.picture {
        output::write(file, &curves::picture(&result.digits)?)?;
    }
    println!("{} with plots is there, after {:.0} s", page.display(), result.seconds);
    Ok(())
}

fn load(args: &Args, loss: Distillation) -> Result<(DigitsPlan, digits::Data)> {
    let Some(folder) = &args.data else {
        let (all, split) = (data::digits()?, data::digits_split()?);
        let source = "UCI handwritten digits, 8x8".to_owned();
        let (train, test) = (all.select(&split.train)?, all.select(&split.test)?);
        return Ok((DigitsPlan::digits(loss, args.quick), digits::Data { source, train, test }));
    };
    let (train, test) = data::mnist(folder)?;
    let source = format!("IDX files from {}", folder.display());
    Ok((DigitsPlan::mnist(loss, args.quick), digits::Data { source, train, test }))
}
