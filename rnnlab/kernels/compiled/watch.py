"""Whether a cell is still what it was when its step was traced: an attribute, a parameter, a function changed.

A trace has the numbers of a cell in it, as leak=0.5, and the tensors themselves. What the step could have read is
noted by identity: attributes of the cell that are named in the step or in what it calls, all of what these
hold, and what is global to the user's own functions.
"""

import itertools
import types
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

PLAIN = (int, float, str, bytes, bool, type(None), Tensor, type, types.ModuleType)
FOREIGN = ("torch", "numpy", "builtins", "rnnlab")
"""Packages whose functions nobody changes."""
OF_MODULES = (
    "training",
    "_parameters",
    "_buffers",
    "_modules",
    "_forward_hooks",
    "_forward_pre_hooks",
)
ANY = {"getattr", "vars", "__dict__", "__getattribute__"}
"""A function of the user's that names one of these may read whatever attribute."""


class Watch:
    """What a cell holds now. `watch.same()` is later whether it still does."""

    def __init__(self, cell: nn.Module) -> None:
        self._seen: set[int] = {id(cell)}
        self._kept: list[Any] = []  # so that no identity is given again
        self._dicts: list[tuple[dict[Any, Any], tuple[int, ...]]] = []
        self._empty: list[Any] = []
        self._others: list[tuple[Any, tuple[int, ...]]] = []
        self._named: list[tuple[Mapping[str, Any], str, int]] = []
        self._names: set[str] = {
            *OF_MODULES,
            "step",
        }  # that the step and what it calls have in them
        known: set[str] = set()
        while new := self._names - known:
            known |= new
            self._note_names(cell.__dict__, tuple(new))
            for name in new:
                self._look(cell.__dict__.get(name))
                self._look_at_class(type(cell), name)
        if known & ANY:
            self._note(cell.__dict__)

    def same(self) -> bool:
        """Whether all is as it was; asked at each call of a scan, and so in plain loops."""
        for live, name, identity in self._named:
            if id(live.get(name)) != identity:
                return False
        for live, ids in self._dicts:
            if tuple(map(id, live.values())) != ids:
                return False
        for live, ids in self._others:
            if tuple(map(id, live)) != ids:
                return False
        return not any(self._empty)

    def _look(self, value: Any) -> None:
        if isinstance(value, PLAIN) or id(value) in self._seen:
            return
        if isinstance(value, types.FunctionType | types.MethodType):
            self._look_at_function(getattr(value, "__func__", value), is_method=False)
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
        elif isinstance(getattr(value, "__dict__", None), dict):
            self._note(value.__dict__)

    def _note(self, live: dict[Any, Any]) -> None:
        self._kept += live.values()
        self._dicts.append((live, tuple(map(id, live.values()))))
        for part in list(live.values()):
            self._look(part)

    def _look_at_class(self, kind: type, name: str) -> None:
        """At what it has by this name, wherever that comes from."""
        for one in kind.__mro__:
            value = vars(one).get(name)
            if value is None or one.__module__.split(".")[0] in ("torch", "builtins"):
                continue
            self._note_names(vars(one), (name,))
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if isinstance(function, types.FunctionType):
                self._look_at_function(function, is_method=True)
            else:
                self._look(value)

    def _look_at_function(self, function: Any, is_method: bool) -> None:
        foreign = (function.__module__ or "builtins").split(".")[0] in FOREIGN
        if id(function) in self._seen or (foreign and not is_method):
            return
        self._seen.add(id(function))
        self._kept.append(function)
        names = set(_names(function.__code__))
        self._names |= names - ANY if foreign else names
        if foreign:
            return
        known = tuple(name for name in names if name in function.__globals__)
        self._note_names(function.__globals__, known)
        for name in known:
            self._look(function.__globals__[name])
        for cell in function.__closure__ or ():
            self._look(cell.cell_contents)

    def _note_names(self, live: Mapping[str, Any], names: tuple[str, ...]) -> None:
        found = [live.get(name) for name in names]
        self._kept += found
        self._named += zip(itertools.repeat(live), names, map(id, found), strict=False)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
