"""What no state reaches, done by torch for all steps at once, with torch's own gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

PARAMETERS, INPUTS = 0, 1  # what a value depends on, at most


@dataclass(eq=False)
class Outside:
    """A tensor that no state reaches: a parameter, a constant, the inputs, or what torch makes of such.

    Args:
        kind: "tensor weight_ih ...", "constant ...", "inputs ...", or the operation's name.
        part: PARAMETERS or INPUTS.
        like: A tensor without numbers.
        call: The function and its arguments.
        given: The tensor itself, of a parameter or a constant.
    """

    kind: str
    part: int
    like: Tensor
    call: tuple[Callable[..., Any], Any, Any] | None = None
    given: Tensor | None = None

    @property
    def is_inputs(self) -> bool:
        """Whether it is x_t itself."""
        return self.call is None and self.part == INPUTS


def replaced(given: Any, change: Callable[[Any], Any], kind: Any = Tensor) -> Any:
    """The same with everything of a kind changed, in tuples, lists and dicts."""
    if isinstance(given, kind):
        return change(given)
    if isinstance(given, tuple | list):
        parts = [replaced(part, change, kind) for part in given]
        return parts if isinstance(given, list) else tuple(parts)
    if isinstance(given, dict):
        return {key: replaced(part, change, kind) for key, part in given.items()}
    return given


def tensors_of(given: Any) -> list[Tensor]:
    """All that are in it."""
    found: list[Tensor] = []
    replaced(given, found.append)
    return found


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
        self.shapes = [value.like.shape for value in wanted]
        self.reads_inputs = None in [
            s for s, c in zip(self.sources, self.calls, strict=True) if c is None
        ]
        self._calls_nothing = not (self.reads_inputs or any(self.calls))

    def _add(self, value: Outside) -> int:
        if value in self._number:
            return self._number[value]
        call = None
        if value.call is not None:
            func, *given = value.call
            args, kwargs = replaced(given, lambda v: _Place(self._add(v)), Outside)
            if value.part == INPUTS:
                args, kwargs = replaced((args, kwargs), self._or_rows, int)
            call = func, args, kwargs
            self.text.append(f"{func}{args}{kwargs}")
        else:
            self.text.append(value.kind)
        self.sources.append(value.given)
        self.calls.append(call)
        self._number[value] = len(self.calls) - 1
        return self._number[value]

    def _or_rows(self, number: int) -> Any:
        return _Place(-1) if number == self._batch else number

    def __call__(self, rows: Tensor | None, count: int) -> list[Tensor]:
        """The wanted, of the inputs of `count` rows, (count, features)."""
        if self._calls_nothing:
            return [self.sources[number] for number in self.wanted]  # pyrefly: ignore[bad-return]
        values: list[Any] = []

        def place(p: _Place) -> Any:
            return count if p.number < 0 else values[p.number]

        for source, call in zip(self.sources, self.calls, strict=True):
            if call is None:
                values.append(rows if source is None else source)
            else:
                func, args, kwargs = call
                values.append(
                    func(*replaced(args, place, _Place), **replaced(kwargs, place, _Place))
                )
        return [values[number] for number in self.wanted]
