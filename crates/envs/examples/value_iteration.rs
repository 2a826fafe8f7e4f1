//! Plans the best way over the slippery lake from its table of transitions, then walks it with 100
//! lakes at a time, and compares how often the goal is reached with what the plan promised.
//!
//! `cargo run -p reflux-envs --example value_iteration`

use reflux_envs::{Autoreset, FrozenLake, Result, VectorEnv};

const LAKES: usize = 100;
const EPISODES: usize = 10_000;

fn main() -> Result<()> {
    let lake = FrozenLake::v1();
    let (policy, promise) = plan(lake.inner(), lake.limit());

    let mut envs = VectorEnv::new(vec![lake; LAKES], Autoreset::SameStep)?;
    let first = envs.reset(Some(0))?;
    let mut cells: Vec<usize> = first.iter().map(|&cell| cell as usize).collect();
    let (mut episodes, mut goals) = (0, 0.0);
    while episodes < EPISODES {
        let actions: Vec<usize> = cells.iter().map(|&cell| policy[cell]).collect();
        let step = envs.step(&actions)?;
        episodes += (0..LAKES).filter(|&i| step.done(i)).count();
        goals += step.rewards.iter().sum::<f32>();
        // In this mode the observation is already that of the next episode, where one has ended.
        cells = step.observations.iter().map(|&cell| cell as usize).collect();
    }
    println!("{}", envs.envs()[0].inner().map());
    println!("planned: the goal in {:.1}% of episodes", 100.0 * promise);
    println!("walked:  the goal in {:.1}% of {episodes}", 100.0 * goals / episodes as f32);
    Ok(())
}

/// Value iteration (Bellman 1957): the best action in each cell, and the probability to reach the
/// goal within `steps` steps if each is the best for the steps that are left.
fn plan(lake: &FrozenLake, steps: usize) -> (Vec<usize>, f64) {
    let cells = lake.map().rows() * lake.map().columns();
    let mut values = vec![0.0; cells];
    let mut policy = vec![0; cells];
    for _ in 0..steps {
        let worth = |cell: usize, action: usize| -> f64 {
            let transitions = lake.transitions(cell, action).iter();
            transitions
                .map(|t| {
                    let rest = if t.terminated { 0.0 } else { values[t.next_state] };
                    t.probability * (f64::from(t.reward) + rest)
                })
                .sum()
        };
        let best = |cell| (0..4).max_by(|&a, &b| worth(cell, a).total_cmp(&worth(cell, b)));
        policy = (0..cells).map(|cell| best(cell).unwrap_or(0)).collect();
        values = (0..cells).map(|cell| worth(cell, policy[cell])).collect();
    }
    (policy, values[0])
}
