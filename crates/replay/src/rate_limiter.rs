//! Keeps how often items are learnt from in step with how fast they come.
//!
//! ```text
//! surplus = samples_per_insert · (inserts − min_size) − samples         |surplus| <= error_buffer
//! ```
//!
//! The `SampleToInsertRatio` of Cassirer et al. 2021, "Reverb: A Framework for Experience Replay",
//! arXiv:2102.04736.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Holds back writers, or the learner, so that every item is sampled `samples_per_insert` times on
/// average, whoever is faster.
///
/// It does not touch a buffer: it counts. Ask it before each push and each sample, as many threads
/// as there are, with a shared reference. Whoever asks chooses what happens when it is too early:
/// `try_to_*` says no, `wait_to_*` waits until it is time, `wait_to_*_for` until then or until the
/// time is up. A yes is counted at once.
///
/// - Below `min_size_to_sample` items there is no sampling, and inserting is free.
/// - From then on, *surplus*, the number of samples that the items allow less the number of samples
///   taken, stays within `error_buffer` on both sides of 0. A larger one lets each side run ahead
///   for longer, with fewer waits.
///
/// One request may not be larger than the error buffer: `n` items to insert count
/// `n * samples_per_insert`, `n` items to sample count `n`. With that, one side can always go on; a
/// program whose writers and learner both go on never stands still. A thread that does both must not
/// wait, for it would be for itself.
///
/// # Example
///
/// ```
/// use reflux_replay::RateLimiter;
///
/// // Each item is to be sampled 8 times on average, in batches of 32, once there are 100.
/// let limiter = RateLimiter::new(8.0, 100, 64.0)?;
/// assert!(!limiter.try_to_sample(32)?, "too early: there is nothing to sample");
/// let mut inserts = 0;
/// while limiter.try_to_insert(1)? {
///     inserts += 1; // Here, push.
/// }
/// assert_eq!(inserts, 100 + 64 / 8);
/// let mut batches = 0;
/// while limiter.try_to_sample(32)? {
///     batches += 1; // Here, sample.
/// }
/// assert_eq!(batches, (64 + 64) / 32);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug)]
pub struct RateLimiter {
    samples_per_insert: f64,
    min_size: u64,
    error_buffer: f64,
    state: Mutex<State>,
    may_insert: Condvar,
    may_sample: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    counts: RateCounts,
    closed: bool,
    /// How many threads wait on each side: waking none still costs a call of the system.
    waiting_to_insert: usize,
    waiting_to_sample: usize,
}

impl State {
    fn waiting(&mut self, side: Side) -> &mut usize {
        match side {
            Side::Insert => &mut self.waiting_to_insert,
            Side::Sample => &mut self.waiting_to_sample,
        }
    }
}

/// What a [`RateLimiter`] has allowed so far, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RateCounts {
    /// Items inserted.
    pub inserts: u64,
    /// Items sampled.
    pub samples: u64,
    /// Items of which it was told that they are gone.
    pub removed: u64,
}

impl RateLimiter {
    /// A limiter for `samples_per_insert` samples of an item on average, none before there are
    /// `min_size_to_sample` items, with `error_buffer` samples to spare on both sides; infinity
    /// for no limit but the size.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where `samples_per_insert` is not finite and above 0, `min_size_to_sample`
    /// is 0, or `error_buffer` is less than one sample or than one insert counts.
    pub fn new(
        samples_per_insert: f64,
        min_size_to_sample: usize,
        error_buffer: f64,
    ) -> Result<Self> {
        let refuse = |name, legal, got| Err(Error::Setting { name, legal, got });
        if !(samples_per_insert.is_finite() && samples_per_insert > 0.0) {
            return refuse("samples_per_insert", "finite and > 0", samples_per_insert);
        }
        if min_size_to_sample == 0 {
            return refuse("min_size_to_sample", "at least 1", 0.0);
        }
        if error_buffer.is_nan() || error_buffer < samples_per_insert.max(1.0) {
            let legal = "at least 1 and at least samples_per_insert";
            return refuse("error_buffer", legal, error_buffer);
        }
        Ok(Self {
            samples_per_insert,
            min_size: min_size_to_sample as u64,
            error_buffer,
            state: Mutex::default(),
            may_insert: Condvar::new(),
            may_sample: Condvar::new(),
        })
    }

    /// Goes on from where another limiter, of the same settings, was: for a run that is resumed.
    pub fn with_counts(self, counts: RateCounts) -> Self {
        self.lock().counts = counts;
        self
    }

    /// Whether `items` may be inserted now; if so, they are counted.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for more items than could ever be allowed; [`Error::Closed`].
    pub fn try_to_insert(&self, items: usize) -> Result<bool> {
        self.ask(Side::Insert, items, Patience::None)
    }

    /// Waits until `items` may be inserted, and counts them.
    ///
    /// # Errors
    ///
    /// As for [`RateLimiter::try_to_insert`]; [`Error::Closed`] also ends the wait.
    pub fn wait_to_insert(&self, items: usize) -> Result<()> {
        self.ask(Side::Insert, items, Patience::Endless).map(drop)
    }

    /// Waits until `items` may be inserted, and counts them; or until the time is up.
    ///
    /// # Errors
    ///
    /// As for [`RateLimiter::wait_to_insert`]; [`Error::Timeout`] when the time is up, and then
    /// nothing is counted.
    pub fn wait_to_insert_for(&self, items: usize, timeout: Duration) -> Result<()> {
        let in_time = self.ask(Side::Insert, items, Patience::For(timeout))?;
        in_time.then_some(()).ok_or(Error::Timeout { what: "insert", timeout })
    }

    /// Whether `items` may be sampled now; if so, they are counted.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for more items than could ever be allowed; [`Error::Closed`].
    pub fn try_to_sample(&self, items: usize) -> Result<bool> {
        self.ask(Side::Sample, items, Patience::None)
    }

    /// Waits until `items` may be sampled, and counts them.
    ///
    /// # Errors
    ///
    /// As for [`RateLimiter::try_to_sample`]; [`Error::Closed`] also ends the wait.
    pub fn wait_to_sample(&self, items: usize) -> Result<()> {
        self.ask(Side::Sample, items, Patience::Endless).map(drop)
    }

    /// Waits until `items` may be sampled, and counts them; or until the time is up.
    ///
    /// # Errors
    ///
    /// As for [`RateLimiter::wait_to_sample`]; [`Error::Timeout`] when the time is up, and then
    /// nothing is counted.
    pub fn wait_to_sample_for(&self, items: usize, timeout: Duration) -> Result<()> {
        let in_time = self.ask(Side::Sample, items, Patience::For(timeout))?;
        in_time.then_some(()).ok_or(Error::Timeout { what: "sample", timeout })
    }

    /// Tells it that `items` have been removed from the buffer, other than by newer ones that took
    /// their place: they no longer count towards `min_size_to_sample`.
    pub fn removed(&self, items: usize) {
        let mut state = self.lock();
        state.counts.removed = state.counts.removed.saturating_add(items as u64);
        self.may_insert.notify_all();
    }

    /// Ends all waits, now and later, with [`Error::Closed`]: for the end of the training.
    pub fn close(&self) {
        self.lock().closed = true;
        self.may_insert.notify_all();
        self.may_sample.notify_all();
    }

    /// What it has allowed so far.
    pub fn counts(&self) -> RateCounts {
        self.lock().counts
    }

    /// Allows, and counts, `items` on this side; false where they are too early and patience is at
    /// its end.
    fn ask(&self, side: Side, items: usize, patience: Patience) -> Result<bool> {
        let cost = match side {
            Side::Insert => items as f64 * self.samples_per_insert,
            Side::Sample => items as f64,
        };
        if cost > self.error_buffer {
            let error_buffer = self.error_buffer;
            return Err(Error::Request { what: side.name(), items, cost, error_buffer });
        }
        let until = match patience {
            // A time too far away to be written down is no limit.
            Patience::For(timeout) => Instant::now().checked_add(timeout),
            Patience::None | Patience::Endless => None,
        };
        let (own, other, other_side) = match side {
            Side::Insert => (&self.may_insert, &self.may_sample, Side::Sample),
            Side::Sample => (&self.may_sample, &self.may_insert, Side::Insert),
        };
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(Error::Closed);
            }
            if items == 0 || self.allows(&state.counts, side, cost) {
                break;
            }
            if let Patience::None = patience {
                return Ok(false);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            *state.waiting(side) += 1;
            state = match left {
                None => own.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    own.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            *state.waiting(side) -= 1;
        }
        match side {
            Side::Insert => state.counts.inserts += items as u64,
            Side::Sample => state.counts.samples += items as u64,
        }
        if *state.waiting(other_side) > 0 {
            other.notify_all();
        }
        Ok(true)
    }

    /// Whether this much is allowed now. As no `cost` is above the error buffer, one of the sides
    /// always is, whatever is rounded: one that is refused for its surplus is refused by a surplus
    /// on its own side of 0.
    fn allows(&self, counts: &RateCounts, side: Side, cost: f64) -> bool {
        let size = counts.inserts.saturating_sub(counts.removed);
        let target = self.samples_per_insert * (counts.inserts as f64 - self.min_size as f64);
        let surplus = target - counts.samples as f64;
        match side {
            Side::Insert => size < self.min_size || surplus + cost <= self.error_buffer,
            Side::Sample => size >= self.min_size && surplus - cost >= -self.error_buffer,
        }
    }

    /// The counts are whole at every moment, so a thread that panicked does no harm to the others.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Insert,
    Sample,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Sample => "sample",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Patience {
    None,
    For(Duration),
    Endless,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_requests_are_checked() {
        let message =
            |ratio, size, buffer| RateLimiter::new(ratio, size, buffer).unwrap_err().to_string();
        assert_eq!(message(0.0, 1, 9.0), "samples_per_insert must be finite and > 0, got 0");
        assert_eq!(
            message(f64::INFINITY, 1, 9.0),
            "samples_per_insert must be finite and > 0, got inf"
        );
        assert_eq!(message(2.0, 0, 9.0), "min_size_to_sample must be at least 1, got 0");
        let legal = "error_buffer must be at least 1 and at least samples_per_insert";
        assert_eq!(message(2.0, 1, 1.9), format!("{legal}, got 1.9"));
        assert_eq!(message(0.5, 1, 0.9), format!("{legal}, got 0.9"));
        assert_eq!(message(0.5, 1, f64::NAN), format!("{legal}, got NaN"));

        let limiter = RateLimiter::new(2.0, 3, 4.0).unwrap();
        assert_eq!(
            limiter.try_to_insert(3).unwrap_err().to_string(),
            "3 items to insert at once count 6 samples, and the error buffer is 4: \
             use fewer items at once, or a larger error buffer"
        );
        assert!(matches!(limiter.wait_to_sample(5), Err(Error::Request { items: 5, .. })));
        assert_eq!(limiter.counts(), RateCounts::default());
    }

    #[test]
    fn each_side_runs_ahead_as_far_as_the_error_buffer_says() {
        // i inserts allow samples up to 2(i − 3) + 4; s samples allow inserts up to 3 + (s + 4) / 2.
        let limiter = RateLimiter::new(2.0, 3, 4.0).unwrap();
        let inserts = |most: u64| {
            while limiter.try_to_insert(1).unwrap() {}
            assert_eq!(limiter.counts().inserts, most);
        };
        let samples = |most: u64| {
            while limiter.try_to_sample(1).unwrap() {}
            assert_eq!(limiter.counts().samples, most);
        };
        samples(0);
        assert!(limiter.try_to_insert(2).unwrap());
        samples(0);
        inserts(5);
        samples(8);
        inserts(9);
        samples(16);
        assert!(limiter.try_to_insert(1).unwrap());
        samples(18);
        assert!(!limiter.try_to_sample(1).unwrap());
    }

    #[test]
    fn without_a_limit_on_the_ratio_only_the_size_counts() {
        let limiter = RateLimiter::new(1.0, 5, f64::INFINITY).unwrap();
        assert!(limiter.try_to_insert(4).unwrap() && !limiter.try_to_sample(1).unwrap());
        assert!(limiter.try_to_insert(1000).unwrap() && limiter.try_to_sample(1_000_000).unwrap());
        limiter.removed(1000);
        assert!(!limiter.try_to_sample(1).unwrap(), "four items are left");
        assert!(limiter.try_to_insert(1).unwrap() && limiter.try_to_sample(1).unwrap());
    }

    #[test]
    fn a_resumed_limiter_goes_on_where_it_was() {
        let counts = RateCounts { inserts: 5, samples: 7, removed: 0 };
        let limiter = RateLimiter::new(2.0, 3, 4.0).unwrap().with_counts(counts);
        assert!(limiter.try_to_sample(1).unwrap() && !limiter.try_to_sample(1).unwrap());
        assert!(limiter.try_to_sample(0).unwrap() && limiter.try_to_insert(0).unwrap());
        assert_eq!(limiter.counts(), RateCounts { samples: 8, ..counts });
    }

    #[test]
    fn a_wait_ends_with_the_time_or_with_the_limiter() {
        let limiter = RateLimiter::new(1.0, 1, 1.0).unwrap();
        let timeout = Duration::from_millis(1);
        assert_eq!(
            limiter.wait_to_sample_for(1, timeout).unwrap_err().to_string(),
            "the rate limiter did not allow to sample within 1ms"
        );
        limiter.wait_to_insert(1).unwrap();
        limiter.wait_to_insert_for(1, timeout).unwrap();
        assert!(matches!(limiter.wait_to_insert_for(1, timeout), Err(Error::Timeout { .. })));
        assert_eq!(limiter.counts().inserts, 2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| limiter.wait_to_insert_for(1, Duration::MAX));
            limiter.close();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
        });
        assert!(matches!(limiter.try_to_sample(1), Err(Error::Closed)));
    }
}
