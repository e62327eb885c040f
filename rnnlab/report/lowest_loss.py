"""What a comparison answers of a task that does not say when it is solved: who came how far below chance."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from rnnlab.report.grid import Grid
from rnnlab.report.group import NEAR_CHANCE, Group
from rnnlab.report.rows import levels, number
from rnnlab.report.wording import troubled, unfinished


def lowest_loss(grid: Grid, task: str) -> Iterator[str]:
    """Sentences, one for each length that was tried, and what went wrong."""
    groups = [group for group in grid.groups if group.task == task]
    for length in grid.lengths(task):
        tested = [group for group in grid.at((task, length)) if group.losses]
        if tested:
            yield f"{task} at {length}: {_found(tested)}."
    yield from troubled(groups)
    yield from unfinished(groups, task)


def _found(tested: Sequence[Group]) -> str:
    """`the lowest mean loss is gru's, 0.41, with 12.3 % wrong; chance is 2.3, with 90 % wrong`"""
    best = min(tested, key=lambda group: (fmean(group.losses), group.label))
    beside = [] if best.chance is None else [f"chance is {_said(best.chance, best.chance_error)}"]
    if best.baselines:
        beside.append(f"other levels are {levels(best)}")
    if all(group.is_at_chance for group in tested):
        return "; ".join(
            [f"little or nothing was learnt, all losses are above {NEAR_CHANCE}", *beside]
        )
    once = max(len(group.losses) for group in tested) == 1
    what = "loss" if once else "mean loss"
    alone = len(tested) == 1
    whose = f"the {what} of {best.label} is" if alone else f"the lowest {what} is {best.label}'s,"
    errors = best.values("test/error")
    found = f"{whose} {_said(fmean(best.losses), fmean(errors) if errors else None)}"
    return "; ".join([found, *beside])


def _said(loss: float, error: float | None) -> str:
    return number(loss) if error is None else f"{number(loss)}, with {100 * error:.3g} % wrong"
