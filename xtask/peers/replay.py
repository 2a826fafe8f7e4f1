"""cpprb's replay buffers, for `cargo xtask bench replay --peers`."""

import importlib.metadata

import cpprb
import numpy
from serve import Unavailable

NAME = f"cpprb {importlib.metadata.version('cpprb')}"
CHUNK = 256
REWARD = 0.5
GOLDEN = 0.6180339887498949
COLUMNS = {
    "obs": {"shape": 4},
    "next_obs": {"shape": 4},
    "rew": {},
    "act": {"dtype": numpy.int64},
    "done": {"dtype": numpy.bool_},
}
# The stack is the last dimension, and the next observations are a view of the observations.
FRAMES = COLUMNS | {"obs": {"shape": (84, 84, 4), "dtype": numpy.uint8}}
del FRAMES["next_obs"]
# alpha 0.6 and beta 0.4 are the defaults on both sides.
EPSILON = 1e-6


def prepare(parameters, threads):
    work, items = parameters["work"], parameters["items"]
    capacity, batch = parameters["capacity"], parameters["batch"]
    make = cpprb.PrioritizedReplayBuffer if "prioritized" in work else cpprb.ReplayBuffer
    settings = {"eps": EPSILON} if "prioritized" in work else {}
    if items == "4 frames":
        check_memory(capacity)
        buffer = make(capacity, FRAMES, next_of="obs", stack_compress="obs", **settings)
    elif items == "4 floats":
        buffer = make(capacity, COLUMNS, **settings)
    else:
        buffer = make(capacity, {"rew": {}}, **settings)
    fill(buffer, items, capacity)

    if "push" in work:
        return push_one(buffer, items) if batch == 1 else push_batch(buffer, items, batch)
    if "update" in work:
        return sample_and_update(buffer, batch)
    return sample(buffer, batch)


def check_memory(capacity):
    """cpprb reserves memory only as it fills it, so that a buffer that does not fit is found out late."""
    needed, available = capacity * 84 * 84 * 11 // 10, available_memory()
    if available is not None and needed > available:
        raise Unavailable(
            f"{capacity} frames need {needed} bytes of memory, and {available} bytes are available"
        )


def available_memory():
    """The bytes that Linux could give beside what is in use; elsewhere, nothing is known."""
    try:
        with open("/proc/meminfo") as lines:
            values = dict(line.split(":") for line in lines)
    except FileNotFoundError:
        return None
    return int(values["MemAvailable"].split()[0]) * 1024


def transitions(items, rows):
    """The same as in xtask/src/bench/replay/transitions.rs."""
    reward = {"rew": numpy.full(rows, REWARD, numpy.float32)}
    if items == "priority":
        return reward
    if items == "4 floats":
        observation = following = numpy.ones((rows, 4), numpy.float32)
    else:
        # Every stack has memory of its own, as here, and in it the images lie one after another: of
        # the orders in which the stack is the last dimension, the one that cpprb copies fastest.
        film = numpy.full((rows + 4, 84 * 84), 7, numpy.uint8)
        numbers = numpy.arange(rows + 4, dtype="<u8")
        film[:, :8] = numbers.view(numpy.uint8).reshape(-1, 8)
        film = film.reshape(-1, 84, 84)
        stacks = numpy.lib.stride_tricks.sliding_window_view(film, 4, axis=0)
        stacks = numpy.moveaxis(stacks, -1, 1)
        observation, following = (
            numpy.moveaxis(numpy.ascontiguousarray(part), 1, -1)
            for part in (stacks[:rows], stacks[1 : rows + 1])
        )
    return reward | {
        "obs": observation,
        "next_obs": following,
        "act": numpy.ones(rows, numpy.int64),
        "done": numpy.zeros(rows, numpy.bool_),
    }


def fill(buffer, items, capacity):
    # A chunk of frames is an episode; of the others, larger chunks are the same and faster.
    chunk = CHUNK if items == "4 frames" else 64 * CHUNK
    values = transitions(items, chunk)
    for start in range(0, capacity, chunk):
        rows = min(chunk, capacity - start)
        part = {name: value[:rows] for name, value in values.items()}
        if isinstance(buffer, cpprb.PrioritizedReplayBuffer):
            part["priorities"] = priorities(start, start + rows)
        buffer.add(**part)
        if items == "4 frames":
            buffer.on_episode_end()
    assert buffer.get_stored_size() == capacity


def priorities(start, stop):
    return (numpy.arange(start + 1, stop + 1) * GOLDEN % 1.0).astype(numpy.float32)


def push_one(buffer, items):
    values = transitions(items, CHUNK)
    rows = [{name: value[row] for name, value in values.items()} for row in range(CHUNK)]
    row = 0

    def run():
        nonlocal row
        buffer.add(**rows[row])
        row = (row + 1) % CHUNK
        if row == 0 and items == "4 frames":
            buffer.on_episode_end()
        return buffer.get_stored_size()

    return run


def push_batch(buffer, items, batch):
    values = transitions(items, batch)

    def run():
        buffer.add(**values)
        if items == "4 frames":
            buffer.on_episode_end()
        return buffer.get_stored_size()

    return run


def sample(buffer, batch):
    return lambda: checksum(buffer.sample(batch))


def sample_and_update(buffer, batch):
    new = priorities(0, batch)

    def run():
        drawn = buffer.sample(batch)
        buffer.update_priorities(drawn["indexes"], new)
        return checksum(drawn)

    return run


def checksum(drawn):
    rewards = drawn["rew"]
    return len(rewards) * rewards[-1, 0]
