//! A student that follows a run, on disk beside the run.

use rand::Rng;
use reflux_nn::MlpConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bytes;
use crate::{Error, OnlineDistillation, PolicyDistillation, QNetwork, Result, Values};

/// Changes whenever bytes of the version before cannot be read any more.
const VERSION: u32 = 1;

/// All but the numbers of the networks, which follow: the student, Adam's two means, the best teacher.
#[derive(Serialize, Deserialize)]
struct Header<R> {
    version: u32,
    distillation: PolicyDistillation,
    student: MlpConfig,
    /// Steps of Adam, too.
    updates: u64,
    best: Option<(MlpConfig, Values)>,
    rng: R,
}

impl<R: Rng + Serialize> OnlineDistillation<R> {
    /// All that it is: student, optimizer, best teacher so far and random numbers, for
    /// [`Run::save_with`](crate::Run::save_with).
    ///
    /// # Errors
    ///
    /// [`Error::Run`] where the random generator cannot be written as JSON.
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use rand::SeedableRng;
    /// use rand_xoshiro::Xoshiro256PlusPlus;
    /// use reflux_dqn::{DqnConfig, OnlineDistillation, PolicyDistillation, Run};
    /// use reflux_envs::{CartPole, TimeLimit};
    /// use reflux_nn::{Mlp, MlpConfig};
    /// use reflux_replay::{Checkpoint, Uniform};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let folder = temporary.path().join("run");
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    /// let student = Mlp::new(MlpConfig::new(4, &[16], 2)?, &mut rng)?;
    /// let distillation = PolicyDistillation::new().with_updates(1)?;
    /// let mut online = OnlineDistillation::new(student, distillation, rng.clone())?;
    /// let config = DqnConfig::new();
    /// let mut run = Run::new(vec![CartPole::v1()], config.clone(), Uniform::new(), rng)?;
    /// run.try_train(300, |agent, event| {
    ///     online.follow(agent, event)?;
    ///     Ok(ControlFlow::Continue(()))
    /// })?;
    /// run.save_with(&mut Checkpoint::new(&folder), &online.to_bytes()?)?;
    ///
    /// // Another day, another process:
    /// let mut checkpoint = Checkpoint::new(&folder);
    /// let (run, bytes): (Run<TimeLimit<CartPole>, _, Xoshiro256PlusPlus>, _) =
    ///     Run::load_with(&mut checkpoint, config, Uniform::new())?;
    /// let resumed = OnlineDistillation::<Xoshiro256PlusPlus>::from_bytes(&bytes)?;
    /// assert_eq!(resumed.student(), online.student());
    /// assert_eq!(resumed.updates(), run.agent().updates());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let (updates, [mean, square]) = bytes::memory(&self.learner.adam)?;
        let best = self.best.as_ref().map(QNetwork::mlp);
        let header = Header {
            version: VERSION,
            distillation: self.distillation,
            student: self.student.config().clone(),
            updates,
            best: self.best.as_ref().map(|best| (best.mlp().config().clone(), best.values())),
            rng: &self.rng,
        };
        let best = best.map_or(&[][..], |best| best.parameters());
        bytes::join(&header, &[self.student.parameters(), &mean, &square, best])
    }
}

impl<R: Rng + DeserializeOwned> OnlineDistillation<R> {
    /// As it was when [`to_bytes`](Self::to_bytes) was called: it goes on exactly as if nothing had come
    /// between.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] for bytes of something else, or that are cut short or too long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (header, mut numbers) = bytes::split::<Header<R>>(bytes)?;
        if header.version != VERSION {
            let version = header.version;
            return Err(Error::run(format!(
                "a student of version {version}, this is version {VERSION}"
            )));
        }
        let student = numbers.network(&header.student)?;
        let mut online = Self::new(student, header.distillation, header.rng)?;
        let parameters = header.student.parameters();
        numbers.restore(&mut online.learner.adam, header.updates, parameters)?;
        online.learner.updates = header.updates;
        if let Some((shape, values)) = header.best {
            online.best = Some(QNetwork::new(numbers.network(&shape)?, values)?);
        }
        match numbers.rest() {
            [] => Ok(online),
            rest => Err(Error::run(format!("{} bytes too many", rest.len()))),
        }
    }
}
