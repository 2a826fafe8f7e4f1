//! Writers allocate nothing once they are made, and the learner nothing when it receives.

use std::thread;

use reflux_replay::{
    Buffer, Episode, NStep, Prioritized, RateLimiter, Result, Schema, SharedBuffer, Writer,
};

mod counting;

#[test]
fn writers_and_the_learner_allocate_nothing() -> Result<()> {
    const ITEMS: usize = 20_000;
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    let reward = schema.column::<f32>("reward", &[])?;
    let discount = schema.column::<f32>("discount", &[])?;
    let buffer = Buffer::new(schema, 5_000, Prioritized::new())?;
    let limiter = RateLimiter::new(1.0, 1, 1e6)?;
    let mut shared =
        SharedBuffer::new(buffer).with_block(16)?.with_blocks(2)?.with_rate_limiter(limiter);

    let write = move |mut writer: Writer| -> Result<usize> {
        let mut steps = NStep::new(writer.schema(), reward, discount, 3, 0.99)?;
        let mut before = 0;
        for step in 0..ITEMS {
            if step == 1 {
                before = counting::allocations();
            }
            let values = [(&[0.5_f32; 4]).into(), (&1.0_f32).into()];
            let episode = Episode::from_flags(step % 100 == 99, false);
            steps.push(0, &values, episode, &mut writer)?;
            if step % 37 == 0 {
                writer.flush()?;
            }
            let two = [(&[0.5_f32; 8]).into(), (&[1.0_f32; 2]).into(), (&[1.0_f32; 2]).into()];
            writer.push_batch(2, &two)?;
        }
        let after = counting::allocations();
        steps.flush(0, &mut writer)?;
        Ok(after - before)
    };
    let (first, second) = (shared.writer()?, shared.writer()?);
    thread::scope(|scope| {
        let threads = [scope.spawn(move || write(first)), scope.spawn(move || write(second))];
        let before = counting::allocations();
        assert!(before > 0, "the allocator counts");
        let mut received = 0;
        while shared.writers() > 0 {
            received += shared.receive()?;
        }
        assert_eq!(counting::allocations(), before, "by the learner");
        assert_eq!(received, 2 * 3 * ITEMS);
        for thread in threads {
            assert_eq!(thread.join().expect("no panic")?, 0, "by a writer");
        }
        Ok(())
    })
}
