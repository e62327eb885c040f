"""The functions f and g that a cell's states and a model's outputs go through, by their names."""

import math

import torch
from torch import Tensor


def _identity(a: Tensor) -> Tensor:
    return a


def modrelu(a: Tensor, bias: Tensor) -> Tensor:
    """sign(a) relu(|a| + b), of Arjovsky et al. (2016) for real numbers; with b = 0 it leaves a as it is."""
    return a.sign() * torch.relu(a.abs() + bias)


NONLINEARITIES = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": _identity,  # the linear network, whose memory has closed forms
}
BOUNDS = {
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "sigmoid": (0.0, 1.0),
    "identity": (-math.inf, math.inf),
}
