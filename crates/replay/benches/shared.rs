//! What writers in other threads cost: `cargo bench -p reflux-replay --bench shared`.
//!
//! Items are CartPole transitions. *In one thread* times one item pushed and received, without anybody
//! to wait for: what a writer and the learner do for it together. *Received* times how fast a learner
//! that only receives gets the items of writers that do nothing but push; *while sampling*, one that
//! draws a batch of 32 for every 32 items; *behind a mutex* is the same with a lock around the buffer
//! instead, and a rate limiter that everybody asks. All of these depend on how many cores are free: a writer and the
//! learner need one each.

use std::hint::black_box;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, RateLimiter, Result, Sampler, Schema, SharedBuffer, Uniform, Value, Writer,
};

const CAPACITY: usize = 10_000;
const BATCH: usize = 32;

fn transitions() -> Result<Buffer<Uniform>> {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    schema.column::<i64>("action", &[])?;
    schema.column::<f32>("reward", &[])?;
    schema.column::<f32>("next_observation", &[4])?;
    schema.column::<bool>("terminated", &[])?;
    Buffer::new(schema, CAPACITY, Uniform::new())
}

/// Calls `push` with an item.
fn with_item<T>(push: impl FnOnce(&[Value<'_>]) -> T) -> T {
    let observation = black_box([0.5_f32; 4]);
    push(&[
        (&observation).into(),
        (&1_i64).into(),
        (&1.0_f32).into(),
        (&observation).into(),
        (&false).into(),
    ])
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("shared");
    group.throughput(Throughput::Elements(1));

    let mut buffer = transitions()?;
    group.bench_function("pushed to the buffer itself", |bencher| {
        bencher.iter(|| with_item(|item| buffer.push(item).expect("it fits")));
    });
    for block in [1, 16, 64, 256] {
        let mut shared = SharedBuffer::new(transitions()?).with_block(block)?;
        let mut writer = shared.writer()?;
        group.bench_function(format!("in one thread, blocks of {block}"), |bencher| {
            let mut left = writer.capacity();
            bencher.iter(|| {
                if left == 0 {
                    left = shared.receive().expect("it fits");
                }
                left -= 1;
                with_item(|item| writer.push(item).expect("there is room"));
            });
            writer.flush().expect("the learner is there");
            shared.receive().expect("it fits");
        });
    }
    let mut writer_alone = Alone::new()?;
    group.bench_function("the writer's part, blocks of 64", |bencher| {
        bencher.iter_custom(|items| writer_alone.time(items));
    });

    for writers in [1, 2] {
        group.bench_function(format!("received from {writers}"), |bencher| {
            bencher.iter_custom(|items| {
                let shared = SharedBuffer::new(transitions().expect("it fits"));
                time(shared, writers, items, |_| ())
            });
        });
        group.bench_function(format!("received from {writers}, while sampling"), |bencher| {
            let (mut batch, rng) = (Batch::new(), Xoshiro256PlusPlus::seed_from_u64(0));
            bencher.iter_custom(|items| {
                let limiter = RateLimiter::new(1.0, 1, 1024.0).expect("legal");
                let shared = SharedBuffer::new(transitions().expect("it fits"));
                let mut rng = rng.clone();
                time(shared.with_rate_limiter(limiter), writers, items, |buffer| {
                    buffer.sample(BATCH, &mut rng, &mut batch).expect("it is not empty");
                })
            });
        });
        group.bench_function(
            format!("behind a mutex, from {writers}, while sampling"),
            |bencher| {
                bencher.iter_custom(|items| behind_a_mutex(writers, items));
            },
        );
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// A writer whose learner takes no time that is measured.
struct Alone {
    shared: SharedBuffer<Uniform>,
    writer: Writer,
}

impl Alone {
    fn new() -> Result<Self> {
        let mut shared = SharedBuffer::new(transitions()?);
        let writer = shared.writer()?;
        Ok(Self { shared, writer })
    }

    /// The time of so many pushes, in runs that fill the writer's memory.
    fn time(&mut self, items: u64) -> Duration {
        let mut spent = Duration::ZERO;
        let mut left = items;
        while left > 0 {
            let run = left.min(self.writer.capacity() as u64);
            let start = Instant::now();
            for _ in 0..run {
                with_item(|item| self.writer.push(item).expect("there is room"));
            }
            spent += start.elapsed();
            left -= run;
            self.writer.flush().expect("the learner is there");
            self.shared.receive().expect("it fits");
        }
        spent
    }
}

/// How long it takes the learner to receive at least so many items, of all writers together.
fn time<S: Sampler + Send>(
    mut shared: SharedBuffer<S>,
    writers: u64,
    items: u64,
    mut each_batch: impl FnMut(&mut Buffer<S>),
) -> Duration {
    let limited = shared.rate_limiter().is_some();
    thread::scope(|scope| {
        for _ in 0..writers {
            let mut writer = shared.writer().expect("it fits");
            scope.spawn(move || {
                for _ in 0..items.div_ceil(writers) {
                    with_item(|item| writer.push(item).expect("the learner is there"));
                }
            });
        }
        let start = Instant::now();
        if limited {
            while shared.wait_to_sample(BATCH).expect("legal") {
                each_batch(shared.buffer_mut());
            }
        } else {
            while shared.wait_to_sample(1).expect("legal") {}
        }
        start.elapsed()
    })
}

/// As [`time`] with sampling, by other means.
fn behind_a_mutex(writers: u64, items: u64) -> Duration {
    let buffer = Mutex::new(transitions().expect("it fits"));
    let limiter = RateLimiter::new(1.0, 1, 1024.0).expect("legal");
    let (mut batch, rng) = (Batch::new(), &mut Xoshiro256PlusPlus::seed_from_u64(0));
    thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                for _ in 0..items.div_ceil(writers) {
                    // In this order, so that there is something to sample when it is allowed.
                    with_item(|item| buffer.lock().expect("no panic").push(item)).expect("it fits");
                    limiter.wait_to_insert(1).expect("it is open");
                }
            });
        }
        let start = Instant::now();
        for _ in 0..items / BATCH as u64 {
            limiter.wait_to_sample(BATCH).expect("it is open");
            let mut buffer = buffer.lock().expect("no panic");
            buffer.sample(BATCH, rng, &mut batch).expect("it is not empty");
        }
        start.elapsed()
    })
}
