//! Saving and loading take a few megabytes besides the buffer, however large it is.

// `GlobalAlloc` is an unsafe trait, and an allocator is the only place where every byte can be
// counted. The one here passes each call on to the system's.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use reflux_replay::{Buffer, BufferBuilder, Checkpoint, Prioritized, Reservoir, Result, Schema};

struct Counting;

thread_local! {
    /// The bytes that this thread has now, and the most that it had.
    static NOW: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

fn add(bytes: usize) {
    NOW.set(NOW.get().wrapping_add(bytes));
    MOST.set(MOST.get().max(NOW.get()));
}

// SAFETY: each method has its default's contract and passes its arguments to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that this did take at a time, beyond what there was before.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.get();
    MOST.set(before);
    let result = run();
    (result, MOST.get() - before)
}

#[test]
fn memory_is_not_doubled() -> Result<()> {
    let builder = |table: bool| -> Result<BufferBuilder> {
        let mut schema = Schema::new();
        let stack = schema.column::<u8>("stack", &[2, 1000])?;
        if table {
            schema.share_frames(&[stack])?;
        }
        let builder = Buffer::builder(schema, 20_000);
        Ok(if table { builder.with_eviction(Reservoir::new(1)) } else { builder })
    };
    for table in [false, true] {
        let mut buffer = builder(table)?.build(Prioritized::new())?;
        for number in 0..20_000_u32 {
            let frame = |n: u32| [n as u8, (n >> 8) as u8].repeat(500);
            buffer.push(&[(&[frame(number), frame(number + 1)].concat()).into()])?;
        }
        assert!(buffer.bytes() > 20_000_000);

        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut checkpoint = Checkpoint::new(folder.path());
        let (saved, bytes) = peak(|| checkpoint.save(&buffer, &[]));
        assert_eq!(saved?.items, 20_000);
        assert!(bytes < 8 << 20, "saving took {bytes} bytes");

        let builder = builder(table)?;
        let (loaded, bytes) = peak(|| checkpoint.load(builder, Prioritized::new()));
        let besides = bytes - loaded?.0.bytes();
        assert!(besides < 4 << 20, "loading took {besides} bytes besides the buffer");
    }
    Ok(())
}
