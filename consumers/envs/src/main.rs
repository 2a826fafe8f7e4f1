//! A pole that is pushed to the side to which it falls stands for the whole episode.

use reflux_envs::{CartPole, Env, EpisodeStatistics};

fn main() -> Result<(), reflux_envs::Error> {
    let mut env = EpisodeStatistics::new(CartPole::v1());
    let start = env.reset(Some(0))?;
    let mut tilt = start[2] + start[3];
    loop {
        let step = env.step(usize::from(tilt > 0.0))?;
        tilt = step.observation[2] + step.observation[3];
        if step.done() {
            break;
        }
    }
    let length = env.last_episode().map(|episode| episode.length);
    assert_eq!(length, Some(500));
    println!("envs: the pole stands for 500 steps");
    Ok(())
}
