"""Training on a set of data, and its test. Oracles: loops over its arrays, written out; torch alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tasks.philox import order
from rnnlab.training.evaluation import Evaluation
from rnnlab.training.module import TrainingModule
from rnnlab.training.settings import EvalSettings, TrainSettings
from tests.support.finite_task import COUNTS, Waves, model_of
from tests.support.training import ADAM, Recorder, fit, trainer_of


def module_of(task: Waves, steps: int = 8, **settings: Any) -> TrainingModule:
    train = TrainSettings(steps=steps, batch_size=5, block=2, val_every=4)
    return TrainingModule(
        model_of(task),
        task,
        ADAM,
        train_settings=train,
        eval_settings=EvalSettings(**settings),
    )


@pytest.mark.parametrize("batch_size", [1, 5, 13, 500])
@pytest.mark.parametrize("asked", [None, 7, 13])
def test_each_sequence_of_the_test_counts_once(batch_size: int, asked: int | None) -> None:
    """Oracle: the loss and the error of the arrays as they are, of all or of the first seven."""
    task, count = Waves(), asked or COUNTS["test"]
    model = model_of(task).eval()
    inputs = torch.from_numpy(task.sequences["test"][:count]).unsqueeze(2)
    with torch.no_grad():
        found = Evaluation(task, EvalSettings(asked, None, batch_size)).test(model)
        outputs = model(inputs, last=1)[0][:, 0]
    labels = torch.arange(count) % 3
    assert found["test/loss"] == pytest.approx(F.cross_entropy(outputs, labels).item(), rel=1e-6)
    assert found["test/error"] == pytest.approx((outputs.argmax(1) != labels).double().mean())
    assert found["test/loss_over_chance"] == pytest.approx(found["test/loss"] / 1.0986)


def test_without_a_number_all_of_each_split_is_scored() -> None:
    """As many are shown to the model as the splits have; of an endless task 10,000 and 1000 are."""
    module, shown = module_of(Waves()), []
    module.model.register_forward_pre_hook(lambda _, given: shown.append(len(given[0])))
    module.evaluation.validate(module.model)
    module.evaluation.test(module.model)
    assert shown == [COUNTS["val"], COUNTS["test"]]


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        (Waves(), {"sequences": 14}, "eval.sequences=14 is more than the 13 of the test split"),
        (Waves(), {"val_sequences": 12}, "eval.val_sequences=12 is more than the 11 of the val"),
        (
            Waves(solved_below=0.1),
            {},
            "eval.val_sequences=11 cannot show an error rate below 0.1: at least 35",
        ),
        (Waves(), {"lengths": [9]}, "eval.lengths=9: seq_len=9: waves have 6 steps"),
        (Waves(), {"sequences": 0}, "sequences=0 is too small"),
    ],
)
def test_other_numbers_are_refused(task: Waves, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module_of(task, **settings)


def test_without_a_rate_nothing_is_solved_or_unsolved(tmp_path: Path) -> None:
    """A model that makes no mistake trains to the end, and its test does not say solved."""
    task = Waves()
    module = module_of(task, steps=8)
    module.evaluation.validate = lambda model: {"val/loss": 0.1, "val/error": 0.0}
    trainer, points = fit(module, tmp_path)
    trainer.test(module, verbose=False)
    assert module.updates == 8
    assert module.position.solved_at is None
    assert not any("solve" in name for name, _ in points)
    assert not module.evaluation.confirms_solved(module.model)


def test_with_a_rate_validation_tells_it(tmp_path: Path) -> None:
    """11 right of 11 are below 0.3 by the upper end of Wilson's interval, 0.26."""
    module = module_of(Waves(solved_below=0.3), steps=400)
    trainer, points = fit(module, tmp_path)
    assert module.position.solved_at is not None
    assert module.updates < 400
    assert points["val/error", module.updates] == 0
    trainer.test(module, verbose=False)
    assert module.recent["test/solved"] == (module.recent["test/error"] < 0.3)


def test_updates_and_epochs_against_torch_alone(tmp_path: Path) -> None:
    """Batches of five of the row of epochs, of 23 sequences each; 8 updates are 40 / 23 epochs."""
    task = Waves()
    module = module_of(task)
    _, points = fit(module, tmp_path)
    twin = model_of(task)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    row = [int(n) for epoch in (0, 1) for n in order(0, "epoch", epoch, 23)]
    losses = []
    for step in range(8):
        which = row[5 * step : 5 * step + 5]
        inputs = torch.from_numpy(task.sequences["train"][which]).unsqueeze(2)
        loss = F.cross_entropy(twin(inputs, last=1)[0][:, 0], torch.tensor(which) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for update in (2, 4, 6, 8):
        expected = sum(losses[update - 2 : update]) / 2
        assert points["train/loss", update] == pytest.approx(expected, rel=1e-5)
        assert points["train/epochs", update] == pytest.approx(5 * update / 23)


def test_going_on_amid_an_epoch_is_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    """Oracle: the run left alone, to the bit; update 4 has seen 20 of 23 sequences."""
    task = Waves()
    whole = module_of(task, steps=12)
    _, points = fit(whole, tmp_path / "whole")
    first = module_of(task, steps=4)
    fit(first, tmp_path / "first")
    second = module_of(task, steps=12)
    logger = Recorder(tmp_path / "second")
    trainer = trainer_of(second, tmp_path / "second", logger)
    trainer.fit(second, ckpt_path=RunFolder(tmp_path / "first").last)
    for key in (key for key in points if key[1] > 4 and not key[0].startswith("perf/")):
        assert logger.points[key].hex() == points[key].hex(), key
    for ours, theirs in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_levels_are_logged_once(tmp_path: Path) -> None:
    _, points = fit(module_of(Waves()), tmp_path)
    assert {k: v for k, v in points.items() if k[0].startswith("baseline/")} == {
        ("baseline/last value", 0): 0.9
    }


def test_a_module_that_only_answers_asks_for_no_data() -> None:
    """Which an absent file would refuse."""

    def absent(self: Waves, split: str) -> int:
        raise ValueError("there are none")

    task = type("Absent", (Waves,), {"num_sequences": absent})()
    with pytest.raises(ValueError, match="there are none"):
        TrainingModule(model_of(task), task, ADAM)
    module = TrainingModule(model_of(task), task, ADAM, answers_only=True)
    outputs, _ = module.model(torch.zeros(2, 4, 1))
    assert outputs.shape == (2, 4, 3)
    assert json.dumps(task.from_data)
