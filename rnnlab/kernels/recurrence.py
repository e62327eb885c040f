"""What the kernels have in common: where they do what the operations would, and gradients of the first order alone."""

import torch
from torch import Tensor


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
