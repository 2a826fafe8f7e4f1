//! What is saved beside a buffer, as bytes: a header as JSON, then numbers.
//!
//! ```text
//! length of the header (8 bytes), header (JSON), numbers (f32, little-endian)
//! ```

use reflux_nn::{Adam, Mlp, MlpConfig, Optimizer, OptimizerState};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

const ADAM: &str = "adam";
const ADAM_SETTINGS: [&str; 5] = ["learning_rate", "beta1", "beta2", "epsilon", "weight_decay"];
const ADAM_MEMORY: [&str; 2] = ["mean", "square"];

/// The bytes of a header and of numbers that follow it.
pub(super) fn join(header: &impl Serialize, numbers: &[&[f32]]) -> Result<Vec<u8>> {
    let header = serde_json::to_vec(header).map_err(Error::run)?;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    for numbers in numbers {
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    Ok(bytes)
}

/// The header, and the numbers that follow it.
pub(super) fn split<H: DeserializeOwned>(bytes: &[u8]) -> Result<(H, Numbers<'_>)> {
    let short = || Error::run("its bytes are cut short");
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(Error::run)?;
    let (header, rest) = rest.split_at_checked(len).ok_or_else(short)?;
    Ok((serde_json::from_slice(header).map_err(Error::run)?, Numbers(rest)))
}

/// Numbers that are still to be read.
pub(super) struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    fn take(&mut self, count: usize) -> Result<Vec<f32>> {
        let len = count.checked_mul(size_of::<f32>());
        let split = len.and_then(|len| self.0.split_at_checked(len));
        let (taken, rest) = split.ok_or_else(|| Error::run("it has too few numbers"))?;
        self.0 = rest;
        Ok(taken.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(super) fn network(&mut self, shape: &MlpConfig) -> Result<Mlp> {
        Ok(Mlp::from_parameters(shape.clone(), self.take(shape.parameters())?)?)
    }

    /// Gives an Adam, which has the settings that it had, its memory of so many steps back.
    pub(super) fn restore(&mut self, adam: &mut Adam, steps: u64, count: usize) -> Result<()> {
        if steps == 0 {
            return Ok(()); // it has no memory before the first
        }
        let memory = [self.take(count)?, self.take(count)?];
        let mut settings = adam.state();
        let mut state = OptimizerState::new(ADAM, steps);
        for name in ADAM_SETTINGS {
            state = state.with_setting(name, settings.setting(ADAM, name)?);
        }
        for (name, values) in ADAM_MEMORY.into_iter().zip(&memory) {
            state = state.with_memory(name, values);
        }
        Ok(adam.restore(state)?)
    }

    /// What is left when all numbers have been read.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Adam's steps and its two means, which are empty before the first step.
pub(super) fn memory(adam: &Adam) -> Result<(u64, [Vec<f32>; 2])> {
    let mut state = adam.state();
    Ok((state.steps(), state.memories(ADAM, ADAM_MEMORY)?))
}
