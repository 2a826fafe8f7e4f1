//! Once an environment has been made, resetting and stepping it allocates nothing.

// `GlobalAlloc` is an unsafe trait, and an allocator is the only place where every allocation can
// be counted. The one here passes each call on to the system's.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use reflux_envs::{
    Acrobot, Autoreset, CartPole, Catch, CliffWalking, ClipReward, DeepSea, Env, EpisodeStatistics,
    FrameStack, FrozenLake, MountainCar, NormalizeObservation, OneHot, Result, TimeLimit,
    VectorEnv,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each method has its default's contract and passes its arguments to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of 2,000 steps and the resets between them.
fn allocations(env: &mut impl Env) -> Result<usize> {
    env.reset(Some(0))?;
    let before = COUNT.get();
    for i in 0..2_000 {
        if env.step(i % 2)?.done() {
            env.reset(None)?;
        }
    }
    Ok(COUNT.get() - before)
}

#[test]
fn environments_allocate_nothing_after_their_construction() -> Result<()> {
    assert_eq!(allocations(&mut CartPole::v1())?, 0);
    assert_eq!(allocations(&mut MountainCar::v0())?, 0);
    assert_eq!(allocations(&mut Acrobot::v1())?, 0);
    assert_eq!(allocations(&mut FrozenLake::v1())?, 0);
    assert_eq!(allocations(&mut CliffWalking::slippery())?, 0);
    assert_eq!(allocations(&mut Catch::default())?, 0);
    assert_eq!(allocations(&mut DeepSea::new(10, 0)?.stochastic())?, 0);
    Ok(())
}

#[test]
fn wrappers_allocate_nothing_after_their_construction() -> Result<()> {
    let walk = TimeLimit::new(CliffWalking::new(), 50)?;
    let mut env = EpisodeStatistics::new(NormalizeObservation::new(FrameStack::new(
        OneHot::new(ClipReward::new(walk, -1.0, 1.0)?)?,
        4,
    )?));
    assert_eq!(allocations(&mut env)?, 0);
    Ok(())
}

#[test]
fn vectors_allocate_nothing_after_their_construction() -> Result<()> {
    for autoreset in [Autoreset::NextStep, Autoreset::SameStep, Autoreset::Disabled] {
        let mut envs = VectorEnv::new(vec![CartPole::v1(); 8], autoreset)?;
        envs.reset(Some(0))?;
        let (before, mut over) = (COUNT.get(), [false; 8]);
        for i in 0..500 {
            if autoreset == Autoreset::Disabled {
                envs.reset_where(&over)?;
            }
            let step = envs.step(&[i % 2; 8])?;
            over = std::array::from_fn(|index| step.done(index));
        }
        assert_eq!(COUNT.get() - before, 0, "{autoreset:?}");
    }
    Ok(())
}
