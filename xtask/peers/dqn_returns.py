"""Stable-Baselines3's DQN on CartPole-v1 with one seed: returns while it learns, for
`cargo xtask reproduce sb3`.

    python xtask/peers/dqn_returns.py SEED STEPS EVERY EPISODES FIRST

After every EVERY of STEPS steps the policy plays EPISODES episodes without exploration, of which the first
starts from the seed FIRST. Prints `{"program": NAME, "points": [[steps, mean return], ...]}`.
"""

import json
import sys

import gymnasium
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback


class Returns(BaseCallback):
    """Notes the mean return now and then."""

    def __init__(self, every, episodes, first):
        super().__init__()
        self.every, self.episodes, self.first = every, episodes, first
        self.env = gymnasium.make("CartPole-v1")
        self.points = []

    def _on_step(self):
        if self.num_timesteps % self.every == 0:
            returns = [self.episode(self.first + index) for index in range(self.episodes)]
            self.points.append([self.num_timesteps, sum(returns) / len(returns)])
        return True

    def episode(self, seed):
        observation, _ = self.env.reset(seed=seed)
        total, done = 0.0, False
        while not done:
            action, _ = self.model.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = self.env.step(int(action))
            total, done = total + reward, terminated or truncated
        return total


def main():
    seed, steps, every, episodes, first = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    # The hyperparameters of RL Baselines3 Zoo: hyperparams/dqn.yml.
    model = stable_baselines3.DQN(
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
    returns = Returns(every, episodes, first)
    model.learn(steps, callback=returns)
    name = f"Stable-Baselines3 {stable_baselines3.__version__}"
    print(json.dumps({"program": name, "points": returns.points}))


if __name__ == "__main__":
    main()
