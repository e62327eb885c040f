"""Every cell that a yaml of conf/cell names, and each of them with one of its options changed."""

import importlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnnlab.cells import Cell
from rnnlab.run import CONF
from tests.support.configs import section

Make = Callable[..., Cell]

ALTERNATIVES = re.compile(r"[\w.+-]+(?: \| [\w.+-]+)+")


def cell_of(choice: str, **changes: Any) -> Make:
    """What makes the cell of a yaml, of the sizes that it is called with."""
    options = section("cell", choice) | changes
    module, _, name = options.pop("_target_").rpartition(".")
    options.pop("hidden_size")
    return partial(getattr(importlib.import_module(module), name), **options)


def other_values(path: Path) -> Iterator[tuple[str, Any]]:
    """Of a flag the other value; of a word those that its comment lists, as `tanh | relu`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        written, _, comment = line.partition(" # ")
        if line.startswith(("#", " ", "defaults")) or not comment:
            continue
        ((key, value),) = yaml.safe_load(written).items()
        if isinstance(value, bool):
            yield key, not value
        listed = [word for run in ALTERNATIVES.findall(comment) for word in run.split(" | ")]
        if value in listed:
            yield from ((key, word) for word in listed if word != value)


def _all() -> Iterator[Any]:
    known = []
    for path in sorted((CONF / "cell").glob("*.yaml")):
        if section("cell", path.stem) in known:  # and brings along a choice of another group
            continue
        known.append(section("cell", path.stem))
        yield pytest.param(cell_of(path.stem), id=path.stem)
        for key, value in other_values(path):
            make = cell_of(path.stem, **{key: value})
            yield pytest.param(make, id=f"{path.stem}-{key}={value}", marks=pytest.mark.slow)


every_cell = pytest.mark.parametrize("make", list(_all()))
"""As each yaml has it; and in the slow tier with each of its flags and words changed."""
