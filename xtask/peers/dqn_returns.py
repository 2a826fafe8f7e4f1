"""Stable-Baselines3's DQN on CartPole-v1 with one seed: returns while it learns, for
`cargo xtask reproduce sb3`.

    python xtask/peers/dqn_returns.py SEED STEPS EVERY EPISODES FIRST

After every EVERY of STEPS steps the policy plays EPISODES episodes without exploration, of which the first
starts from the seed FIRST. Prints `{"program": NAME, "points": [[steps, mean return], ...]}`.
"""

import json
import sys

import gymnasium
import torch
from stable_baselines3.common.callbacks import BaseCallback

from dqn import NAME, agent


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
    model = agent(seed)
    returns = Returns(every, episodes, first)
    model.learn(steps, callback=returns)
    print(json.dumps({"program": NAME, "points": returns.points}))


if __name__ == "__main__":
    main()
