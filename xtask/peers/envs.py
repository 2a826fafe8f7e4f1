"""Gymnasium's environments under random actions, for `cargo xtask bench envs --peers`."""

import gymnasium
import numpy

NAME = f"Gymnasium {gymnasium.__version__}"


def actions(n, count):
    """The same numbers as in xtask/src/bench/envs.rs."""
    state, drawn = 1, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        drawn.append((state >> 16) % n)
    return drawn


def prepare(parameters, threads):
    name, kind, steps = parameters["environment"], parameters["kind"], parameters["steps"]
    if kind in ("sync", "arrays"):
        return vector(name, kind, parameters["count"], steps)
    env = gymnasium.make(name)
    return single(env.unwrapped if kind == "bare" else env, steps)


def single(env, steps):
    drawn = actions(int(env.action_space.n), steps)
    env.reset(seed=0)

    def run():
        for action in drawn:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(drawn)

    return run


def vector(name, kind, count, steps):
    mode = "sync" if kind == "sync" else "vector_entry_point"
    envs = gymnasium.make_vec(name, num_envs=count, vectorization_mode=mode)
    n = int(envs.single_action_space.n)
    drawn = numpy.array(actions(n, steps * count)).reshape(steps, count)
    envs.reset(seed=0)

    def run():
        for row in drawn:
            envs.step(row)
        return drawn.size

    return run
