//! Environments under random actions, against Gymnasium. Starts differ, and so do rewards: what a
//! call returns is the number of steps.

use anyhow::{Result, ensure};
use reflux_envs::{
    Acrobot, Autoreset, CartPole, CliffWalking, Env, FrozenLake, MountainCar, VectorEnv,
};
use serde_json::json;

use super::case::{Case, Group, Threads, Work};
use super::peer::{Program, Source};

pub(crate) const GROUP: Group = Group {
    name: "envs",
    about: "steps under random actions, resets included; the time is that of all steps of a call, \
            an item is one step of one environment. `gymnasium.make(name)` with its wrappers, and \
            `bare` without; `x 64` are 64 environments stepped together, `SyncVectorEnv` there, with \
            next-step autoreset on both sides; `arrays` is Gymnasium's own CartPole for vectors, \
            which computes with whole NumPy arrays, against the same `VectorEnv` here.",
    peers: &[GYMNASIUM],
    threads: Threads::One,
    cases,
    notes: |_| Ok(Vec::new()),
};

const GYMNASIUM: Source = Source {
    program: Program::Python { module: "envs", environment: "envs" },
    needs: "Gymnasium, which takes seconds",
};

/// Steps of one environment in a call. Not so many that an acrobot could reach its bar by chance.
const STEPS: usize = 100;
const VECTOR: usize = 64;
const ARRAYS: usize = 1024;

fn cases() -> Vec<Case> {
    vec![
        single("CartPole-v1", "", || Ok(CartPole::v1())),
        single("CartPole-v1", "bare", || Ok(CartPole::new())),
        single("MountainCar-v0", "", || Ok(MountainCar::v0())),
        single("MountainCar-v0", "bare", || Ok(MountainCar::new())),
        single("Acrobot-v1", "", || Ok(Acrobot::v1())),
        single("Acrobot-v1", "bare", || Ok(Acrobot::new())),
        single("FrozenLake-v1", "", || Ok(FrozenLake::v1())),
        single("FrozenLake-v1", "bare", || Ok(FrozenLake::v1().into_inner())),
        single("CliffWalking-v1", "", || Ok(CliffWalking::new())),
        single("CliffWalking-v1", "bare", || Ok(CliffWalking::new())),
        vector("CartPole-v1", "sync", VECTOR, || Ok(CartPole::v1())),
        vector("MountainCar-v0", "sync", VECTOR, || Ok(MountainCar::v0())),
        vector("Acrobot-v1", "sync", VECTOR, || Ok(Acrobot::v1())),
        vector("FrozenLake-v1", "sync", VECTOR, || Ok(FrozenLake::v1())),
        vector("CliffWalking-v1", "sync", VECTOR, || Ok(CliffWalking::new())),
        vector("CartPole-v1", "arrays", VECTOR, || Ok(CartPole::v1())),
        vector("CartPole-v1", "arrays", ARRAYS, || Ok(CartPole::v1())),
    ]
}

/// One environment.
fn single<E: Env + Send + 'static>(
    environment: &'static str,
    kind: &'static str,
    make: fn() -> Result<E>,
) -> Case {
    let work = move || {
        let mut env = make()?;
        let actions = actions(&env, STEPS)?;
        env.reset(Some(0))?;
        let work = move || {
            for &action in &actions {
                if env.step(action)?.done() {
                    env.reset(None)?;
                }
            }
            Ok(actions.len() as f64)
        };
        Ok(Box::new(work) as Work)
    };
    let name = format!("{environment} {kind}").trim_end().to_owned();
    case(name, environment, kind, 1, Box::new(work))
}

/// `count` environments that are stepped together.
fn vector<E: Env + Clone + Send + 'static>(
    environment: &'static str,
    kind: &'static str,
    count: usize,
    make: fn() -> Result<E>,
) -> Case {
    let work = move || {
        let env = make()?;
        let actions = actions(&env, STEPS * count)?;
        let mut envs = VectorEnv::new(vec![env; count], Autoreset::NextStep)?;
        envs.reset(Some(0))?;
        let work = move || {
            for actions in actions.chunks(count) {
                envs.step(actions)?;
            }
            Ok(actions.len() as f64)
        };
        Ok(Box::new(work) as Work)
    };
    let suffix = if kind == "sync" { "" } else { ", arrays" };
    let name = format!("{environment} x {count}{suffix}");
    case(name, environment, kind, count, Box::new(work))
}

fn case(
    name: String,
    environment: &'static str,
    kind: &'static str,
    count: usize,
    prepare: Box<dyn Fn() -> Result<Work> + Send + Sync>,
) -> Case {
    Case {
        name,
        items: Some(STEPS * count),
        bytes: None,
        flops: None,
        point: None,
        parameters: Some(json!({
            "environment": environment, "kind": kind, "count": count, "steps": STEPS
        })),
        prepare,
    }
}

/// Random actions for so many steps, from the generator that the peer's script has too.
fn actions(env: &impl Env, count: usize) -> Result<Vec<usize>> {
    let n = env.action_space().n().unwrap_or(0);
    ensure!(n > 0, "the actions are no numbers");
    let mut state = 1_u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % n
    };
    Ok((0..count).map(|_| draw()).collect())
}
