//! What is timed.

use anyhow::Result;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Prioritized, Sampler, Uniform};

use super::super::case::Work;
use super::Job;
use super::transitions::{CHUNK, Content, Images, Transitions, checksum, priorities};

pub(super) fn prepare(job: Job, content: Content, capacity: usize, batch: usize) -> Result<Work> {
    match job {
        Job::Push => push(content, capacity, batch, Uniform::new()),
        Job::PushPrioritized => push(content, capacity, batch, Prioritized::new()),
        Job::Sample => sample(content, capacity, batch, Uniform::new()),
        Job::SamplePrioritized => sample(content, capacity, batch, Prioritized::new()),
        Job::SampleAndUpdate => sample_and_update(content, capacity, batch),
        Job::Copy => copy(capacity, batch),
    }
}

/// Pushes one or [`CHUNK`] transitions into a full buffer.
fn push<S: Sampler + Send + 'static>(
    content: Content,
    capacity: usize,
    batch: usize,
    sampler: S,
) -> Result<Work> {
    let transitions = Transitions::new(content);
    let (mut buffer, _) = transitions.buffer(capacity, sampler)?;
    transitions.fill(&mut buffer)?;
    let mut row = 0;
    Ok(Box::new(move || {
        if batch == 1 {
            transitions.with(row..row + 1, |values| buffer.push(values))?;
            row = (row + 1) % CHUNK;
        } else {
            transitions.with(0..batch, |values| buffer.push_batch(batch, values))?;
        }
        Ok(buffer.len() as f64)
    }))
}

fn sample<S: Sampler + Send + 'static>(
    content: Content,
    capacity: usize,
    size: usize,
    sampler: S,
) -> Result<Work> {
    let transitions = Transitions::new(content);
    let (mut buffer, reward) = transitions.buffer(capacity, sampler)?;
    transitions.fill(&mut buffer)?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    Ok(Box::new(move || {
        buffer.sample(size, &mut rng, &mut batch)?;
        checksum(&batch, reward)
    }))
}

fn sample_and_update(content: Content, capacity: usize, size: usize) -> Result<Work> {
    let transitions = Transitions::new(content);
    let (mut buffer, reward) = transitions.buffer(capacity, Prioritized::new())?;
    transitions.fill(&mut buffer)?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    let priorities = priorities(0..size);
    Ok(Box::new(move || {
        buffer.sample(size, &mut rng, &mut batch)?;
        buffer.set_priorities(batch.items(), &priorities)?;
        checksum(&batch, reward)
    }))
}

fn copy(capacity: usize, batch: usize) -> Result<Work> {
    let mut images = Images::new(capacity, batch)?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    Ok(Box::new(move || Ok(images.copy(&mut rng))))
}
