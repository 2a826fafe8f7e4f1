//! `cargo xtask bench`: how fast we are, and with `--peers` how fast others are at the same work in
//! the same run.
//!
//! A group of benchmarks is a file here that makes [`Case`]s and names its peers, programs in
//! `xtask/peers`. `measure.rs` times, `peer.rs` talks to peers, `table.rs` prints, `json.rs` has what
//! `--json` writes.

mod case;
mod core;
mod distill;
mod dqn;
mod envs;
mod json;
mod measure;
mod nn;
mod peer;
mod replay;
mod softmax;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use self::core::OnOneCore;
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
    let wanted = |case: &Case| args.only.as_ref().is_none_or(|only| case.name.contains(only));
    let mut groups = Vec::new();
    for group in chosen(&args.groups)? {
        let cases: Vec<Case> = (group.cases)().into_iter().filter(wanted).collect();
        if !cases.is_empty() {
            groups.push((group, cases));
        }
    }
    ensure!(!groups.is_empty(), "no case's name contains {:?}", args.only.as_deref().unwrap_or(""));
    if let Some(file) = &args.json {
        output::prepare_parent(file)?;
    }
    interrupt::listen()?;
    let mut rows = Vec::new();
    for (group, cases) in groups {
        rows.extend(run_group(args, group, &cases)?);
    }
    if let Some(file) = &args.json {
        output::write(file, &serde_json::to_string_pretty(&json::entries(&rows))?)?;
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

/// Measures these cases of a group on each of its numbers of threads, and prints its table.
fn run_group(args: &Args, group: &Group, cases: &[Case]) -> Result<Vec<Row>> {
    let sources = if args.peers { group.peers } else { &[] };
    let (mut rows, mut left_out) = (Vec::new(), LeftOut::default());
    let all = std::thread::available_parallelism()?.get();
    for source in sources {
        source.command()?; // what has to be compiled for it should have all cores
    }
    for threads in group.threads.counts(all) {
        let _held = (threads == 1).then(OnOneCore::hold);
        // Some learn only from their environment how many threads they may have.
        let start = |source| Peer::start(source, threads);
        let mut peers: Vec<Peer> = sources.iter().map(start).collect::<Result<_>>()?;
        let bandwidth = Bandwidth::measure(threads, cases.iter().any(|case| case.bytes.is_some()))?;
        for case in cases {
            interrupt::check()?;
            eprintln!("{}, {threads} thread{}", case.name, if threads == 1 { "" } else { "s" });
            let (repetitions, peers) = (args.repetitions, &mut peers);
            match measure::measure(group.name, case, threads, repetitions, peers, &bandwidth) {
                Ok(row) => rows.push(row),
                Err(error) => left_out.add(&case.name, error)?,
            }
        }
    }
    println!("{}", table::table(group, &rows));
    if let Some(curves) = table::curves(&rows) {
        println!("\n{curves}");
    }
    let notes = [left_out.notes(), table::unavailable(&rows), (group.notes)(&rows)?];
    notes.iter().flatten().for_each(|note| println!("{note}"));
    Ok(rows)
}

/// The names of cases that the machine has too little memory for, by the bytes that they need, and why.
#[derive(Debug, Default)]
struct LeftOut(BTreeMap<u128, (Vec<String>, String)>);

impl LeftOut {
    /// Notes that a case does not fit. Any other error stays one.
    fn add(&mut self, case: &str, error: anyhow::Error) -> Result<()> {
        let Some(&reflux_replay::Error::Memory { needed, .. }) = error.downcast_ref() else {
            return Err(error);
        };
        let (names, _) = self.0.entry(needed).or_insert_with(|| (Vec::new(), error.to_string()));
        names.push(case.to_owned());
        Ok(())
    }

    /// A line for all that need the same.
    fn notes(&self) -> Vec<String> {
        let lines = self.0.values();
        lines.map(|(names, why)| format!("left out: {}; {why}", names.join("; "))).collect()
    }
}

#[cfg(test)]
mod tests {
    use reflux_replay::{Buffer, Schema, Uniform};

    use super::*;

    #[test]
    fn what_does_not_fit_into_memory_is_left_out_and_says_what_it_needs() {
        let mut schema = Schema::new();
        schema.column::<u8>("observation", &[1 << 20]).unwrap();
        let error = || Buffer::new(schema.clone(), 1 << 40, Uniform::new()).unwrap_err().into();
        let mut left_out = LeftOut::default();
        left_out.add("push", error()).unwrap();
        left_out.add("sample", error()).unwrap();
        let notes = left_out.notes();
        let expected = "left out: push; sample; a buffer of 1099511627776 items needs \
                        1152921504606846976 bytes of memory";
        assert!(notes.len() == 1 && notes[0].starts_with(expected), "{notes:?}");
        assert!(left_out.add("push", anyhow::anyhow!("no peer")).is_err());
    }
}
