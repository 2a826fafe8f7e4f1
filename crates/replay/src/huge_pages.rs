//! Large pages for large blocks of memory.
//!
//! A sample jumps to random places. With pages of 4 kB, the processor has to look up where nearly
//! each of them is, which takes as long as fetching what is there. Linux gives pages of 2 MB to those
//! who ask for them.

// The call takes an address and a length, so it cannot be checked by the compiler.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

/// Blocks below this many bytes stay in the cache anyway.
#[cfg(all(target_os = "linux", not(miri)))]
const LARGE: usize = 4 << 20;

/// Asks for large pages for memory that has not been written to yet. Where there are none, nothing
/// happens.
pub(crate) fn advise<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const PAGE: usize = 64 << 10; // a multiple of every page size there is
        let bytes = size_of_val(memory);
        let start = memory.as_mut_ptr().cast::<u8>();
        let skipped = start.align_offset(PAGE);
        if bytes < LARGE || skipped >= bytes {
            return;
        }
        let len = (bytes - skipped) / PAGE * PAGE;
        // SAFETY: the range is whole pages inside of `memory`, which is ours alone, and the advice
        // changes how they are mapped, not what they hold.
        unsafe { libc::madvise(start.add(skipped).cast(), len, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = memory;
}
