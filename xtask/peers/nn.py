"""PyTorch's training steps and inference, for `cargo xtask bench nn --peers`.

The same work, in the same order, as xtask/src/bench/nn/work.rs. The other column is the same again with
forward pass and loss compiled by `torch.compile`: nn_compiled.py.
"""

import torch
import torch.nn.functional as F

NAME = f"PyTorch {torch.__version__.split('+')[0]}"
LEARNING_RATE = 1e-4
AGREED_STEPS = 10
TEMPERATURE = 4.0
ALPHA = 0.1


def prepare(parameters, threads, compiled=lambda function: function):
    torch.set_num_threads(threads)
    widths, batch = parameters["widths"], parameters["batch"]
    model = network(widths)
    x = values(0, batch, widths[0])
    if parameters["work"] == "inference":
        return inference(compiled(model), x)
    loss = loss_of(parameters["loss"], batch, widths[-1])
    return training(model, compiled(lambda: loss(model(x))))


def training(model, forward):
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = forward()
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = [step() for _ in range(AGREED_STEPS)]
    agreed = losses[-1].item()

    def run():
        step()
        return agreed

    return run


def inference(model, x):
    def run():
        with torch.inference_mode():
            return model(x)

    return run


def values(seed, rows, columns):
    """Numbers between 0 and 1 that look random and that every side can make."""
    index = torch.arange(1, rows * columns + 1, dtype=torch.float64)
    value = torch.sin(index * 12.9898 + seed * 78.233) * 43758.5453
    return (value - value.floor()).to(torch.float32).reshape(rows, columns)


def network(widths):
    layers = []
    for index, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layer = torch.nn.Linear(inputs, outputs)
        with torch.no_grad():
            weights = (2 * values(index + 1, inputs, outputs) - 1) / inputs**0.5
            layer.weight.copy_(weights.T)
            layer.bias.zero_()
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def loss_of(name, batch, outputs):
    labels = torch.arange(batch) % outputs
    if name == "cross-entropy":
        return lambda logits: F.cross_entropy(logits, labels)
    if name == "distillation":
        teacher = 8 * values(100, batch, outputs)
        return lambda logits: distillation(logits, teacher, labels)
    if name == "Huber":
        chosen = labels.unsqueeze(1)
        targets = 4 * values(101, batch, 1) - 2
        return lambda q: F.smooth_l1_loss(q.gather(1, chosen), targets)
    raise ValueError(f"there is no loss {name!r}")


def distillation(logits, teacher, labels):
    hard = F.cross_entropy(logits, labels)
    soft = F.kl_div(
        F.log_softmax(logits / TEMPERATURE, -1),
        F.log_softmax(teacher / TEMPERATURE, -1),
        reduction="batchmean",
        log_target=True,
    )
    return ALPHA * hard + (1 - ALPHA) * TEMPERATURE**2 * soft
