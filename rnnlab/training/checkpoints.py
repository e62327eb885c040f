"""Checkpoints: the best of a run, the newest and the one before; whole, or refused.

What Lightning writes are plain types and tensors only, so that torch loads them with its safe
default, `weights_only=True`. A digest of all of it follows at the end of the file, where torch does
not look: torch itself would load a flipped bit without a word.
"""

import hashlib
import io
import logging
import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from rnnlab.foundation.files import write_bytes
from rnnlab.foundation.masking import first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import hold_signals

log = logging.getLogger(__name__)

FORMAT = 2
"""Of `checkpoint["rnnlab"]`; a version that changes its meaning counts up.

1: rnnlab 0.1, whose config names classes by other modules.
"""

MARK = b"rnnlab sha256\n"  # then the digest's 32 bytes
TAIL = len(MARK) + 32


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so that no failure costs the checkpoint before.

    What a full disk does not take is kept in memory and tried again with the next checkpoint, while
    training goes on.
    """

    def __init__(self) -> None:
        self.unwritten: dict[Path, bytes] = {}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None
    ) -> None:
        with hold_signals():  # a checkpoint that is known as saved has been
            self.unwritten[Path(path)] = pack(checkpoint)
            self._write_what_waits()

    def _write_what_waits(self) -> None:
        for target, data in list(self.unwritten.items()):
            try:
                _write(target, data)
            except OSError as error:
                log.warning(
                    "%s was not written (%s): training goes on, and tries again with the next",
                    *(target, error.strerror or error),
                )
            else:
                del self.unwritten[target]

    def load_checkpoint(
        self, path: str | os.PathLike, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        return self.load(Path(path))

    def has(self, path: Path) -> bool:
        """Whether there is one of this name, on the disk or in memory."""
        return path in self.unwritten or path.exists()

    def load(self, path: Path) -> dict[str, Any]:
        """The newest of this name, if need be from memory."""
        if path in self.unwritten:
            return unpack(self.unwritten[path], path)
        return load(path)


def checkpointing(folder: RunFolder) -> list[ModelCheckpoint]:
    """Two callbacks, both at each validation: the best `rank` so far, and the newest state."""
    common: dict[str, Any] = {
        "dirpath": folder.checkpoints,
        "save_top_k": 1,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
        "auto_insert_metric_name": False,
    }
    return [
        ModelCheckpoint(monitor="rank", mode="min", filename=folder.best.stem, **common),
        ModelCheckpoint(monitor=None, filename=folder.last.stem, **common),
    ]


def pack(checkpoint: dict[str, Any]) -> bytes:
    """The file's content, with its digest."""
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    data = buffer.getvalue()
    return data + MARK + hashlib.sha256(data).digest()


def unpack(data: bytes, path: Path) -> dict[str, Any]:
    """What a checkpoint file holds, on the CPU.

    Raises:
        ValueError: If it is cut off, changed, not rnnlab's, or of another format.
    """
    body, mark, digest = data[:-TAIL], data[-TAIL:-32], data[-32:]
    if mark != MARK:
        raise ValueError(f"{path} is cut off, or not a checkpoint of rnnlab")
    if hashlib.sha256(body).digest() != digest:
        raise ValueError(f"{path} is damaged: its content does not match its checksum")
    try:
        checkpoint = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} is not a readable checkpoint: {first_line(error)}") from error
    own = checkpoint.get("rnnlab") if isinstance(checkpoint, dict) else None
    if not isinstance(own, dict):
        raise ValueError(f"{path} is not a checkpoint of rnnlab")
    if own.get("format") != FORMAT:
        raise ValueError(
            f"{path} has format {own.get('format')}, and this rnnlab reads {FORMAT}: "
            f"it was written by rnnlab {own.get('version', 'of another version')}"
        )
    return checkpoint


def load(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU.

    Raises:
        ValueError: If there is no such file, or it is damaged, not rnnlab's, or of another format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    return unpack(data, path)


def newest(folder: RunFolder) -> Path | None:
    """The newest checkpoint of a run that is whole, or None where there has been none.

    Raises:
        ValueError: If there are some, and all are damaged.
    """
    refused = []
    for path in (folder.last, folder.previous):
        if path.exists():
            try:
                load(path)
            except ValueError as error:
                log.warning("%s; the one before it is used", error)
                refused.append(str(error))
            else:
                return path
    if refused:
        raise ValueError("; ".join(refused))
    return None


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(target.parents[1])
    write_bytes(target, data, keep=folder.previous if target == folder.last else None)
