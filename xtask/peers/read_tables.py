"""Check with numpy and pyarrow what crates/replay has written.

Usage, from the root of the repository, with `numpy` and `pyarrow` installed:

    REFLUX_TABLES=target/tables cargo test -p reflux-replay --all-features --test npz --test parquet
    python xtask/peers/read_tables.py target/tables

The tests write, into the folder that the variable names, a buffer of the columns of
xtask/peers/write_tables.py. Every file must hold the same arrays.
"""

import argparse
import pathlib

import numpy
import pyarrow
import pyarrow.parquet

import write_tables


def npz(path):
    with numpy.load(path) as file:
        return dict(file)


def parquet(path):
    table = pyarrow.parquet.read_table(path)
    arrays = {}
    for name in table.column_names:
        column, shape = table[name].combine_chunks(), [len(table)]
        while pyarrow.types.is_fixed_size_list(column.type):
            shape.append(column.type.list_size)
            column = column.flatten()
        arrays[name] = column.to_numpy(zero_copy_only=False).reshape(shape)
    return arrays


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the tests wrote")
    folder = parser.parse_args().folder
    expected = write_tables.arrays()
    files = sorted(folder.iterdir())
    assert files, f"{folder} is empty"
    for path in files:
        found = npz(path) if path.suffix == ".npz" else parquet(path)
        assert list(found) == list(expected), (path, list(found))
        for name, array in expected.items():
            assert found[name].dtype == array.dtype, (path, name, found[name].dtype)
            assert found[name].shape == array.shape, (path, name, found[name].shape)
            assert numpy.array_equal(found[name], array), (path, name)
        print(f"{path}: the same")


if __name__ == "__main__":
    main()
