//! After warm-up, the parts in front of a buffer allocate nothing.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Buffer, Episode, GoalStrategy, Hindsight, NStep, Result, Schema, Uniform};

mod counting;

#[test]
fn n_step_items_are_assembled_without_allocating() -> Result<()> {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    let reward = schema.column::<f64>("reward", &[])?;
    let next = schema.column::<f32>("next_observation", &[4])?;
    let discount = schema.column::<f32>("discount", &[])?;
    let mut buffer = Buffer::new(schema, 100, Uniform::new())?;
    let mut steps = NStep::new(buffer.schema(), reward, discount, 5, 0.99)?
        .with_last(next)?
        .with_environments(3)?;

    let before = counting::allocations();
    assert!(before > 0, "the allocator counts");
    let mut items = 0;
    for step in 0..1000 {
        let values = [(&[1.0_f32; 4]).into(), (&0.5_f64).into(), (&[2.0_f32; 4]).into()];
        let episode = Episode::from_flags(step % 17 == 0, step % 29 == 0);
        items += steps.push(step % 3, &values, episode, &mut buffer)?;
    }
    assert_eq!(counting::allocations(), before);
    assert!(items > 900);
    Ok(())
}

#[test]
fn hindsight_allocates_nothing_once_it_has_seen_the_longest_episode() -> Result<()> {
    let mut schema = Schema::new();
    let goal = schema.column::<i32>("goal", &[2])?;
    let reward = schema.column::<f32>("reward", &[])?;
    schema.column::<f32>("observation", &[4])?;
    let mut buffer = Buffer::new(schema, 100, Uniform::new())?;
    let arrived = |achieved: &[i32], goal: &[i32]| f32::from(achieved == goal);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    for strategy in [GoalStrategy::Final, GoalStrategy::Future(4), GoalStrategy::Random(2)] {
        let mut hindsight = Hindsight::new(buffer.schema(), goal, reward, strategy, arrived)?
            .with_goal_memory(200)?
            .with_environments(2)?;
        let mut episodes = |lengths: &[i32]| -> Result<usize> {
            let mut items = 0;
            for (&length, step) in lengths.iter().flat_map(|l| (0..*l).map(move |s| (l, s))) {
                let values = [(&[9, 9]).into(), (&0.0_f32).into(), (&[1.0_f32; 4]).into()];
                let episode = Episode::from_flags(false, step == length - 1);
                for environment in 0..2 {
                    let achieved = [step, environment as i32];
                    items += hindsight.push(
                        environment,
                        &values,
                        &achieved,
                        episode,
                        rng,
                        &mut buffer,
                    )?;
                }
            }
            Ok(items)
        };
        episodes(&[150])?;
        let before = counting::allocations();
        let items = episodes(&[150, 3, 90])?;
        assert_eq!(counting::allocations(), before, "{strategy:?}");
        assert_eq!(items, 2 * (150 + 3 + 90) * (1 + strategy.goals_per_step()));
    }
    Ok(())
}
