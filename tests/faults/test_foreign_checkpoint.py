"""A checkpoint with a right checksum that names paths. Oracle: every file beside it, as it was."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.training.checkpointing import Checkpointing
from rnnlab.training.checkpoints import AtomicCheckpointIO, load, pack
from tests.support.command import Command
from tests.support.faults import Faults
from tests.support.killed_runs import STEPS, killed_at
from tests.support.training import Recorder, module_of, trainer_of

# Lightning says it of each state that no callback of the run takes.
pytestmark = pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint")

SPELLINGS: dict[str, Callable[[Path, RunFolder], str]] = {
    "local://": lambda victim, folder: f"local://{victim}",
    "file://": lambda victim, folder: f"file://{victim}",
    "absolute": lambda victim, folder: str(victim),
    "..": lambda victim, folder: f"{folder.checkpoints}/../../{victim.name}",
    ".. in a URI": lambda victim, folder: f"file://{folder.checkpoints}/../../{victim.name}",
    "a link": lambda victim, folder: str(linked(folder.checkpoints / "link.ckpt", victim)),
    "by a link": lambda victim, folder: str(
        linked(folder.checkpoints / "up", victim.parent) / victim.name
    ),
}


def linked(link: Path, to: Path) -> Path:
    if not link.is_symlink():
        link.symlink_to(to)
    return link


@pytest.fixture
def victims(tmp_path: Path) -> list[Path]:
    """Files and folders beside a run's, one of which looks like a checkpoint."""
    (tmp_path / "victim" / "deep").mkdir(parents=True)
    (tmp_path / "victim" / "deep" / "thesis.txt").write_text("years of work")
    (tmp_path / "victim.ckpt").write_text("another run's")
    return [tmp_path / "victim", tmp_path / "victim.ckpt"]


def unharmed(victims: Iterable[Path]) -> bool:
    folder, file = victims
    deep = folder / "deep" / "thesis.txt"
    return deep.read_text() == "years of work" and file.read_text() == "another run's"


def naming(checkpoint: dict[str, Any], path: str, folder: RunFolder) -> dict[str, Any]:
    """The checkpoint with states that Lightning's callbacks, and rnnlab's, would take for their own."""
    paths = ("best_model_path", "kth_best_model_path", "last_model_path")
    scores = ("best_model_score", "current_score", "kth_value")
    state = {
        "dirpath": str(folder.checkpoints.resolve()),
        "best_k_models": {path: torch.tensor(9.0)},
        **dict.fromkeys(paths, path),
        **dict.fromkeys(scores, torch.tensor(9.0)),
    }
    keys = [ModelCheckpoint(monitor=m).state_key for m in (None, "rank")]
    callbacks = dict.fromkeys([*keys, Checkpointing(folder).state_key], state)
    own = {**checkpoint["rnnlab"], "best_model_path": path, "dirpath": path}
    return {**checkpoint, "callbacks": callbacks, "rnnlab": own}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_training_goes_on_and_removes_nothing(
    spelling: str, victims: list[Path], tmp_path: Path, faults: Faults
) -> None:
    folder = RunFolder(tmp_path / "run")
    first = module_of(steps=8)
    trainer_of(first, folder.path, Recorder(folder.path)).fit(first)
    whole = load(folder.last)
    for victim in victims:
        path = SPELLINGS[spelling](victim, folder)
        folder.last.write_bytes(pack(naming(whole, path, folder)))
        module = module_of(steps=12)
        trainer = trainer_of(module, folder.path, Recorder(folder.path))
        trainer.fit(module, ckpt_path=folder.last, weights_only=True)
        assert load(folder.last)["rnnlab"]["updates"] == 12
        assert unharmed(victims)
    faults("a checkpoint that names a path", made=len(victims))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_nothing_but_a_checkpoint_of_the_run_is_ever_removed(
    spelling: str, victims: list[Path], tmp_path: Path, faults: Faults
) -> None:
    """Whoever asks: a Trainer of the user's own may have callbacks that believe their states."""
    folder = RunFolder(tmp_path / "run")
    folder.checkpoints.mkdir(parents=True)
    removes = AtomicCheckpointIO(folder).remove_checkpoint
    for victim in victims:
        removes(SPELLINGS[spelling](victim, folder))
        assert unharmed(victims)
    faults("a path for the checkpoints' remover", made=len(victims))


def test_what_is_removed_in_its_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    (folder.checkpoints / "folder.ckpt").mkdir(parents=True)
    notes, old = folder.checkpoints / "notes.txt", folder.checkpoints / "old.ckpt"
    for path in (notes, old):
        path.write_text("")
    for path in (notes, old, folder.checkpoints / "folder.ckpt", folder.checkpoints):
        AtomicCheckpointIO(folder).remove_checkpoint(path)
    assert {path.name for path in folder.checkpoints.iterdir()} == {"folder.ckpt", "notes.txt"}
    # Nor does a folder become the run's own by a link.
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "best.ckpt").write_text("")
    away = RunFolder(tmp_path / "away")
    away.path.mkdir()
    away.checkpoints.symlink_to(tmp_path / "others")
    AtomicCheckpointIO(away).remove_checkpoint(away.best)
    assert (tmp_path / "others" / "best.ckpt").exists()


def test_a_resume_removes_nothing(
    command: Command, victims: list[Path], home: Path, faults: Faults
) -> None:
    killed_at(home, 18, "cell=elman", *STEPS, "diagnostics=none", "hydra.run.dir=cut")
    folder = RunFolder(home / "cut")
    path = f"local://{victims[0]}"
    for each in (folder.last, folder.previous):
        each.write_bytes(pack(naming(load(each), path, folder)))
    resumed = command("resume=cut")
    assert resumed.status == 0, resumed.err
    assert unharmed(victims)
    faults("a checkpoint that names a path")
