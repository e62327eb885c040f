"""What the kernels in numpy have in common: tensors of the CPU as arrays, and back."""

import math

import numpy as np
from torch import Tensor

Array = np.ndarray

quiet = np.errstate(over="ignore", invalid="ignore")
"""Decorates a function: infinity is a result, of which torch says nothing either."""


def on_cpu(*tensors: Tensor) -> bool:
    """Whether numpy can take these: of one precision, which torch too insists on, and on the CPU."""
    return all(t.device.type == "cpu" and t.dtype == tensors[0].dtype for t in tensors)


def array(tensor: Tensor) -> Array:
    """The same memory."""
    return tensor.detach().numpy()


def rows(of_steps: Array) -> Array:
    """Those of all steps, one below the other; the same memory where it lies in one piece."""
    return of_steps.reshape(math.prod(of_steps.shape[:-1]), of_steps.shape[-1])


def with_ones(inputs: Tensor) -> Array:
    """[x_t 1], step by step, so that a weight and its bias are one; (seq_len, batch, features + 1)."""
    x = array(inputs).transpose(1, 0, 2)
    joined = np.empty((*x.shape[:2], x.shape[2] + 1), x.dtype)
    joined[:, :, :-1] = x
    joined[:, :, -1] = 1
    return joined
