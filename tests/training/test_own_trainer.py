"""The module under a Trainer of a user's own. Oracle: the command, with the same settings."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from rnnlab.cells import SequenceModel
from rnnlab.cells.gru import GRUCell
from rnnlab.runs.reopen import load_module
from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tracking.result import Result
from rnnlab.training import checkpoints
from rnnlab.training.module import TrainingModule
from rnnlab.training.settings import EvalSettings, TrainSettings
from tests.support.command import QUICK, SMALL, Command, result_of
from tests.support.draws import draws

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}


def model() -> SequenceModel:
    torch.manual_seed(0)
    return SequenceModel(lambda size: GRUCell(size, hidden_size=64), 2, 1)


def module() -> TrainingModule:
    return TrainingModule(
        model(),
        Adding(seq_len=10),
        optimizer=partial(torch.optim.Adam, lr=0.005, fused=True),
        train_settings=TrainSettings(steps=4, block=2, val_every=2, batch_size=4),
        eval_settings=EvalSettings(sequences=400, val_sequences=20, batch_size=200),
    )


def weights(trained: TrainingModule) -> list[torch.Tensor]:
    return list(trained.state_dict().values())


def test_it_trains_to_the_bits_of_the_command(command: Command, home: Path) -> None:
    settings = (*QUICK, *SMALL, "tracking.log_model=false", "hydra.run.dir=a")
    assert command("cell=gru", *settings).status == 0
    mine = module()
    trainer = pl.Trainer(**mine.trainer_options, **QUIET)
    trainer.fit(mine)
    validated = trainer.callback_metrics["val/loss"].item()
    commands = load_module(home / "a" / "checkpoints" / "last.ckpt")
    assert all(map(torch.equal, weights(mine), weights(commands)))
    assert validated == pytest.approx(Result.read(home / "a").metrics["val/loss"])


def test_it_tests_as_the_command_does(command: Command, home: Path) -> None:
    settings = (*QUICK, *SMALL, "tracking.log_model=false", "hydra.run.dir=a")
    assert command("cell=gru", *settings).status == 0
    best = load_module(home / "a" / "checkpoints" / "best.ckpt")
    mine = module()
    mine.load_state_dict(best.state_dict())
    trainer = pl.Trainer(**mine.trainer_options, **QUIET)
    trainer.test(mine, verbose=False)
    result = Result.read(home / "a").metrics
    for name in ("test/loss", "test/error", "test/solved"):
        assert trainer.callback_metrics[name].item() == pytest.approx(result[name])


def test_what_callbacks_monitor_is_there() -> None:
    mine = module()
    stop = pl.callbacks.EarlyStopping("val/loss", patience=0, min_delta=100.0)
    pl.Trainer(**mine.trainer_options, **QUIET, callbacks=[stop]).fit(mine)
    assert stop.stopped_epoch == 1  # it saw the first validation, and nothing better in the second


@pytest.mark.parametrize("options", [{}, {"reload_dataloaders_every_n_epochs": 2}])
def test_a_trainer_that_would_repeat_batches_is_refused(options: dict[str, Any]) -> None:
    mine = module()
    with pytest.raises(ValueError, match=r"Trainer\(\*\*module.trainer_options, ...\)"):
        pl.Trainer(max_epochs=2, **options, **QUIET).fit(mine)
    assert mine.updates == 0


def test_load_from_checkpoint(tmp_path: Path) -> None:
    mine = module()
    trainer = pl.Trainer(**mine.trainer_options, **QUIET)
    trainer.fit(mine)
    trainer.save_checkpoint(tmp_path / "mine.ckpt")
    parts = {"model": model(), "task": Adding(seq_len=10), "optimizer": torch.optim.Adam}
    again = TrainingModule.load_from_checkpoint(tmp_path / "mine.ckpt", **parts)
    assert again.updates == 4
    assert all(map(torch.equal, weights(again), weights(mine)))


def test_load_from_checkpoint_runs_no_pickle(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {}, "evil": Evil(), "pytorch-lightning_version": "2.6.6"}, path)
    parts = {"model": model(), "task": Adding(seq_len=10), "optimizer": torch.optim.Adam}
    with pytest.raises(Exception, match="Weights only load failed"):
        TrainingModule.load_from_checkpoint(path, **parts)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_a_run(command: Command, home: Path) -> None:
    """Alone, and by Lightning's way with the parts given."""
    assert command("cell=gru", *QUICK, *SMALL, "tracking.log_model=false").status == 0
    path = result_of(home).checkpoint
    saved = checkpoints.load(Path(path))["state_dict"]
    alone = load_module(path)
    parts = {"model": model(), "task": Adding(seq_len=10), "optimizer": torch.optim.Adam}
    given = TrainingModule.load_from_checkpoint(path, **parts)
    for loaded in (alone, given):
        assert all(torch.equal(saved[name], value) for name, value in loaded.state_dict().items())
    assert not alone.training
    assert alone.task == Adding(seq_len=10)
    with pytest.raises(ValueError, match="cannot be read"):
        load_module(home / "none.ckpt")


@pytest.mark.parametrize("task", [Adding(seq_len=10), CopyMemory(delay=2, copy_len=2)], ids=str)
def test_outputs_of_all_steps_are_refused_where_the_last_are_answered(task: Task) -> None:
    """Or torch would broadcast them against the one target, with a warning at best."""
    inputs, targets = task.sample(draws(4))
    read = SequenceModel(lambda size: GRUCell(size, 3), task.input_size, task.output_size)
    outputs, _ = read(inputs, last=targets.size(1))
    assert task.loss(outputs, targets).isfinite()
    longer = torch.cat([outputs[:, :1], outputs], dim=1)
    for score in (task.loss, task.errors):
        with pytest.raises(ValueError, match=r"model\(inputs, last=targets.size\(1\)\)"):
            score(longer, targets)
