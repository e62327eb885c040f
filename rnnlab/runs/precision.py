"""What `trainer.precision` means for a model that is used without Lightning, which does the same."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch

_TYPES = {"64-true": torch.float64, "bf16-true": torch.bfloat16}


def dtype_of(precision: str) -> torch.dtype:
    """The type of the model's weights."""
    return _TYPES.get(precision, torch.float32)


def autocast_of(precision: str, device: torch.device) -> Callable[[], AbstractContextManager[Any]]:
    """What the model is called within: of "bf16-mixed" torch's autocast."""
    if precision == "bf16-mixed":
        return partial(torch.autocast, device.type, torch.bfloat16)
    return nullcontext


@contextmanager
def computing_in(precision: str, device: torch.device) -> Iterator[None]:
    """What a score is taken within: sequences are drawn in torch's default type, the weights' own."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype_of(precision))
    try:
        with autocast_of(precision, device)():
            yield
    finally:
        torch.set_default_dtype(before)
