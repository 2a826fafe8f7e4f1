//! Large pages for large blocks of memory.
//!
//! A sample jumps to random places. With pages of 4 kB, the processor has to look up where nearly
//! each of them is, which takes as long as fetching what is there. Linux gives pages of 2 MB to those
//! who ask for them.

// The call takes an address and a length, so it cannot be checked by the compiler.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::slice;

/// Blocks below this many bytes stay in the cache anyway.
const LARGE: usize = 4 << 20;

/// A multiple of every page size there is.
const PAGE: usize = 64 << 10;

/// Asks for large pages for memory that has not been written to yet. Where there are none, nothing
/// happens.
pub(crate) fn advise<T>(memory: &mut [MaybeUninit<T>]) {
    if size_of_val(memory) < LARGE {
        return;
    }
    let pages = whole_pages(memory);
    // Miri does not know this call. It has nothing to check there but where the pages are.
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: the pages are ours alone, and the advice changes how they are mapped, not what they
    // hold.
    unsafe {
        libc::madvise(pages.as_mut_ptr().cast(), pages.len(), libc::MADV_HUGEPAGE);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = pages;
}

/// The bytes of the whole pages inside of this memory.
fn whole_pages<T>(memory: &mut [MaybeUninit<T>]) -> &mut [MaybeUninit<u8>] {
    let (start, len) = (memory.as_mut_ptr().cast::<MaybeUninit<u8>>(), size_of_val(memory));
    // SAFETY: it is the same memory, borrowed for as long, and both types can hold anything.
    let bytes = unsafe { slice::from_raw_parts_mut(start, len) };
    let skipped = bytes.as_ptr().align_offset(PAGE).min(len);
    let whole = (len - skipped) / PAGE * PAGE;
    &mut bytes[skipped..skipped + whole]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_whole_and_all_that_are_inside() {
        let mut memory: Vec<[u16; 3]> = Vec::with_capacity(4 * PAGE / 6);
        let memory = memory.spare_capacity_mut();
        for start in [0, 1, 5000] {
            let memory = &mut memory[start..];
            let range = memory.as_ptr_range();
            let pages = whole_pages(memory);
            pages[0].write(7);
            pages[pages.len() - 1].write(7);
            let pages = pages.as_ptr_range();
            assert_eq!((pages.start as usize % PAGE, pages.end as usize % PAGE), (0, 0));
            assert!((pages.start as usize).wrapping_sub(range.start as usize) < PAGE);
            assert!((range.end as usize).wrapping_sub(pages.end as usize) < PAGE);
        }
        assert!(whole_pages(&mut memory[..100]).is_empty());
    }

    #[test]
    fn memory_with_advice_can_be_used_to_both_ends() {
        let mut memory: Vec<u64> = Vec::with_capacity(LARGE / 8);
        advise(memory.spare_capacity_mut());
        memory.spare_capacity_mut().iter_mut().step_by(1000).for_each(|x| _ = x.write(1));
        memory.spare_capacity_mut()[LARGE / 8 - 1].write(2);
    }
}
