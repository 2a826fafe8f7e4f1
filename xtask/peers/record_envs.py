"""Record episodes of the reference implementations for the tests of crates/envs.

Usage, from the root of the repository, with what `requirements-record_envs.txt` lists (its head
says how to install it):

    python xtask/peers/record_envs.py crates/envs/tests/data [NAME ...]

Without names every environment is recorded. Running it again with the same versions on the same
kind of processor writes the same bytes. Catch and DeepSea are those of bsuite itself, whose modules
are loaded without the rest of the package, which wants dozens of others.

Each file is gzipped JSON, an object with `origin`, which says where it comes from, `episodes`, and
where an environment has one its `table` of transitions. Of an episode there are

    policy, seed     names of the episode; the seed is the reference's, for its own generator
    limit            the time limit in steps; 0 if there is none
    start            the state before the first step
    actions          one digit for each step
    first            the observation after the reset
    observations     those of the steps that are kept
    states           the states after the steps that are kept, where they have more digits than the
                     observation
    keep             every how many steps an observation or a state is kept; the last one always is
    rewards          those of the steps, [value, how often, value, how often ...]
    terminated, truncated   of the last step; the others had neither
    outcomes         where a step is left to chance, what happened at each

Floating-point numbers are bits in hexadecimal digits, because the comparison is for equality: 8
digits for each f32 of an observation, 16 for each f64 of a state. Observations and states that are
whole numbers are numbers. Observations of zeros and ones are lists of the positions of the ones.
"""

import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import pathlib
import platform
import random
import struct
import sys
import types
import warnings

import gymnasium
import numpy

SEEDS = range(20)
NO_LIMIT = 0
# Slant in radians: held there, the cart has to accelerate in one direction until the track ends.
SLANT = 0.05


def bits(values, kind):
    """The big-endian bits of each value, "f" for f32 and "d" for f64, as hexadecimal digits."""
    return "".join(struct.pack(">" + kind, value).hex() for value in values)


def random_actions(seed, actions):
    """A policy that does not look at the observation."""
    generator = random.Random(seed)
    return lambda observation: generator.randrange(actions)


def runs(values):
    """A list with equal neighbours counted: [value, count, value, count ...]."""
    result = []
    for value in values:
        if result and result[-2] == value:
            result[-1] += 1
        else:
            result += [value, 1]
    return result


class Recorder:
    """Plays. `step` of a subclass returns observation, reward, terminated, truncated."""

    def state(self):
        """What `set_state` of the crate takes; None where the observation says it all."""
        return None

    def outcome(self):
        """What chance made of the last step; None if there is no chance."""
        return None

    def play(self, policy_name, act, seed, limit, keep=(1, 1)):
        """Plays an episode; keeps every so many observations and states."""
        first = observation = self.reset(seed)
        entry = {"policy": policy_name, "seed": seed, "limit": limit, "start": self.state()}
        entry["first"] = self.written(first)
        actions, rewards, outcomes, done = "", [], [], False
        observations, states = [], []
        while not done:
            action = act(observation)
            observation, reward, terminated, truncated = self.step(action)
            actions += str(action)
            rewards.append(float(numpy.float32(reward)))
            outcomes.append(self.outcome())
            done = terminated or truncated
            if done or len(actions) % keep[0] == 0:
                observations.append(self.written(observation))
            if (done or len(actions) % keep[1] == 0) and self.state() is not None:
                states.append(self.state())
        entry |= {"actions": actions, "observations": observations, "states": states}
        entry |= {"keep": keep, "rewards": runs(rewards)}
        entry |= {"terminated": bool(terminated), "truncated": bool(truncated)}
        if any(outcome is not None for outcome in outcomes):
            entry["outcomes"] = outcomes
        return entry


class Gymnasium(Recorder):
    def __init__(self, name, limit, **arguments):
        self.env = gymnasium.make(name, max_episode_steps=limit or None, **arguments)

    def reset(self, seed):
        return self.env.reset(seed=seed)[0]

    def step(self, action):
        return self.env.step(action)[:4]


class Control(Gymnasium):
    """Classic control: the observation is f32, the state f64."""

    def state(self):
        return bits(numpy.asarray(self.env.unwrapped.state, dtype=numpy.float64), "d")

    def written(self, observation):
        assert observation.dtype == numpy.float32
        return bits(observation, "f")


class Grid(Gymnasium):
    """A table of transitions, from which numpy's generator chooses."""

    def step(self, action):
        env = self.env.unwrapped
        transitions = env.P[env.s][action]
        observation, reward, terminated, truncated, info = self.env.step(action)
        # The same cell may be reached in two ways, which are then one and the same transition.
        reached = [(int(t[1]), t[2], bool(t[3])) for t in transitions]
        self.happened = reached.index((observation, reward, bool(terminated)))
        return observation, reward, terminated, truncated

    def outcome(self):
        return self.happened

    def written(self, observation):
        return int(observation)

    def table(self):
        """Probabilities (bits of f64), next states, rewards and ends of each state and action."""
        table = self.env.unwrapped.P
        line = lambda t: [bits([t[0]], "d"), int(t[1]), float(t[2]), bool(t[3])]
        return [[[line(t) for t in table[s][a]] for a in table[s]] for s in table]


class Bsuite(Recorder):
    def __init__(self, env):
        self.env = env

    def reset(self, seed):
        self.env._rng = numpy.random.RandomState(seed)
        return self.env.reset().observation

    def step(self, action):
        step = self.env.step(action)
        return step.observation, step.reward, bool(step.last()), False

    def written(self, observation):
        assert observation.dtype == numpy.float32 and set(numpy.unique(observation)) <= {0.0, 1.0}
        return [int(position) for position in numpy.flatnonzero(observation)]


class Catch(Bsuite):
    def state(self):
        return [int(v) for v in (self.env._ball_y, self.env._ball_x, self.env._paddle_x)]


class Watched(numpy.random.RandomState):
    """A generator that remembers what it gave for one step."""

    def rand(self, *shape):
        self.uniform = super().rand(*shape)
        return self.uniform

    def randn(self, *shape):
        self.normal = super().randn(*shape)
        return self.normal


class DeepSea(Bsuite):
    def reset(self, seed):
        self.env._rng = Watched(seed)
        return self.env.reset().observation

    def step(self, action):
        self.env._rng.uniform, self.env._rng.normal = 1.0, 0.0
        return super().step(action)

    def state(self):
        return [int(v) for v in (self.env._row, self.env._column)]

    def outcome(self):
        if self.env._deterministic:
            return None
        chance = self.env._rng
        return [bool(chance.uniform <= 1 / self.env._size), bits([chance.normal], "d")]


def lean(target):
    """Keep the pole near the angle `target` (radians) by pushing to the side to which it falls."""

    def act(observation):
        _, _, angle, angular_velocity = observation.tolist()
        return int(angle - target + 0.5 * angular_velocity > 0)

    return act


def swing(observation):
    """Push the mountain car to where it goes already."""
    return 2 if observation[1] >= 0 else 0


def pump(observation):
    """Torque along the velocity of the acrobot's second joint brings energy in."""
    return 2 if observation[5] >= 0 else 0


def cart_pole():
    def make(limit):
        return Control("CartPole-v1", limit)

    episodes = [make(500).play("random", random_actions(s, 2), s, 500) for s in SEEDS]
    first_length = len(episodes[0]["actions"])
    for seed in (100, 101, 102):
        episodes.append(make(500).play("balance", lean(0.0), seed, 500, (10, 10)))
    episodes.append(make(500).play("left", lean(-SLANT), 200, 500, (10, 10)))
    episodes.append(make(500).play("right", lean(SLANT), 201, 500, (10, 10)))
    for limit in (first_length, first_length - 1):
        episodes.append(make(limit).play("limit", random_actions(0, 2), 0, limit))
    return {"episodes": episodes}


def mountain_car():
    env = Control("MountainCar-v0", 200)
    episodes = [env.play("random", random_actions(s, 3), s, 200, (1, 200)) for s in SEEDS]
    return {"episodes": episodes + [env.play("swing", swing, s, 200, (1, 200)) for s in (100, 101)]}


def acrobot():
    env = Control("Acrobot-v1", 100)
    episodes = [env.play("random", random_actions(s, 3), s, 100, (1, 10)) for s in SEEDS]
    env = Control("Acrobot-v1", 500)
    return {"episodes": episodes + [env.play("pump", pump, 100, 500, (1, 10))]}


def normalize():
    """What NormalizeObservation makes of the observations of CartPole, and its statistics."""
    env = Control("CartPole-v1", 500)
    env.env = gymnasium.wrappers.NormalizeObservation(env.env)
    return {"episodes": [env.play("random", random_actions(s, 2), s, 500) for s in SEEDS]}


def grid(name, limit, **arguments):
    env = Grid(name, limit, **arguments)
    episodes = [env.play("random", random_actions(s, 4), s, limit) for s in SEEDS]
    return {"episodes": episodes, "table": env.table()}


def catch():
    module = bsuite_environment("catch")
    episodes = []
    for rows, columns in ((10, 5), (6, 4)):
        env = Catch(module.Catch(rows=rows, columns=columns))
        played = [env.play("random", random_actions(s, 3), s, NO_LIMIT) for s in SEEDS]
        episodes += [entry | {"size": [rows, columns]} for entry in played]
    return {"episodes": episodes}


def deep_sea():
    module = bsuite_environment("deep_sea")
    episodes = []
    for size, deterministic in ((8, True), (8, False), (3, False)):
        env = DeepSea(module.DeepSea(size=size, deterministic=deterministic, mapping_seed=42))
        mapping = "".join(str(int(v)) for v in env.env._action_mapping.ravel())
        right = lambda _: int(env.env._action_mapping[env.env._row, env.env._column])
        more = {"size": size, "deterministic": deterministic, "mapping": mapping}
        played = [env.play("random", random_actions(s, 2), s, NO_LIMIT) for s in SEEDS]
        played += [env.play("right", right, s, NO_LIMIT) for s in range(100, 110)]
        episodes += [entry | more for entry in played]
    return {"episodes": episodes}


def bsuite_environment(name):
    """A module of bsuite's environments, without what the package imports for its experiments."""
    if "bsuite" not in sys.modules:
        folder = pathlib.Path(importlib.util.find_spec("bsuite").origin).parent
        for package, path in (("bsuite", folder), ("bsuite.experiments", folder / "experiments")):
            sys.modules[package] = types.ModuleType(package)
            sys.modules[package].__path__ = [str(path)]
    return importlib.import_module(f"bsuite.environments.{name}")


RECORDINGS = {
    "cart_pole": cart_pole,
    "mountain_car": mountain_car,
    "acrobot": acrobot,
    "normalize_observation": normalize,
    "frozen_lake": lambda: grid("FrozenLake-v1", 100),
    "frozen_lake_firm": lambda: grid("FrozenLake-v1", 100, is_slippery=False),
    "frozen_lake_8x8": lambda: grid("FrozenLake8x8-v1", 200, success_rate=0.7),
    "cliff_walking": lambda: grid("CliffWalking-v1", 100),
    "cliff_walking_slippery": lambda: grid("CliffWalkingSlippery-v1", 100),
    "catch": catch,
    "deep_sea": deep_sea,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="the folder to write to")
    parser.add_argument("names", nargs="*", help=f"what to record: {', '.join(RECORDINGS)}")
    arguments = parser.parse_args()
    # Their advice is about newer versions and float64 spaces.
    warnings.simplefilter("ignore")

    versions = {name: importlib.metadata.version(name) for name in ("gymnasium", "numpy", "bsuite")}
    origin = versions | {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "format": "see the head of xtask/peers/record_envs.py",
    }
    for name in arguments.names or RECORDINGS:
        recording = {"origin": origin | {"name": name}} | RECORDINGS[name]()
        text = json.dumps(recording, separators=(",", ":")).encode()
        path = arguments.folder / f"{name}.json.gz"
        path.write_bytes(gzip.compress(text, mtime=0))
        print(f"{path}: {len(recording['episodes'])} episodes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
