//! Keeps a measurement of one thread on one core, ours and the peers', so that none loses its caches by
//! being moved to another.

/// As long as it is there, this thread stays on one core, and with it the threads and processes that it
/// starts. Does nothing where the system has no means to it.
pub(crate) struct OnOneCore {
    #[cfg(target_os = "linux")]
    before: Option<rustix::thread::CpuSet>,
}

#[cfg(target_os = "linux")]
impl OnOneCore {
    /// The last of the cores that this thread may run on: the first has more of the system's work.
    pub(crate) fn hold() -> Self {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        let before = sched_getaffinity(None).ok().filter(|allowed| {
            let mut one = CpuSet::new();
            match (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core)) {
                Some(core) => one.set(core),
                None => return false,
            }
            sched_setaffinity(None, &one).is_ok()
        });
        Self { before }
    }
}

#[cfg(target_os = "linux")]
impl Drop for OnOneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // They were allowed before.
            let _ = rustix::thread::sched_setaffinity(None, before);
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl OnOneCore {
    pub(crate) fn hold() -> Self {
        Self {}
    }
}
