"""Stable-Baselines3's DQN on CartPole-v1, for `cargo xtask bench dqn --peers`."""

import gymnasium
import stable_baselines3
import torch

from serve import Unavailable

NAME = f"Stable-Baselines3 {stable_baselines3.__version__}"


def agent(seed):
    """With the hyperparameters of RL Baselines3 Zoo: hyperparams/dqn.yml."""
    return stable_baselines3.DQN(
        "MlpPolicy",
        gymnasium.make("CartPole-v1"),
        learning_rate=2.3e-3,
        batch_size=64,
        buffer_size=100_000,
        learning_starts=1_000,
        gamma=0.99,
        target_update_interval=10,
        train_freq=256,
        gradient_steps=128,
        exploration_fraction=0.16,
        exploration_final_eps=0.04,
        policy_kwargs={"net_arch": [256, 256]},
        seed=seed,
        device="cpu",
    )


def prepare(parameters, threads):
    torch.set_num_threads(threads)
    if parameters["task"] != "CartPole-v1":
        raise Unavailable("only CartPole-v1")
    model = agent(0)
    # Past the start, so that every step of a call is one of learning.
    model.learn(parameters["warm_up"])
    steps = parameters["steps"]

    def run():
        before = model.num_timesteps
        # The whole training has 50,000 steps; exploration is at its end in both programs.
        model.learn(steps, reset_num_timesteps=False)
        return model.num_timesteps - before

    return run
