"""Checkpoints: the best and the last of a run, replaced whole or not at all.

Lightning decides when; what it writes are plain types and tensors only, so that torch loads them
with its safe default, `weights_only=True`.
"""

import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

BEST, LAST = "best.ckpt", "last.ckpt"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so that no failure costs the checkpoint before."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None
    ) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def checkpointing(folder: Path) -> list[ModelCheckpoint]:
    """Two callbacks, both at each validation: the best `rank` so far, and the newest state."""
    common: dict[str, Any] = {
        "dirpath": folder,
        "save_top_k": 1,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
        "auto_insert_metric_name": False,
    }
    return [
        ModelCheckpoint(monitor="rank", mode="min", filename=Path(BEST).stem, **common),
        ModelCheckpoint(monitor=None, filename=Path(LAST).stem, **common),
    ]


def load(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU.

    Raises:
        ValueError: If there is no such file, or it is not a checkpoint of rnnlab.
    """
    if not path.is_file():
        raise ValueError(f"resume={str(path)!r}: there is no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"resume={str(path)!r} is not a readable checkpoint: {reason}") from error
    if not isinstance(checkpoint, dict) or "rnnlab" not in checkpoint:
        raise ValueError(f"resume={str(path)!r} is not a checkpoint of rnnlab")
    return checkpoint
