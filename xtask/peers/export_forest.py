"""Train a random forest on the bundled digits in scikit-learn and export it as ONNX.

Usage, from the root of the repository, with the packages of requirements-distill.txt installed:

    python xtask/peers/export_forest.py crates/distill/tests/data

It writes `digits_forest.onnx`, which takes pixels `[batch, 64]` and gives `label` and `probabilities`
`[batch, 10]`, and `digits_forest.json`: where both come from, how many of the 768 test rows the forest
gets wrong, and the probabilities that scikit-learn computes for the first eight of them.
"""

import gzip
import json
import pathlib
import sys

import numpy as np
import sklearn
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

DATA = pathlib.Path("crates/nn/data")
FIRST_TEST_ROW = 1029  # as reflux_nn::data::digits_split
RECORDED = 8


def read(name, header):
    with gzip.open(DATA / name) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def main():
    pixels = read("digits-images-idx3-ubyte.gz", 16).reshape(-1, 64)
    x = pixels.astype(np.float32) / 16
    y = read("digits-labels-idx1-ubyte.gz", 8).astype(np.int64)
    forest = RandomForestClassifier(12, max_leaf_nodes=32, random_state=0)
    forest.fit(x[:FIRST_TEST_ROW], y[:FIRST_TEST_ROW])
    folder = pathlib.Path(sys.argv[1])
    exported = to_onnx(forest, x[:1], options={"zipmap": False})
    (folder / "digits_forest.onnx").write_bytes(exported.SerializeToString())
    test = x[FIRST_TEST_ROW:]
    record = {
        "origin": f"scikit-learn {sklearn.__version__}, xtask/peers/export_forest.py",
        "first_row": FIRST_TEST_ROW,
        "errors": int((forest.predict(test) != y[FIRST_TEST_ROW:]).sum()),
        "probabilities": forest.predict_proba(test[:RECORDED]).tolist(),
    }
    with open(folder / "digits_forest.json", "w") as file:
        json.dump(record, file)
        file.write("\n")


if __name__ == "__main__":
    main()
