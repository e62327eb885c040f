"""The fused step of torch's Adam, without looking up at each update what none of them changes.

`torch.optim.Adam.step` spends nine tenths of its time on a small model in Python: finding each
parameter's state again, and grouping all tensors by device. Its kernel is one call.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer


def fast_step(optimizer: Optimizer) -> Callable[[], Any]:
    """A function that does what `optimizer.step()` does, whatever numbers a schedule sets before it.

    OneCycleLR and CyclicLR move the betas besides the learning rate. It is `optimizer.step` itself,
    unless that is torch's fused Adam or AdamW, on one device, with a state to go on from and no hooks.
    """
    if type(optimizer) not in (Adam, AdamW):
        return optimizer.step
    hooked = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    if hooked or not all(_is_plain(group, optimizer) for group in optimizer.param_groups):
        return optimizer.step
    kernels = [_kernel(group, optimizer) for group in optimizer.param_groups]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def step() -> None:
        for parameter in parameters:
            if parameter.grad is None:
                optimizer.step()
                return
        with torch.no_grad():
            for kernel in kernels:
                kernel()

    return step


def _is_plain(group: dict[str, Any], optimizer: Optimizer) -> bool:
    """Whether it is one call of the fused kernel, on numbers of this process alone."""
    return (
        bool(group["fused"])
        and not group["differentiable"]
        and not isinstance(group["lr"], Tensor)
        and len({(p.device, p.dtype) for p in group["params"]}) == 1
        and all(optimizer.state.get(p) for p in group["params"])
    )


def _kernel(group: dict[str, Any], optimizer: Optimizer) -> Callable[[], None]:
    parameters = group["params"]
    states = [optimizer.state[p] for p in parameters]
    means, squares = ([s[name] for s in states] for name in ("exp_avg", "exp_avg_sq"))
    counts = torch.stack([s["step"] for s in states])
    steps = list(counts.unbind())  # views of it, which one addition counts on
    for state, step in zip(states, steps, strict=True):
        state["step"] = step
    largest = [s["max_exp_avg_sq"] for s in states] if group["amsgrad"] else []
    decoupled = group.get("decoupled_weight_decay", type(optimizer) is AdamW)
    fused = torch._fused_adamw_ if decoupled else torch._fused_adam_
    names = ("lr", "weight_decay", "eps", "maximize", "amsgrad")

    def kernel() -> None:
        gradients = [p.grad for p in parameters]
        counts.add_(1)
        beta1, beta2 = map(float, group["betas"])
        options = {name: group[name] for name in names}
        fused(
            *(parameters, gradients, means, squares, largest, steps),
            beta1=beta1,
            beta2=beta2,
            **options,
        )

    return kernel
