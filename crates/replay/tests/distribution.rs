//! Samplers draw from the distribution that they promise: chi-square tests against the exact
//! probabilities, at fixed seeds.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, BufferBuilder, LowestPriority, Mixture, Prioritized, RankBased, Reservoir,
    Result, Sampler, Schema, Sequences, Uniform, WithoutReplacement,
};

const CAPACITY: usize = 100;

/// The 99.9% quantiles of the chi-square distribution, for 99, 65, 39 and 19 degrees of freedom: one
/// less than the items that can be drawn.
const LIMIT: f64 = 148.23;
const LIMIT_65: f64 = 105.99;
const LIMIT_39: f64 = 72.05;
const LIMIT_19: f64 = 43.82;

fn buffer<S: Sampler>(sampler: S) -> Result<Buffer<S>> {
    builder(CAPACITY)?.build(sampler)
}

fn builder(capacity: usize) -> Result<BufferBuilder> {
    let mut schema = Schema::new();
    schema.column::<i64>("number", &[])?;
    Ok(Buffer::builder(schema, capacity))
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
    Ok(statistic(&counts, proportions))
}

/// Pearson's statistic of these counts for these proportions. What has proportion 0 must not have
/// been counted.
fn statistic(counts: &[f64], proportions: &[f64]) -> f64 {
    let (draws, total): (f64, f64) = (counts.iter().sum(), proportions.iter().sum());
    let mut statistic = 0.0;
    for (count, proportion) in counts.iter().zip(proportions) {
        let expected = draws * proportion / total;
        if expected > 0.0 {
            statistic += (count - expected) * (count - expected) / expected;
        } else {
            assert_eq!(*count, 0.0);
        }
    }
    statistic
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

/// With an interval of 1, the heap is sorted before every batch, so ranks are exact.
#[test]
fn rank_based_before_and_after_updates_and_wrapping_around() -> Result<()> {
    let mut buffer = buffer(RankBased::new().with_sort_interval(1)?)?;
    push(&mut buffer, 0..100)?;
    // Of equal priorities, the older item has the smaller rank.
    let by_rank = |ranks: &[usize]| -> Vec<f64> {
        ranks.iter().map(|&rank| (rank as f64).powf(-0.7)).collect()
    };
    let oldest_first: Vec<usize> = (1..=100).collect();
    assert!(chi_square(&mut buffer, 1, &by_rank(&oldest_first))? < LIMIT);

    let ids: Vec<_> = buffer.items().collect();
    let first = priorities(1);
    buffer.set_priorities(&ids, &first)?;
    let rank = |held: &[f32], at: usize| {
        let ahead =
            |other: usize| held[other] > held[at] || (held[other] == held[at] && other < at);
        1 + (0..held.len()).filter(|&other| ahead(other)).count()
    };
    let ranks = |held: &[f32]| (0..held.len()).map(|at| rank(held, at)).collect::<Vec<_>>();
    assert!(chi_square(&mut buffer, 1, &by_rank(&ranks(&first)))? < LIMIT);

    push(&mut buffer, 100..130)?;
    let mut held = first[30..].to_vec();
    held.resize(100, first.iter().copied().fold(0.0, f32::max));
    assert!(chi_square(&mut buffer, 1, &by_rank(&ranks(&held)))? < LIMIT);
    Ok(())
}

/// Between two sorts, ranks are positions in the heap; after so many updates they are still near
/// enough to the exact ranks that the frequencies of tenths of the buffer are nearly right.
#[test]
fn rank_based_is_roughly_right_between_sorts() -> Result<()> {
    let mut buffer = buffer(RankBased::new().with_sort_interval(1_000_000)?)?;
    push(&mut buffer, 0..100)?;
    let ids: Vec<_> = buffer.items().collect();
    let held = priorities(1);
    buffer.set_priorities(&ids, &held)?;
    let mut order: Vec<usize> = (0..100).collect();
    order.sort_by(|&a, &b| held[b].total_cmp(&held[a]));

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut batch, mut counts) = (Batch::new(), [0.0; 10]);
    for _ in 0..2000 {
        buffer.sample(50, rng, &mut batch)?;
        for id in batch.items() {
            let item = ids.iter().position(|other| other == id).expect("held");
            counts[order.iter().position(|&other| other == item).expect("held") / 10] += 1.0;
        }
    }
    let total: f64 = (1..=100).map(|rank| f64::from(rank).powf(-0.7)).sum();
    for (tenth, count) in counts.into_iter().enumerate() {
        let ranks = 10 * tenth + 1..=10 * tenth + 10;
        let exact: f64 = ranks.map(|rank| (rank as f64).powf(-0.7)).sum::<f64>() / total;
        let ratio = count / 100_000.0 / exact;
        assert!((0.5..2.0).contains(&ratio), "tenth {tenth}: {ratio} of the exact frequency");
    }
    Ok(())
}

/// Where in an epoch an item comes is uniform, also for those that came during the epoch.
#[test]
fn without_replacement_every_order_is_as_likely() -> Result<()> {
    let mut buffer = buffer(WithoutReplacement::new())?;
    push(&mut buffer, 0..120)?; // 20 to 119
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(6);
    let mut batch = Batch::new();
    let mut counts = vec![0.0; 100];
    let mut pushed = 120;
    for _ in 0..4000 {
        // At the start of an epoch: a batch, 20 new items in place of the oldest, and a batch that
        // must come from the 80 that have not come yet, new ones among them.
        buffer.sample(30, rng, &mut batch)?;
        let drawn = batch.items().to_vec();
        push(&mut buffer, pushed..pushed + 20)?;
        pushed += 20;
        let held: Vec<_> = buffer.items().collect();
        buffer.sample(1, rng, &mut batch)?;
        assert!(!drawn.contains(&batch.items()[0]));
        counts[held.binary_search(&batch.items()[0]).expect("held")] += 1.0;
        let left = buffer.sampler().left();
        buffer.sample(left, rng, &mut batch)?;
        assert_eq!(buffer.sampler().left(), 0);
    }
    // How many of the 80 old ones are left differs, so old ones are compared with old ones only.
    assert!(statistic(&counts[..80], &[1.0; 80]) < LIMIT);
    assert!(statistic(&counts[80..], &[1.0; 20]) < LIMIT_19);
    Ok(())
}

/// Five items: as they came, after the ring has wrapped around, and after the two of lowest priority have
/// left.
fn buffers_of_five(sampler: &WithoutReplacement) -> Result<[Buffer<WithoutReplacement>; 3]> {
    let mut first = builder(5)?.build(sampler.clone())?;
    push(&mut first, 0..5)?;
    let mut wrapped = builder(5)?.build(sampler.clone())?;
    push(&mut wrapped, 0..13)?;
    let lowest = builder(5)?.with_eviction(LowestPriority::new());
    let mut evicted = lowest.build(sampler.clone())?;
    push(&mut evicted, 0..5)?;
    let ids: Vec<_> = evicted.items().collect();
    evicted.set_priorities(&ids, &[2.0, 0.1, 3.0, 0.2, 4.0])?;
    push(&mut evicted, 5..7)?;
    assert!(!evicted.contains(ids[1]) && !evicted.contains(ids[3]));
    Ok([first, wrapped, evicted])
}

/// No pair holds an item twice, every other pair is as likely, whatever came in the batch before.
#[test]
fn without_replacement_within_batches_every_pair_is_as_likely() -> Result<()> {
    for mut buffer in buffers_of_five(&WithoutReplacement::within_batches())? {
        let held: Vec<_> = buffer.items().collect();
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
        let mut batch = Batch::new();
        let (mut pairs, mut next) = (vec![0.0; 25], vec![0.0; 25]);
        let mut before = 0;
        for _ in 0..20_000 {
            buffer.sample(2, rng, &mut batch)?;
            let [first, second] =
                [0, 1].map(|at| held.binary_search(&batch.items()[at]).expect("held"));
            pairs[5 * first + second] += 1.0;
            next[5 * before + first] += 1.0;
            before = second;
        }
        check_pairs(&pairs);
        // The same item may come last in one batch and first in the next: all 25 pairs.
        assert!(statistic(&next, &[1.0; 25]) < LIMIT_19);
    }
    Ok(())
}

/// The first two items of an epoch are any two with equal probability.
#[test]
fn without_replacement_every_pair_begins_an_epoch_as_often() -> Result<()> {
    for mut buffer in buffers_of_five(&WithoutReplacement::new())? {
        let held: Vec<_> = buffer.items().collect();
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(9);
        let (mut batch, mut pairs) = (Batch::new(), vec![0.0; 25]);
        for _ in 0..20_000 {
            buffer.sample(5, rng, &mut batch)?;
            let [first, second] =
                [0, 1].map(|at| held.binary_search(&batch.items()[at]).expect("held"));
            pairs[5 * first + second] += 1.0;
        }
        check_pairs(&pairs);
    }
    Ok(())
}

/// Of five items, counts of all 25 pairs: none of an item with itself, and the others alike.
fn check_pairs(pairs: &[f64]) {
    let different: Vec<f64> =
        (0..25).filter(|pair| pair % 6 != 0).map(|pair| pairs[pair]).collect();
    assert_eq!(different.iter().sum::<f64>(), 20_000.0);
    assert!(statistic(&different, &[1.0; 20]) < LIMIT_19);
}

/// Every whole sequence is as likely as any other, with two environments taking turns, episodes of
/// both that end, and the ring's seam somewhere in the middle.
#[test]
fn sequences_are_uniform_over_their_starts() -> Result<()> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let environment = schema.column::<i64>("environment", &[])?;
    let last = schema.column::<bool>("last", &[])?;
    schema.mark_stream(environment, 2)?;
    schema.mark_episode_end(last)?;
    let mut buffer = Buffer::new(schema, CAPACITY, Sequences::new(4)?)?;
    // Environment 0 has the even numbers and episodes of 7 items, 1 the odd ones and episodes of 3
    // and 10.
    let ends = |n: i64| if n % 2 == 0 { n / 2 % 7 == 6 } else { [2, 12].contains(&(n / 2 % 13)) };
    for n in 0..230_i64 {
        buffer.push(&[(&n).into(), (&(n % 2)).into(), (&ends(n)).into()])?;
    }
    let whole = |start: i64| {
        let inner = [start, start + 2, start + 4];
        start + 6 < 230 && inner.iter().all(|&n| !ends(n))
    };
    let starts: Vec<i64> = (130..230).filter(|&start| whole(start)).collect();
    assert_eq!(buffer.sampler().available(), starts.len());

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(8);
    let (mut batch, mut counts) = (Batch::new(), vec![0.0; starts.len()]);
    for _ in 0..1000 {
        buffer.sample(100, rng, &mut batch)?;
        for sequence in batch.values(number)?.chunks(4) {
            assert!(sequence.windows(2).all(|pair| pair[1] == pair[0] + 2));
            counts[starts.binary_search(&sequence[0]).expect("a whole sequence")] += 1.0;
        }
    }
    assert!(statistic(&counts, &vec![1.0; starts.len()]) < LIMIT);
    Ok(())
}

/// The same where a reservoir has torn gaps into the episodes.
#[test]
fn sequences_are_uniform_over_what_a_reservoir_leaves_whole() -> Result<()> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let builder = Buffer::builder(schema, CAPACITY).with_eviction(Reservoir::new(5));
    let mut buffer = builder.build(Sequences::new(2)?)?;
    push(&mut buffer, 0..180)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(8);
    let mut batch = Batch::new();
    let ids: Vec<_> = buffer.items().collect();
    buffer.gather(&ids, &mut batch)?;
    let held = batch.values(number)?.to_vec();
    let pairs = held.windows(2).filter(|pair| pair[1] == pair[0] + 1);
    let starts: Vec<i64> = pairs.map(|pair| pair[0]).collect();
    assert_eq!(buffer.sampler().available(), starts.len());
    assert!((30..90).contains(&starts.len()), "{}", starts.len());

    let mut counts = vec![0.0; starts.len()];
    for _ in 0..1000 {
        buffer.sample(100, rng, &mut batch)?;
        for sequence in batch.values(number)?.chunks(2) {
            assert_eq!(sequence[1], sequence[0] + 1);
            counts[starts.binary_search(&sequence[0]).expect("a whole sequence")] += 1.0;
        }
    }
    assert!(statistic(&counts, &vec![1.0; starts.len()]) < LIMIT);
    Ok(())
}

/// Of `n` items each is kept with probability `k/n`, whether it came early, late or in between.
#[test]
fn a_reservoir_keeps_early_and_late_items_alike() -> Result<()> {
    let (k, n, trials) = (5, 20, 20_000);
    let mut counts = vec![0.0; n];
    for seed in 0..trials {
        let builder = builder(k)?.with_eviction(Reservoir::new(seed));
        let mut buffer = builder.build(Uniform::new())?;
        let mut ids = Vec::new();
        for number in 0..n as i64 {
            ids.push(buffer.push(&[(&number).into()])?);
        }
        for id in buffer.items() {
            counts[ids.binary_search(&id).expect("one of these")] += 1.0;
        }
    }
    // k of n without replacement: the statistic is (n - k)/(n - 1) of a chi-square variable with
    // n - 1 degrees of freedom.
    let shrunk = (n - k) as f64 / (n - 1) as f64;
    assert!(statistic(&counts, &vec![1.0; n]) / shrunk < LIMIT_19);
    Ok(())
}

#[test]
fn samplers_keep_their_distribution_when_items_leave_in_any_order() -> Result<()> {
    let build = |sampler: Box<dyn Sampler>| -> Result<_> {
        let builder = builder(CAPACITY)?.with_eviction(LowestPriority::new());
        builder.with_max_times_sampled(1_000_000)?.build(sampler)
    };
    let samplers: [Box<dyn Sampler>; 3] = [
        Box::new(Uniform::new()),
        Box::new(Prioritized::new().with_epsilon(0.0)?),
        Box::new(RankBased::new().with_sort_interval(1)?),
    ];
    for (kind, sampler) in samplers.into_iter().enumerate() {
        let mut buffer = build(sampler)?;
        push(&mut buffer, 0..100)?;
        let ids: Vec<_> = buffer.items().collect();
        let first = priorities(7);
        buffer.set_priorities(&ids, &first)?;
        push(&mut buffer, 100..140)?; // in place of the 40 of lowest priority
        let mut sorted = first.clone();
        sorted.sort_by(f32::total_cmp);
        let mut held: Vec<f32> = first.iter().copied().filter(|p| *p >= sorted[40]).collect();
        held.resize(100, sorted[99]);
        let rank = |at: usize| {
            let ahead =
                |&other: &usize| held[other] > held[at] || (held[other] == held[at] && other < at);
            1 + (0..100).filter(ahead).count()
        };
        let proportions: Vec<f64> = match kind {
            0 => vec![1.0; 100],
            1 => held.iter().copied().map(mass).collect(),
            _ => (0..100).map(|at| (rank(at) as f64).powf(-0.7)).collect(),
        };
        assert!(chi_square(&mut buffer, 1, &proportions)? < LIMIT, "sampler {kind}");
    }
    Ok(())
}

/// Items that have been sampled often enough leave gaps, which others move into.
#[test]
fn uniform_over_what_is_left_when_spent_items_have_gone() -> Result<()> {
    let mut buffer = builder(CAPACITY)?.with_max_times_sampled(3)?.build(Uniform::new())?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    let (mut batch, mut counts) = (Batch::new(), vec![0.0; 20]);
    for _ in 0..10_000 {
        push(&mut buffer, 0..100)?;
        while buffer.len() > 20 {
            buffer.sample(10, rng, &mut batch)?;
        }
        if buffer.is_empty() {
            continue;
        }
        // Which of those that are left comes next, by age, from 0 to 1.
        let held: Vec<_> = buffer.items().collect();
        buffer.sample(1, rng, &mut batch)?;
        let at = held.iter().position(|id| *id == batch.items()[0]).expect("held");
        let part = (at as f64 + rng.random::<f64>()) / held.len() as f64;
        counts[(part * 20.0) as usize] += 1.0;
        buffer.clear();
    }
    assert!(statistic(&counts, &[1.0; 20]) < LIMIT_19);
    Ok(())
}

#[test]
fn a_mixture_draws_each_item_by_its_buffers_weight() -> Result<()> {
    let (mut first, mut second) = (buffer(Uniform::new())?, buffer(Uniform::new())?);
    push(&mut first, 0..40)?;
    push(&mut second, 40..100)?;
    let mut mixture = Mixture::new([(first, 3.0), (second, 1.0)])?;
    let mut proportions = vec![3.0 / 40.0; 40];
    proportions.resize(100, 1.0 / 60.0);
    assert!(statistic(&counts_of_numbers(&mut mixture, 11, 100)?, &proportions) < LIMIT);
    Ok(())
}

/// How often each number below `numbers` comes in 200,000 draws of one.
fn counts_of_numbers<S: Sampler>(
    mixture: &mut Mixture<S>,
    seed: u64,
    numbers: usize,
) -> Result<Vec<f64>> {
    let number = mixture.buffers()[0].schema().find::<i64>("number")?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut batch, mut counts) = (Batch::new(), vec![0.0; numbers]);
    for _ in 0..200_000 {
        mixture.sample(1, rng, &mut batch)?;
        counts[batch.values(number)?[0] as usize] += 1.0;
    }
    Ok(counts)
}

/// The same where one buffer has wrapped around and got new priorities, and another has lost those of
/// lowest priority.
#[test]
fn a_mixture_keeps_its_distribution_after_updates_and_evictions() -> Result<()> {
    let prioritized: Box<dyn Sampler> = Box::new(Prioritized::new().with_epsilon(0.0)?);
    let mut first = builder(60)?.build(prioritized)?;
    push(&mut first, 0..90)?; // 30 to 89
    let held = &priorities(10)[..60];
    let ids: Vec<_> = first.items().collect();
    first.set_priorities(&ids, held)?;
    let uniform: Box<dyn Sampler> = Box::new(Uniform::new());
    let mut second = builder(40)?.with_eviction(LowestPriority::new()).build(uniform)?;
    push(&mut second, 90..130)?;
    let ids: Vec<_> = second.items().collect();
    let low: Vec<f32> = (90..130).map(|n| if n % 2 == 0 { 0.5 } else { 2.0 }).collect();
    second.set_priorities(&ids, &low)?;
    push(&mut second, 130..150)?; // in place of the even ones

    let mut mixture = Mixture::new([(first, 3.0), (second, 1.0)])?;
    let total: f64 = held.iter().copied().map(mass).sum();
    let mut proportions = vec![0.0; 30];
    proportions.extend(held.iter().map(|&priority| 3.0 * mass(priority) / total));
    proportions.extend((90..150).map(|n| if n < 130 && n % 2 == 0 { 0.0 } else { 1.0 / 40.0 }));
    assert!(statistic(&counts_of_numbers(&mut mixture, 12, 150)?, &proportions) < LIMIT);
    Ok(())
}

#[test]
fn prioritized_draws_that_are_independent_have_the_same_distribution() -> Result<()> {
    let mut buffer = buffer(Prioritized::new().with_epsilon(0.0)?.with_strata(false))?;
    push(&mut buffer, 0..100)?;
    let ids: Vec<_> = buffer.items().collect();
    let held = priorities(9);
    buffer.set_priorities(&ids, &held)?;
    let expected: Vec<f64> = held.iter().copied().map(mass).collect();
    assert!(chi_square(&mut buffer, 200, &expected)? < LIMIT);
    Ok(())
}
