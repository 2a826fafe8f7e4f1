"""nn.py with forward pass and loss, and so the backward pass, compiled by `torch.compile`.

It needs a C++ compiler while running; where it fails, the harness says so below its table.
"""

import torch

import nn
from serve import Unavailable

NAME = "torch.compile"


def prepare(parameters, threads):
    torch._dynamo.reset()
    try:
        work = nn.prepare(parameters, threads, torch.compile)
        work()
    except torch._dynamo.exc.TorchDynamoException as error:
        raise Unavailable(str(error).strip().splitlines()[0]) from error
    return work
