"""Record objectives of distillation in f64 from their papers' formulas, for crates/distill.

Usage, from the root of the repository, with the packages of requirements-distill.txt installed:

    python xtask/peers/distill_reference.py crates/distill/tests/data/objectives.json

Running it again with the same versions writes the same file. It is one JSON object: `origin` says
where it comes from; `student`, `teacher` (logits), `labels`, `student_features` and
`teacher_features` are the inputs (multiples of 1/1024); `losses` has the values and the gradients
with respect to the student, which PyTorch derives.
"""

import itertools
import json
import random
import sys

import torch

ROWS, CLASSES = 6, 7
WIDTHS = 5, 8


def matrix(generator, rows, columns, largest):
    bound = largest * 1024
    return [[generator.randrange(-bound, bound) / 1024 for _ in range(columns)] for _ in range(rows)]


def decoupled(x, z, labels, alpha, beta, temperature):
    """Zhao et al. 2022, equations 3 to 7: Kullback-Leibler over {target, rest}, and over the rest."""
    p, q = torch.softmax(z / temperature, 1), torch.softmax(x / temperature, 1)
    total = 0
    for row, label in enumerate(labels):
        others = [k for k in range(CLASSES) if k != label]
        binary = [torch.stack([y[row, label], y[row, others].sum()]) for y in (p, q)]
        rest = [y[row, others] / y[row, others].sum() for y in (p, q)]
        for weight, (mine, yours) in [(alpha, binary), (beta, rest)]:
            total = total + weight * (mine * (mine / yours).log()).sum()
    return temperature**2 * total / ROWS


def dist(x, z, beta, gamma, temperature):
    """Huang et al. 2022, equations 7 to 10, with corrcoef for Pearson's correlation."""
    p, q = torch.softmax(z / temperature, 1), torch.softmax(x / temperature, 1)

    def distance(p, q):
        pairs = [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(p, q)]
        return 1 - torch.stack(pairs).mean()

    return temperature**2 * (beta * distance(p, q) + gamma * distance(p.T, q.T))


def standardized(x, z, temperature):
    """Sun et al. 2024, algorithm 1, and the divergence of what it gives."""

    def standard(y):
        return (y - y.mean(1, keepdim=True)) / y.std(1, keepdim=True, correction=0)

    p, q = (torch.softmax(standard(y) / temperature, 1) for y in (z, x))
    return temperature**2 * (p * (p / q).log()).sum() / ROWS


def similarity(s, t):
    """Tung & Mori 2019, equations 2 to 4."""

    def alike(y):
        g = y @ y.T
        return g / g.square().sum(1, keepdim=True).sqrt()

    return (alike(s) - alike(t)).square().sum() / ROWS**2


def huber(difference):
    size = difference.abs()
    return torch.where(size <= 1, 0.5 * difference.square(), size - 0.5)


def relational_distance(s, t):
    """Park et al. 2019, equations 5 to 7, the mean over pairs."""
    pairs = list(itertools.permutations(range(ROWS), 2))
    distances = [torch.stack([(y[i] - y[j]).norm() for i, j in pairs]) for y in (s, t)]
    mine, yours = (d / d.mean() for d in distances)
    return huber(mine - yours).mean()


def relational_angle(s, t):
    """Park et al. 2019, equations 8 to 10, the mean over triplets."""

    def cosine(y, i, j, k):
        a, b = y[i] - y[j], y[k] - y[j]
        return (a * b).sum() / (a.norm() * b.norm())

    triplets = itertools.permutations(range(ROWS), 3)
    return torch.stack([huber(cosine(s, *n) - cosine(t, *n)) for n in triplets]).mean()


def main():
    generator = random.Random(11)
    student, teacher = (matrix(generator, ROWS, CLASSES, 6) for _ in range(2))
    labels = [generator.randrange(CLASSES) for _ in range(ROWS)]
    features = [matrix(generator, ROWS, width, 3) for width in WIDTHS]
    x, z, s, t = (torch.tensor(y, dtype=torch.float64) for y in (student, teacher, *features))

    losses = []

    def record(name, settings, of, loss):
        at = of.clone().requires_grad_()
        value = loss(at)
        value.backward()
        losses.append({"name": name, **settings, "value": value.item(), "gradient": at.grad.tolist()})

    for alpha, beta, temperature in [(1.0, 8.0, 4.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.5, 2.0, 0.5)]:
        settings = {"alpha": alpha, "beta": beta, "temperature": temperature}
        record("decoupled", settings, x, lambda y: decoupled(y, z, labels, **settings))
    for beta, gamma, temperature in [(2.0, 2.0, 4.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0)]:
        settings = {"beta": beta, "gamma": gamma, "temperature": temperature}
        record("dist", settings, x, lambda y: dist(y, z, **settings))
    for temperature in [1.0, 2.0]:
        settings = {"temperature": temperature}
        record("standardized", settings, x, lambda y: standardized(y, z, temperature))
    record("similarity", {}, s, lambda y: similarity(y, t))
    record("relational_distance", {}, s, lambda y: relational_distance(y, t))
    record("relational_angle", {}, s, lambda y: relational_angle(y, t))

    version = torch.__version__.split("+")[0]
    parts = {
        "origin": f"PyTorch {version}, f64, xtask/peers/distill_reference.py",
        "student": student,
        "teacher": teacher,
        "labels": labels,
        "student_features": features[0],
        "teacher_features": features[1],
        "losses": losses,
    }
    with open(sys.argv[1], "w") as file:
        json.dump(parts, file)
        file.write("\n")


if __name__ == "__main__":
    main()
