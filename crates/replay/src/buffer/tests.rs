//! What a buffer does, seen from outside.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::{Column, Prioritized, RankBased, Sequences, Uniform, WithoutReplacement};

/// Rows of a scalar and a pair.
fn buffer<S: Sampler>(capacity: usize, sampler: S) -> (Buffer<S>, Column<i64>, Column<f32>) {
    let mut schema = Schema::new();
    let scalar = schema.column("scalar", &[]).unwrap();
    let pair = schema.column("pair", &[2]).unwrap();
    (Buffer::new(schema, capacity, sampler).unwrap(), scalar, pair)
}

fn push<S: Sampler>(buffer: &mut Buffer<S>, n: i64) -> ItemId {
    buffer.push(&[(&n).into(), (&[n as f32, -n as f32]).into()]).unwrap()
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(5)
}

#[test]
fn the_oldest_items_are_overwritten_first() {
    let (mut buffer, scalar, pair) = buffer(3, Uniform::new());
    let ids: Vec<_> = (0..5).map(|n| push(&mut buffer, n)).collect();
    assert_eq!((buffer.len(), buffer.capacity(), buffer.is_empty()), (3, 3, false));
    assert!(buffer.items().eq(ids[2..].iter().copied()));

    let mut batch = Batch::new();
    buffer.gather(&ids[2..], &mut batch).unwrap();
    assert_eq!(batch.values(scalar).unwrap(), [2, 3, 4]);
    assert_eq!(batch.values(pair).unwrap(), [2.0, -2.0, 3.0, -3.0, 4.0, -4.0]);
    assert_eq!(batch.matrix(pair).unwrap()[[1, 1]], -3.0);
    assert_eq!(batch.matrix(scalar).unwrap().dim(), (3, 1));
    assert_eq!(batch.array(scalar).unwrap().shape(), [3]);
    assert_eq!((batch.items(), batch.weights()), (&ids[2..], &[1.0; 3][..]));

    assert!(matches!(buffer.gather(&ids, &mut batch), Err(Error::Stale(id)) if id == ids[0]));
    assert_eq!(batch.len(), 3, "an error leaves the batch alone");
}

#[test]
fn a_column_comes_back_in_its_shape() {
    let mut schema = Schema::new();
    let image = schema.column::<u8>("image", &[2, 3]).unwrap();
    let mut buffer = Buffer::new(schema, 4, Uniform::new()).unwrap();
    let id = buffer.push(&[(&[0_u8, 1, 2, 3, 4, 5]).into()]).unwrap();
    let mut batch = Batch::new();
    buffer.gather(&[id, id], &mut batch).unwrap();
    let array = batch.array(image).unwrap();
    assert_eq!(array.shape(), [2, 2, 3]);
    assert_eq!(array[[1, 1, 2]], 5);
    assert_eq!(batch.matrix(image).unwrap().dim(), (2, 6));
}

#[test]
fn one_batch_serves_buffers_of_different_columns() {
    let (mut one, scalar, _) = buffer(3, Uniform::new());
    push(&mut one, 7);
    let mut schema = Schema::new();
    let flag = schema.column::<bool>("flag", &[]).unwrap();
    let mut two = Buffer::new(schema, 3, Uniform::new()).unwrap();
    two.push(&[(&true).into()]).unwrap();

    let mut batch = Batch::new();
    assert!(matches!(batch.values(scalar), Err(Error::ForeignColumn { .. })));
    one.sample(4, &mut rng(), &mut batch).unwrap();
    assert_eq!(batch.values(scalar).unwrap(), [7; 4]);
    two.sample(2, &mut rng(), &mut batch).unwrap();
    assert_eq!(batch.values(flag).unwrap(), [true; 2]);
    assert!(matches!(batch.matrix(scalar), Err(Error::ForeignColumn { .. })));
    assert!(matches!(batch.array(scalar), Err(Error::ForeignColumn { .. })));
}

#[test]
fn a_push_that_fails_stores_nothing() {
    let (mut buffer, ..) = buffer(3, Uniform::new());
    let good = Value::from(&1_i64);
    let message = |result: Result<ItemId>| result.unwrap_err().to_string();
    assert_eq!(message(buffer.push(&[good])), "one value a column is needed, 2 in all, got 1");
    assert_eq!(
        message(buffer.push(&[good, (&[1.0_f64, 2.0]).into()])),
        r#"column "pair" holds f32, got f64"#
    );
    assert_eq!(
        message(buffer.push(&[good, (&[1.0_f32]).into()])),
        r#"column "pair" needs 2 elements for 1 rows, got 1"#
    );
    let pairs = [0.0_f32; 4];
    let result = buffer.push_batch(3, &[(&[1_i64, 2, 3]).into(), (&pairs).into()]);
    assert_eq!(
        result.unwrap_err().to_string(),
        r#"column "pair" needs 6 elements for 3 rows, got 4"#
    );
    assert!(buffer.push_batch(usize::MAX, &[good, (&pairs).into()]).is_err());
    assert!(buffer.is_empty());
}

#[test]
fn priorities_are_set_all_or_none() {
    let (mut buffer, ..) = buffer(3, Prioritized::new().with_epsilon(0.0).unwrap());
    let ids: Vec<_> = (0..3).map(|n| push(&mut buffer, n)).collect();
    buffer.set_priorities(&ids, &[0.0, 5.0, 0.0]).unwrap();
    for bad in [f32::NAN, f32::INFINITY, -1.0] {
        let result = buffer.set_priorities(&ids, &[1.0, 1.0, bad]);
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Priority { index: 2, .. }));
        let expected = format!("priorities must be finite and >= 0, got {bad} at index 2");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(
        buffer.set_priorities(&ids, &[1.0]).unwrap_err().to_string(),
        "one priority an item is needed, got 1 for 3 items"
    );
    let mut batch = Batch::new();
    buffer.sample(20, &mut rng(), &mut batch).unwrap();
    assert_eq!(batch.items(), [ids[1]; 20]);
    buffer.set_priorities(&ids, &[0.0; 3]).unwrap();
    let result = buffer.sample(20, &mut rng(), &mut batch);
    assert!(matches!(result, Err(Error::AllZero)));
    assert!(batch.is_empty());
}

#[test]
fn stale_ids_are_skipped_and_counted() {
    let (mut buffer, ..) = buffer(3, Prioritized::new().with_epsilon(0.0).unwrap());
    let ids: Vec<_> = (0..5).map(|n| push(&mut buffer, n)).collect();
    // 0 and 1 are gone; their slots are those of 3 and 4 now.
    assert_eq!(buffer.set_priorities(&ids, &[9.0, 9.0, 0.0, 2.0, 0.0]).unwrap(), 2);
    let mut batch = Batch::new();
    buffer.sample(20, &mut rng(), &mut batch).unwrap();
    assert_eq!(batch.items(), [ids[3]; 20]);
}

#[test]
fn nothing_can_be_sampled_from_nothing() {
    let (mut buffer, ..) = buffer(3, Uniform::new());
    let mut batch = Batch::new();
    let result = buffer.sample(1, &mut rng(), &mut batch);
    assert_eq!(result.unwrap_err().to_string(), "the buffer is empty: push before sampling");
    push(&mut buffer, 0);
    let result = buffer.sample(0, &mut rng(), &mut batch);
    assert_eq!(result.unwrap_err().to_string(), "batch size must be at least 1, got 0");
    buffer.clear();
    assert!(matches!(buffer.sample(1, &mut rng(), &mut batch), Err(Error::Empty)));
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot ask the system")]
fn memory_that_is_not_there_is_an_error_with_the_figure() {
    let mut schema = Schema::new();
    schema.column::<f32>("x", &[4]).unwrap();
    let new = |capacity| Buffer::new(schema.clone(), capacity, Prioritized::new());
    for capacity in [1 << 50, usize::MAX] {
        let Err(Error::Memory { needed, available, .. }) = new(capacity) else {
            panic!("{capacity} items fit")
        };
        assert!(needed >= capacity as u128 * (16 + 8) && available > 0);
    }
    let message = new(1 << 50).unwrap_err().to_string();
    let start = "a buffer of 1125899906842624 items needs ";
    assert!(message.starts_with(start) && message.contains(" bytes are available"), "{message}");

    let mut buffer = new(1).unwrap();
    buffer.push(&[(&[0.0_f32; 4]).into()]).unwrap();
    let mut batch = Batch::new();
    for size in [1 << 50, usize::MAX] {
        let result = buffer.sample(size, &mut rng(), &mut batch);
        assert!(matches!(result, Err(Error::Memory { .. })));
        assert!(batch.is_empty());
    }
    buffer.sample(3, &mut rng(), &mut batch).unwrap();
}

#[test]
fn a_buffer_needs_room_and_columns() {
    let error = Buffer::new(Schema::new(), 3, Uniform::new()).unwrap_err();
    assert!(error.to_string().starts_with("a buffer needs at least one column"));
    let mut schema = Schema::new();
    schema.column::<f32>("x", &[]).unwrap();
    let error = Buffer::new(schema, 0, Uniform::new()).unwrap_err();
    assert_eq!(error.to_string(), "capacity must be at least 1, got 0");
}

#[test]
fn it_knows_its_bytes() {
    let (uniform, ..) = buffer(1000, Uniform::new());
    assert_eq!(uniform.bytes(), 1000 * (8 + 2 * 4));
    let (prioritized, ..) = buffer(1000, Prioritized::new());
    assert!(prioritized.bytes() > uniform.bytes() + 1000 * 8);
    assert_eq!(prioritized.schema().bytes_per_item(), 16);
}

#[test]
fn progress_is_a_fraction_and_reaches_the_sampler() {
    let (mut buffer, ..) = buffer(1, Prioritized::new());
    buffer.set_progress(1.0).unwrap();
    assert_eq!(buffer.sampler().beta(), 1.0);
    for bad in [-0.5, 1.5, f64::NAN] {
        assert!(matches!(buffer.set_progress(bad), Err(Error::Setting { name: "progress", .. })));
    }
    assert_eq!(buffer.sampler().beta(), 1.0);
}

/// Draws one slot after another, whether there is an item or not.
struct Blind;

impl Sampler for Blind {
    fn draw(
        &mut self,
        _len: usize,
        _rng: &mut dyn RngCore,
        slots: &mut [usize],
        _weights: &mut [f32],
    ) -> Result<()> {
        slots.iter_mut().enumerate().for_each(|(i, slot)| *slot = i);
        Ok(())
    }
}

#[test]
fn a_sampler_that_draws_what_is_not_there_is_an_error() {
    let (mut buffer, ..) = buffer(5, Blind);
    push(&mut buffer, 0);
    push(&mut buffer, 1);
    let mut batch = Batch::new();
    buffer.sample(2, &mut rng(), &mut batch).unwrap();
    let error = buffer.sample(3, &mut rng(), &mut batch).unwrap_err();
    assert_eq!(error.to_string(), "the sampler drew slot 2, but only slots below 2 hold an item");
    assert!(batch.is_empty());
}

#[test]
fn a_sampler_put_in_later_is_an_error_not_a_panic() {
    let (mut buffer, ..) = buffer(2, Prioritized::new());
    let id = push(&mut buffer, 0);
    *buffer.sampler_mut() = Prioritized::new();
    buffer.set_priorities(&[id], &[1.0]).unwrap();
    push(&mut buffer, 1);
    let result = buffer.sample(1, &mut rng(), &mut Batch::new());
    assert!(matches!(result, Err(Error::AllZero)));
}

#[test]
fn samplers_that_know_nothing_of_the_items_say_so() {
    let new: [fn() -> Box<dyn Sampler>; 3] = [
        || Box::new(WithoutReplacement::new()),
        || Box::new(RankBased::new()),
        || Box::new(Sequences::new(1).unwrap()),
    ];
    for new in new {
        let (mut buffer, ..) = buffer(3, new());
        let ids: Vec<_> = (0..3).map(|n| push(&mut buffer, n)).collect();
        *buffer.sampler_mut() = new();
        push(&mut buffer, 3);
        push(&mut buffer, 4);
        buffer.set_priorities(&ids, &[1.0; 3]).unwrap();
        let error = buffer.sample(1, &mut rng(), &mut Batch::new()).unwrap_err();
        assert!(matches!(error, Error::ForeignSampler { len: 3, .. }), "{error}");
    }
}

#[test]
fn the_same_seed_gives_the_same_batch() {
    let run = || {
        let (mut buffer, scalar, _) = buffer(50, Prioritized::new());
        (0..80).for_each(|n| _ = push(&mut buffer, n));
        let (mut batch, mut seen, mut rng) = (Batch::new(), Vec::new(), rng());
        for _ in 0..10 {
            buffer.sample(8, &mut rng, &mut batch).unwrap();
            let errors: Vec<f32> = (0..8).map(|_| rng.random()).collect();
            buffer.set_priorities(batch.items(), &errors).unwrap();
            seen.extend_from_slice(batch.values(scalar).unwrap());
        }
        seen
    };
    assert_eq!(run(), run());
}

#[test]
fn it_can_be_sent_to_another_thread_and_prints_without_its_contents() {
    // Contents of a thousand items would be seen in the text. Miri takes a minute for so many.
    const ITEMS: i64 = if cfg!(miri) { 30 } else { 1000 };
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    fn printed<S: Sampler + fmt::Debug + Send + Sync>(sampler: S) -> String {
        let (mut buffer, ..) = buffer(ITEMS as usize, sampler);
        is_send_and_sync(&buffer);
        (0..ITEMS).for_each(|n| _ = push(&mut buffer, n));
        format!("{buffer:?}")
    }
    is_send_and_sync(&Batch::new());
    for printed in [
        printed(Uniform::new()),
        printed(WithoutReplacement::new()),
        printed(Prioritized::new()),
        printed(RankBased::new()),
        printed(Sequences::new(3).unwrap()),
    ] {
        assert!(printed.len() < 700, "{printed}");
    }
}
