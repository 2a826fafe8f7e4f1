"""PyTorch's softmax and distillation loss, for `cargo xtask bench softmax --peers`."""

import torch
import torch.nn.functional as F

NAME = f"PyTorch {torch.__version__.split('+')[0]}"
TEMPERATURE = 4.0
ALPHA = 0.1


def logits(rows, classes, pace, phase):
    """The same numbers as in xtask/src/bench/softmax.rs."""
    index = torch.arange(rows * classes, dtype=torch.float64)
    return (torch.sin(index * pace + phase) * 8.0).to(torch.float32).reshape(rows, classes)


def prepare(parameters, threads):
    torch.set_num_threads(threads)
    work, rows, classes = parameters["work"], parameters["rows"], parameters["classes"]
    student = logits(rows, classes, 0.37, 0.0)
    if work == "distillation":
        return distillation(student, logits(rows, classes, 0.57, 1.0))
    out = torch.empty_like(student)
    works = {
        "softmax": lambda: torch.softmax(student, -1),
        "softmax, new array": lambda: torch.softmax(student, -1),
        "softmax out=": lambda: torch.softmax(student, -1, out=out),
        "softmax T=4": lambda: torch.softmax(student / TEMPERATURE, -1),
        "log-softmax": lambda: torch.log_softmax(student, -1),
    }
    return without_gradients(works[work])


def without_gradients(work):
    def run():
        with torch.inference_mode():
            return work()

    return run


def distillation(student, teacher):
    rows, classes = student.shape
    student.requires_grad_()
    labels = torch.arange(rows) % classes

    def run():
        student.grad = None
        hard = F.cross_entropy(student, labels)
        soft = F.kl_div(
            F.log_softmax(student / TEMPERATURE, -1),
            F.log_softmax(teacher / TEMPERATURE, -1),
            reduction="batchmean",
            log_target=True,
        )
        loss = ALPHA * hard + (1 - ALPHA) * TEMPERATURE**2 * soft
        loss.backward()
        return loss.detach()

    return run
