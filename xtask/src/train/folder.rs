//! The folder of a training.
//!
//! ```text
//! config.json               what it was asked to do
//! metrics.jsonl             every event: episodes, rounds of updates, trials
//! metrics.csv               the same as a table
//! tensorboard/              the same for TensorBoard, if it was asked for
//! checkpoint/               everything that is needed to go on
//! policy.json               for which environment the policies are
//! policy.safetensors        the network that did best in its trials
//! policy-last.safetensors   that of the last step
//! report.html
//! ```

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use reflux_dqn::DqnConfig;
use serde::{Deserialize, Serialize};

use super::metrics;
use crate::output;
use crate::policy::Card;

const SETTINGS: &str = "config.json";

/// All that what comes out depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) version: String,
    pub(super) env: String,
    pub(super) seed: u64,
    pub(super) actors: usize,
    pub(super) prioritized: bool,
    /// Steps between two trials, and the episodes of one.
    pub(super) eval_every: u64,
    pub(super) eval_episodes: usize,
    pub(super) checkpoint_every: u64,
    pub(super) tensorboard: bool,
    pub(super) agent: DqnConfig,
}

/// The folder, claimed for one training.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder of a new training.
    pub(super) fn create(path: &Path, settings: &Settings) -> Result<Self> {
        let file = path.join(SETTINGS);
        ensure!(
            !file.exists(),
            "{} holds an earlier training: --resume {0} goes on with it, --out names another folder",
            path.display()
        );
        output::prepare_folder(path)?;
        let card = Card { env: settings.env.clone(), values: settings.agent.values() };
        card.write(path)?;
        // The last: with it, there is a training to go on with.
        output::write(&file, &serde_json::to_string_pretty(settings)?)?;
        Ok(Self(path.to_owned()))
    }

    /// The folder of an earlier training, with its settings.
    pub(super) fn open(path: &Path) -> Result<(Self, Settings)> {
        let file = path.join(SETTINGS);
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("{} holds no training: {SETTINGS} cannot be read", path.display())
        })?;
        let settings = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        Ok((Self(path.to_owned()), settings))
    }

    /// Forgets the events after this step: those of a training that was killed after its last
    /// checkpoint come again.
    pub(super) fn forget_events_after(&self, step: u64) -> Result<()> {
        metrics::keep_until(&self.lines(), step, metrics::step_of_line)?;
        metrics::keep_until(&self.table(), step, metrics::step_of_row)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn lines(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    pub(super) fn table(&self) -> PathBuf {
        self.0.join("metrics.csv")
    }

    pub(super) fn tensorboard(&self) -> PathBuf {
        self.0.join("tensorboard")
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    pub(super) fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }
}
