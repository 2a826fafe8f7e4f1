"""Write the files of numpy and pyarrow that crates/replay reads in its tests and in an example.

Usage, from the root of the repository, with `numpy` and `pyarrow` installed:

    python xtask/peers/write_tables.py crates/replay/tests/data

Running it again with the same versions writes arrays and tables of the same contents. The tests
know the contents: element number i of an array, counted in C's order over all of it, is

    i / 4 - 1          float32, float64
    3 * i % 256        uint8
    i - 3              int32
    (i - 3) * 2**33    int64
    i % 3 == 0         bool

* plain.npz           one array of each type, by numpy.savez
* compressed.npz      the same, big-endian, by numpy.savez_compressed
* refused.npz         arrays that cannot be columns
* plain.parquet       the columns of plain.npz by pyarrow, compressed with Snappy, two row groups
* uncompressed.parquet  the same without compression, without dictionaries, data pages of version 2
* lists.parquet       lists without a fixed size, as pandas writes them, which all have the same
* refused.parquet     columns that cannot be read
* random_walk.npz     the random walk of Sutton & Barto 2018, example 6.2: 10,000 steps of an agent
                      that goes left or right by the toss of a coin, from the middle of five states
                      until it leaves them; leaving on the right is rewarded with 1
"""

import argparse
import pathlib

import numpy
import pyarrow
import pyarrow.parquet

SHAPES = {
    "f32": (numpy.float32, (5, 2, 3)),
    "f64": (numpy.float64, (5,)),
    "u8": (numpy.uint8, (5, 4)),
    "i32": (numpy.int32, (5,)),
    "i64": (numpy.int64, (5, 1)),
    "bool": (numpy.bool_, (5, 2)),
}
STATES = 5
STEPS = 10_000


def element(dtype, i):
    """The elements with these numbers."""
    if dtype == numpy.bool_:
        return i % 3 == 0
    if numpy.issubdtype(dtype, numpy.floating):
        return (i / 4 - 1).astype(dtype)
    if dtype == numpy.uint8:
        return (3 * i % 256).astype(dtype)
    return ((i - 3) * (2**33 if dtype == numpy.int64 else 1)).astype(dtype)


def arrays():
    return {
        name: element(dtype, numpy.arange(numpy.prod(shape))).reshape(shape)
        for name, (dtype, shape) in SHAPES.items()
    }


def refused():
    return {
        "good": numpy.zeros(3, numpy.float32),
        "fortran": numpy.asfortranarray(numpy.zeros((3, 2), numpy.float32)),
        "half": numpy.zeros(3, numpy.float16),
        "scalar": numpy.float32(1),
        "shorter": numpy.zeros(2, numpy.float32),
        "records": numpy.zeros(3, [("x", "<f4"), ("y", "<f4")]),
        "text": numpy.array(["a", "b", "c"]),
        "empty items": numpy.zeros((3, 0), numpy.float32),
    }


def columns(arrays):
    """Arrays as columns: a list of fixed size for each dimension of an item."""

    def column(array):
        values = pyarrow.array(array.reshape(-1))
        for n in reversed(array.shape[1:]):
            values = pyarrow.FixedSizeListArray.from_arrays(values, n)
        return values

    return pyarrow.table({name: column(array) for name, array in arrays.items()})


def lists():
    return pyarrow.table(
        {
            "pairs": pyarrow.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]),
            "matrices": pyarrow.array(
                [[[True], [False]], [[False], [True]], [[True], [True]]],
                pyarrow.large_list(pyarrow.list_(pyarrow.bool_())),
            ),
        }
    )


def refused_columns():
    return pyarrow.table(
        {
            "good": pyarrow.array([1.0, 2.0], pyarrow.float32()),
            "missing": pyarrow.array([1.0, None], pyarrow.float32()),
            "text": pyarrow.array(["a", "b"]),
            "lists": pyarrow.array([[1.0], [2.0, 3.0]], pyarrow.list_(pyarrow.float32())),
            "missing in list": pyarrow.array(
                [[1.0, 2.0], [3.0, None]], pyarrow.list_(pyarrow.float32(), 2)
            ),
        }
    )


def random_walk():
    rng = numpy.random.default_rng(0)
    steps, state = [], STATES // 2
    for _ in range(STEPS):
        action = int(rng.integers(2))
        following = state + 2 * action - 1
        over = following in (-1, STATES)
        reward = float(following == STATES)
        # The value of what comes after the end is not asked for; any state will do.
        following = min(max(following, 0), STATES - 1)
        steps.append((state, action, reward, following, over))
        state = STATES // 2 if over else following
    observations, actions, rewards, following, terminals = zip(*steps)
    return {
        "observations": numpy.array(observations, numpy.int64),
        "actions": numpy.array(actions, numpy.int64),
        "rewards": numpy.array(rewards, numpy.float32),
        "next_observations": numpy.array(following, numpy.int64),
        "terminals": numpy.array(terminals, numpy.bool_),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the files go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    plain = arrays()
    numpy.savez(folder / "plain.npz", **plain)
    big = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in plain.items()}
    numpy.savez_compressed(folder / "compressed.npz", **big)
    numpy.savez_compressed(folder / "refused.npz", **refused())
    numpy.savez_compressed(folder / "random_walk.npz", **random_walk())

    table = columns(plain)
    pyarrow.parquet.write_table(table, folder / "plain.parquet", row_group_size=3)
    pyarrow.parquet.write_table(
        table,
        folder / "uncompressed.parquet",
        compression="NONE",
        use_dictionary=False,
        data_page_version="2.0",
    )
    pyarrow.parquet.write_table(lists(), folder / "lists.parquet", compression="GZIP")
    pyarrow.parquet.write_table(refused_columns(), folder / "refused.parquet")
    print(f"numpy {numpy.__version__}, pyarrow {pyarrow.__version__}")


if __name__ == "__main__":
    main()
