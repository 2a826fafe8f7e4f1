//! How long the student of 7% takes for one action, and how long Stable-Baselines3 does with a network of
//! its shape.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{QNetwork, Values};
use reflux_envs::Env;
use reflux_nn::{Mlp, MlpConfig};
use serde_json::json;

use super::{GAMES, Outcome, SIZES};
use crate::bench::{Peer, Prepared, Source};
use crate::policy::{Task, time_of_an_action};
use crate::statistics::median;

const STABLE_BASELINES3: Source = Source::stable_baselines3("predict");
/// Both are timed in turns, so often and so long.
const TURNS: usize = 5;
const TURN: Duration = Duration::from_millis(300);

/// Medians, in microseconds.
#[derive(Debug)]
pub(super) struct Timing {
    pub(super) hidden: Vec<usize>,
    pub(super) ours: f64,
    /// Name and time, where it is installed.
    pub(super) peer: Option<(String, f64)>,
}

/// Times the first task's student of 7%. Weights make no difference to that.
pub(super) fn measure(outcome: &Outcome) -> Result<Option<Timing>> {
    let Some(student) = outcome.students.iter().find(|student| student.size == SIZES[1]) else {
        return Ok(None);
    };
    let task = Task::new(GAMES[0].name)?;
    let actions = task.action_space().n().context("actions are numbered")?;
    let shape = MlpConfig::new(task.observation_space().len(), &student.hidden, actions)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let network = QNetwork::new(Mlp::new(shape, rng)?, Values::Expected)?;
    let mut peer = match STABLE_BASELINES3.is_installed() {
        true => Some(Peer::start(&STABLE_BASELINES3, 1)?),
        false => None,
    };
    if let Some(peer) = &mut peer {
        let parameters = json!({ "task": GAMES[0].name, "hidden": student.hidden });
        if let Prepared::Unavailable(reason) = peer.prepare(&parameters, 1)? {
            anyhow::bail!("{} cannot predict: {reason}", peer.name());
        }
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(1e6 * time_of_an_action(&network, &task)?.as_secs_f64());
        if let Some(peer) = &mut peer {
            theirs.push(peer.time(TURN)? / 1e3);
        }
    }
    let peer = match &peer {
        Some(peer) => Some((peer.name().to_owned(), median(&theirs)?)),
        None => None,
    };
    Ok(Some(Timing { hidden: student.hidden.clone(), ours: median(&ours)?, peer }))
}
