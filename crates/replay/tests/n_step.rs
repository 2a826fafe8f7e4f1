//! n-step items of random episodes, with both kinds of ending, against a loop over each episode.

use proptest::prelude::*;
use reflux_replay::{Batch, Buffer, Column, Episode, Error, NStep, Result, Schema, Uniform, Value};

/// One step: its number, which stands for its observation and names it, and its reward.
#[derive(Debug, Clone, Copy)]
struct Step {
    number: i64,
    reward: f32,
    episode: Episode,
}

/// What is expected of an item, and what is found in the buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Item {
    first: i64,
    last: i64,
    reward: f64,
    discount: f64,
}

/// The steps of one environment. The last episode may not have ended yet.
fn steps() -> impl Strategy<Value = Vec<(f32, Episode)>> {
    let episode = prop_oneof![
        6 => Just(Episode::Continues),
        1 => Just(Episode::Terminated),
        1 => Just(Episode::Truncated),
    ];
    prop::collection::vec((-10.0_f32..10.0, episode), 0..60)
}

/// The definition, step by step: for each step, the rewards of up to n steps of its episode.
fn brute_force(steps: &[Step], n: usize, gamma: f64) -> Vec<Item> {
    let mut items = Vec::new();
    for first in 0..steps.len() {
        let (mut reward, mut last) = (0.0, first);
        for k in 0..n {
            let Some(step) = steps.get(first + k) else { break };
            reward += gamma.powi(k as i32) * f64::from(step.reward);
            last = first + k;
            if step.episode.is_over() {
                break;
            }
        }
        let m = last - first + 1;
        if m < n && !steps[last].episode.is_over() {
            break; // It waits for more steps.
        }
        let discount =
            if steps[last].episode == Episode::Terminated { 0.0 } else { gamma.powi(m as i32) };
        items.push(Item { first: steps[first].number, last: steps[last].number, reward, discount });
    }
    items
}

struct Columns {
    first: Column<i64>,
    last: Column<i64>,
    reward: Column<f64>,
    discount: Column<f64>,
}

fn columns() -> Result<(Schema, Columns)> {
    let mut schema = Schema::new();
    let columns = Columns {
        last: schema.column("last", &[])?,
        discount: schema.column("discount", &[])?,
        first: schema.column("first", &[])?,
        reward: schema.column("reward", &[])?,
    };
    Ok((schema, columns))
}

fn contents(buffer: &Buffer<Uniform>, columns: &Columns) -> Result<Vec<Item>> {
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    let items = (0..batch.len()).map(|row| {
        Ok(Item {
            first: batch.values(columns.first)?[row],
            last: batch.values(columns.last)?[row],
            reward: batch.values(columns.reward)?[row],
            discount: batch.values(columns.discount)?[row],
        })
    });
    items.collect()
}

fn assert_close(items: &[Item], expected: &[Item]) {
    assert_eq!(items.len(), expected.len());
    for (item, expected) in items.iter().zip(expected) {
        assert_eq!((item.first, item.last), (expected.first, expected.last));
        assert!((item.reward - expected.reward).abs() < 1e-12, "{item:?} {expected:?}");
        assert!((item.discount - expected.discount).abs() < 1e-12, "{item:?} {expected:?}");
        assert_eq!(item.discount == 0.0, expected.discount == 0.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn items_are_those_of_the_definition(
        environments in prop::collection::vec(steps(), 1..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 300),
        n in 1_usize..8,
        gamma in 0.1..=1.0_f64,
        interrupted in 0_usize..300,
    ) {
        // Steps are numbered through, so that an item of two environments would be noticed.
        let mut number = 0;
        let environments: Vec<Vec<Step>> = environments.iter().map(|steps| {
            steps.iter().map(|&(reward, episode)| {
                number += 1;
                Step { number, reward, episode }
            }).collect()
        }).collect();

        let (schema, columns) = columns().unwrap();
        let mut buffer = Buffer::new(schema.clone(), 1000, Uniform::new()).unwrap();
        let new = || {
            NStep::new(&schema, columns.reward, columns.discount, n, gamma)
                .and_then(|steps| steps.with_last(columns.last))
                .and_then(|steps| steps.with_environments(environments.len()))
                .unwrap()
        };
        let mut assembler = new();

        // The environments take turns in a random order; each one's items are in its order.
        let mut queues: Vec<_> = environments.iter().map(|steps| steps.iter()).collect();
        let mut expected = Vec::new();
        let mut taken = vec![0; environments.len()];
        let mut emitted = vec![0; environments.len()];
        for (index, turn) in order.into_iter().enumerate() {
            if index == interrupted {
                // Another process goes on.
                let state = assembler.state();
                assembler = new();
                assembler.restore(&state).unwrap();
            }
            let environment = turn.index(environments.len());
            let Some(step) = queues[environment].next() else { continue };
            let reward = f64::from(step.reward);
            let values = [(&step.number).into(), (&step.number).into(), (&reward).into()];
            let count = assembler.push(environment, &values, step.episode, &mut buffer).unwrap();

            taken[environment] += 1;
            let so_far = brute_force(&environments[environment][..taken[environment]], n, gamma);
            prop_assert_eq!(so_far.len() - emitted[environment], count);
            expected.extend_from_slice(&so_far[emitted[environment]..]);
            emitted[environment] = so_far.len();
        }
        assert_close(&contents(&buffer, &columns).unwrap(), &expected);
    }
}

#[test]
fn a_state_that_does_not_fit_is_an_error_and_changes_nothing() -> Result<()> {
    let (schema, columns) = columns()?;
    let new = |n, gamma| NStep::new(&schema, columns.reward, columns.discount, n, gamma);
    let mut assembler = new(3, 0.9)?;
    for number in [1_i64, 2] {
        let values = [(&number).into(), (&number).into(), (&0.5_f64).into()];
        assembler.push_with(0, &values, Episode::Continues, |_| Ok::<_, Error>(()))?;
    }
    let state = assembler.state();
    for mut other in [new(4, 0.9)?, new(3, 0.8)?, new(3, 0.9)?.with_environments(2)?] {
        assert!(matches!(other.restore(&state), Err(Error::ForeignCheckpoint { .. })));
    }
    let mut fresh = new(3, 0.9)?;
    for len in 0..state.len() {
        assert!(matches!(fresh.restore(&state[..len]), Err(Error::Format { .. })));
        let mut flipped = state.clone();
        flipped[len] ^= 1;
        assert!(matches!(fresh.restore(&flipped), Err(Error::Format { .. })));
    }
    assert_eq!(fresh.reset(0)?, 0);
    fresh.restore(&state)?;
    assert_eq!(fresh.reset(0)?, 2);
    Ok(())
}

#[test]
fn n_of_one_passes_every_step_on_as_it_is() -> Result<()> {
    let (schema, columns) = columns()?;
    let mut assembler = NStep::new(&schema, columns.reward, columns.discount, 1, 0.9)?;
    let endings = [Episode::Continues, Episode::Truncated, Episode::Terminated];
    for (episode, discount) in endings.into_iter().zip([0.9, 0.9, 0.0]) {
        let values = [(&5_i64).into(), (&6_i64).into(), (&0.1_f64).into()];
        let expected: [Value<'_>; 4] = [values[0], (&discount).into(), values[1], values[2]];
        let mut items = 0;
        assembler.push_with(0, &values, episode, |item| {
            assert_eq!(item, expected);
            items += 1;
            Ok::<_, Error>(())
        })?;
        assert_eq!(items, 1);
    }
    Ok(())
}

fn four_columns() -> (Schema, Column<f64>, Column<f32>, Column<i32>) {
    let mut schema = Schema::new();
    let discount = schema.column("discount", &[]).expect("a column");
    let reward = schema.column("reward", &[1]).expect("a column");
    let next = schema.column("next", &[]).expect("a column");
    schema.column::<u8>("pair", &[2]).expect("a column");
    (schema, discount, reward, next)
}

#[test]
fn settings_and_columns_are_checked() {
    let (schema, discount, reward, next) = four_columns();
    let message =
        |n, gamma| NStep::new(&schema, reward, discount, n, gamma).unwrap_err().to_string();
    assert_eq!(message(0, 0.9), "n must be at least 1, got 0");
    assert_eq!(message(1, 1.1), "gamma must be between 0 and 1, got 1.1");
    assert_eq!(message(1, f64::NAN), "gamma must be between 0 and 1, got NaN");
    assert!(matches!(
        NStep::new(&schema, reward, discount, usize::MAX, 0.9),
        Err(Error::Memory { .. })
    ));
    assert_eq!(
        NStep::new(&schema, reward, reward, 1, 0.9).unwrap_err().to_string(),
        r#"column "reward" of shape [1] cannot be the reward and the discount at once"#
    );

    let steps = NStep::new(&schema, reward, discount, 3, 0.9).unwrap();
    assert_eq!((steps.n(), steps.gamma(), steps.environments()), (3, 0.9, 1));
    assert!(matches!(steps.clone().with_last(reward), Err(Error::Role { .. })));
    assert!(matches!(steps.clone().with_environments(0), Err(Error::Setting { .. })));
    assert!(matches!(steps.clone().with_environments(usize::MAX), Err(Error::Memory { .. })));
    assert!(steps.with_last(next).is_ok());

    let mut other = Schema::new();
    let wide = other.column::<f32>("wide", &[2]).unwrap();
    assert!(matches!(
        NStep::new(&schema, wide, discount, 1, 0.9),
        Err(Error::ForeignColumn { .. })
    ));
    let discount = other.column::<f32>("discount", &[]).unwrap();
    assert_eq!(
        NStep::new(&other, wide, discount, 1, 0.9).unwrap_err().to_string(),
        r#"column "wide" of shape [2] must have one element an item"#
    );
}

#[test]
fn a_step_that_does_not_fit_changes_nothing() {
    let (schema, discount, reward, next) = four_columns();
    let mut buffer = Buffer::new(schema.clone(), 9, Uniform::new()).unwrap();
    let mut steps = NStep::new(&schema, reward, discount, 2, 0.5).unwrap().with_last(next).unwrap();
    let good = [(&1.0_f32).into(), (&7_i32).into(), (&[1_u8, 2]).into()];
    let wrong_type = [good[0], (&7_i64).into(), good[2]];
    let too_short = [good[0], good[1], (&1_u8).into()];
    let message = |result: Result<usize>| result.unwrap_err().to_string();
    let over = Episode::Terminated;
    assert_eq!(
        message(steps.push(1, &good, over, &mut buffer)),
        "environments are numbered from 0 to 0, got 1"
    );
    assert_eq!(
        message(steps.push(0, &good[..2], over, &mut buffer)),
        "one value a column is needed, 3 in all, got 2"
    );
    assert_eq!(
        message(steps.push(0, &wrong_type, over, &mut buffer)),
        r#"column "next" holds i32, got i64"#
    );
    assert_eq!(
        message(steps.push(0, &too_short, over, &mut buffer)),
        r#"column "pair" needs 2 elements for 1 rows, got 1"#
    );
    assert!(buffer.is_empty());
    assert_eq!(steps.reset(0).unwrap(), 0);

    assert_eq!(steps.push(0, &good, Episode::Continues, &mut buffer).unwrap(), 0);
    let full = |_: &[Value<'_>]| Err(Error::Empty);
    assert!(steps.push_with(0, &good, Episode::Continues, full).is_err());
    assert_eq!(steps.reset(0).unwrap(), 1, "the step that was refused is not there");
}

#[test]
fn flushed_steps_are_bootstrapped() {
    let (schema, discount, reward, next) = four_columns();
    let mut buffer = Buffer::new(schema.clone(), 9, Uniform::new()).unwrap();
    let mut steps = NStep::new(&schema, reward, discount, 3, 0.5).unwrap().with_last(next).unwrap();
    for t in 1..=2 {
        let values = [(&1.0_f32).into(), (&t).into(), (&[0_u8, 0]).into()];
        assert_eq!(steps.push(0, &values, Episode::Continues, &mut buffer).unwrap(), 0);
    }
    assert_eq!(steps.flush(0, &mut buffer).unwrap(), 2);
    assert_eq!(steps.flush(0, &mut buffer).unwrap(), 0);
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch).unwrap();
    assert_eq!(batch.values(discount).unwrap(), [0.25, 0.5]);
    assert_eq!(batch.values(reward).unwrap(), [1.5, 1.0]);
    assert_eq!(batch.values(next).unwrap(), [2, 2]);
}
