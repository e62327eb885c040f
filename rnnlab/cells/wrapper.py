"""A cell around another one, and those of a model's layers."""

from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from torch import nn

from rnnlab.cells.cell import Cell


class Wrapper(Cell):
    """Another cell's step, with further numbers beside its inputs.

    Args:
        cell: Whose step it is.
        beside: How many numbers.
        hidden_size: Features in the h_t of this one.
    """

    def __init__(self, cell: Cell, beside: int, hidden_size: int) -> None:
        super().__init__(cell.input_size + beside, hidden_size)
        self.cell = cell


W = TypeVar("W", bound=Wrapper)

_MADE: WeakKeyDictionary[nn.Module, dict[Any, list[Any]]] = WeakKeyDictionary()


def wrapped(kind: type[W], model: nn.Module) -> list[W]:
    """`kind(cell)` of each layer of a model, the same ones for all calls: a compiled loop is made once.

    Raises:
        ValueError: As `kind` does.
    """
    made, cells = _MADE.setdefault(model, {}), list(model.layers)  # pyrefly: ignore[bad-argument-type]
    if [each.cell for each in made.get(kind, [])] != cells:
        made[kind] = [kind(cell) for cell in cells]  # pyrefly: ignore[missing-argument]
    return made[kind]
