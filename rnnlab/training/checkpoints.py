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
from typing import Any, NamedTuple

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from rnnlab.foundation.files import read_bytes, write_bytes
from rnnlab.foundation.masking import first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import hold_signals
from rnnlab.training.position import Position

log = logging.getLogger(__name__)

FORMAT = 3
"""Of `checkpoint["rnnlab"]`; a version that changes its meaning counts up.

1: rnnlab 0.1, whose config names classes by other modules.
"""

MARK = b"rnnlab sha256\n"  # then the digest's 32 bytes
TAIL = len(MARK) + 32


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so that no failure costs the checkpoint before.

    What a full disk does not take is kept in memory and tried again with the next checkpoint, while
    training goes on: in the order in which it came, so that no state on the disk is newer than its
    best model there.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.unwritten: dict[Path, bytes] = {}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None
    ) -> None:
        with hold_signals():  # a checkpoint that is known as saved has been
            self.unwritten[Path(path)] = pack(checkpoint)
            self.write_what_waits()

    def write_what_waits(self) -> list[Path]:
        """Those that the disk has not taken yet; returns those that it does not take now either."""
        for target, data in list(self.unwritten.items()):
            try:
                self._write(target, data)
            except OSError as error:
                log.warning(
                    "%s was not written (%s): training goes on, and tries again with the next",
                    *(target, error.strerror or error),
                )
                break
            del self.unwritten[target]
        return list(self.unwritten)

    def _write(self, target: Path, data: bytes) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        last = self.folder.last
        write_bytes(target, data, keep=self.folder.previous if target == last else None)

    def load_checkpoint(
        self, path: str | os.PathLike, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        return self.load(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike) -> None:
        """Only a checkpoint of the run: a path may come from a file that anybody has written."""
        target, own = Path(path), self.folder.path.resolve() / self.folder.checkpoints.name
        if target.parent.resolve() == own and target.suffix == ".ckpt" and _is_plain_file(target):
            target.unlink()
        else:
            log.warning("%s is no checkpoint of this run, and is not removed", path)

    def has(self, path: Path) -> bool:
        """Whether there is one of this name, on the disk or in memory."""
        return path in self.unwritten or path.exists()

    def load(self, path: Path) -> dict[str, Any]:
        """The newest of this name, if need be from memory."""
        if path in self.unwritten:
            return unpack(self.unwritten[path], path)
        return load(path)


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
    try:
        Position.read(own)
    except ValueError as error:
        raise ValueError(f"{path} is no checkpoint that a run has written: {error}") from error
    return checkpoint


def load(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU.

    Raises:
        ValueError: If there is no such file, or it is damaged, not rnnlab's, or of another format.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    return unpack(data, path)


class Loaded(NamedTuple):
    """A checkpoint that is whole."""

    path: Path
    content: dict[str, Any]

    @property
    def own(self) -> dict[str, Any]:
        """What rnnlab has put into it, beside what Lightning has."""
        return self.content["rnnlab"]

    @property
    def position(self) -> Position:
        return Position.read(self.own)


def refuse_without_best(folder: RunFolder, checkpoint: Loaded) -> None:
    """A run that goes on may have had its best model already, which a checkpoint does not hold.

    Raises:
        ValueError: If that is not in the folder: it would be tested with another.
    """
    position = checkpoint.position
    if position.best_at is None:
        return
    found = Position.read(load(folder.best)["rnnlab"])
    if found.updates < position.best_at:  # a killed run may have written one more
        raise ValueError(
            f"{folder.best} is of update {found.updates}, and {checkpoint.path} has its best model at "
            f"update {position.best_at}: best.ckpt is older, or another run's"
        )


def newest(folder: RunFolder) -> Loaded | None:
    """The newest checkpoint of a run that is whole, or None where there has been none.

    Raises:
        ValueError: If there are some, and all are damaged.
    """
    refused = []
    for path in (folder.last, folder.previous):
        if path.exists():
            try:
                return Loaded(path, load(path))
            except ValueError as error:
                log.warning("%s; the one before it is used", error)
                refused.append(str(error))
    if refused:
        raise ValueError("; ".join(refused))
    return None


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
