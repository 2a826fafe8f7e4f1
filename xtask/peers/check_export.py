"""Check that PyTorch and onnxruntime compute what we say a saved network computes.

Usage, with the packages of requirements-torch.txt installed:

    python xtask/peers/check_export.py FOLDER...

Each FOLDER holds `model.safetensors`, `model.onnx` or both, and as .npy or .json arrays of two dimensions
`inputs` and `outputs`, which are ours. Exit status 1 and a line for whatever differs by more than
1e-5 · (1 + |ours|).

In the safetensors file, `N.weight` and `N.bias` belong to place N of an `nn.Sequential`: a matrix
`[outputs, inputs]` is a `Linear`, a vector a `LayerNorm` (epsilon 1e-5). Of the places between them that
have no tensors, the first is the activation that the metadata's `activation` names, ReLU without it;
the others, and those before the first tensor, are dropout, which does nothing here. `load_state_dict`
is strict. Two things PyTorch has no layer for: the `weight_sigma` and `bias_sigma` of a noisy layer are left out,
since it is its means here; and the metadata's `dueling_atoms` puts a dueling head at the end.
"""

import json
import pathlib
import re
import sys

import numpy
import onnx
import onnxruntime
import safetensors
import torch

TOLERANCE = 1e-5
ACTIVATIONS = {
    "identity": torch.nn.Identity,
    "relu": torch.nn.ReLU,
    "leakyrelu": torch.nn.LeakyReLU,
    "gelu": torch.nn.GELU,
    "gelutanh": lambda: torch.nn.GELU(approximate="tanh"),
    "silu": torch.nn.SiLU,
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
}


class Problem(Exception):
    """What is wrong, in a line."""


def main():
    failed = False
    for folder in map(pathlib.Path, sys.argv[1:]):
        failed |= not check(folder)
    sys.exit(1 if failed else 0)


def check(folder):
    """Whether all that a folder holds computes what we say."""
    checks = {"model.safetensors": pytorch, "model.onnx": onnx_runtime}
    present = [name for name in checks if (folder / name).exists()]
    passed = bool(present)
    if not present:
        print(f"FAILED: {folder} has none of {', '.join(checks)}")
    for name in present:
        try:
            inputs, ours = array(folder, "inputs"), array(folder, "outputs")
            theirs = checks[name](folder / name, inputs)
            print(f"ok: {folder / name}: {compare(ours, theirs)}")
        except Exception as error:  # Whatever a library throws at a file, the other file is checked too.
            passed = False
            print(f"FAILED: {folder / name}: {' '.join(str(error).split()) or type(error).__name__}")
    return passed


def array(folder, name):
    npy, text = folder / f"{name}.npy", folder / f"{name}.json"
    if npy.exists():
        values = numpy.load(npy)
    elif text.exists():
        values = numpy.array(json.loads(text.read_text()))
    else:
        raise Problem(f"{folder} has neither {npy.name} nor {text.name}")
    if values.ndim != 2 or values.size == 0:
        raise Problem(f"{name} must have two dimensions and values, has shape {values.shape}")
    return values.astype(numpy.float32)


def compare(ours, theirs):
    if ours.shape != theirs.shape:
        raise Problem(f"our outputs have shape {ours.shape}, theirs {theirs.shape}")
    apart = numpy.abs(ours.astype(numpy.float64) - theirs)
    row, column = numpy.unravel_index(numpy.argmax(apart), apart.shape)
    # Not `>`, so that NaN fails.
    if not numpy.all(apart <= TOLERANCE * (1 + numpy.abs(ours))):
        values = f"ours {ours[row, column]}, theirs {theirs[row, column]}"
        raise Problem(f"outputs differ by up to {apart[row, column]:.2g}, at [{row}, {column}]: {values}")
    return f"{ours.size} outputs, at most {apart[row, column]:.2g} apart"


def pytorch(path, inputs):
    with safetensors.safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if not name.endswith("_sigma")]
        tensors = {name: file.get_tensor(name) for name in names}
        model = sequential(tensors, file.metadata() or {})
    model.load_state_dict(tensors)
    model.eval()
    with torch.inference_mode():
        return model(torch.from_numpy(inputs)).numpy()


def sequential(tensors, metadata):
    name = metadata.get("activation", "relu")
    activation = ACTIVATIONS.get(re.sub("[-_ ]", "", name.lower()))
    if activation is None:
        raise Problem(f"the metadata's activation {name!r} is none of {', '.join(ACTIVATIONS)}")
    weights = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(\d+)\.(weight|bias)", name)
        if not match:
            raise Problem(f"{name!r} is no tensor of an nn.Sequential")
        if match[2] == "weight":
            weights[int(match[1])] = tensor
    if not weights:
        raise Problem("there are no weights")
    places = []
    for place, weight in sorted(weights.items()):
        gap = place - len(places)
        if gap > 0 and places:
            places.append(activation())
        places += [torch.nn.Identity() for _ in range(place - len(places))]
        if weight.dim() == 2:
            outputs, inputs = weight.shape
            places.append(torch.nn.Linear(inputs, outputs, bias=f"{place}.bias" in tensors))
        elif weight.dim() == 1:
            places.append(torch.nn.LayerNorm(weight.shape))
        else:
            raise Problem(f"{place}.weight has shape {tuple(weight.shape)}")
    if atoms := int(metadata.get("dueling_atoms", 0)):
        places.append(Dueling(atoms))
    return torch.nn.Sequential(*places)


class Dueling(torch.nn.Module):
    """Q = V + A − mean(A) for each atom; V lies before the advantages of the actions."""

    def __init__(self, atoms):
        super().__init__()
        self.atoms = atoms

    def forward(self, x):
        value, advantage = x.unflatten(1, (-1, self.atoms)).split([1, x.shape[1] // self.atoms - 1], 1)
        return (value + advantage - advantage.mean(1, keepdim=True)).flatten(1)


def onnx_runtime(path, inputs):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    (outputs,) = session.run(None, {source.name: inputs})
    return outputs


if __name__ == "__main__":
    main()
