//! `cargo xtask bench`: how fast we are, and with `--peers` how fast others are at the same work in
//! the same run.
//!
//! A group of benchmarks is a file here that makes [`Case`]s and, for `--peers`, a file of the same
//! name in `xtask/peers`. `measure.rs` times, `peer.rs` talks to Python, `table.rs` prints.

mod case;
mod envs;
mod measure;
mod peer;
mod replay;
mod softmax;
mod table;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use case::{Case, Group};
use measure::{Bandwidth, Row};
use peer::Peer;

use crate::{interrupt, output};

/// All groups.
const GROUPS: [Group; 3] = [softmax::GROUP, replay::GROUP, envs::GROUP];

/// The options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure: `softmax`, `replay`, `envs`; all groups if none is named
    groups: Vec<String>,
    /// Measure PyTorch (softmax), cpprb (replay) or Gymnasium (envs) beside us, in a virtual
    /// environment under target/ that is made the first time (needs Python 3.11 or later and a network)
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
    let mut peer = match (args.peers, cases.is_empty()) {
        (true, false) => Some(Peer::start(group)?),
        _ => None,
    };
    let mut rows = Vec::new();
    let all = std::thread::available_parallelism()?.get();
    for threads in group.threads.counts(all) {
        let bandwidth = Bandwidth::measure(threads, cases.iter().any(|case| case.bytes.is_some()))?;
        for case in &cases {
            interrupt::check()?;
            eprintln!("{}, {threads} thread{}", case.name, if threads == 1 { "" } else { "s" });
            let repetitions = args.repetitions;
            let peer = peer.as_mut();
            rows.push(measure::measure(group.name, case, threads, repetitions, peer, &bandwidth)?);
        }
    }
    if !rows.is_empty() {
        println!("{}", table::table(group, &rows));
        if let Some(curves) = table::curves(&rows) {
            println!("\n{curves}");
        }
        for note in (group.notes)()? {
            println!("{note}");
        }
    }
    Ok(rows)
}
