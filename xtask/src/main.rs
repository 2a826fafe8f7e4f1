//! The chores of the Reflux workspace, and its programs for those who have data or a task: `cargo xtask
//! --help` lists them.

mod bench;
mod checks;
mod demo;
mod distill;
mod distill_policy;
mod eval;
mod interrupt;
mod output;
mod page;
mod plots;
mod policy;
mod progress;
mod reproduce;
mod statistics;
mod train;
mod widths;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a shell reports for a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

/// What clap itself reports for arguments that cannot be used.
const USAGE: u8 = 2;

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
    /// Train a deep Q-network in one of the environments; a training can be interrupted and goes on
    Train(Box<train::Args>),
    /// How good a trained policy is, without exploration
    Eval(eval::Args),
    /// Distil a trained policy into a network that is a fraction of its size
    DistillPolicy(distill_policy::Args),
    /// How fast we are and, with --peers, how fast others are at the same work in the same run
    Bench(bench::Args),
    /// A paper's table beside ours, computed anew
    Reproduce(reproduce::Args),
    /// Every test of the workspace
    Test,
    /// What continuous integration runs: tests, formatting, clippy, documentation
    Ci,
    /// Programs that use one crate each, as a stranger would: built, run, and with --measure weighed
    Consumers(checks::ConsumersArgs),
    /// Whether every measured number in the documents has a command that prints it
    Claims(checks::ClaimsArgs),
    /// Whether every link inside of the repository leads somewhere
    Links,
    /// Whether there is a well-known misspelling in code or text; needs typos
    Spelling,
    /// Whether every dependency of our crates has a reason, which docs/src/dependencies.md gives
    Dependencies,
    /// Whether each crate can be published, and how large it is
    Package(checks::PackageArgs),
    /// Licences and known flaws of dependencies, and changes that would break users; needs cargo-deny
    /// and cargo-semver-checks
    Audit(checks::AuditArgs),
    /// Whether the crates build with the oldest Rust that they promise; needs that toolchain:
    /// rustup toolchain install 1.89 --profile minimal
    Msrv,
    /// The unsafe code of the replay buffers under Miri, which needs a nightly toolchain
    Miri,
    /// The vector code on an emulated ARM processor; needs a nightly toolchain with rust-src, and of
    /// Debian's packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user
    Arm,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Distill(args) => distill::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::DistillPolicy(args) => distill_policy::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Test => checks::test(),
        Command::Ci => checks::ci(),
        Command::Consumers(args) => checks::consumers(&args),
        Command::Claims(args) => checks::claims(&args),
        Command::Links => checks::links(),
        Command::Spelling => checks::spelling(),
        Command::Dependencies => checks::dependencies(),
        Command::Package(args) => checks::package(&args),
        Command::Audit(args) => checks::audit(&args),
        Command::Msrv => checks::msrv(),
        Command::Miri => checks::miri(),
        Command::Arm => checks::arm(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            eprintln!("{error}");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            // In one line, however deep the cause.
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

/// Help goes to standard output; arguments that cannot be used are told in one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    eprintln!("{}; --help says more", told.collect::<Vec<_>>().join(" "));
    ExitCode::from(USAGE)
}
