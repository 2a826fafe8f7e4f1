//! After warm-up, the parts in front of a buffer allocate nothing.

use reflux_replay::{Buffer, Episode, NStep, Result, Schema, Uniform};

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
