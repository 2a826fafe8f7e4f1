//! Whether an environment keeps the rules of [`Env`].

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::error::{check_observation, check_reward};
use crate::lifecycle::uniform_index;
use crate::{Env, Error, Result, Step};

/// Plays random actions for `steps` steps, over as many episodes as that takes, and looks whether
/// the environment that `make` makes keeps the rules of [`Env`]: what Gymnasium's `check_env` is
/// for. Use it in the tests of an environment or a wrapper of your own.
///
/// - Actions are numbers; `step` before the first `reset`, after the end of an episode, and with an
///   action that there is not, is the error that it should be, and such a call changes nothing.
/// - Every observation is in the declared space and finite, every reward is finite.
/// - The same seed and the same actions give the same steps, whatever was played before the seed.
///   (A wrapper that remembers earlier episodes, as
///   [`NormalizeObservation`](crate::NormalizeObservation) does until it is frozen, cannot keep
///   this.)
///
/// # Errors
///
/// The first rule that is broken, as [`Contract`](crate::Error::Contract) or, for what an
/// environment gives, the error that [`VectorEnv`](crate::VectorEnv) would give.
///
/// ```
/// use reflux_envs::{CartPole, FrameStack, check_env};
///
/// check_env(|| FrameStack::new(CartPole::v1(), 4), 0, 1_000)?;
/// # Ok::<(), reflux_envs::Error>(())
/// ```
pub fn check_env<E: Env>(make: impl Fn() -> Result<E>, seed: u64, steps: usize) -> Result<()> {
    let (mut env, mut twin) = (make()?, make()?);
    let n = env.action_space().n().ok_or_else(|| broken("its action space is not discrete"))?;
    expect(env.step(0), Error::StepBeforeReset, "step before the first reset")?;
    // The twin has a past, which the seed has to undo.
    twin.reset(Some(seed.wrapping_add(1)))?;
    twin.step(0)?;

    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    check_start(&mut env, &mut twin, Some(seed))?;
    for taken in 0..steps {
        let wrong = Error::ActionOutOfRange { action: n, n };
        expect(env.step(n), wrong, "step with an action that there is not")?;
        if check_step(&mut env, &mut twin, uniform_index(&mut rng, n), taken)? {
            expect(env.step(0), Error::StepAfterEnd, "step after the end of an episode")?;
            check_start(&mut env, &mut twin, None)?;
        }
    }
    Ok(())
}

/// Takes a step in both; returns whether it was the last of the episode.
fn check_step<E: Env>(env: &mut E, twin: &mut E, action: usize, taken: usize) -> Result<bool> {
    let step = env.step(action)?;
    check_reward(step.reward)?;
    // Looked for before the comparison, to which NaN is unlike itself.
    check_observation(step.observation, step.observation.len())?;
    if step != twin.step(action)? {
        return Err(broken(&format!("step {taken} is another one with the same seed")));
    }
    let (observation, done) = (step.observation.to_vec(), step.done());
    check_in_space(env, &observation)?;
    Ok(done)
}

fn check_start<E: Env>(env: &mut E, twin: &mut E, seed: Option<u64>) -> Result<()> {
    let first = env.reset(seed)?.to_vec();
    if first != twin.reset(seed)? {
        return Err(broken("the first observation is another one with the same seed"));
    }
    check_in_space(env, &first)
}

fn check_in_space<E: Env>(env: &E, observation: &[f32]) -> Result<()> {
    let space = env.observation_space();
    check_observation(observation, space.len())?;
    if space.contains(observation) {
        return Ok(());
    }
    Err(broken(&format!("observation {observation:?} is not in the space {space:?}")))
}

fn expect(result: Result<Step<'_>>, error: Error, when: &str) -> Result<()> {
    match result {
        Err(got) if got == error => Ok(()),
        Err(got) => Err(broken(&format!("{when} must be {error:?}, got {got:?}"))),
        Ok(_) => Err(broken(&format!("{when} must be {error:?}, got a step"))),
    }
}

fn broken(rule: &str) -> Error {
    Error::Contract(rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CartPole, NormalizeObservation, Space};

    /// A CartPole with one thing wrong.
    struct Wrong {
        env: CartPole,
        space: Space,
        what: &'static str,
        steps: f32,
        observation: Vec<f32>,
    }

    impl Env for Wrong {
        fn observation_space(&self) -> &Space {
            &self.space
        }

        fn action_space(&self) -> &Space {
            self.env.action_space()
        }

        fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
            self.env.reset(if self.what == "seed" { None } else { seed })
        }

        fn step(&mut self, action: usize) -> Result<Step<'_>> {
            let action = if self.what == "action" { action % 2 } else { action };
            let step = match self.env.step(action) {
                Err(Error::StepAfterEnd) if self.what == "end" => {
                    self.env.reset(None)?;
                    self.env.step(action)?
                }
                step => step?,
            };
            self.steps += 1.0;
            self.observation = step.observation.to_vec();
            match self.what {
                "memory" => self.observation[1] += self.steps,
                "nan" => self.observation[2] = f32::NAN,
                "length" => self.observation.push(0.0),
                "space" => self.observation[0] = 5.0,
                _ => {}
            }
            let reward = if self.what == "reward" { f32::INFINITY } else { step.reward };
            Ok(Step { observation: &self.observation, reward, ..step })
        }
    }

    fn check(what: &'static str) -> Result<()> {
        let make = || {
            let env = CartPole::new();
            let space = env.observation_space().clone();
            Ok(Wrong { env, space, what, steps: 0.0, observation: Vec::new() })
        };
        check_env(make, 1, 100)
    }

    #[test]
    fn each_broken_rule_is_found() {
        check("nothing").unwrap();
        for (what, message) in [
            ("seed", "the first observation is another one with the same seed"),
            ("action", "step with an action that there is not must be"),
            ("end", "step after the end of an episode must be StepAfterEnd, got a step"),
            ("memory", "step 0 is another one with the same seed"),
            ("space", "is not in the space"),
        ] {
            let Err(Error::Contract(found)) = check(what) else { panic!("{what} is not found") };
            assert!(found.contains(message), "{what}: {found}");
        }
        let length = Error::ObservationLength { expected: 4, got: 5 };
        assert_eq!(check("length"), Err(length));
        assert!(matches!(check("reward"), Err(Error::RewardNotFinite { .. })));
    }

    #[test]
    fn nan_is_found_although_it_is_not_equal_to_itself() {
        assert!(matches!(check("nan"), Err(Error::ObservationNotFinite { index: 2, .. })));
    }

    #[test]
    fn a_memory_of_earlier_episodes_is_found_unless_it_is_frozen() {
        let learning = || Ok(NormalizeObservation::new(CartPole::v1()));
        assert!(matches!(check_env(learning, 0, 100), Err(Error::Contract(_))));
        let statistics = learning().unwrap().statistics().clone();
        let frozen = || NormalizeObservation::with_statistics(CartPole::v1(), statistics.clone());
        check_env(frozen, 0, 100).unwrap();
    }
}
