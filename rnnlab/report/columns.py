"""The tables that a comparison shows first: which columns they have, and where each of these stands."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rnnlab.report.group import Group
from rnnlab.report.rows import (
    each_outcome,
    error,
    first,
    levels,
    mean,
    number,
    short_error,
    short_loss,
    solved,
    speed,
    steps,
    without_result,
)


class Column(NamedTuple):
    """A column of a table: its name, what it says of a group, and whether it stands where these groups do."""

    name: str
    text: Callable[[Group], str]
    stands: Callable[[Sequence[Group]], bool] = bool


def _judged(groups: Sequence[Group]) -> bool:
    return any(group.has_criterion for group in groups)


def _with_errors(groups: Sequence[Group]) -> bool:
    """Where the error of chance is known, or errors are all that says how good an answer is."""
    return not all(group.has_criterion and group.chance_error is None for group in groups)


def _not_judged(groups: Sequence[Group]) -> bool:
    return not all(group.has_criterion for group in groups)


def _with_baselines(groups: Sequence[Group]) -> bool:
    return any(group.baselines for group in groups)


def _with_state(groups: Sequence[Group]) -> bool:
    return any(group.values_of_param("state_size") for group in groups)


def table(columns: Sequence[Column], groups: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    """The header, and a row for each group."""
    shown = [column for column in columns if column.stands(groups)]
    return [c.name for c in shown], [[c.text(group) for c in shown] for group in groups]


TABLE = (
    Column("variant", lambda group: group.label),
    Column("task", lambda group: group.task),
    Column("length", lambda group: str(group.length)),
    Column("solved (95 %)", solved, _judged),
    Column("median steps to solve", steps, _judged),
    Column(
        "mean test loss (95 %)", lambda g: each_outcome(g, lambda same: mean(same, same.losses))
    ),
    Column("chance", lambda group: number(group.chance)),
    Column("wrong sequences (95 %)", error, _with_errors),
    Column("wrong by chance", lambda group: number(group.chance_error), _with_errors),
    Column("other levels", levels, _with_baselines),
    Column("diverged", lambda group: str(sum(run.diverged for run in group.finished))),
    Column("failed", lambda group: without_result(group) or "0"),
    Column("median gradient norm", lambda group: number(group.gradient_norm)),
    Column("parameters", lambda group: number(first(group.values_of_param("num_params")))),
    Column("state", lambda group: number(first(group.values_of_param("state_size"))), _with_state),
    Column("steps/s", lambda group: number(speed(group))),
)
"""All that a page has room for."""
NARROW = (
    Column("variant", lambda group: group.label),
    Column("length", lambda group: str(group.length)),
    Column("solved (95 %)", solved, _judged),
    Column("steps", steps, _judged),
    Column("loss", short_loss),
    Column("chance", lambda group: number(group.chance)),
    Column("wrong", short_error, _not_judged),
    Column("by chance", lambda group: number(group.chance_error), _not_judged),
)
"""What a terminal has room for, of one task: how often it was solved or, where nothing says so, the error."""
