//! The rate limiter against its definition, and between threads.

use proptest::prelude::*;
use reflux_replay::{RateLimiter, Result};

proptest! {
    #[test]
    fn every_answer_is_that_of_the_definition(
        eighths in 1_u32..40,
        min_size in 1_usize..20,
        spare in 0_u32..30,
        requests in prop::collection::vec((any::<bool>(), 1_usize..6), 1..300),
    ) {
        // Eighths, so that nothing is rounded and the definition's equality can be tested.
        let ratio = f64::from(eighths) / 8.0;
        let error_buffer = ratio.max(1.0) + f64::from(spare) / 8.0;
        let limiter = RateLimiter::new(ratio, min_size, error_buffer).unwrap();
        let (mut inserts, mut samples) = (0, 0);
        for (insert, items) in requests {
            let (cost, change) = if insert { (ratio, ratio) } else { (1.0, -1.0) };
            let answer =
                if insert { limiter.try_to_insert(items) } else { limiter.try_to_sample(items) };
            if items as f64 * cost > error_buffer {
                prop_assert!(answer.is_err());
                continue;
            }
            let target = ratio * (inserts as f64 - min_size as f64);
            let surplus = target - samples as f64 + items as f64 * change;
            let expected = if insert {
                inserts < min_size || surplus <= error_buffer
            } else {
                inserts >= min_size && surplus >= -error_buffer
            };
            prop_assert_eq!(answer.unwrap(), expected);
            if expected {
                *if insert { &mut inserts } else { &mut samples } += items;
            }
            // Whatever has happened, one side can go on.
            prop_assert!(
                inserts < min_size
                    || ratio * (inserts as f64 - min_size as f64) - samples as f64 + ratio
                        <= error_buffer
                    || ratio * (inserts as f64 - min_size as f64) - samples as f64 - 1.0
                        >= -error_buffer
            );
        }
        prop_assert_eq!(limiter.counts().inserts, inserts as u64);
        prop_assert_eq!(limiter.counts().samples, samples as u64);
    }
}

#[test]
fn threads_that_wait_for_each_other_all_finish_and_keep_the_ratio() -> Result<()> {
    const WRITERS: u64 = 3;
    const LEARNERS: u64 = 2;
    const INSERTS: u64 = 2000; // each
    const MIN_SIZE: u64 = 50;
    const RATIO: u64 = 4;
    const BATCH: u64 = 10;
    let limiter = RateLimiter::new(RATIO as f64, MIN_SIZE as usize, 16.0)?;
    let batches = RATIO * (WRITERS * INSERTS - MIN_SIZE) / BATCH / LEARNERS;

    let within_bounds = || {
        let counts = limiter.counts();
        let surplus = (RATIO * counts.inserts) as i64 - (RATIO * MIN_SIZE + counts.samples) as i64;
        assert!(surplus <= 16 && (counts.samples == 0 || surplus >= -16), "{counts:?}");
    };
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for _ in 0..INSERTS {
                    limiter.wait_to_insert(1).unwrap();
                    within_bounds();
                }
            });
        }
        for _ in 0..LEARNERS {
            scope.spawn(|| {
                for _ in 0..batches {
                    limiter.wait_to_sample(BATCH as usize).unwrap();
                    within_bounds();
                }
            });
        }
    });
    let counts = limiter.counts();
    assert_eq!((counts.inserts, counts.samples), (WRITERS * INSERTS, batches * LEARNERS * BATCH));
    Ok(())
}
