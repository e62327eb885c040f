"""The 2-norm of a gradient, which lies in as many tensors as a model has parameters, and its scaling."""

import ctypes

import torch
from torch import Tensor

from rnnlab.kernels.recurrence import compiled_for, is_exact, is_watched, lie_here


def length(tensors: list[Tensor]) -> Tensor:
    """sqrt(sum_i g_i^2) over all numbers of tensors of one type; a scalar of that type on their device.

    On the CPU squares are summed in double precision. Elsewhere these are the steps of torch.nn.utils,
    which take twice as long there to find that all tensors are on one device.
    """
    if (pieces := _pieces(tensors)) is None:
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
    found = tensors[0].new_empty(())
    compiled_for(found.dtype).length(len(tensors), found.data_ptr(), *pieces)
    return found


def scale_(tensors: list[Tensor], factor: float) -> None:
    """g_i <- factor * g_i, in place."""
    if (pieces := _pieces(tensors)) is None:
        torch._foreach_mul_(tensors, factor)
        return
    number = ctypes.c_double(factor)
    compiled = compiled_for(tensors[0].dtype)
    compiled.scaled(len(tensors), ctypes.addressof(number), *pieces)


def _pieces(tensors: list[Tensor]) -> list[int] | None:
    """The address and the size of each; None where a kernel cannot read them."""
    if not tensors or not is_exact(tensors[0]) or is_watched():
        return None
    if not lie_here(tensors[0].dtype, *tensors):
        return None
    pieces = []
    for tensor in tensors:
        if not tensor.is_contiguous():
            return None
        pieces += tensor.data_ptr(), tensor.numel()
    return pieces
