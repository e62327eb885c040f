"""Lengths that grow. Oracles: the lengths by hand, the batches that a model is shown, a run that was never cut."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.trial import try_model
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.training.curriculum import Curriculum
from rnnlab.training.module import TrainingModule
from rnnlab.training.position import Position
from rnnlab.training.settings import TrainSettings
from tests.support.configs import composed, plain
from tests.support.training import Recorder, module_of, trainer_of


@dataclass(frozen=True)
class Easy(Adding):
    """Which every answer solves."""

    solved_below: ClassVar[float] = 1.1  # pyrefly: ignore[bad-override]


def module_at(steps: int, shown: list[int], task: Adding, block: int = 2) -> TrainingModule:
    """Validates at every fourth update."""
    model = module_of().model
    numbers = steps, 3, None, block, 4
    more = {"stop_when_solved": False, "start_seq_len": 5, "gradient_noise": 0.1}
    settings = TrainSettings(*numbers, **more)
    made = module_of()
    module = TrainingModule(
        model,
        task,
        made.make_optimizer,
        None,
        train_settings=settings,
        eval_settings=made.evaluation.settings,
    )
    module.model.register_forward_pre_hook(
        lambda model, given: shown.append(given[0].size(1)) if model.training else None
    )
    return module


def trained(folder: Path, module: TrainingModule, checkpoint: Path | None = None) -> Recorder:
    recorder = Recorder(folder)
    trainer = trainer_of(module, folder, recorder)
    trainer.fit(module, ckpt_path=checkpoint)
    return recorder


def weights(module: TrainingModule) -> list[Tensor]:
    return [p.detach().clone() for p in module.model.parameters()]


def test_lengths_double_up_to_the_tasks_own() -> None:
    curriculum = Curriculum(Adding(50), 8)
    assert list(curriculum.tasks) == [8, 16, 32, 50]
    assert [task.seq_len for task in curriculum.tasks.values()] == [8, 16, 32, 50]
    assert [curriculum.after(n) for n in (8, 16, 32, 50)] == [16, 32, 50, 50]
    assert [curriculum.at(n) for n in (None, 8, 20, 50)] == [8, 8, 32, 50]


@pytest.mark.parametrize(
    ("task", "grows"), [(Easy(18), True), pytest.param(Adding(18), False, marks=pytest.mark.slow)]
)
def test_what_is_trained_on(task: Adding, grows: bool, tmp_path: Path) -> None:
    """A validation after every fourth update: where it is solved, the next four are twice as long."""
    shown: list[int] = []
    recorder = trained(tmp_path, module_at(16, shown, task))
    lengths = [5, 10, 18, 18] if grows else [5, 5, 5, 5]
    assert shown == [length for length in lengths for _ in range(4)]
    logged = [recorder.points["train/seq_len", step] for step in (4, 8, 12, 16)]
    assert logged == lengths
    assert ("val/error_at_seq_len", 16) in recorder.points


def test_a_run_goes_on_at_its_length_to_the_bit(tmp_path: Path) -> None:
    """With noise in its gradients."""
    shown: list[int] = []
    whole = module_at(16, shown, Easy(18))
    trained(tmp_path / "whole", whole)
    cut = module_at(8, shown, Easy(18))
    trained(tmp_path / "cut", cut)
    assert cut.position.seq_len == 18
    shown.clear()
    resumed = module_at(16, shown, Easy(18))
    trained(tmp_path / "resumed", resumed, RunFolder(tmp_path / "cut").last)
    assert shown == [18] * 8
    assert all(map(torch.equal, weights(resumed), weights(whole)))


@pytest.mark.slow
def test_blocks_change_no_bit(tmp_path: Path) -> None:
    both = []
    for block in (1, 4):
        module = module_at(12, [], Easy(18), block)
        trained(tmp_path / str(block), module)
        both.append(weights(module))
    assert all(map(torch.equal, *both))


def test_positions_from_before() -> None:
    """A checkpoint that has no length is of a run that did not grow."""
    stored = Position(updates=3)._asdict()
    del stored["seq_len"]
    assert Position.read(stored) == Position(updates=3)
    with pytest.raises(ValueError, match=r"^seq_len=0 is too small"):
        Position.read({**stored, "seq_len": 0})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("task=teacher", "train.start_seq_len=10"), r"is not shorter than the task, of 10 steps"),
        (("task=digits", "train.start_seq_len=9"), r"Digits has no error rate"),
        (("train.start_seq_len=1",), r"^train.start_seq_len=1 leads to 1 steps: seq_len=1 is too"),
        (("train.start_seq_len=9", "train.min_seq_len=9"), r"both say how long the batches are"),
    ],
)
def test_refused_before_anything_trains(overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        try_model(plain(composed(*overrides), resolve=True))


def test_a_task_whose_length_is_another_key() -> None:
    tasks = Curriculum(CopyMemory(delay=20, copy_len=2), 8).tasks
    assert {length: task.length for length, task in tasks.items()} == {8: 4, 16: 12, 24: 20}
    assert tasks[24] == CopyMemory(delay=20, copy_len=2)
