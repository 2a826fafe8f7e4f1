//! Samplers draw from the distribution that they promise: chi-square tests against the exact
//! probabilities, at fixed seeds.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Prioritized, Result, Sampler, Schema, Uniform};

const CAPACITY: usize = 100;

/// The 99.9% quantiles of the chi-square distribution, for 99, 65 and 39 degrees of freedom: one
/// less than the items that can be drawn.
const LIMIT: f64 = 148.23;
const LIMIT_65: f64 = 105.99;
const LIMIT_39: f64 = 72.05;

fn buffer<S: Sampler>(sampler: S) -> Result<Buffer<S>> {
    let mut schema = Schema::new();
    schema.column::<i64>("number", &[])?;
    Buffer::new(schema, CAPACITY, sampler)
}

fn push<S: Sampler>(buffer: &mut Buffer<S>, numbers: std::ops::Range<i64>) -> Result<()> {
    for n in numbers {
        buffer.push(&[(&n).into()])?;
    }
    Ok(())
}

/// Pearson's statistic of 200,000 draws, `batch` at a time, for items that should come up in these
/// proportions, oldest first. An item of proportion 0 must not come up at all.
fn chi_square<S: Sampler>(
    buffer: &mut Buffer<S>,
    batch_size: usize,
    proportions: &[f64],
) -> Result<f64> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(2024);
    let oldest_first: Vec<_> = buffer.items().collect();
    assert_eq!(oldest_first.len(), proportions.len());
    let mut counts = vec![0.0; proportions.len()];
    let mut batch = Batch::new();
    let draws = 200_000;
    for _ in 0..draws / batch_size {
        buffer.sample(batch_size, rng, &mut batch)?;
        for id in batch.items() {
            counts[oldest_first.binary_search(id).expect("only items that are held")] += 1.0;
        }
    }
    let total: f64 = proportions.iter().sum();
    let mut statistic = 0.0;
    for (count, proportion) in counts.into_iter().zip(proportions) {
        let expected = draws as f64 * proportion / total;
        if expected > 0.0 {
            statistic += (count - expected) * (count - expected) / expected;
        } else {
            assert_eq!(count, 0.0);
        }
    }
    Ok(statistic)
}

/// What α turns the priority into.
fn mass(priority: f32) -> f64 {
    f64::from(priority).powf(0.6)
}

fn prioritized() -> Result<Buffer<Prioritized>> {
    buffer(Prioritized::new().with_epsilon(0.0)?)
}

fn priorities(seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..CAPACITY).map(|_| 4.0 * rng.random::<f32>() + 0.01).collect()
}

#[test]
fn uniform_before_and_after_wrapping_around() -> Result<()> {
    let mut buffer = buffer(Uniform::new())?;
    push(&mut buffer, 0..40)?;
    assert!(chi_square(&mut buffer, 200, &[1.0; 40])? < LIMIT_39);
    push(&mut buffer, 40..100)?;
    assert!(chi_square(&mut buffer, 200, &[1.0; 100])? < LIMIT);
    push(&mut buffer, 100..237)?;
    assert!(chi_square(&mut buffer, 200, &[1.0; 100])? < LIMIT);
    Ok(())
}

/// One draw a batch, so that draws are independent and the statistic is truly chi-square.
#[test]
fn prioritized_before_and_after_updates_and_wrapping_around() -> Result<()> {
    let mut buffer = prioritized()?;
    push(&mut buffer, 0..100)?;
    assert!(chi_square(&mut buffer, 1, &[1.0; 100])? < LIMIT);

    let first = priorities(1);
    let ids: Vec<_> = buffer.items().collect();
    buffer.set_priorities(&ids, &first)?;
    let expected: Vec<f64> = first.iter().copied().map(mass).collect();
    assert!(chi_square(&mut buffer, 1, &expected)? < LIMIT);

    // 30 new items have the largest priority seen; the ids of the 30 they replaced are stale.
    push(&mut buffer, 100..130)?;
    let largest = first.iter().copied().fold(0.0, f32::max);
    let mut held = first[30..].to_vec();
    held.resize(100, largest);
    let expected: Vec<f64> = held.iter().copied().map(mass).collect();
    assert!(chi_square(&mut buffer, 1, &expected)? < LIMIT);

    let second = priorities(2);
    assert_eq!(buffer.set_priorities(&ids, &second)?, 30);
    held[..70].copy_from_slice(&second[30..]);
    let expected: Vec<f64> = held.iter().copied().map(mass).collect();
    assert!(chi_square(&mut buffer, 1, &expected)? < LIMIT);
    Ok(())
}

#[test]
fn an_item_of_priority_zero_is_never_drawn() -> Result<()> {
    let mut buffer = prioritized()?;
    push(&mut buffer, 0..100)?;
    let mut priorities = priorities(3);
    priorities.iter_mut().step_by(3).for_each(|priority| *priority = 0.0);
    let ids: Vec<_> = buffer.items().collect();
    buffer.set_priorities(&ids, &priorities)?;
    let expected: Vec<f64> = priorities.iter().copied().map(mass).collect();
    assert!(chi_square(&mut buffer, 1, &expected)? < LIMIT_65);
    Ok(())
}

/// Strata make counts more even than independent draws would, never less.
#[test]
fn strata_keep_the_proportions_and_lower_the_variance() -> Result<()> {
    let mut buffer = prioritized()?;
    push(&mut buffer, 0..100)?;
    let priorities = priorities(4);
    let ids: Vec<_> = buffer.items().collect();
    buffer.set_priorities(&ids, &priorities)?;
    let expected: Vec<f64> = priorities.iter().copied().map(mass).collect();
    let independent = chi_square(&mut buffer, 1, &expected)?;
    let stratified = chi_square(&mut buffer, 200, &expected)?;
    assert!(stratified < 0.5 * independent, "{stratified} against {independent}");
    Ok(())
}
