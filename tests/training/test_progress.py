"""The one line that a run shows while it trains."""

import io
from pathlib import Path

from rnnlab.tasks.teacher import Teacher
from rnnlab.training.module import TrainingModule
from rnnlab.training.position import Position
from rnnlab.training.progress import Progress
from tests.support.finite_task import Waves, model_of
from tests.support.screens import Terminal
from tests.support.training import ADAM, fit, module_of


def shown(stream: io.StringIO, folder: Path) -> str:
    module = module_of(steps=6, block=2, val_every=4)
    module.recent = {}
    progress = Progress("elman · adding 8 · s0", stream)
    fit(module, folder, progress)
    return stream.getvalue()


def test_a_terminal_shows_one_line_written_over(tmp_path: Path) -> None:
    text = shown(Terminal(), tmp_path)
    assert text.count("\n") == 1  # the one that leaves the line at the end
    assert text.endswith("\n")
    updates = [part.split()[6] for part in text.split("\r")[1:]]
    assert updates == ["2/6", "4/6", "6/6"]


def test_elsewhere_a_plain_line_for_each_validation(tmp_path: Path) -> None:
    lines = shown(io.StringIO(), tmp_path).splitlines()
    assert [line.split()[6] for line in lines] == ["4/6", "6/6"]
    for line in lines:
        assert "chance 0.167" in line
        assert "\r" not in line
        assert "loss " in line
        assert "error " in line


def test_the_line_by_hand() -> None:
    module = module_of(steps=6)
    module.position = Position(updates=4)
    module.recent = {"val/loss": 0.0214, "val/error": 0.12, "perf/steps_per_second": 412.4}
    assert Progress("x", io.StringIO()).line(module) == (
        "x   4/6   loss 0.0214, chance 0.167   error 12.0%, chance 64.0%   412 steps/s"
    )


def test_the_error_stands_alone_where_its_level_is_not_known() -> None:
    module = TrainingModule(model_of(Teacher()), Teacher(), ADAM)
    module.recent = {"val/loss": 0.25, "val/error": 0.125}
    assert "error 12.5%   " in Progress("x", io.StringIO()).line(module)


def test_the_error_stands_beside_its_level_where_that_is_known() -> None:
    module = TrainingModule(model_of(Waves()), Waves(), ADAM)
    module.recent = {"val/loss": 0.25, "val/error": 0.125}
    line = Progress("gru · waves 6 · s0", io.StringIO()).line(module)
    assert "loss 0.25, chance 1.1   error 12.5%, chance 60.0%   " in line
