"""A schedule that ends before the run is refused before the run. Oracle: stepping it as often."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.optim import Optimizer
from torch.optim import lr_scheduler as schedules
from torch.optim.lr_scheduler import LRScheduler

from rnnlab.runs.schedule import try_schedule
from tests.support.refusals import refusal

Make = Callable[[Optimizer], LRScheduler]


RATES = [0.1] * 11


class Table(LRScheduler):
    """The first rate, and one for each of ten updates."""

    def get_lr(self) -> list[float | torch.Tensor]:
        return [RATES[self.last_epoch]]


def one_cycle(total_steps: int) -> Make:
    return lambda o: schedules.OneCycleLR(o, max_lr=0.1, total_steps=total_steps)


def after(milestones: list[int], *makes: Make) -> Make:
    return lambda o: schedules.SequentialLR(o, [make(o) for make in makes], milestones)


def chained(*makes: Make) -> Make:
    return lambda o: schedules.ChainedScheduler([make(o) for make in makes], o)


MAKES = {
    "one cycle": one_cycle(10),
    "a table": Table,
    "one cycle after a warm-up": after([4], schedules.LinearLR, one_cycle(7)),
    "one cycle before another": after([10], one_cycle(9), one_cycle(12)),
    "one cycle cut off too late": after([12], one_cycle(10), schedules.ConstantLR),
    "one cycle within": chained(schedules.LinearLR, one_cycle(11)),
    "one cycle within what comes first": after(
        [9], after([3], schedules.LinearLR, one_cycle(4)), schedules.ConstantLR
    ),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 5),
    "restarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 3),
    "cyclic": lambda o: schedules.CyclicLR(o, 0.1, 0.2, 4),
    "steps": lambda o: schedules.MultiStepLR(o, [2, 7]),
    "a polynomial": lambda o: schedules.PolynomialLR(o, 6),
}


def made(make: Make) -> LRScheduler:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make(optimizer)
    optimizer.step()
    return schedule


def lasts(make: Make, steps: int) -> bool:
    schedule = made(make)
    try:
        for _ in range(steps):
            schedule.step()
    except (ValueError, IndexError):
        return False
    return True


@pytest.mark.filterwarnings("ignore:Detected call of")  # torch, of a sequence within another
@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 9, 10, 11, 12, 13, 20, 21, 22, 23, 40])
def test_refused_where_it_would_end_too_early(name: str, steps: int) -> None:
    if lasts(MAKES[name], steps):
        try_schedule(made(MAKES[name]), steps)
        return
    with pytest.raises(ValueError, match=rf"^schedule: .*\(train\.steps={steps}\)"):
        try_schedule(made(MAKES[name]), steps)


def test_how_long_the_run_is_makes_no_difference() -> None:
    try_schedule(made(one_cycle(10**12)), 10**12)
    with pytest.raises(ValueError, match="Tried to step"):
        try_schedule(made(one_cycle(10**12)), 10**12 + 1)


@pytest.mark.parametrize("sweep", [False, True])
def test_a_run_is_refused_at_its_start(sweep: bool, tmp_path: Path) -> None:
    words = ("schedule._target_=torch.optim.lr_scheduler.OneCycleLR", "schedule.max_lr=0.1")
    said = refusal(
        *words, "schedule.total_steps=30", "train.steps=100", output=tmp_path, sweep=sweep
    )
    assert said.startswith("schedule: Tried to step 100 times. The specified number of total steps")
    assert said.endswith("is 30 (train.steps=100)")
    for total in ("100", "${train.steps}"):
        more = (f"schedule.total_steps={total}", "train.steps=100")
        assert refusal(*words, *more, output=tmp_path, sweep=sweep) == ""
