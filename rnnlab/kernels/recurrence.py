"""What the kernels have in common: where they do what the operations would, and gradients of the first order alone."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

PLAIN = (Tensor, nn.Parameter)


def is_exact(inputs: Tensor) -> bool:
    """Whether a kernel does what the plain operations would do on these inputs.

    In 16 bits the states of a kernel are too coarse, and under autocast the loop changes its own
    precision from one operation to the next. torch.func and torch.jit.trace look into the plain
    operations, and cannot look into a kernel.
    """
    wide = inputs.dtype in (torch.float32, torch.float64)
    looked_into = torch.jit.is_tracing() or torch._C._functorch.peek_interpreter_stack() is not None
    device = inputs.device.type
    knows = device in ("cpu", "cuda") or torch.amp.is_autocast_available(device)
    autocast = knows and torch.is_autocast_enabled(device)
    return wide and not looked_into and not autocast


def is_watched() -> bool:
    """Whether somebody looks into the operations as they run."""
    watched = torch._C._len_torch_dispatch_stack() > 0 or torch.compiler.is_compiling()
    return watched or forward_ad._current_level >= 0


def lie_here(dtype: torch.dtype, *tensors: Tensor) -> bool:
    """Whether these are numbers of one type in this machine's memory, where a kernel reads them by address."""
    for tensor in tensors:
        if type(tensor) not in PLAIN or not tensor.is_cpu or tensor.dtype != dtype:
            return False
        if not _is_written_out(tensor):
            return False
    return True


def written_out(tensor: Tensor) -> Tensor:
    """The same numbers in memory, where torch has only noted that the sign is to be turned, or that all are 0."""
    return tensor if _is_written_out(tensor) else tensor.neg().neg() + 0


def _is_written_out(tensor: Tensor) -> bool:
    return not (tensor.is_neg() or tensor._is_zerotensor())


@cache
def compiled_for(dtype: torch.dtype) -> Any:
    """What is compiled once for all models; imported here, for what imports the cells needs no compiler."""
    from rnnlab.kernels.compiled.llvm.fixed import fixed

    return fixed(str(dtype).removeprefix("torch."))


def refuse_second_order() -> None:
    """Called in a backward pass.

    Raises:
        RuntimeError: If that pass is itself to be differentiated, with create_graph=True.
    """
    if torch.is_grad_enabled():
        raise RuntimeError(
            "this kernel's gradient cannot be differentiated again (create_graph=True): unroll the "
            "cell by `cell.unroll(inputs)`, which autograd sees through"
        )
