//! Replay buffers, against cpprb.

mod transitions;
mod work;

use serde_json::json;

use super::case::{Case, Group, Point, Threads};
use super::peer::{Program, Source};
use super::table::count;
use transitions::Content;

pub(crate) const GROUP: Group = Group {
    name: "replay",
    about: "full buffers of (observation, action, reward, next observation, terminated), capacity x \
            observation; `priority` is a buffer of a lone number, so that the priorities are what \
            costs. A batch is copied out with its ids and weights. Both sides are filled with the same \
            transitions and priorities, draw one item from each of as many equal ranges of \
            priority, and get the same new priorities. Frames are 84x84 bytes in stacks of 4, kept \
            once: `share_frames` here, `stack_compress` and `next_of` there.",
    peers: &[CPPRB],
    threads: Threads::One,
    cases,
    notes: |_| transitions::frame_memory(),
};

const CPPRB: Source = Source {
    program: Program::Python { module: "replay", environment: "replay" },
    needs: "cpprb, which takes seconds",
};

const BATCHES: [usize; 2] = [32, 256];

/// What is done to a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Push,
    PushPrioritized,
    Sample,
    SamplePrioritized,
    SampleAndUpdate,
    /// For comparison: the bytes of a batch of frames, from random places, by nothing but copying.
    Copy,
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::PushPrioritized => "prioritized push",
            Self::Sample => "uniform sample",
            Self::SamplePrioritized => "prioritized sample",
            Self::SampleAndUpdate => "prioritized sample + update",
            Self::Copy => "plain copy",
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |job, content, capacities: &[usize], batches: &[usize]| {
        for &batch in batches {
            cases.extend(capacities.iter().map(|&capacity| case(job, content, capacity, batch)));
        }
    };
    let capacities = [10_000, 100_000, 1_000_000, 10_000_000];
    add(Job::Push, Content::Floats, &capacities, &[1, 256]);
    add(Job::PushPrioritized, Content::Floats, &capacities, &[1, 256]);
    for job in [Job::Sample, Job::SamplePrioritized, Job::SampleAndUpdate] {
        add(job, Content::Floats, &capacities, &BATCHES);
    }
    let capacities = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    add(Job::SampleAndUpdate, Content::Priority, &capacities, &BATCHES);

    // The last is for machines with more than 80 GB; elsewhere it says what it needs and is left out.
    let capacities = [10_000, 100_000, 1_000_000, 10_000_000];
    add(Job::Push, Content::Frames, &capacities, &[1, 256]);
    for job in [Job::Sample, Job::Copy, Job::SamplePrioritized, Job::SampleAndUpdate] {
        add(job, Content::Frames, &capacities, &BATCHES);
    }
    cases
}

fn case(job: Job, content: Content, capacity: usize, batch: usize) -> Case {
    let suffix = if batch == 1 { String::new() } else { format!(", batch {batch}") };
    let (work, items) = (job.name(), content.name());
    let gathers = content == Content::Frames && !matches!(job, Job::Push | Job::PushPrioritized);
    let parameters = json!({ "work": work, "items": items, "capacity": capacity, "batch": batch });
    Case {
        name: format!("{work} {} x {items}{suffix}", count(capacity)),
        items: Some(batch),
        bytes: gathers.then_some(batch as u64 * transitions::GATHERED),
        flops: None,
        point: Some(Point { curve: format!("{work}, {items}{suffix}"), size: capacity }),
        parameters: (job != Job::Copy).then_some(parameters),
        prepare: Box::new(move || work::prepare(job, content, capacity, batch)),
    }
}
