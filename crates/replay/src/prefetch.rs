//! Asking for memory some time before it is read.
//!
//! A sample jumps to random places, each of which misses the cache. A core waits for only so many
//! reads at a time (two dozen lines of its first-level cache), but what it is asked to fetch into the
//! second-level cache does not take one of those places: three times as many rows arrive in the same
//! time.

// The instruction takes an address.
#![allow(unsafe_code)]

/// Asks for the line of the cache in which this begins.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(crate) fn line<T: Copy>(memory: &T) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: every x86-64 processor has the instruction. It changes nothing that a program can see
    // and may be given any address; this one is even of something that is there.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(memory).cast()) };
}

/// Reads it, as stable Rust has no such instruction for this processor: in a loop that does nothing
/// else, many reads are under way at a time all the same.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn line<T: Copy>(memory: &T) {
    std::hint::black_box(*memory);
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_asked_for_is_as_it_was() {
        let memory: Vec<u64> = (0..1000).collect();
        memory.iter().step_by(7).for_each(super::line);
        assert!(memory.into_iter().eq(0..1000));
    }
}
