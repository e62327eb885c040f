"""Whether a cell is still what it was when its step was traced: an attribute, a parameter, a function changed.

A trace has the numbers of a cell in it, as leak=0.5, and the tensors themselves. What it could have read is
noted by identity: the attributes of the cell and of all that it holds, and what its functions name.
"""

import types
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

PLAIN = (int, float, str, bytes, bool, type(None), Tensor, type, types.ModuleType)
FOREIGN = ("torch", "numpy", "rnnlab")
"""Packages whose functions nobody changes."""


class Watch:
    """What a cell holds now. `watch.same()` is later whether it still does."""

    def __init__(self, cell: nn.Module) -> None:
        self._seen: set[int] = set()
        self._kept: list[Any] = []  # so that no identity is given again
        self._dicts: list[tuple[dict[Any, Any], tuple[int, ...]]] = []
        self._empty: list[Any] = []
        self._others: list[tuple[Any, tuple[int, ...]]] = []
        self._named: list[tuple[Mapping[str, Any], tuple[str, ...], tuple[int, ...]]] = []
        self._look(cell)
        self._look_at_class(type(cell))

    def same(self) -> bool:
        """Whether all is as it was."""
        return (
            not any(self._empty)
            and all(tuple(map(id, live.values())) == ids for live, ids in self._dicts)
            and all(tuple(map(id, live)) == ids for live, ids in self._others)
            and all(_ids(live, names) == ids for live, names, ids in self._named)
        )

    def _look(self, value: Any) -> None:
        if isinstance(value, PLAIN) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, dict | list | set) and not value:
            self._empty.append(value)
        elif isinstance(value, dict):
            self._note(value)
        elif isinstance(value, list | set | tuple):
            self._kept += value
            self._others.append((value, tuple(map(id, value))))
            for part in value:
                self._look(part)
        elif isinstance(value, types.FunctionType | types.MethodType):
            self._look_at_function(getattr(value, "__func__", value), None)
        elif isinstance(getattr(value, "__dict__", None), dict):
            self._note(value.__dict__)

    def _note(self, live: dict[Any, Any]) -> None:
        self._kept += live.values()
        self._dicts.append((live, tuple(map(id, live.values()))))
        for part in list(live.values()):
            self._look(part)

    def _look_at_class(self, kind: type) -> None:
        """At its functions, where it or a class that it comes from defines them."""
        for one in kind.__mro__:
            if _is_foreign(one):
                continue
            for value in list(vars(one).values()):
                function = getattr(value, "fget", value)
                if isinstance(function, types.FunctionType):
                    self._look_at_function(function, one)
            names = tuple(name for name in vars(one) if not name.startswith("__"))
            self._note_names(vars(one), names)

    def _look_at_function(self, function: Any, kind: type | None) -> None:
        if id(function) in self._seen or _is_foreign(function):
            return
        self._seen.add(id(function))
        self._kept.append(function)
        names = tuple(name for name in _names(function.__code__) if name in function.__globals__)
        self._note_names(function.__globals__, names)
        for name in names:
            self._look(function.__globals__[name])
        for cell in function.__closure__ or ():
            self._look(cell.cell_contents)

    def _note_names(self, live: Mapping[str, Any], names: tuple[str, ...]) -> None:
        self._kept += [live[name] for name in names]
        self._named.append((live, names, _ids(live, names)))


def _is_foreign(value: Any) -> bool:
    return (value.__module__ or "builtins").split(".")[0] in (*FOREIGN, "builtins")


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _ids(live: Mapping[str, Any], names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple([id(live.get(name)) for name in names])
