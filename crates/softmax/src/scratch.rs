//! Rows of memory that a thread keeps, so that what runs again and again allocates only once.

use std::cell::RefCell;

/// Memory of one kind of number.
pub trait Scratch: Copy + Default + 'static {
    /// Calls `f` with `len` numbers, whose values are whatever was left there.
    fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [Self]) -> R) -> R;
}

macro_rules! scratch {
    ($number:ident) => {
        impl Scratch for $number {
            fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [Self]) -> R) -> R {
                thread_local!(static KEPT: RefCell<Vec<$number>> = const { RefCell::new(Vec::new()) });
                // Taken out, and not borrowed, so that a call within a call gets memory of its own.
                let mut memory = KEPT.with(RefCell::take);
                if memory.len() < len {
                    memory.resize(len, Self::default());
                }
                let result = f(&mut memory[..len]);
                KEPT.with(|kept| kept.replace(memory));
                result
            }
        }
    };
}

scratch!(f32);
scratch!(f64);
scratch!(u32);
