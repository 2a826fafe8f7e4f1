//! Times the same work here and at the peers', turn by turn, so that all see the same machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::case::{Case, Point, Work};
use super::core;
use super::peer::{Peer, Prepared};

/// A repetition calls the work as often as fits into this.
const REPETITION: Duration = Duration::from_millis(5);
/// So many repetitions follow one another on one thread before it is another's turn.
const TURN: u32 = 3;

/// The result of one case on so many threads.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    pub(crate) threads: usize,
    /// The median time of one call.
    pub(crate) ours_ns: f64,
    /// What each peer took for the same.
    pub(crate) peers: Vec<Theirs>,
    /// Our time for each of the items that a call works on.
    pub(crate) ours_per_item_ns: Option<f64>,
    pub(crate) point: Option<Point>,
    /// For work on large arrays: what part of the speed of a plain copy it reaches.
    pub(crate) of_bandwidth: Option<f64>,
    /// For work bound by arithmetic: our billions of multiplications and additions a second.
    pub(crate) gflops: Option<f64>,
}

/// The result of one case at a peer's.
#[derive(Debug)]
pub(crate) struct Theirs {
    /// The peer's name and version.
    pub(crate) peer: String,
    /// The median time of one call; `None` if it cannot do this here.
    pub(crate) ns: Option<f64>,
    /// Their time over ours.
    pub(crate) ratio: Option<f64>,
    /// Why it cannot.
    pub(crate) unavailable: Option<String>,
}

/// Bytes a nanosecond, read and written, of a plain copy that is larger than the caches.
pub(crate) struct Bandwidth(Option<f64>);

impl Bandwidth {
    /// Measures it on so many threads, if it is `wanted`.
    pub(crate) fn measure(threads: usize, wanted: bool) -> Result<Self> {
        const BYTES: usize = 1 << 28;
        if !wanted {
            return Ok(Self(None));
        }
        let (from, mut to) = (vec![1_u8; BYTES], vec![0_u8; BYTES]);
        let part = BYTES.div_ceil(threads);
        let mut copy = || {
            std::thread::scope(|scope| {
                for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
                    scope.spawn(|| black_box(to).copy_from_slice(black_box(from)));
                }
            });
        };
        copy();
        let times = (0..7).map(|_| {
            let started = Instant::now();
            copy();
            started.elapsed().as_nanos() as f64
        });
        Ok(Self(Some(2.0 * BYTES as f64 / median(times.collect()))))
    }
}

pub(crate) fn measure(
    group: &'static str,
    case: &Case,
    threads: usize,
    repetitions: u32,
    peers: &mut [Peer],
    bandwidth: &Bandwidth,
) -> Result<Row> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.start_handler(core::stay_on).build()?;
    let mut work = pool.install(|| (case.prepare)())?;
    let (ours, calls) = pool.install(|| warm_up(&mut work))?;
    let mut able = Vec::new();
    let mut theirs = Vec::new();
    if let Some(parameters) = &case.parameters {
        for peer in peers {
            match peer.prepare(parameters, threads)? {
                Prepared::Result(result) => {
                    check_equal(&case.name, ours, result, peer.name())?;
                    able.push((peer, Vec::new()));
                }
                Prepared::Unavailable(reason) => theirs.push(Theirs {
                    peer: peer.name().to_owned(),
                    ns: None,
                    ratio: None,
                    unavailable: Some(reason),
                }),
            }
        }
    }
    let mut our_times = Vec::new();
    // On several threads the turns are long: a peer's threads go on spinning for a while after one, and
    // ours have to be woken.
    let turn = if threads == 1 { TURN } else { repetitions.div_ceil(3) };
    for start in (0..repetitions).step_by(turn as usize) {
        let turn = turn.min(repetitions - start);
        take_turn(turn, &mut our_times, || pool.install(|| time(&mut work, calls)))?;
        for (peer, times) in &mut able {
            take_turn(turn, times, || peer.time(REPETITION))?;
        }
    }
    let ours_ns = median(our_times);
    theirs.extend(able.into_iter().map(|(peer, times)| {
        let ns = median(times);
        let peer = peer.name().to_owned();
        Theirs { peer, ns: Some(ns), ratio: Some(ns / ours_ns), unavailable: None }
    }));
    let rate = case.bytes.map(|bytes| bytes as f64 / ours_ns);
    Ok(Row {
        group,
        name: case.name.clone(),
        threads,
        ours_ns,
        peers: theirs,
        ours_per_item_ns: case.items.map(|items| ours_ns / items as f64),
        point: case.point.clone(),
        of_bandwidth: rate.zip(bandwidth.0).map(|(rate, bandwidth)| rate / bandwidth),
        gflops: case.flops.map(|flops| flops as f64 / ours_ns),
    })
}

/// So many repetitions, after one that does not count: it finds the caches full of another's numbers.
fn take_turn(
    repetitions: u32,
    times: &mut Vec<f64>,
    mut repetition: impl FnMut() -> Result<f64>,
) -> Result<()> {
    repetition()?;
    for _ in 0..repetitions {
        times.push(repetition()?);
    }
    Ok(())
}

/// Both sides have done the same work, as far as one number of its result tells.
fn check_equal(case: &str, ours: f64, theirs: f64, peer: &str) -> Result<()> {
    let apart = (ours - theirs).abs() / ours.abs().max(theirs.abs()).max(1e-6);
    ensure!(apart < 1e-3, "{case}: we get {ours}, {peer} gets {theirs}");
    Ok(())
}

/// The work's result, and how often it is to be called in a repetition.
fn warm_up(work: &mut Work) -> Result<(f64, u32)> {
    let mut result = work()?;
    let started = Instant::now();
    let mut calls = 0;
    while calls == 0 || started.elapsed() < REPETITION {
        result = work()?;
        calls += 1;
    }
    Ok((result, calls))
}

/// Nanoseconds a call.
fn time(work: &mut Work, calls: u32) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..calls {
        black_box(work()?);
    }
    Ok(started.elapsed().as_nanos() as f64 / f64::from(calls))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Results that tests make up.
#[cfg(test)]
pub(crate) mod made_up {
    use super::{Row, Theirs};

    pub(crate) fn row(name: &str, ours_ns: f64, peers: Vec<Theirs>) -> Row {
        Row {
            group: "",
            name: name.to_owned(),
            threads: 1,
            ours_ns,
            peers,
            ours_per_item_ns: None,
            point: None,
            of_bandwidth: None,
            gflops: None,
        }
    }

    /// Beside 2 ns of ours.
    pub(crate) fn theirs(peer: &str, ns: Option<f64>, unavailable: Option<&str>) -> Theirs {
        Theirs {
            peer: peer.to_owned(),
            ns,
            ratio: ns.map(|ns| ns / 2.0),
            unavailable: unavailable.map(str::to_owned),
        }
    }
}
