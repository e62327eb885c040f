"""What no state reaches, done by torch for all steps at once, with torch's own gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rnnlab.kernels.compiled.trace import INPUTS, Outside, replaced


@dataclass(frozen=True)
class _Place:
    """In a list: a value's number, or -1 for the number of rows."""

    number: int


class OutsideCalls:
    """Makes the tensors that a loop reads of a cell's parameters and the inputs.

    Args:
        wanted: What the loop reads.
        batch: Sequences in the trace, for which the rows of all steps stand in.
    """

    def __init__(self, wanted: Sequence[Outside], batch: int) -> None:
        self.sources: list[Tensor | None] = []  # None are the inputs
        self.calls: list[tuple[Callable[..., Any], Any, Any] | None] = []
        self._number: dict[Outside, int] = {}
        self._batch = batch
        self.text: list[str] = []
        self.wanted = [self._add(value) for value in wanted]
        self.reads_inputs = None in [s for s, c in zip(self.sources, self.calls, strict=True) if c is None]

    def _add(self, value: Outside) -> int:
        if value in self._number:
            return self._number[value]
        call = None
        if value.call is not None:
            func, *given = value.call
            args, kwargs = replaced(given, lambda v: _Place(self._add(v)), Outside)
            if value.part == INPUTS:
                args = replaced(args, lambda n: _Place(-1) if n == self._batch else n, int)
            call = func, args, kwargs
            self.text.append(f"{func}{args}{kwargs}")
        else:
            self.text.append(value.kind)
        self.sources.append(value.given)
        self.calls.append(call)
        self._number[value] = len(self.calls) - 1
        return self._number[value]

    def __call__(self, rows: Tensor | None, count: int) -> list[Tensor]:
        """The wanted, of the inputs of `count` rows, (count, features)."""
        values: list[Any] = []

        def place(p: _Place) -> Any:
            return count if p.number < 0 else values[p.number]

        for source, call in zip(self.sources, self.calls, strict=True):
            if call is None:
                values.append(rows if source is None else source)
            else:
                func, args, kwargs = call
                values.append(func(*replaced(args, place, _Place), **replaced(kwargs, place, _Place)))
        return [values[number] for number in self.wanted]
