"""The schedule of the learning rate: made from its section, and tried to the end of the run."""

from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)

from rnnlab.foundation.masking import first_line
from rnnlab.runs.build import build

MakeSchedule = Callable[[Optimizer], LRScheduler]


def read_schedule(section: Mapping[str, Any], allow: list[str]) -> MakeSchedule:
    """What makes the schedule from the optimizer; `schedulers` may list schedules within it."""
    if "schedulers" not in section:
        return build("schedule", section, LRScheduler, allow, later=1)
    within = [read_schedule(inner, allow) for inner in section["schedulers"]]
    own = {key: value for key, value in section.items() if key != "schedulers"}
    make_own = build("schedule", own, LRScheduler, allow, later=1)

    def make(optimizer: Optimizer) -> LRScheduler:
        return make_own(optimizer, schedulers=[make_inner(optimizer) for make_inner in within])

    return make


def try_schedule(schedule: LRScheduler, steps: int) -> None:
    """Step it as at the first update of a run, and as at the last.

    Args:
        schedule: Of an optimizer that has made a step; it is good for nothing after this.
        steps: Updates of the run.

    Raises:
        ValueError: If it takes one of these steps badly, as OneCycleLR does beyond its total_steps.
    """
    if isinstance(schedule, ReduceLROnPlateau):  # that wants a loss to go by
        return
    try:
        schedule.step()
        if steps > 1:
            _step_at(steps, schedule)
    except (ArithmeticError, LookupError, ValueError) as error:
        raise ValueError(f"schedule: {first_line(error)} (train.steps={steps})") from error


def _step_at(update: int, schedule: LRScheduler) -> None:
    """Every schedule within it is at the last update that it is asked about."""
    if isinstance(schedule, ChainedScheduler):
        for inner in schedule._schedulers:
            _step_at(update, inner)
    elif isinstance(schedule, SequentialLR):
        begins = [0, *schedule._milestones]
        ends = [*(milestone - 1 for milestone in schedule._milestones), update]
        for inner, begin, end in zip(schedule._schedulers, begins, ends, strict=True):
            if min(update, end) > begin:
                _step_at(min(update, end) - begin, inner)
    else:
        schedule.last_epoch = update - 1
        schedule.step()
