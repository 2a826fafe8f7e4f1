//! Whether memory for something is there, before it is taken.
//!
//! Many systems promise memory that they do not have and end the process that uses it. So what is
//! needed is compared with what is available first.

use sysinfo::System;

use crate::{Error, Result, huge_pages};

/// Checks that `needed` bytes for `what` are available.
pub(crate) fn check(what: impl Fn() -> String, needed: u128) -> Result<()> {
    // What is smaller than a page or two fits everywhere; asking the system would take longer.
    if needed > 16 * 1024 && needed > u128::from(available()) {
        return Err(refused(what(), needed));
    }
    Ok(())
}

/// Makes `vec` as long as `len` with copies of `value`. Where the allocator refuses although
/// [`check`] did not, `refused` makes the error.
pub(crate) fn resize<T: Clone>(
    vec: &mut Vec<T>,
    len: usize,
    value: T,
    refused: impl FnOnce() -> Error,
) -> Result<()> {
    if len > vec.capacity() {
        vec.try_reserve_exact(len - vec.len()).map_err(|_| refused())?;
        huge_pages::advise(vec.spare_capacity_mut());
    }
    vec.resize(len, value);
    Ok(())
}

/// Takes the memory for `capacity` elements of an empty vector. Where the allocator refuses although
/// [`check`] did not, `refused` makes the error.
pub(crate) fn reserve<T: Clone + Default>(
    vec: &mut Vec<T>,
    capacity: usize,
    refused: impl FnOnce() -> Error,
) -> Result<()> {
    // Written to, so that the memory is not just promised.
    resize(vec, capacity, T::default(), refused)?;
    vec.clear();
    Ok(())
}

/// The error that says so.
pub(crate) fn refused(what: String, needed: u128) -> Error {
    Error::Memory { what, needed, available: available() }
}

/// The bytes that the machine, or the container that limits this process, has left. Where the
/// system does not tell, all there could be: then the allocator has the last word.
fn available() -> u64 {
    // Miri cannot ask the system.
    if cfg!(miri) || !sysinfo::IS_SUPPORTED_SYSTEM {
        return u64::MAX;
    }
    let mut system = System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    system.cgroup_limits().map_or(machine, |container| {
        machine.min(container.total_memory.saturating_sub(container.rss))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri cannot ask the system")]
    fn a_kilobyte_is_there_and_an_exabyte_is_not() {
        assert!(check(|| "a test".to_owned(), 1 << 10).is_ok());
        let error = check(|| "a test".to_owned(), 1 << 60).unwrap_err();
        assert!(matches!(error, Error::Memory { needed, available, .. }
            if needed == 1 << 60 && available > 0 && u128::from(available) < needed));
    }
}
