"""Record CartPole-v1 episodes from Gymnasium as the reference for crates/envs.

Usage, from the root of the repository, with `gymnasium` and `numpy` installed:

    python xtask/peers/record_cartpole.py crates/envs/tests/data/cartpole_v1.json

Running it again with the same versions writes the same bytes. Four kinds of episode:

* random:   20 seeds, coin-flip actions, every step kept;
* balance:  push to the side to which the pole falls, up to the 500-step time limit, every 10th
            step and the last one kept;
* left and right: hold the pole at a slant, so that the cart runs off the track;
* limit:    the first random episode again, with the time limit set to its very length (the last
            step is terminated and truncated) and to one less (truncated only).

The file is one JSON object. `origin` says where it comes from. Each entry of `episodes` has

    policy, seed  names of the episode; the seed is Gymnasium's, for its own generator
    limit         the time limit in steps
    start         bits of the initial state, four f64 in hexadecimal:
                  cart position, cart velocity, pole angle, pole angular velocity
    actions       one character, 0 or 1, for each step
    steps         the kept steps, each as
                  [number of steps taken, bits of the four f32 of the observation,
                   bits of the four f64 of the state, reward, terminated, truncated]

Floating-point numbers are stored as bits, because the comparison is for equality. A step that is
not kept had reward 1 and ended nothing; the script checks this while it records.
"""

import argparse
import json
import platform
import random
import struct

import gymnasium
import numpy

BALANCE_SEEDS = [100, 101, 102]
BALANCE_KEEP_EVERY = 10
RANDOM_SEEDS = range(20)
# Slant in radians: held there, the cart has to accelerate in one direction until the track ends.
SLANT = 0.05


def bits(values, kind):
    """The big-endian bits of each value, "f" for f32 and "d" for f64, as hexadecimal digits."""
    return " ".join(struct.pack(">" + kind, value).hex() for value in values)


def coin_flips(seed):
    """Actions that do not look at the observation."""
    flips = random.Random(seed)
    return lambda observation: flips.getrandbits(1)


def lean(target):
    """Keep the pole near the angle `target` (radians) by pushing to the side to which it falls."""

    def act(observation):
        _, _, angle, angular_velocity = observation.tolist()
        return int(angle - target + 0.5 * angular_velocity > 0)

    return act


def record(policy_name, act, seed, limit=500, keep_every=1):
    """Play one episode to its end and return its entry for the file."""
    env = gymnasium.make("CartPole-v1", max_episode_steps=limit)
    observation, _ = env.reset(seed=seed)
    start = bits(env.unwrapped.state, "d")
    actions, steps, done = "", [], False
    while not done:
        action = act(observation)
        actions += str(action)
        observation, reward, terminated, truncated, _ = env.step(action)
        assert observation.dtype == numpy.float32 and reward == 1.0
        done = terminated or truncated
        if done or len(actions) % keep_every == 0:
            steps.append(
                [
                    len(actions),
                    bits(observation, "f"),
                    bits(env.unwrapped.state, "d"),
                    reward,
                    terminated,
                    truncated,
                ]
            )
    env.close()
    return {
        "policy": policy_name,
        "seed": seed,
        "limit": limit,
        "start": start,
        "actions": actions,
        "steps": steps,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="path of the JSON file to write")
    output = parser.parse_args().output

    episodes = [record("random", coin_flips(seed), seed) for seed in RANDOM_SEEDS]
    for seed in BALANCE_SEEDS:
        episodes.append(record("balance", lean(0.0), seed, keep_every=BALANCE_KEEP_EVERY))
    episodes.append(record("left", lean(-SLANT), 200, keep_every=BALANCE_KEEP_EVERY))
    episodes.append(record("right", lean(SLANT), 201, keep_every=BALANCE_KEEP_EVERY))
    first_length = len(episodes[0]["actions"])
    for limit in (first_length, first_length - 1):
        seed = RANDOM_SEEDS[0]
        episodes.append(record("limit", coin_flips(seed), seed, limit=limit))

    origin = {
        "environment": "CartPole-v1",
        "gymnasium": gymnasium.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "command": "python xtask/peers/record_cartpole.py crates/envs/tests/data/cartpole_v1.json",
        "format": "see the head of xtask/peers/record_cartpole.py",
    }
    # One line for each step keeps differences between two recordings readable.
    with open(output, "w", encoding="utf-8") as file:
        file.write('{"origin": ' + json.dumps(origin, indent=1) + ',\n"episodes": [\n')
        for index, episode in enumerate(episodes):
            steps = episode.pop("steps")
            head = json.dumps(episode)[:-1]
            rows = ",\n".join("  " + json.dumps(step) for step in steps)
            comma = "," if index + 1 < len(episodes) else ""
            file.write(f' {head}, "steps": [\n{rows}]}}{comma}\n')
        file.write("]}\n")


if __name__ == "__main__":
    main()
