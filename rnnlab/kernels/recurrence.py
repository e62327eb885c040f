"""What the kernels have in common: time in chunks, and gradients of the first order alone."""

from collections.abc import Iterator

import torch
from torch import Tensor

NUMBERS = 2**17  # in a chunk's states: many for one matrix product, few enough for the cache


def chunks(steps: int, size: int) -> Iterator[range]:
    """Consecutive steps, as many at a time as have about `NUMBERS` numbers in states of `size`.

    What is computed for all steps at once, but for each step used alone, is computed a chunk at a
    time, so that it is still in the cache when its step comes, however long the sequence.
    """
    count = max(1, NUMBERS // max(1, size))
    for start in range(0, steps, count):
        yield range(start, min(start + count, steps))


def backward_chunks(steps: int, size: int) -> Iterator[range]:
    """The same chunks, the last one first."""
    return reversed(list(chunks(steps, size)))


def is_exact(inputs: Tensor) -> bool:
    """Whether a kernel does what the plain operations would do on these inputs.

    In 16 bits the states of a kernel are too coarse, and under autocast the loop changes its own
    precision from one operation to the next. torch.func and torch.jit.trace look into the plain
    operations, and cannot look into a kernel.
    """
    wide = inputs.dtype in (torch.float32, torch.float64)
    looked_into = torch.jit.is_tracing() or torch._C._functorch.peek_interpreter_stack() is not None
    device = inputs.device.type
    autocast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return wide and not looked_into and not autocast


def check_features(inputs: Tensor, weight_ih: Tensor) -> None:
    """A kernel that pads its inputs would find a few too many to fit.

    Raises:
        ValueError: If x_t has not as many features as W has columns.
    """
    if inputs.size(2) != weight_ih.size(1):
        raise ValueError(f"inputs have {inputs.size(2)} features, not {weight_ih.size(1)}")


def refuse_second_order() -> None:
    """Called in a backward pass.

    Raises:
        RuntimeError: If that pass is itself to be differentiated, with create_graph=True.
    """
    if torch.is_grad_enabled():
        raise RuntimeError(
            "this kernel's gradient cannot be differentiated again (create_graph=True): unroll the "
            "cell by `Cell.forward(cell, inputs)`, which autograd sees through"
        )
