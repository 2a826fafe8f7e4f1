"""Record training steps, layers and a file from PyTorch, for crates/nn.

Usage, from the root of the repository, with the packages of requirements-torch.txt installed:

    python xtask/peers/nn_reference.py crates/nn/tests/data

Running it again with the same versions writes the same, but for the date. Four files, all computed in
f64 unless they say otherwise, and each JSON with its `origin`:

- optimizers.json: the losses of 100 training steps with each optimizer and schedule. Weights and data
  come from a formula, so that they can be made again without a file (`number` below).
- layers.json: activations and their derivatives, LayerNorm, a dueling head.
- torch.safetensors: `nn.Sequential(Linear, ReLU, Linear)` in f32, as PyTorch names its tensors.
- torch.json: inputs and outputs of that network.
"""

import datetime
import json
import math
import pathlib
import sys

import safetensors.torch
import torch
import torch.nn.functional as F

WIDTHS = [6, 16, 16, 3]
BATCH, BATCHES, STEPS = 8, 4, 100
FORMULA = "number(seed, i) = sin(1.7·i + 0.009·i² + seed), i from 1 along the rows"

SGD, RMSPROP, ADAM, ADAMW = (
    torch.optim.SGD,
    torch.optim.RMSprop,
    torch.optim.Adam,
    torch.optim.AdamW,
)
# Name in the file, optimizer, its settings by PyTorch's names, and what else there is to a run.
RUNS = [
    ("sgd", SGD, {"lr": 0.1}, {}),
    ("sgd", SGD, {"lr": 0.1, "weight_decay": 0.01}, {}),
    ("sgd", SGD, {"lr": 0.05, "momentum": 0.9}, {}),
    ("sgd", SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}, {}),
    ("sgd", SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}, {}),
    ("sgd", SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, {}),
    ("rmsprop", RMSPROP, {"lr": 0.003}, {}),
    ("rmsprop", RMSPROP, {"lr": 0.003, "alpha": 0.95, "eps": 0.01, "centered": True}, {}),
    ("rmsprop", RMSPROP, {"lr": 0.001, "momentum": 0.9}, {}),
    ("rmsprop", RMSPROP, {"lr": 0.001, "momentum": 0.9, "centered": True, "weight_decay": 0.01}, {}),
    ("adam", ADAM, {"lr": 0.01}, {}),
    ("adam", ADAM, {"lr": 0.01, "betas": [0.8, 0.99], "eps": 1e-4}, {}),
    ("adam", ADAM, {"lr": 0.01, "weight_decay": 0.01}, {}),
    ("adamw", ADAMW, {"lr": 0.01, "weight_decay": 0.1}, {}),
    ("sgd", SGD, {"lr": 0.1}, {"clip_norm": 0.2}),
    ("adam", ADAM, {"lr": 0.01}, {"clip_norm": 0.2, "activation": "relu"}),
    ("sgd", SGD, {"lr": 0.1, "momentum": 0.9}, {"activation": "relu"}),
    ("adamw", ADAMW, {"lr": 0.01, "weight_decay": 0.1}, {"activation": "relu"}),
    ("sgd", SGD, {"lr": 0.2}, {"schedule": {"name": "step", "every": 30, "factor": 0.3}}),
    ("sgd", SGD, {"lr": 0.2}, {"schedule": {"name": "cosine", "steps": 80, "floor": 0.002}}),
    ("sgd", SGD, {"lr": 0.2}, {"schedule": {"name": "linear warm-up", "steps": 20, "start": 0.05}}),
    (
        "adamw",
        ADAMW,
        {"lr": 0.02, "weight_decay": 0.1},
        {"schedule": {"name": "warm-up, then cosine", "warm_up": 10, "start": 0.1, "steps": 90, "floor": 0.0}},
    ),
]
GRID = [-40.0, -8.0, -4.0, -2.5, -1.5, -1.0, -0.75, -0.5, -0.1, -1e-4, 0.0]
GRID += [-x for x in reversed(GRID[:-1])]


def number(seed, count):
    i = torch.arange(1, count + 1, dtype=torch.float64)
    return torch.sin(1.7 * i + 0.009 * i * i + seed)


def main():
    folder = pathlib.Path(sys.argv[1])
    write(folder / "optimizers.json", optimizers())
    write(folder / "layers.json", layers())
    write(folder / "torch.json", sequential(folder / "torch.safetensors"))


def origin(dtype="f64"):
    version = torch.__version__.split("+")[0]
    today = datetime.date.today().isoformat()
    return f"PyTorch {version}, {dtype}, xtask/peers/nn_reference.py, {today}"


def write(path, parts):
    """A line for each item of each list of objects; numbers as they are."""
    lines = []
    for key, value in parts.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            items = ",\n".join(json.dumps(item, ensure_ascii=False) for item in value)
            lines.append(f"{json.dumps(key)}: [\n{items}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def rounded(tensor, digits):
    if isinstance(tensor, list):
        return [rounded(item, digits) for item in tensor]
    return float(f"{tensor:.{digits}g}")


def exact(tensor):
    return rounded(tensor.detach().tolist(), 16)


# Optimizers.


def optimizers():
    runs = []
    for name, optimizer, settings, extra in RUNS:
        extra = {"activation": "tanh", "clip_norm": None, "schedule": None} | extra
        losses, rates = train(optimizer, settings, **extra)
        # PyTorch's defaults too, so that nobody needs to know them.
        defaults = optimizer([torch.zeros(1, requires_grad=True)], **settings).defaults
        keys = ["lr", "momentum", "nesterov", "alpha", "eps", "centered", "betas", "weight_decay"]
        settings = {key: defaults[key] for key in keys if key in defaults}
        run = {"optimizer": name, **settings, **extra, "losses": rounded(losses, 10)}
        if extra["schedule"]:
            run["learning_rates"] = rounded(rates, 10)
        runs.append(run)
    return {
        "origin": origin(),
        "about": "Mean cross-entropy of each step before its update. Step t, from 0, sees batch t mod "
        "`batches`. Adam's, SGD's and RMSProp's weight_decay is added to the gradient (L2), after "
        "clipping; AdamW's is decoupled: θ ← (1 − lr·weight_decay)·θ. clip_norm is "
        "clip_grad_norm_, which scales by min(1, clip_norm / (norm + 1e-6)). A schedule sets the "
        "learning rate of each step.",
        "formula": FORMULA,
        "weights": "layer l, from 0, [outputs, inputs]: number(10 + 2l, i) / √inputs; "
        "bias: 0.1·number(11 + 2l, i)",
        "inputs": "batch b: [batch, inputs] number(100 + b, i)",
        "labels": "row r of batch b: (r·r + b) mod outputs",
        "widths": WIDTHS,
        "batch": BATCH,
        "batches": BATCHES,
        "runs": runs,
    }


def mlp(activation):
    function = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    layers = []
    for index, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        layer = torch.nn.Linear(inputs, outputs, dtype=torch.float64)
        with torch.no_grad():
            weights = number(10 + 2 * index, inputs * outputs) / math.sqrt(inputs)
            layer.weight.copy_(weights.reshape(outputs, inputs))
            layer.bias.copy_(0.1 * number(11 + 2 * index, outputs))
        layers += [layer, function()]
    return torch.nn.Sequential(*layers[:-1])


def train(optimizer, settings, activation, clip_norm, schedule):
    model = mlp(activation)
    optimizer = optimizer(model.parameters(), **settings)
    scheduler = schedule and scheduler_of(optimizer, schedule)
    rows = torch.arange(BATCH)
    losses, rates = [], []
    for step in range(STEPS):
        batch = step % BATCHES
        inputs = number(100 + batch, BATCH * WIDTHS[0]).reshape(BATCH, WIDTHS[0])
        loss = F.cross_entropy(model(inputs), (rows * rows + batch) % WIDTHS[-1])
        losses.append(loss.item())
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss.backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return losses, rates


def scheduler_of(optimizer, schedule):
    rates = torch.optim.lr_scheduler
    name = schedule["name"]
    if name == "step":
        return rates.StepLR(optimizer, schedule["every"], schedule["factor"])
    if name == "cosine":
        return cosine(optimizer, schedule)
    if name == "linear warm-up":
        return rates.LinearLR(optimizer, schedule["start"], 1.0, schedule["steps"])
    warm_up = rates.LinearLR(optimizer, schedule["start"], 1.0, schedule["warm_up"])
    parts = [warm_up, cosine(optimizer, schedule)]
    return rates.SequentialLR(optimizer, parts, [schedule["warm_up"]])


def cosine(optimizer, schedule):
    """From the rate down to the floor in so many steps, and there it stays.

    Not CosineAnnealingLR, which goes up again after them.
    """
    peak, steps = optimizer.defaults["lr"], schedule["steps"]
    floor = schedule["floor"] / peak

    def factor(step):
        part = min(step / steps, 1.0)
        return floor + (1 - floor) * (1 + math.cos(math.pi * part)) / 2

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


# Layers.


def layers():
    return {
        "origin": origin(),
        "about": "1 + erf(x/√2) loses digits where it is near 0: compare gelu's with an absolute tolerance",
        "grid": GRID,
        "activations": activations(),
        "layer_norm": layer_norm(),
        "dueling": dueling(),
    }


def activations():
    functions = [
        ("relu", F.relu),
        ("leaky_relu 0.01", lambda x: F.leaky_relu(x, 0.01)),
        ("gelu", lambda x: F.gelu(x, approximate="none")),
        ("gelu tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("silu", F.silu),
        ("tanh", torch.tanh),
        ("sigmoid", torch.sigmoid),
    ]
    recorded = []
    for name, function in functions:
        x = torch.tensor(GRID, dtype=torch.float64, requires_grad=True)
        values = function(x)
        values.sum().backward()
        recorded.append({"name": name, "values": exact(values), "derivatives": exact(x.grad)})
    return recorded


def layer_norm():
    """Of rows, with a gain and a shift; the gradients are those of sum(outputs · upstream)."""
    rows, columns = 4, 5
    x = (3 * number(1, rows * columns).reshape(rows, columns) + 1).requires_grad_()
    gain = (1 + 0.5 * number(2, columns)).requires_grad_()
    shift = (0.3 * number(3, columns)).requires_grad_()
    upstream = number(4, rows * columns).reshape(rows, columns)
    outputs = F.layer_norm(x, (columns,), gain, shift, eps=1e-5)
    (outputs * upstream).sum().backward()
    return {
        "epsilon": 1e-5,
        "inputs": exact(x),
        "gain": exact(gain),
        "shift": exact(shift),
        "upstream": exact(upstream),
        "outputs": exact(outputs),
        "input_gradient": exact(x.grad),
        "gain_gradient": exact(gain.grad),
        "shift_gradient": exact(shift.grad),
    }


def dueling():
    """Q = V + A − mean(A) (Wang et al. 2016, equation 9); gradients of sum(Q · upstream)."""
    rows, features, actions = 3, 4, 3
    hidden = number(1, rows * features).reshape(rows, features).requires_grad_()
    value, advantage = (torch.nn.Linear(features, out, dtype=torch.float64) for out in (1, actions))
    with torch.no_grad():
        value.weight.copy_(number(2, features).reshape(1, features))
        value.bias.copy_(number(3, 1))
        advantage.weight.copy_(number(4, actions * features).reshape(actions, features))
        advantage.bias.copy_(number(5, actions))
    upstream = number(6, rows * actions).reshape(rows, actions)
    v, a = value(hidden), advantage(hidden)
    q = v + a - a.mean(1, keepdim=True)
    (q * upstream).sum().backward()
    return {
        "about": "weights are [outputs, inputs]",
        "hidden": exact(hidden),
        "value_weight": exact(value.weight),
        "value_bias": exact(value.bias),
        "advantage_weight": exact(advantage.weight),
        "advantage_bias": exact(advantage.bias),
        "upstream": exact(upstream),
        "q": exact(q),
        "hidden_gradient": exact(hidden.grad),
        "value_weight_gradient": exact(value.weight.grad),
        "value_bias_gradient": exact(value.bias.grad),
        "advantage_weight_gradient": exact(advantage.weight.grad),
        "advantage_bias_gradient": exact(advantage.bias.grad),
    }


# A file.


def sequential(path):
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    with torch.no_grad():
        for seed, parameter in enumerate(model.parameters()):
            parameter.copy_(number(seed, parameter.numel()).reshape(parameter.shape))
    safetensors.torch.save_file(model.state_dict(), path, metadata={"origin": origin("f32")})
    inputs = number(50, 20).reshape(4, 5).to(torch.float32)
    return {
        "origin": origin("f32"),
        "file": "torch.safetensors: nn.Sequential(Linear(5, 7), ReLU(), Linear(7, 3))",
        "inputs": rounded(inputs.tolist(), 9),
        "outputs": rounded(model(inputs).tolist(), 9),
    }


if __name__ == "__main__":
    main()
