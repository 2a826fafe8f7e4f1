"""PyTorch's epoch of a student and its labelling of a data set, for `cargo xtask bench distill --peers`.

The same work, in the same order, as xtask/src/bench/distill.rs; network and loss are those of nn.py.
"""

import torch

from nn import LEARNING_RATE, NAME, distillation, network, values


def prepare(parameters, threads):
    torch.set_num_threads(threads)
    widths, rows, batch = parameters["widths"], parameters["rows"], parameters["batch"]
    model = network(widths)
    x = values(0, rows, widths[0])
    if parameters["work"] == "labelling":
        return labelling(model, x, batch)
    if parameters["work"] == "epoch":
        x *= inked(rows)
    return epoch(model, x, batch, widths[-1])


def inked(rows):
    """Which pixels lie in the square of each image that has ink."""
    image, pixel = torch.arange(rows)[:, None], torch.arange(28 * 28)[None]
    down, right = pixel // 28 - 3 - image % 3, pixel % 28 - 3 - image // 3 % 3
    return (0 <= down) & (down < 20) & (0 <= right) & (right < 20)


def epoch(model, x, batch, classes):
    rows = len(x)
    teacher = 8 * values(100, rows, classes)
    labels = torch.arange(rows) % classes
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def run_in(order):
        total = torch.zeros(())
        for chosen in order.split(batch):
            optimizer.zero_grad(set_to_none=True)
            loss = distillation(model(x[chosen]), teacher[chosen], labels[chosen])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(chosen)
        return total.item() / rows

    agreed = run_in(torch.arange(rows))

    def run():
        run_in(torch.randperm(rows))
        return agreed

    return run


def labelling(model, x, batch):
    def run():
        with torch.inference_mode():
            return torch.cat([model(rows) for rows in x.split(batch)])

    return run
