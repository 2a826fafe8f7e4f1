//! A file as a block of memory. The system keeps in memory what is in use and writes the rest to the
//! file, so a block can be larger than memory.

// Mapping a file is unsafe because whoever else has the file could change it, or cut it short, while
// we hold references into it. This one has no name and is not handed on, so there is nobody else.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::path::Path;

use memmap2::MmapMut;

use crate::{Error, Result};

/// A file without a name, mapped. It goes when it is dropped, or when the process ends.
pub(crate) struct Mapped {
    map: MmapMut,
}

impl Mapped {
    /// A file of so many zeros in this folder. They are written, not just promised, so a disk that is
    /// too small is an error here; later it would end the process.
    pub(crate) fn new(folder: &Path, len: usize) -> Result<Self> {
        Self::make(folder, len).map_err(|source| {
            let folder = folder.to_owned();
            Error::Mapped { folder, bytes: len as u64, source }
        })
    }

    fn make(folder: &Path, len: usize) -> io::Result<Self> {
        let mut file = tempfile::tempfile_in(folder)?;
        write_zeros(&mut file, len)?;
        // SAFETY: the file was made for this, has no name, and nothing else has its handle: nobody
        // can change or shorten it but through this map.
        let map = unsafe { MmapMut::map_mut(&file)? };
        // Items are read at random: what lies beside them is not worth reading ahead.
        #[cfg(unix)]
        map.advise(memmap2::Advice::Random)?;
        Ok(Self { map })
    }
}

fn write_zeros(file: &mut File, len: usize) -> io::Result<()> {
    let zeros = vec![0; len.min(1 << 20)];
    let mut left = len;
    while left > 0 {
        let now = left.min(zeros.len());
        file.write_all(&zeros[..now])?;
        left -= now;
    }
    Ok(())
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl DerefMut for Mapped {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}
