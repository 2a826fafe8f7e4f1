//! A policy on disk.
//!
//! ```text
//! policy.json          which environment it plays in, and what its outputs mean
//! policy.safetensors   the network
//! ```

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use reflux_dqn::{QNetwork, Values};
use reflux_envs::Env;
use reflux_nn::Mlp;
use serde::{Deserialize, Serialize};

use super::Task;
use crate::output;

const CARD: &str = "policy.json";
/// The network that did best in its trials.
pub(crate) const BEST: &str = "policy.safetensors";
/// That of the last step.
pub(crate) const LAST: &str = "policy-last.safetensors";

/// What has to be known of a network to play with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) env: String,
    pub(crate) values: Values,
}

impl Card {
    /// Writes it into a folder, for the networks beside it.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        output::write(&folder.join(CARD), &serde_json::to_string_pretty(self)?)
    }

    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CARD);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{} holds no policy: {CARD} cannot be read", folder.display())
        })?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }
}

/// Which policy is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Source {
    /// The folder of a training or of a distilled policy; or a .safetensors file, with --env
    #[arg(value_name = "RUN_DIR|FILE")]
    pub(crate) path: PathBuf,
    /// The environment, for a file; that of a folder is known
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Of a training, the network of the last step and not the one that did best in its trials
    #[arg(long)]
    last: bool,
}

/// A policy and its environment.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) task: Task,
    pub(crate) network: QNetwork,
    /// The file that it comes from.
    pub(crate) file: PathBuf,
}

impl Source {
    /// Reads it, and sees to it that it fits its environment.
    pub(crate) fn load(&self) -> Result<Saved> {
        ensure!(self.path.exists(), "{}: there is no such file or folder", self.path.display());
        let (card, file) = if self.path.is_dir() {
            ensure!(
                self.env.is_none(),
                "a folder says which environment is its own: leave out --env"
            );
            (Card::read(&self.path)?, self.path.join(if self.last { LAST } else { BEST }))
        } else {
            let Some(env) = self.env.clone() else {
                bail!("{} is a file: --env must say for which environment", self.path.display());
            };
            ensure!(!self.last, "--last is for the folder of a training");
            (Card { env, values: Values::Expected }, self.path.clone())
        };
        let task = Task::new(&card.env)?;
        let mlp = Mlp::load(&file)?;
        let config = mlp.config();
        let (inputs, outputs) = (config.inputs(), config.outputs());
        let observation = task.observation_space().len();
        let actions = task.action_space().n().unwrap_or(0);
        ensure!(
            inputs == observation && outputs == actions * card.values.atoms(),
            "{}: a policy for {} has {observation} inputs and {} outputs, this has {inputs} and \
             {outputs}",
            file.display(),
            card.env,
            actions * card.values.atoms(),
        );
        let network = QNetwork::new(mlp, card.values)?;
        Ok(Saved { task, network, file })
    }
}
