//! A run on disk: all that it is, so that it goes on exactly as if it had never stopped.
//!
//! The buffer's checkpoint holds the rest of the run among its bytes, so that both are of one moment:
//!
//! ```text
//! run.json     the settings, which never change
//! manifest-…   the buffer's; among its bytes:
//!              length of the header (8 bytes), header (JSON),
//!              θ, θ⁻, Adam's two means, the best network (f32, little-endian),
//!              a companion's bytes, where there is one
//! ```

mod bytes;
mod online;

use std::io::Write as _;
use std::path::Path;

use rand::Rng;
use reflux_envs::{Env, VectorEnv};
use reflux_replay::{Checkpoint, Sampler};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actors::Actors;
use crate::memory::Memory;
use crate::optimism::Times;
use crate::{Dqn, DqnConfig, Error, Event, QNetwork, Result, Run};

/// Changes whenever files of the version before cannot be read any more.
const VERSION: u32 = 2;
const SETTINGS: &str = "run.json";

/// What never changes in a run.
#[derive(Serialize, Deserialize)]
struct Settings<C> {
    version: u32,
    observation_len: usize,
    actions: usize,
    config: C,
}

/// What changes, but for the buffer and the numbers of the networks. `V` are the environments, `R` the
/// random generator: borrowed when they are saved, owned when they are read.
#[derive(Serialize, Deserialize)]
struct Header<V, R> {
    steps: u64,
    updates: u64,
    owed: u64,
    teacher_weight: f64,
    /// Steps of Adam, which has no memory before the first.
    adam_steps: u64,
    best_return: Option<f64>,
    returns: Vec<f64>,
    lengths: Vec<u64>,
    /// The steps that the assembler holds back.
    waiting: Vec<u8>,
    /// What an optimist has tried.
    #[serde(default)]
    tried: Option<Times>,
    envs: V,
    rng: R,
}

impl<E, S, R> Run<E, S, R>
where
    E: Env + Serialize,
    S: Sampler,
    R: Rng + Serialize,
{
    /// Saves everything to a folder: networks, optimizer, buffer, unfinished episodes, environments,
    /// random numbers and counters. Of the buffer, only what has come since the last save is written.
    /// When this returns, all is on the disk; a process that is killed leaves the save before.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`] where the disk fails, [`Error::Run`] where the folder holds a run with other
    /// settings, or an environment or a random generator cannot be written as JSON.
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use rand::SeedableRng;
    /// use rand_xoshiro::Xoshiro256PlusPlus;
    /// use reflux_dqn::{DqnConfig, Run};
    /// use reflux_envs::{CartPole, TimeLimit};
    /// use reflux_replay::{Checkpoint, Prioritized};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let folder = temporary.path().join("run");
    /// let config = DqnConfig::new().with_n_step(3)?;
    /// let rng = Xoshiro256PlusPlus::seed_from_u64(0);
    /// let mut run = Run::new(vec![CartPole::v1()], config.clone(), Prioritized::new(), rng)?;
    /// run.train(300, |_, _| ControlFlow::Continue(()))?;
    /// run.save(&mut Checkpoint::new(&folder))?;
    ///
    /// // Another day, another process:
    /// let mut checkpoint = Checkpoint::new(&folder);
    /// let mut resumed: Run<TimeLimit<CartPole>, _, Xoshiro256PlusPlus> =
    ///     Run::load(&mut checkpoint, config, Prioritized::new())?;
    /// resumed.train(300, |_, _| ControlFlow::Continue(()))?;
    /// run.train(300, |_, _| ControlFlow::Continue(()))?;
    /// assert_eq!(resumed.agent().network(), run.agent().network());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.save_with(checkpoint, &[])
    }

    /// [`save`](Self::save) of this run and of something that goes along with it, such as a student that
    /// [learns from it](crate::OnlineDistillation::to_bytes): both are of one moment, whenever the
    /// process is killed.
    ///
    /// # Errors
    ///
    /// As for [`save`](Self::save).
    pub fn save_with(&self, checkpoint: &mut Checkpoint, companion: &[u8]) -> Result<()> {
        let agent = &self.agent;
        save_settings(checkpoint.folder(), agent)?;
        let (adam_steps, [mean, square]) = bytes::memory(&agent.adam)?;
        let header = Header {
            steps: agent.steps,
            updates: agent.updates,
            owed: self.owed,
            teacher_weight: agent.teacher_weight,
            adam_steps,
            best_return: self.best.as_ref().map(|(mean, _)| *mean),
            returns: self.actors.returns.clone(),
            lengths: self.actors.lengths.clone(),
            waiting: agent.memory.waiting(),
            tried: agent.tried.as_ref().map(|tried| tried.times().clone()),
            envs: &self.actors.envs,
            rng: &self.rng,
        };
        let best = self.best.as_ref().map_or(&[][..], |(_, best)| best.mlp().parameters());
        let (online, target) = (agent.online.mlp().parameters(), agent.target.mlp().parameters());
        let mut bytes = bytes::join(&header, &[online, target, &mean, &square, best])?;
        bytes.extend_from_slice(companion);
        checkpoint.save(agent.buffer(), &bytes)?;
        Ok(())
    }

    /// [`train`](Self::train), and a save after it: also where it fails. After a loss that is not
    /// finite, say, nothing that was learned before is lost.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train) and [`save`](Self::save), that of the training first.
    pub fn train_and_save(
        &mut self,
        steps: u64,
        checkpoint: &mut Checkpoint,
        observe: impl FnMut(&Dqn<S>, &Event) -> std::ops::ControlFlow<()>,
    ) -> Result<()> {
        let trained = self.train(steps, observe);
        let saved = self.save(checkpoint);
        trained.and(saved)
    }
}

impl<E, S, R> Run<E, S, R>
where
    E: Env + DeserializeOwned,
    S: Sampler,
    R: Rng + DeserializeOwned,
{
    /// The run as it was saved last. `config` and `sampler` are those that it was made with. Evaluation,
    /// teacher and sinks are to be set again.
    ///
    /// # Errors
    ///
    /// [`Error::Differs`] where it was saved with another setting, [`Error::Replay`] for a missing,
    /// damaged or foreign buffer, [`Error::Run`] for what is no run.
    pub fn load(checkpoint: &mut Checkpoint, config: DqnConfig, sampler: S) -> Result<Self> {
        Ok(Self::load_with(checkpoint, config, sampler)?.0)
    }

    /// [`load`](Self::load), and the bytes that it was [saved with](Self::save_with).
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_with(
        checkpoint: &mut Checkpoint,
        config: DqnConfig,
        sampler: S,
    ) -> Result<(Self, Vec<u8>)> {
        let settings = load_settings(checkpoint.folder(), &config)?;
        let (observation_len, actions) = (settings.observation_len, settings.actions);
        let mut bytes = Vec::new();
        let mut memory = Memory::build(observation_len, actions, &config, |builder| {
            let (buffer, extra) = checkpoint.load(builder, sampler)?;
            bytes = extra;
            Ok(buffer)
        })?;
        let (header, mut numbers) = bytes::split::<Header<VectorEnv<E>, R>>(&bytes)?;
        memory.set_actors(header.envs.count())?;
        memory.restore_waiting(&header.waiting)?;

        let shape = config.network(observation_len, actions)?;
        let online = numbers.network(&shape)?;
        let mut agent = Dqn::from_parts(config, online, memory)?;
        agent.target = QNetwork::new(numbers.network(&shape)?, agent.config.values())?;
        numbers.restore(&mut agent.adam, header.adam_steps, shape.parameters())?;
        let best = match header.best_return {
            Some(mean) => {
                Some((mean, QNetwork::new(numbers.network(&shape)?, agent.config.values())?))
            }
            None => None,
        };
        (agent.steps, agent.updates) = (header.steps, header.updates);
        agent.set_teacher_weight(header.teacher_weight)?;
        if let (Some(tried), Some(times)) = (&mut agent.tried, header.tried) {
            tried.restore(times)?;
        }
        let mut actors = Actors::resumed(header.envs);
        let count = actors.returns.len();
        if header.returns.len() != count || header.lengths.len() != count {
            return Err(Error::run("there is not one episode for each environment"));
        }
        (actors.returns, actors.lengths) = (header.returns, header.lengths);
        let run = Self::from_parts(agent, actors, header.rng, header.owed, best);
        Ok((run, numbers.rest().to_vec()))
    }
}

/// Writes what never changes, unless it is there.
fn save_settings<S: Sampler>(folder: &Path, agent: &Dqn<S>) -> Result<()> {
    let path = folder.join(SETTINGS);
    if path.exists() {
        return load_settings(folder, &agent.config).map(drop);
    }
    let settings = Settings {
        version: VERSION,
        observation_len: agent.network().config().inputs(),
        actions: agent.q_network().actions(),
        config: &agent.config,
    };
    let text = serde_json::to_vec_pretty(&settings).map_err(Error::run)?;
    let written = || {
        std::fs::create_dir_all(folder)?;
        // To the side first: a file that is there is whole.
        let aside = path.with_extension("json.part");
        let mut file = std::fs::File::create(&aside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(aside, &path)
    };
    written().map_err(|error| at(&path, error))
}

/// Reads what never changes, and compares it with the settings that are wanted.
fn load_settings(folder: &Path, config: &DqnConfig) -> Result<Settings<Value>> {
    let path = folder.join(SETTINGS);
    let text = std::fs::read(&path).map_err(|error| at(&path, error))?;
    let settings: Settings<Value> =
        serde_json::from_slice(&text).map_err(|error| at(&path, error))?;
    if settings.version != VERSION {
        let version = settings.version;
        return Err(at(&path, format!("version {version}, this is version {VERSION}")));
    }
    let given = serde_json::to_value(config).map_err(Error::run)?;
    for (setting, given) in given.as_object().into_iter().flatten() {
        let saved = settings.config.get(setting).unwrap_or(&Value::Null);
        if saved != given {
            let (setting, saved, given) = (setting.clone(), saved.to_string(), given.to_string());
            return Err(Error::Differs { setting, saved, given });
        }
    }
    Ok(settings)
}

fn at(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::run(format!("{}: {problem}", path.display()))
}
