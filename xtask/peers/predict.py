"""One action of Stable-Baselines3's DQN, for `cargo xtask reproduce rusu2015`."""

import gymnasium
import stable_baselines3
import torch

NAME = f"Stable-Baselines3 {stable_baselines3.__version__}"


def prepare(parameters, threads):
    torch.set_num_threads(threads)
    env = gymnasium.make(parameters["task"])
    policy = {"net_arch": parameters["hidden"]}
    # The buffer is not used, and should not take the memory of a million transitions.
    model = stable_baselines3.DQN(
        "MlpPolicy", env, policy_kwargs=policy, buffer_size=1_000, seed=0, device="cpu"
    )
    observation, _ = env.reset(seed=0)
    return lambda: model.predict(observation, deterministic=True)[0]
