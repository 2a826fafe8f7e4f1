"""Record softmax, log-softmax, logsumexp and losses from PyTorch in f64, for crates/softmax.

Usage, from the root of the repository, with the packages of requirements-torch.txt installed:

    python xtask/peers/softmax_reference.py crates/softmax/tests/data/pytorch.json

Running it again with the same versions writes the same file. It is one JSON object: `origin` says
where it comes from, `logits`, `teacher` and `labels` are the inputs (the logits are multiples of
1/1024), `softmax` the outputs by temperature, and `losses` the values and the gradients with respect
to the logits, reduced by the mean over the batch.
"""

import json
import random
import sys

import torch
import torch.nn.functional as F

ROWS, CLASSES = 3, 21
TEMPERATURES = [0.5, 1.0, 4.0, 20.0]


def matrix(generator):
    return [[generator.randrange(-8192, 8192) / 1024 for _ in range(CLASSES)] for _ in range(ROWS)]


def main():
    generator = random.Random(7)
    logits, teacher = matrix(generator), matrix(generator)
    labels = [generator.randrange(CLASSES) for _ in range(ROWS)]
    x = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    z = torch.tensor(teacher, dtype=torch.float64)
    y = torch.tensor(labels)

    losses = []

    def record(name, settings, loss):
        x.grad = None
        loss.backward()
        losses.append({"name": name, **settings, "value": loss.item(), "gradient": x.grad.tolist()})

    for smoothing in [0.0, 0.1]:
        loss = F.cross_entropy(x, y, label_smoothing=smoothing)
        record("cross_entropy", {"label_smoothing": smoothing}, loss)
    record("logit_mse", {}, F.mse_loss(x, z))
    for t in TEMPERATURES:
        settings = {"temperature": t}
        log_q, log_p = F.log_softmax(x / t, -1), F.log_softmax(z / t, -1)
        p, q = log_p.exp(), log_q.exp()
        m = ((p + q) / 2).log()
        forward = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
        record("soft_cross_entropy", settings, t * t * F.cross_entropy(x / t, p))
        log_q, q = F.log_softmax(x / t, -1), F.softmax(x / t, -1)
        record("reverse_kl", settings, t * t * F.kl_div(log_p, log_q, reduction="batchmean", log_target=True))
        q = F.softmax(x / t, -1)
        record("total_variation", settings, t * t * 0.5 * (p - q).abs().sum() / ROWS)
        log_q = F.log_softmax(x / t, -1)
        m = ((p + log_q.exp()) / 2).log()
        halves = F.kl_div(m, log_p, reduction="batchmean", log_target=True)
        halves = halves + F.kl_div(m, log_q, reduction="batchmean", log_target=True)
        record("jensen_shannon", settings, t * t * 0.5 * halves)
        log_q = F.log_softmax(x / t, -1)
        record("entropy", settings, -t * t * (log_q.exp() * log_q).sum() / ROWS)
        record("forward_kl", settings, t * t * forward)
        for alpha in [0.0, 0.3, 1.0]:
            log_q = F.log_softmax(x / t, -1)
            soft = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
            loss = alpha * F.cross_entropy(x, y) + (1 - alpha) * t * t * soft
            record("distillation", {**settings, "alpha": alpha}, loss)

    softmax = [
        {
            "temperature": t,
            "softmax": F.softmax(x / t, -1).tolist(),
            "log_softmax": F.log_softmax(x / t, -1).tolist(),
            "logsumexp": (t * torch.logsumexp(x / t, -1)).tolist(),
        }
        for t in TEMPERATURES
    ]
    version = torch.__version__.split("+")[0]
    origin = f"PyTorch {version}, f64, xtask/peers/softmax_reference.py"
    parts = {
        "origin": origin,
        "logits": logits,
        "teacher": teacher,
        "labels": labels,
        "softmax": softmax,
        "losses": losses,
    }
    with open(sys.argv[1], "w") as file:
        json.dump(parts, file)
        file.write("\n")


if __name__ == "__main__":
    main()
