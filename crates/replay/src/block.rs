//! A block of bytes, in memory or in a file that is mapped into memory.

use std::ops::{Deref, DerefMut};
use std::path::Path;

#[cfg(feature = "mmap")]
use crate::mapped::Mapped;
use crate::{Error, Result, memory};

/// Bytes of a fixed number.
pub(crate) enum Block {
    Memory(Vec<u8>),
    #[cfg(feature = "mmap")]
    Mapped(Mapped),
}

impl Block {
    /// So many zeros, written and not just promised: in a file in this folder, or in memory.
    pub(crate) fn new(
        len: usize,
        folder: Option<&Path>,
        refused: impl Fn() -> Error,
    ) -> Result<Self> {
        #[cfg(feature = "mmap")]
        if let Some(folder) = folder {
            return Ok(Self::Mapped(Mapped::new(folder, len)?));
        }
        let _ = folder; // cannot be set without the feature
        let mut bytes = Vec::new();
        memory::resize(&mut bytes, len, 0, refused)?;
        Ok(Self::Memory(bytes))
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            #[cfg(feature = "mmap")]
            Self::Mapped(mapped) => mapped,
        }
    }
}

impl DerefMut for Block {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Memory(bytes) => bytes,
            #[cfg(feature = "mmap")]
            Self::Mapped(mapped) => mapped,
        }
    }
}
