"""Train a small convolutional network on the bundled digits in PyTorch and export it as ONNX.

Usage, from the root of the repository, with the packages of requirements-distill.txt installed:

    python xtask/peers/export_teacher.py crates/distill/tests/data

It writes `digits_cnn.onnx`, which takes pixels `[batch, 64]` and gives logits `[batch, 10]`, and
`digits_cnn.json`: where both come from, how many of the 768 test rows the network gets wrong, and the
logits that PyTorch computes for the first eight of them.
"""

import gzip
import json
import pathlib
import sys

import numpy as np
import onnx
import torch
from torch import nn

DATA = pathlib.Path("crates/nn/data")
FIRST_TEST_ROW = 1029  # as reflux_nn::data::digits_split
RECORDED = 8


def read(name, header):
    with gzip.open(DATA / name) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    pixels = read("digits-images-idx3-ubyte.gz", 16).reshape(-1, 64)
    x = torch.tensor(pixels.astype(np.float32) / 16)
    y = torch.tensor(read("digits-labels-idx1-ubyte.gz", 8).astype(np.int64))
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(24 * 16, 10),
    )
    train, test = slice(FIRST_TEST_ROW), slice(FIRST_TEST_ROW, None)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=60 * 33)
    for _ in range(60):
        for rows in torch.randperm(FIRST_TEST_ROW).split(32):
            loss = nn.functional.cross_entropy(model(x[train][rows]), y[train][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    folder = pathlib.Path(sys.argv[1])
    torch.onnx.export(
        model,
        (x[test][:RECORDED],),
        folder / "digits_cnn.onnx",
        input_names=["pixels"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        verbose=False,
    )
    # Without the names of files and lines of this script that the exporter puts into each node.
    exported = onnx.load(folder / "digits_cnn.onnx")
    for part in [*exported.graph.node, *exported.graph.input, *exported.graph.output]:
        part.ClearField("metadata_props")
    for part in [exported, exported.graph]:
        part.ClearField("metadata_props")
    onnx.save(exported, folder / "digits_cnn.onnx")
    with torch.no_grad():
        logits = model(x[test])
    record = {
        "origin": f"PyTorch {torch.__version__.split('+')[0]}, xtask/peers/export_teacher.py",
        "first_row": FIRST_TEST_ROW,
        "errors": int((logits.argmax(1) != y[test]).sum()),
        "logits": logits[:RECORDED].tolist(),
    }
    with open(folder / "digits_cnn.json", "w") as file:
        json.dump(record, file)
        file.write("\n")


if __name__ == "__main__":
    main()
