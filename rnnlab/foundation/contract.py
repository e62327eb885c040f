"""What code of a user's own has to keep to, as one message that names the class, what it gave, and what is wanted."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor

from rnnlab.foundation.masking import first_line


class ContractError(ValueError):
    """A class that does not keep to its interface: results from it would mean nothing."""


def refuse(owner: object, what: str, wanted: str) -> NoReturn:
    """Raise that `Mine.errors gave (7, 1) of torch.float32; wanted: ...`."""
    raise ContractError(f"{type(owner).__name__}.{what}; wanted: {wanted}")


def attribute(owner: object, name: str) -> Any:
    """What a class says of itself.

    Raises:
        ContractError: If it has nothing of this name, or raises something.
    """
    return _caught(owner, name, lambda: getattr(owner, name))


def called(owner: object, method: str, *arguments: Any) -> Any:
    """What a method gives.

    Raises:
        ContractError: If it raises something: with that, and the line of the code that did.
    """
    return _caught(owner, method, lambda: getattr(owner, method)(*arguments))


def _caught(owner: object, name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        raised = f"{type(error).__name__}: {first_line(error)}"
        frame = _own_frame(error)
        raise ContractError(f"{type(owner).__name__}.{name} raised {raised}{frame}") from error


def kind(value: object) -> str:
    """`tensor (7, 1) of torch.float32`, `(tensor (7, 1) of torch.float32)` for a tuple, `a float`."""
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)} of {value.dtype}"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(kind, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return f"a {type(value).__name__}"


def a_kind(value: object) -> str:
    """As `kind`, with its article: `a tensor (7, 1) of torch.float32`."""
    return f"a {kind(value)}" if isinstance(value, Tensor) else kind(value)


def _own_frame(error: Exception) -> str:
    """` (leaky.py, line 27)`: the last line outside of installed packages and of rnnlab."""
    package = Path(__file__).resolve().parents[1]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if "site-packages" not in path.parts and not path.resolve().is_relative_to(package):
            return f" ({path.name}, line {frame.lineno})"
    return ""
