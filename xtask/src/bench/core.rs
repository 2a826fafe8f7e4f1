//! Keeps a measurement of one thread on one core, ours and the peers', so that none loses its caches by
//! being moved to another; and several threads on a core each, because Linux may leave two that often sleep on
//! one core for a tenth of a second.

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// As long as it is there, this thread stays on one core, and with it the threads and processes that it
/// starts. Does nothing where the system has no means to it.
pub(crate) struct OnOneCore {
    #[cfg(target_os = "linux")]
    before: Option<CpuSet>,
}

#[cfg(target_os = "linux")]
impl OnOneCore {
    /// The last of the cores that this thread may run on: the first has more of the system's work.
    pub(crate) fn hold() -> Self {
        let before = sched_getaffinity(None).ok();
        let before = before.filter(|allowed| cores(allowed).next_back().is_some_and(take));
        Self { before }
    }
}

#[cfg(target_os = "linux")]
impl Drop for OnOneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // They were allowed before.
            let _ = sched_setaffinity(None, before);
        }
    }
}

/// Keeps the thread that calls it, the n-th of some, on the n-th of the cores that it may run on.
#[cfg(target_os = "linux")]
pub(crate) fn stay_on(n: usize) {
    if let Ok(allowed) = sched_getaffinity(None) {
        let _ = cores(&allowed).nth(n).is_some_and(take);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on(_: usize) {}

#[cfg(target_os = "linux")]
fn cores(allowed: &CpuSet) -> impl DoubleEndedIterator<Item = usize> {
    (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core))
}

/// Whether this thread is now on this core alone.
#[cfg(target_os = "linux")]
fn take(core: usize) -> bool {
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).is_ok()
}

#[cfg(not(target_os = "linux"))]
impl OnOneCore {
    pub(crate) fn hold() -> Self {
        Self {}
    }
}
