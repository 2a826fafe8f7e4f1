//! What a checkpoint knows of a buffer besides the rows.

use super::Buffer;
use crate::checkpoint::Description;
use crate::directory::Directory;
use crate::rows::Rows;
use crate::{ItemId, Result, Sampler, StateReader, StateWriter};

impl<S: Sampler> Buffer<S> {
    /// What must be the same in a buffer that goes on from where this one is.
    pub(crate) fn description(&self) -> Description {
        let mut description = self.description.clone();
        description.push(("sampler", self.sampler.kind().to_owned()));
        description
    }

    /// A number that no other buffer of this process has.
    pub(crate) fn instance(&self) -> u64 {
        self.instance
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }

    pub(crate) fn directory_and_rows_mut(&mut self) -> (&Directory, &mut Rows) {
        (&self.directory, &mut self.rows)
    }

    pub(crate) fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let len = self.len();
        state.section()?;
        self.directory.save(state)?;
        if let Some(uses) = &self.uses {
            uses.save(len, state)?;
        }
        self.latest.iter().try_for_each(|id| state.write_u64(id.number()))?;
        state.section()?;
        self.eviction.save_state(len, state)?;
        state.section()?;
        self.sampler.save_state(len, state)
    }

    /// Makes a new buffer what the saved one was, but for the rows. `next` is the number of the item
    /// that comes next.
    pub(crate) fn load_state(&mut self, next: u64, state: &mut StateReader) -> Result<()> {
        state.section()?;
        self.directory.load(next, state)?;
        let len = self.len();
        if let Some(uses) = &mut self.uses {
            uses.load(len, state)?;
        }
        for id in &mut self.latest {
            *id = ItemId::from_number(state.read_u64()?);
        }
        state.section()?;
        self.eviction.load_state(len, state)?;
        state.section()?;
        self.sampler.load_state(len, state)
    }
}
