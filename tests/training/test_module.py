"""Training in blocks: against a bare loop, closed forms and an uninterrupted run."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.run_config import read_schedule
from rnnlab.tasks import Batch
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.score import Score
from rnnlab.tasks.stream import Stream
from rnnlab.training.block import DivergedError
from rnnlab.training.clipping import Clip, ClipNorm, ClipValue, NoClip
from rnnlab.training.module import TrainingModule
from rnnlab.training.settings import EvalSettings, TrainSettings
from tests.support.draws import draws
from tests.support.training import TASK, Recorder, fit, module_of, trainer_of


@pytest.mark.parametrize("clip", [NoClip(), ClipNorm(0.3), ClipValue(0.05)])
def test_equals_a_bare_loop(clip: Clip, tmp_path: Path) -> None:
    """Oracle: torch alone, one update at a time, with torch's own clipping."""
    module = module_of(clip=clip)
    _, points = fit(module, tmp_path)

    twin = module_of().model
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    stream = Stream(TASK, 3, 0, "train")
    losses, norms = [], []
    for step in range(7):
        batch = stream.batch(step)
        loss = nn.functional.mse_loss(twin(batch.inputs, last=1)[0], batch.targets)
        optimizer.zero_grad()
        loss.backward()
        gradients = [p.grad for p in twin.parameters() if p.grad is not None]
        norms.append(math.sqrt(sum(float(g.square().sum()) for g in gradients)))
        if isinstance(clip, ClipNorm):
            nn.utils.clip_grad_norm_(twin.parameters(), 0.3)
        if isinstance(clip, ClipValue):
            nn.utils.clip_grad_value_(twin.parameters(), 0.05)
        optimizer.step()
        losses.append(loss.item())

    for ours, theirs in zip(module.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    for start, stop in ((0, 2), (2, 4), (4, 6), (6, 7)):
        count = stop - start
        assert points["train/loss", stop] == pytest.approx(sum(losses[start:stop]) / count)
        assert points["grad/norm", stop] == pytest.approx(sum(norms[start:stop]) / count)
    if isinstance(clip, ClipNorm):
        clipped = [norm > 0.3 for norm in norms[:2]]
        assert points["grad/clip_fraction", 2] == sum(clipped) / 2
        left = [min(norm, 0.3) for norm in norms[:2]]
        assert points["grad/norm_clipped", 2] == pytest.approx(sum(left) / 2, rel=1e-4)
    if isinstance(clip, NoClip):
        assert points["grad/clip_fraction", 2] == 0
        assert points["grad/norm_clipped", 2] == points["grad/norm", 2]


def test_block_size_changes_no_number(tmp_path: Path) -> None:
    finals = []
    for block in (1, 2, 4):
        module = module_of(steps=8, block=block)
        fit(module, tmp_path / str(block))
        finals.append(torch.cat([p.flatten() for p in module.model.parameters()]))
    assert torch.equal(finals[0], finals[1])
    assert torch.equal(finals[0], finals[2])


def test_validates_and_checkpoints_between_blocks_and_at_the_end(tmp_path: Path) -> None:
    module = module_of(steps=7, block=2, val_every=4)
    _, points = fit(module, tmp_path)
    assert sorted(step for name, step in points if name == "val/loss") == [4, 7]
    assert sorted(step for name, step in points if name == "train/loss") == [2, 4, 6, 7]
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {
        "best.ckpt",
        "last.ckpt",
        "previous.ckpt",
    }
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt")  # torch's safe default
    assert last["rnnlab"]["updates"] == 7
    assert last["global_step"] == 4  # Lightning counts blocks
    for name, weight in module.model.state_dict().items():
        assert torch.equal(last["state_dict"][f"model.{name}"], weight)


def test_validation_is_the_mean_over_its_own_sequences(tmp_path: Path) -> None:
    module = module_of(steps=2, val_every=2)
    _, points = fit(module, tmp_path)
    inputs, targets = Stream(TASK, 30, 0, "val").batch(0)
    outputs = module.model.eval()(inputs)[0][:, -1:]
    assert points["val/loss", 2] == pytest.approx((outputs - targets).square().mean().item())
    wrong = ((outputs - targets).abs() > 0.2).double().mean().item()
    assert points["val/error", 2] == pytest.approx(wrong)


class Oracle(nn.Module):
    """Answers the adding problem right, but for the sequences with numbers above `limit`."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor, last: int) -> tuple[Tensor, list]:
        numbers, markers = inputs.unbind(2)
        answer = (numbers * markers).sum(1) + self.weight
        off = (numbers[:, 0] > self.limit).float()
        return (answer + off).view(-1, 1, 1), []


def oracle_module(limit: float, stop: bool = True) -> TrainingModule:
    still = partial(torch.optim.SGD, lr=0.0)
    return module_of(optimizer=still, model=Oracle(limit), stop_when_solved=stop)


def test_stops_at_the_first_validation_that_shows_it_solved(tmp_path: Path) -> None:
    module = oracle_module(limit=1.0)
    trainer, _ = fit(module, tmp_path)
    assert module.updates == 4
    assert module.position.solved_at == 4
    trainer.test(module, verbose=False)
    assert module.recent["test/solved"] == 1
    assert module.recent["test/error"] == 0
    assert module.recent["steps_to_solve"] == 4
    assert module.recent["sequences_to_solve"] == 4 * module.train_settings.batch_size


def test_goes_on_where_stop_when_solved_is_off(tmp_path: Path) -> None:
    module = oracle_module(limit=1.0, stop=False)
    fit(module, tmp_path)
    assert module.updates == 7
    assert module.position.solved_at == 4


def test_an_error_rate_near_the_criterion_is_not_called_solved(tmp_path: Path) -> None:
    """0.9 % wrong is under 1 %, but 400 sequences cannot show it: Wilson's interval ends above."""
    module = oracle_module(limit=0.991)
    fit(module, tmp_path)
    assert module.position.solved_at is None


def test_unsolved_has_no_steps_to_solve(tmp_path: Path) -> None:
    module = oracle_module(limit=0.5)
    trainer, _ = fit(module, tmp_path)
    trainer.test(module, verbose=False)
    assert module.recent["test/solved"] == 0
    assert module.recent["test/error"] == pytest.approx(0.5, abs=0.1)
    assert "steps_to_solve" not in module.recent


def test_test_scores_other_lengths_too(tmp_path: Path) -> None:
    settings = EvalSettings(sequences=400, val_sequences=30, batch_size=20, lengths=[16, 30])
    module = module_of(steps=2, val_every=2, eval_settings=settings)
    trainer, _ = fit(module, tmp_path)
    trainer.test(module, verbose=False)
    for length in (16, 30):
        score, stream = Score(), Stream(TASK.at_length(length), 100, 0, "test")
        for i in range(4):
            batch = stream.batch(i)
            score.add(TASK, module.model(batch.inputs, last=1)[0], batch.targets)
        expected = score.means(f"length/{length}")
        for name, value in expected.items():
            assert module.recent[name] == pytest.approx(value)
        off_by = [b for i in range(4) for b in _off_by(module, stream.batch(i))]
        assert module.recent[f"length/{length}/bias"] == pytest.approx(np.mean(off_by), rel=1e-5)
        share = np.mean(off_by) ** 2 / np.mean(np.square(off_by))
        assert module.recent[f"length/{length}/bias_share"] == pytest.approx(share, rel=1e-5)
        ratio = expected[f"length/{length}/loss"] / (1 / 6)
        assert module.recent[f"length/{length}/loss_over_chance"] == pytest.approx(ratio)


def _off_by(module: TrainingModule, batch: Batch) -> list[float]:
    return (module.model(batch.inputs, last=1)[0] - batch.targets).flatten().tolist()


def test_a_shortest_length_is_refused_where_it_is_read() -> None:
    for shortest, why in ((9, "at most 8, the seq_len of the task"), (1, "too short for variant")):
        with pytest.raises(ValueError, match=f"^train.min_seq_len={shortest}: .*{why}"):
            module_of(min_seq_len=shortest)


def test_divergence_is_named_by_its_update(tmp_path: Path) -> None:
    def explode(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=1e30)

    module = module_of(optimizer=explode, block=4)
    stream = Stream(TASK, 3, 0, "train")
    twin = module_of().model
    optimizer = explode(twin.parameters())
    for first in range(1, 8):  # oracle: the bare loop, until its loss is not finite
        batch = stream.batch(first - 1)
        loss = nn.functional.mse_loss(twin(batch.inputs, last=1)[0], batch.targets)
        if not loss.isfinite():
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with pytest.raises(DivergedError) as diverged:
        fit(module, tmp_path)
    assert diverged.value.step == first


def test_nothing_infinite_is_recorded(tmp_path: Path) -> None:
    module = module_of(steps=2, val_every=2)
    _, points = fit(module, tmp_path)
    module.record({"a": math.inf, "b": math.nan, "c": 1.0})
    assert ("c", 2) in points
    assert not {("a", 2), ("b", 2)} & set(points)


def test_task_scores_are_logged(tmp_path: Path) -> None:
    task = CopyMemory(delay=2, copy_len=2, num_symbols=2)
    score = Score()
    batch = task.sample(draws(10))
    score.add(task, nn.functional.one_hot(batch.targets, 3).float() * 50, batch.targets)
    assert score.means("val") == pytest.approx(
        {f"val/{name}": 0.0 for name in ("loss", "error")}
        | {f"val/{name}": 1.0 for name in ("accuracy", "recall", "exact_match")}
    )


def test_schedule_steps_at_every_update(tmp_path: Path) -> None:
    module = module_of(
        steps=6,
        optimizer=partial(torch.optim.SGD, lr=1.0),
        schedule=partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5),
    )
    _, points = fit(module, tmp_path)
    assert [points["train/lr", step] for step in (2, 4, 6)] == [0.5**2, 0.5**4, 0.5**6]


def test_plateau_schedule_steps_at_validations(tmp_path: Path) -> None:
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
    module = module_of(
        steps=6,
        block=2,
        val_every=2,
        optimizer=partial(torch.optim.SGD, lr=0.0),
        schedule=partial(plateau, patience=0, factor=0.5, eps=0.0, min_lr=[1.0]),
    )
    module.make_optimizer = partial(torch.optim.SGD, lr=1e-12)
    module.make_schedule = partial(plateau, patience=0, factor=0.5, eps=0.0)
    _, points = fit(module, tmp_path)
    # the same loss three times: the first validation sets the mark, the others halve the rate
    assert points["train/lr", 2] == points["train/lr", 4] == 1e-12
    assert points["train/lr", 6] == 0.5e-12


def test_schedules_within_a_schedule() -> None:
    """Warm up over two updates, then decay: by hand 0.5, 0.75, 1, 0.5, 0.25 of the rate."""
    lr_scheduler = "torch.optim.lr_scheduler"
    warm = {"_target_": f"{lr_scheduler}.LinearLR", "start_factor": 0.5, "total_iters": 2}
    decay = {"_target_": f"{lr_scheduler}.ExponentialLR", "gamma": 0.5}
    both = {"schedulers": [warm, decay], "milestones": [2]}
    make = read_schedule({"_target_": f"{lr_scheduler}.SequentialLR", **both}, [])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, rates = make(optimizer), []
    for _ in range(5):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == [0.5, 0.75, 1.0, 0.5, 0.25]


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_solved_and_killed_is_resumed_to_be_tested_only(tmp_path: Path) -> None:
    fit(oracle_module(limit=1.0), tmp_path / "a")
    module = oracle_module(limit=1.0)
    trainer = trainer_of(module, tmp_path / "a", Recorder(tmp_path))
    trainer.fit(module, ckpt_path=RunFolder(tmp_path / "a").last, weights_only=True)
    assert module.position[:2] == (4, 4)


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_precision_is_the_models(precision: str, tmp_path: Path) -> None:
    module = module_of(steps=2, val_every=2)
    chosen = f"trainer.precision={precision}"
    trainer = trainer_of(module, tmp_path, Recorder(tmp_path), (), chosen)
    trainer.fit(module)
    trainer.test(module, verbose=False)
    expected = {"64-true": torch.float64, "bf16-true": torch.bfloat16}
    weight = module.model.readout.weight
    assert weight.dtype == expected.get(precision, torch.float32)
    assert math.isfinite(module.recent["test/loss"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: TrainSettings(steps=0), "steps=0 is too small"),
        (lambda: TrainSettings(val_every=30, block=20), "val_every=30 is not a multiple"),
        (lambda: EvalSettings(lengths=[0]), "lengths=0 is too small"),
        (lambda: module_of(eval_settings=EvalSettings(sequences=380)), "at least 381"),
        (lambda: module_of(eval_settings=EvalSettings(lengths=[1])), "eval.lengths=1"),
    ],
)
def test_bad_settings_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings()
