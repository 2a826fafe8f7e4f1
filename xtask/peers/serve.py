"""The peer's side of `cargo xtask bench --peers`: does as it is told, line by line, in JSON.

    python xtask/peers/serve.py GROUP

GROUP is a module beside this file. It has `NAME`, the peer's name and version, and `prepare(parameters,
threads)`, which returns a function without arguments that does the work once and returns a tensor or
a number of which one value is compared with ours. It raises `Unavailable` for what it cannot do here;
the answer is then the reason, as a text.
"""

import importlib
import json
import sys
import time


class Unavailable(Exception):
    """The peer cannot do this here; the message says why."""


def main():
    group = importlib.import_module(sys.argv[1])
    answer(group.NAME)
    work = None
    for line in sys.stdin:
        question = json.loads(line)
        if question["do"] == "prepare":
            work = None  # What it holds goes before there is something new.
            try:
                work = group.prepare(question["parameters"], question["threads"])
            except Unavailable as reason:
                answer(str(reason))
                continue
            work()
            result = work()
            answer(float(result.reshape(-1)[0] if hasattr(result, "reshape") else result))
        else:
            answer(nanoseconds(work, question["seconds"]))


def nanoseconds(work, seconds):
    """The time of a call, of as many as fit into `seconds`."""
    calls = 0
    started = now = time.perf_counter_ns()
    while calls == 0 or now - started < seconds * 1e9:
        work()
        calls += 1
        now = time.perf_counter_ns()
    return (now - started) / calls


def answer(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    # Under its own name, so that a group's `Unavailable` is the one above.
    importlib.import_module("serve").main()
