//! `cargo xtask bench`: how fast we are, and with `--peers` how fast others are at the same work in
//! the same run.
//!
//! A group of benchmarks is a file here that makes [`Case`]s and names its peers, programs in
//! `xtask/peers`. `measure.rs` times, `peer.rs` talks to peers, `table.rs` prints.

mod case;
mod distill;
mod dqn;
mod envs;
mod measure;
mod nn;
mod peer;
mod replay;
mod softmax;
mod table;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use case::{Case, Group};
use measure::{Bandwidth, Row};
pub(crate) use peer::{Peer, Prepared, Source};

use crate::{interrupt, output};

/// All groups.
const GROUPS: [Group; 6] =
    [softmax::GROUP, nn::GROUP, distill::GROUP, replay::GROUP, envs::GROUP, dqn::GROUP];

/// The options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure: `softmax`, `nn`, `distill`, `replay`, `envs`, `dqn`; all groups if none is named
    groups: Vec<String>,
    /// Measure PyTorch (softmax, nn, distill), candle (nn), cpprb (replay), Gymnasium (envs) or
    /// Stable-Baselines3 (dqn) beside us, in a virtual environment under target/ that is made the first
    /// time (needs Python 3.11 or later and a network)
    #[arg(long)]
    peers: bool,
    /// Only cases whose name contains this text, such as 128x10
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// So many interleaved repetitions a case; the medians are printed
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Write the results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let groups = chosen(&args.groups)?;
    if let Some(file) = &args.json {
        output::prepare_parent(file)?;
    }
    interrupt::listen()?;
    let mut rows = Vec::new();
    for group in groups {
        rows.extend(run_group(args, group)?);
    }
    ensure!(!rows.is_empty(), "no case's name contains {:?}", args.only.as_deref().unwrap_or(""));
    if let Some(file) = &args.json {
        output::write(file, &serde_json::to_string_pretty(&rows)?)?;
        println!("written to {}", file.display());
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Group>> {
    let known = || GROUPS.map(|group| group.name).join(", ");
    for name in names {
        ensure!(
            GROUPS.iter().any(|group| group.name == name),
            "there is no group {name:?}; there are: {}",
            known()
        );
    }
    let chosen = |group: &&Group| names.is_empty() || names.iter().any(|name| name == group.name);
    Ok(GROUPS.iter().filter(chosen).collect())
}

/// Measures a group on each of its numbers of threads, and prints its table.
fn run_group(args: &Args, group: &Group) -> Result<Vec<Row>> {
    let wanted = |case: &Case| args.only.as_ref().is_none_or(|only| case.name.contains(only));
    let cases: Vec<Case> = (group.cases)().into_iter().filter(wanted).collect();
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let sources = if args.peers { group.peers } else { &[] };
    let mut rows = Vec::new();
    let all = std::thread::available_parallelism()?.get();
    for threads in group.threads.counts(all) {
        // Some learn only from their environment how many threads they may have.
        let start = |source| Peer::start(source, threads);
        let mut peers: Vec<Peer> = sources.iter().map(start).collect::<Result<_>>()?;
        let bandwidth = Bandwidth::measure(threads, cases.iter().any(|case| case.bytes.is_some()))?;
        for case in &cases {
            interrupt::check()?;
            eprintln!("{}, {threads} thread{}", case.name, if threads == 1 { "" } else { "s" });
            let (repetitions, peers) = (args.repetitions, &mut peers);
            rows.push(measure::measure(group.name, case, threads, repetitions, peers, &bandwidth)?);
        }
    }
    println!("{}", table::table(group, &rows));
    if let Some(curves) = table::curves(&rows) {
        println!("\n{curves}");
    }
    for note in table::unavailable(&rows).into_iter().chain((group.notes)(&rows)?) {
        println!("{note}");
    }
    Ok(rows)
}
