//! What a recording holds.

use std::io::Read;

use reflux_envs::Step;
use serde::Deserialize;

/// A file of `tests/data`. `O` is how an observation is written, `S` a state and `C` an outcome.
#[derive(Deserialize)]
pub(crate) struct Recording<O, S, C> {
    pub(crate) episodes: Vec<Episode<O, S, C>>,
    /// Gymnasium's transitions for each state and action.
    #[serde(default)]
    pub(crate) table: Vec<Vec<Vec<Transition>>>,
}

/// Probability, next state, reward, terminated.
pub(crate) type Transition = (F64s, usize, f32, bool);

#[derive(Deserialize)]
pub(crate) struct Episode<O, S, C> {
    pub(crate) policy: String,
    pub(crate) seed: u64,
    pub(crate) limit: usize,
    pub(crate) start: S,
    pub(crate) first: O,
    actions: String,
    observations: Vec<O>,
    #[serde(default = "Vec::new")]
    states: Vec<S>,
    keep: (usize, usize),
    rewards: Vec<f32>,
    terminated: bool,
    truncated: bool,
    #[serde(default = "Vec::new")]
    outcomes: Vec<C>,
    /// Rows and columns of a screen; the size of a sea.
    #[serde(default)]
    pub(crate) size: serde_json::Value,
    #[serde(default)]
    pub(crate) deterministic: bool,
    #[serde(default)]
    pub(crate) mapping: String,
}

/// What was recorded of one step.
pub(crate) struct Recorded<'a, O, S, C> {
    pub(crate) action: usize,
    pub(crate) observation: Option<&'a O>,
    pub(crate) state: Option<&'a S>,
    pub(crate) outcome: Option<&'a C>,
    reward: f32,
    terminated: bool,
    truncated: bool,
    /// The episode and the number of steps taken.
    pub(crate) name: String,
}

impl<O, S, C> Recording<O, S, C>
where
    O: for<'de> Deserialize<'de>,
    S: for<'de> Deserialize<'de>,
    C: for<'de> Deserialize<'de>,
{
    pub(crate) fn read(compressed: &[u8]) -> Self {
        let mut text = String::new();
        flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

impl<O, S, C> Episode<O, S, C> {
    pub(crate) fn length(&self) -> usize {
        self.actions.len()
    }

    /// How the episode ended: terminated, truncated.
    pub(crate) fn end(&self) -> (bool, bool) {
        (self.terminated, self.truncated)
    }

    /// All steps in their order.
    pub(crate) fn steps(&self) -> Vec<Recorded<'_, O, S, C>> {
        let mut rewards = Vec::new();
        for run in self.rewards.chunks(2) {
            rewards.resize(rewards.len() + run[1] as usize, run[0]);
        }
        assert_eq!(rewards.len(), self.length());
        let (mut observations, mut states) = (self.observations.iter(), self.states.iter());
        let mut steps = Vec::new();
        for (index, action) in self.actions.bytes().enumerate() {
            let (taken, last) = (index + 1, index + 1 == self.length());
            let kept = |every: usize| last || taken % every == 0;
            steps.push(Recorded {
                action: usize::from(action - b'0'),
                observation: kept(self.keep.0).then(|| observations.next().unwrap()),
                state: if kept(self.keep.1) { states.next() } else { None },
                outcome: self.outcomes.get(index),
                reward: rewards[index],
                terminated: last && self.terminated,
                truncated: last && self.truncated,
                name: format!("{} {}, step {taken}", self.policy, self.seed),
            });
        }
        assert!(observations.next().is_none() && states.next().is_none());
        steps
    }
}

impl<O, S, C> Recorded<'_, O, S, C> {
    /// Compares all but the observation.
    pub(crate) fn assert_rest(&self, step: &Step<'_>) {
        assert_eq!(step.reward, self.reward, "{}", self.name);
        assert_eq!(step.terminated, self.terminated, "{}", self.name);
        assert_eq!(step.truncated, self.truncated, "{}", self.name);
    }
}

/// Numbers of type `f64`, written as their bits, 16 digits each.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct F64s(pub(crate) Vec<f64>);

/// Numbers of type `f32`, written as their bits, 8 digits each.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct F32s(pub(crate) Vec<f32>);

impl TryFrom<String> for F64s {
    type Error = std::num::ParseIntError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        let number = |at| u64::from_str_radix(&digits[at..at + 16], 16).map(f64::from_bits);
        (0..digits.len()).step_by(16).map(number).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for F32s {
    type Error = std::num::ParseIntError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        let number = |at| u32::from_str_radix(&digits[at..at + 8], 16).map(f32::from_bits);
        (0..digits.len()).step_by(8).map(number).collect::<Result<_, _>>().map(Self)
    }
}
