//! Catch and DeepSea of bsuite 0.3.6.

use reflux_envs::{Catch, CatchState, DeepSea, DeepSeaChance, Env};

use super::recording::{F64s, Recording};

/// The flat image with ones at these positions.
fn image(ones: &[usize], len: usize) -> Vec<f32> {
    let mut image = vec![0.0; len];
    ones.iter().for_each(|&position| image[position] = 1.0);
    image
}

#[test]
fn catch_equals_bsuites() {
    let compressed = include_bytes!("../data/catch.json.gz");
    let recording = Recording::<Vec<usize>, (usize, usize, usize), ()>::read(compressed);
    assert_eq!(recording.episodes.len(), 40);
    for episode in &recording.episodes {
        let [rows, columns]: [usize; 2] = serde_json::from_value(episode.size.clone()).unwrap();
        let mut env = Catch::new(rows, columns).unwrap();
        let (row, ball, paddle) = episode.start;
        // Our own start has the paddle where bsuite's has it.
        env.reset(Some(episode.seed)).unwrap();
        assert_eq!((env.state().unwrap().row, env.state().unwrap().paddle), (row, paddle));
        let first = env.set_state(CatchState { row, ball, paddle }).unwrap();
        assert_eq!(first, image(&episode.first, rows * columns));
        for recorded in episode.steps() {
            let step = env.step(recorded.action).unwrap();
            recorded.assert_rest(&step);
            let expected = image(recorded.observation.unwrap(), rows * columns);
            assert_eq!(step.observation, expected, "{}", recorded.name);
            let (row, ball, paddle) = *recorded.state.unwrap();
            assert_eq!(env.state(), Some(CatchState { row, ball, paddle }));
        }
    }
}

#[test]
fn deep_sea_equals_bsuites() {
    let compressed = include_bytes!("../data/deep_sea.json.gz");
    let recording = Recording::<Vec<usize>, (usize, usize), (bool, F64s)>::read(compressed);
    assert_eq!(recording.episodes.len(), 90);
    let (mut failed, mut noisy) = (0, 0);
    for episode in &recording.episodes {
        let size: usize = serde_json::from_value(episode.size.clone()).unwrap();
        let mapping: Vec<u8> = episode.mapping.bytes().map(|digit| digit - b'0').collect();
        let mut env = DeepSea::with_mapping(size, &mapping).unwrap();
        if !episode.deterministic {
            env = env.stochastic();
        }
        assert_eq!(env.reset(None).unwrap(), image(&episode.first, size * size));
        assert_eq!(env.state(), Some(episode.start));
        for recorded in episode.steps() {
            let step = match recorded.outcome {
                None => env.step(recorded.action),
                Some((fails, noise)) => {
                    failed += usize::from(*fails);
                    noisy += usize::from(noise.0[0] != 0.0);
                    let chance = DeepSeaChance { fails: *fails, noise: noise.0[0] };
                    env.step_given(recorded.action, chance)
                }
            };
            let step = step.unwrap();
            recorded.assert_rest(&step);
            let expected = image(recorded.observation.unwrap(), size * size);
            assert_eq!(step.observation, expected, "{}", recorded.name);
            assert_eq!(env.state(), recorded.state.copied(), "{}", recorded.name);
        }
    }
    assert!(failed > 10 && noisy > 10, "{failed} {noisy}");
}
