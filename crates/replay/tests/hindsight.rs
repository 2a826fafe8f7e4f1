//! Relabelled items against what they must be, and the chosen goals against their distribution.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, Column, Episode, Error, GoalStrategy, Hindsight, Result, Schema, Uniform,
};

struct Columns {
    step: Column<i64>,
    goal: Column<i32>,
    terminated: Column<bool>,
    reward: Column<f64>,
}

fn buffer() -> Result<(Buffer<Uniform>, Columns)> {
    let mut schema = Schema::new();
    let columns = Columns {
        step: schema.column("step", &[])?,
        goal: schema.column("goal", &[2])?,
        terminated: schema.column("terminated", &[])?,
        reward: schema.column("reward", &[])?,
    };
    Ok((Buffer::new(schema, 100_000, Uniform::new())?, columns))
}

/// A distance, so that every pair of goals has a reward of its own.
fn reward_of(achieved: &[i32], goal: &[i32]) -> f64 {
    -f64::from((achieved[0] - goal[0]).abs()) - f64::from((achieved[1] - goal[1]).abs()) / 1024.0
}

fn hindsight(
    schema: &Schema,
    columns: &Columns,
    strategy: GoalStrategy,
    environments: usize,
) -> Result<Hindsight<i32>> {
    Hindsight::new(schema, columns.goal, columns.reward, strategy, reward_of)?
        .with_terminated(columns.terminated, |achieved, goal| achieved == goal)?
        .with_environments(environments)
}

const WANTED: [i32; 2] = [-7, -7];

/// Plays an episode of `length` steps; step `s` of environment `e` achieves the goal `[s, e]`.
fn play(
    hindsight: &mut Hindsight<i32>,
    environment: usize,
    steps: std::ops::Range<i32>,
    ends: bool,
    rng: &mut Xoshiro256PlusPlus,
    buffer: &mut Buffer<Uniform>,
) -> Result<usize> {
    let mut items = 0;
    for step in steps.clone() {
        let achieved = [step, environment as i32];
        let number = i64::from(step) * 1000 + environment as i64;
        let reward = reward_of(&achieved, &WANTED);
        let values = [(&number).into(), (&WANTED).into(), (&false).into(), (&reward).into()];
        let over = ends && step == steps.end - 1;
        let episode = Episode::from_flags(false, over);
        items += hindsight.push(environment, &values, &achieved, episode, rng, buffer)?;
    }
    Ok(items)
}

fn strategy() -> impl Strategy<Value = GoalStrategy> {
    prop_oneof![
        Just(GoalStrategy::Final),
        (1_usize..5).prop_map(GoalStrategy::Future),
        (1_usize..5).prop_map(GoalStrategy::Episode),
        (1_usize..5).prop_map(GoalStrategy::Random),
    ]
}

proptest! {
    #[test]
    fn each_step_comes_as_it_was_and_with_goals_that_its_strategy_may_choose(
        strategy in strategy(),
        lengths in prop::collection::vec((1_i32..90, 1_i32..90), 1..6),
        seed in any::<u64>(),
    ) {
        let (mut buffer, columns) = buffer().unwrap();
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut hindsight = hindsight(buffer.schema(), &columns, strategy, 2).unwrap();
        let mut batch = Batch::new();
        for (first, second) in lengths {
            buffer.clear();
            // The second environment starts before, and ends after, the first one's episode.
            prop_assert_eq!(play(&mut hindsight, 1, 0..1, false, rng, &mut buffer).unwrap(), 0);
            // Another process goes on.
            let state = hindsight.state();
            hindsight = self::hindsight(buffer.schema(), &columns, strategy, 2).unwrap();
            hindsight.restore(&state).unwrap();
            play(&mut hindsight, 0, 0..first, true, rng, &mut buffer).unwrap();
            let ends = play(&mut hindsight, 1, 1..second + 1, true, rng, &mut buffer).unwrap();
            let copies = 1 + strategy.goals_per_step();
            prop_assert_eq!(ends, copies * (second + 1) as usize);
            prop_assert_eq!(buffer.len(), copies * (first + second + 1) as usize);

            buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch).unwrap();
            let goals = batch.matrix(columns.goal).unwrap();
            for row in 0..batch.len() {
                let (environment, step) = match row / copies {
                    index if index < first as usize => (0, index as i32),
                    index => (1, index as i32 - first),
                };
                let length = if environment == 0 { first } else { second + 1 };
                let number = i64::from(step) * 1000 + i64::from(environment);
                prop_assert_eq!(batch.values(columns.step).unwrap()[row], number);

                let goal = [goals[[row, 0]], goals[[row, 1]]];
                let achieved = [step, environment];
                let reward = batch.values(columns.reward).unwrap()[row];
                prop_assert_eq!(reward, reward_of(&achieved, &goal));
                let terminated = batch.values(columns.terminated).unwrap()[row];
                if row % copies == 0 {
                    prop_assert_eq!((goal, terminated), (WANTED, false));
                    continue;
                }
                prop_assert_eq!(terminated, goal == achieved);
                match strategy {
                    GoalStrategy::Final => prop_assert_eq!(goal, [length - 1, environment]),
                    GoalStrategy::Future(_) => {
                        prop_assert!((step..length).contains(&goal[0]) && goal[1] == environment);
                    }
                    GoalStrategy::Episode(_) => {
                        prop_assert!((0..length).contains(&goal[0]) && goal[1] == environment);
                    }
                    GoalStrategy::Random(_) => prop_assert!(goal[0] >= 0 && goal[1] >= 0),
                }
            }
        }
    }
}

/// With what waits and what is remembered, a restored one does what the other would have done.
#[test]
fn a_restored_one_goes_on_exactly() -> Result<()> {
    let (buffer, columns) = buffer()?;
    let strategy = GoalStrategy::Random(3);
    let new = || hindsight(buffer.schema(), &columns, strategy, 2)?.with_goal_memory(20);
    let (mut first, mut scratch) = (new()?, self::buffer()?.0);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(8);
    play(&mut first, 0, 0..30, true, rng, &mut scratch)?;
    play(&mut first, 1, 0..70, false, rng, &mut scratch)?;
    let state = first.state();
    let mut second = new()?;
    for len in 0..state.len() {
        assert!(matches!(second.restore(&state[..len]), Err(Error::Format { .. })));
    }
    second.restore(&state)?;
    let mut contents = Vec::new();
    for hindsight in [&mut first, &mut second] {
        let (mut buffer, mut batch) = (self::buffer()?.0, Batch::new());
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(9);
        play(hindsight, 1, 70..90, true, rng, &mut buffer)?;
        buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
        contents
            .push((batch.matrix(columns.goal)?.to_owned(), batch.values(columns.step)?.to_vec()));
    }
    assert_eq!(contents[0].1.len(), 90 * 4);
    assert_eq!(contents[0], contents[1]);
    let mut other = hindsight(buffer.schema(), &columns, GoalStrategy::Final, 2)?;
    assert!(matches!(other.restore(&state), Err(Error::ForeignCheckpoint { .. })));
    Ok(())
}

/// Pearson's statistic of observed counts against equal probabilities.
fn chi_square(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
}

/// How often each of 10 steps' goals is chosen for step `of`, in many episodes.
fn goal_counts(strategy: GoalStrategy, of: usize) -> Result<Vec<u64>> {
    let (mut buffer, columns) = buffer()?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    let mut hindsight = hindsight(buffer.schema(), &columns, strategy, 1)?;
    let copies = 1 + strategy.goals_per_step();
    let (mut counts, mut batch) = (vec![0; 10], Batch::new());
    for _ in 0..3000 {
        buffer.clear();
        play(&mut hindsight, 0, 0..10, true, rng, &mut buffer)?;
        let items: Vec<_> = buffer.items().skip(of * copies + 1).take(copies - 1).collect();
        buffer.gather(&items, &mut batch)?;
        batch.matrix(columns.goal)?.column(0).iter().for_each(|&goal| counts[goal as usize] += 1);
    }
    Ok(counts)
}

// The bounds are the 99.9% quantiles of chi-square with one degree of freedom less than there are
// possible goals.
#[test]
fn future_goals_are_uniform_over_the_step_and_those_after_it() -> Result<()> {
    let counts = goal_counts(GoalStrategy::Future(4), 3)?;
    assert_eq!((counts[..3].iter().sum::<u64>(), counts.iter().sum::<u64>()), (0, 12_000));
    assert!(chi_square(&counts[3..]) < 22.46, "{counts:?}");
    Ok(())
}

#[test]
fn episode_and_random_goals_are_uniform_over_the_episode() -> Result<()> {
    for strategy in [GoalStrategy::Episode(4), GoalStrategy::Random(4)] {
        let counts = goal_counts(strategy, 7)?;
        assert_eq!(counts.iter().sum::<u64>(), 12_000);
        assert!(chi_square(&counts) < 27.88, "{strategy:?} {counts:?}");
    }
    Ok(())
}

#[test]
fn random_goals_come_from_early_and_late_episodes_alike_though_few_are_remembered() -> Result<()> {
    let (mut buffer, columns) = buffer()?;
    let mut counts = vec![0; 20];
    for seed in 0..400 {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut hindsight = hindsight(buffer.schema(), &columns, GoalStrategy::Random(1), 1)?
            .with_goal_memory(10)?;
        // Twenty episodes of ten steps, each with goals of its own; the memory has room for one.
        for episode in 0..20 {
            buffer.clear();
            play(&mut hindsight, 0, episode * 10..(episode + 1) * 10, true, rng, &mut buffer)?;
        }
        // Draws of one run are dependent: one goal of each run is looked at.
        let mut batch = Batch::new();
        let item = buffer.items().nth(2 * rng.random_range(0..10) + 1).expect("an item");
        buffer.gather(&[item], &mut batch)?;
        counts[batch.values(columns.goal)?[0] as usize / 10] += 1;
    }
    assert!(chi_square(&counts) < 43.82, "{counts:?}");
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let (mut buffer, columns) = buffer()?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut hindsight = hindsight(buffer.schema(), &columns, GoalStrategy::Final, 1)?;
    let values = [(&1_i64).into(), (&WANTED).into(), (&false).into(), (&0.0_f64).into()];
    let over = Episode::Truncated;
    let short = hindsight.push(0, &values, &[1], over, rng, &mut buffer).unwrap_err();
    assert_eq!(short.to_string(), r#"column "goal (achieved)" needs 2 elements for 1 rows, got 1"#);
    let result = hindsight.push(1, &values, &[1, 2], over, rng, &mut buffer);
    assert!(matches!(result, Err(Error::Environment { environment: 1, environments: 1 })));
    let result = hindsight.push(0, &values[..3], &[1, 2], over, rng, &mut buffer);
    assert!(matches!(result, Err(Error::ColumnCount { expected: 4, got: 3 })));
    assert_eq!((hindsight.reset(0)?, buffer.len()), (0, 0));

    hindsight.push(0, &values, &[1, 2], Episode::Continues, rng, &mut buffer)?;
    assert_eq!(hindsight.flush(0, rng, &mut buffer)?, 2);
    assert_eq!((hindsight.flush(0, rng, &mut buffer)?, buffer.len()), (0, 2));

    let none = GoalStrategy::Future(0);
    let error = Hindsight::new(buffer.schema(), columns.goal, columns.reward, none, reward_of);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the number of goals for each step must be at least 1, got 0"
    );
    Ok(())
}

#[test]
fn what_stands_in_front_of_a_buffer_can_be_moved_to_another_thread() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Hindsight<f32>>();
    is_send::<reflux_replay::NStep>();
    is_send::<reflux_replay::RateLimiter>();
    is_sync::<reflux_replay::RateLimiter>();
}
