//! The chores of the Reflux workspace: `cargo xtask demo`, `distill`, `bench`, `test`, `ci`, `miri`.

mod bench;
mod checks;
mod demo;
mod distill;
mod interrupt;
mod output;
mod progress;
mod reproduce;
#[allow(dead_code)] // Until the first page with intervals.
mod statistics;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a shell reports for a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole story on real data, in a minute or two: distil a classifier of handwritten digits,
    /// solve CartPole with replay, distil the policy; prints tables and writes report.html
    Demo(demo::Args),
    /// Distil a classifier of your own data into a smaller one, and see whether it was worth it
    Distill(Box<distill::Args>),
    /// How fast we are and, with --peers, how fast others are at the same work in the same run
    Bench(bench::Args),
    /// A paper's table beside ours, computed anew
    Reproduce(reproduce::Args),
    /// Every test of the workspace
    Test,
    /// What continuous integration runs: tests, formatting, clippy, documentation
    Ci,
    /// The unsafe code of the replay buffers under Miri, which needs a nightly toolchain
    Miri,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Distill(args) => distill::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Test => checks::test(),
        Command::Ci => checks::ci(),
        Command::Miri => checks::miri(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            eprintln!("{error}");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            // One line, however deep the cause.
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
