//! FrozenLake-v1, FrozenLake8x8-v1, CliffWalking-v1 and CliffWalkingSlippery-v1 of Gymnasium.

use reflux_envs::{CliffWalking, Env, FrozenLake, LakeMap, Result, Step, TimeLimit, Transition};

use super::recording::Recording;

type Grid = Recording<usize, (), usize>;

/// What the environments have in common beyond `Env`.
trait Table: Env {
    fn transitions(&self, state: usize, action: usize) -> &[Transition];
    fn step_given(&mut self, action: usize, outcome: usize) -> Result<Step<'_>>;
}

macro_rules! table {
    ($name:ident) => {
        impl Table for $name {
            fn transitions(&self, state: usize, action: usize) -> &[Transition] {
                $name::transitions(self, state, action)
            }

            fn step_given(&mut self, action: usize, outcome: usize) -> Result<Step<'_>> {
                $name::step_given(self, action, outcome)
            }
        }
    };
}

table!(FrozenLake);
table!(CliffWalking);

/// Compares the whole table of transitions, and then the episodes, in which the recorded outcomes
/// take the place of chance.
fn compare<E: Table + Clone>(compressed: &[u8], env: &E) {
    let recording = Grid::read(compressed);
    assert_eq!(Some(recording.table.len()), env.observation_space().n());
    for (state, actions) in recording.table.iter().enumerate() {
        assert_eq!(Some(actions.len()), env.action_space().n());
        for (action, expected) in actions.iter().enumerate() {
            let expected: Vec<Transition> = expected
                .iter()
                .map(|(probability, next_state, reward, terminated)| Transition {
                    probability: probability.0[0],
                    next_state: *next_state,
                    reward: *reward,
                    terminated: *terminated,
                })
                .collect();
            assert_eq!(env.transitions(state, action), expected, "state {state}, action {action}");
        }
    }
    assert_eq!(recording.episodes.len(), 20);
    for episode in &recording.episodes {
        let mut env = env.clone();
        assert_eq!(env.reset(Some(0)).unwrap(), [episode.first as f32]);
        let steps = episode.steps();
        for (recorded, taken) in steps.iter().zip(1..) {
            let mut step = env.step_given(recorded.action, *recorded.outcome.unwrap()).unwrap();
            // `step_given` goes around the time limit, whose own test is elsewhere.
            step.truncated = taken == episode.limit;
            recorded.assert_rest(&step);
            assert_eq!(step.observation, [*recorded.observation.unwrap() as f32]);
        }
    }
}

#[test]
fn frozen_lake_equals_gymnasiums() {
    let four = || FrozenLake::new(LakeMap::four_by_four());
    compare(include_bytes!("../data/frozen_lake.json.gz"), FrozenLake::v1().inner());
    compare(include_bytes!("../data/frozen_lake_firm.json.gz"), &four().not_slippery());
    let eight = FrozenLake::new(LakeMap::eight_by_eight()).with_success_rate(0.7).unwrap();
    compare(include_bytes!("../data/frozen_lake_8x8.json.gz"), &eight);
}

#[test]
fn cliff_walking_equals_gymnasiums() {
    compare(include_bytes!("../data/cliff_walking.json.gz"), &CliffWalking::new());
    let slippery = CliffWalking::slippery();
    compare(include_bytes!("../data/cliff_walking_slippery.json.gz"), &slippery);
}

/// Where nothing is left to chance, `step` itself and the time limit can be compared.
fn replay(compressed: &[u8], env: impl Env + Clone) {
    for episode in Grid::read(compressed).episodes {
        let mut env = TimeLimit::new(env.clone(), episode.limit).unwrap();
        env.reset(None).unwrap();
        for recorded in episode.steps() {
            let step = env.step(recorded.action).unwrap();
            recorded.assert_rest(&step);
            assert_eq!(step.observation, [*recorded.observation.unwrap() as f32]);
        }
    }
}

#[test]
fn worlds_without_chance_need_only_the_actions() {
    let firm = FrozenLake::new(LakeMap::four_by_four()).not_slippery();
    replay(include_bytes!("../data/frozen_lake_firm.json.gz"), firm);
    replay(include_bytes!("../data/cliff_walking.json.gz"), CliffWalking::new());
}
