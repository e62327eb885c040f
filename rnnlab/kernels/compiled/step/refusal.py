"""What a step may do and cannot be compiled: it looks at a number, draws one, or changes a tensor."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Unknown(Exception):  # noqa: N818  it is no error: such a cell runs as a loop
    """Of a step that is not compiled; its message is what the step does: "draws random numbers"."""


class LooksAtNumbers(TorchFunctionMode):
    """Refuses what torch's dispatcher does not see."""

    REFUSED = (
        "register_hook",
        "requires_grad.__get__",
        "numpy",
        "tolist",
        "data.__get__",
        "backward",
    )

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = f"{func.__self__.__name__}.__get__"
        if name in self.REFUSED:
            raise Unknown(f"uses Tensor.{name.removesuffix('.__get__')}")
        return func(*args, **(kwargs or {}))


def check_operation(func: Any) -> None:
    """Refuse what depends on more than what is given, or changes it."""
    name = str(func).removeprefix("aten.")
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise Unknown(f"draws random numbers ({name})")
    if name.startswith(("_local_scalar_dense", "nonzero", "masked_select")):
        raise Unknown(f"looks at numbers ({name})")
    if name.startswith(("empty", "new_empty")):
        raise Unknown(f"makes a tensor to be filled, as dropout does ({name})")
    if not torch.is_grad_enabled() and name != "detach.default":
        raise Unknown(f"computes without a gradient ({name})")
