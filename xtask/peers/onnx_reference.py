"""Record what onnxruntime computes for our ONNX models, for crates/nn.

Usage, from the root of the repository, with the packages of requirements-torch.txt installed:

    cargo test -p reflux-nn --features onnx --test onnx -- --ignored
    python xtask/peers/onnx_reference.py crates/nn/tests/data/onnx

The first writes the models to that folder, the second checks them and writes `outputs.json` beside
them: the inputs, which are the same for every model, and the outputs of each.
"""

import datetime
import json
import math
import pathlib
import sys

import numpy
import onnx
import onnxruntime

ROWS, FEATURES = 4, 3


def main():
    folder = pathlib.Path(sys.argv[1])
    values = [2.5 * math.sin(1.7 * i) for i in range(ROWS * FEATURES)]
    inputs = numpy.array(values, dtype=numpy.float32).reshape(ROWS, FEATURES)
    today = datetime.date.today().isoformat()
    recorded = {
        "origin": f"onnxruntime {onnxruntime.__version__}, xtask/peers/onnx_reference.py, {today}",
        "inputs": rounded(inputs),
        "outputs": {path.stem: rounded(run(path, inputs)) for path in sorted(folder.glob("*.onnx"))},
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in recorded.items()]
    (folder / "outputs.json").write_text("{\n" + ",\n".join(lines).replace("]], ", "]],\n") + "\n}\n")


def run(path, inputs):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(["logits"], {"input": inputs})
    return outputs


def rounded(array):
    return [[float(f"{x:.9g}") for x in row] for row in array.tolist()]


if __name__ == "__main__":
    main()
