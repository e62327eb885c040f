"""Sequences and their targets from files of numpy's: an .npz, or a folder of .npy, read by memory map."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnlab.foundation.files import why_unread
from rnnlab.tasks.data_file import DataFile

MEMBERS = ("inputs", "targets", "split")
NUMBERS = "fiub"
"""Kinds of numpy's types that are numbers."""


@dataclass(frozen=True)
class SequenceArrays:
    """What a file has.

    Args:
        inputs: (sequences, seq_len, features), or (steps, features) of one long series.
        targets: (sequences,) or (sequences, numbers); None of a series.
        split: The split of each sequence, (sequences,) of text; None where the file does not say.
        files: What they were read from.
        names: What each sequence is called in the file; None: by its number, from 0.
    """

    inputs: np.ndarray
    targets: np.ndarray | None
    split: np.ndarray | None
    files: tuple[DataFile, ...]
    names: np.ndarray | None = None

    def name(self, number: int) -> str:
        """Of a sequence, for messages."""
        return str(number if self.names is None else self.names[number])


def read_npz(path: Path, series: bool) -> SequenceArrays:
    """The arrays of an .npz, which are read whole: its members cannot be mapped.

    Args:
        path: The file.
        series: It is to have one long series, and nothing else.

    Raises:
        ValueError: It is not what it should be; that does not name the file.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            found = {name: archive[name] for name in getattr(archive, "files", ())}
    except Exception as error:  # of an archive's there are many kinds
        raise ValueError(f"it cannot be read: {why_unread(error)}") from error
    return _checked(found, series, (DataFile.of(path, len(found.get("inputs", ()))),))


def read_folder(path: Path, series: bool) -> SequenceArrays:
    """The arrays inputs.npy, targets.npy and split.npy of a folder, by memory map.

    Args:
        path: The folder.
        series: It is to have one long series, and nothing else.

    Raises:
        ValueError: They are not what they should be; that does not name the folder.
    """
    found, files = {}, []
    for name in MEMBERS:
        each = path / f"{name}.npy"
        if each.exists():
            try:
                found[name] = np.load(each, mmap_mode="r", allow_pickle=False)
            except (OSError, EOFError, ValueError) as error:
                raise ValueError(f"{each.name} cannot be read: {why_unread(error)}") from error
            files.append(DataFile.of(each, found[name].shape[0] if found[name].ndim else 0))
    return _checked(found, series, tuple(files))


def _checked(
    found: dict[str, np.ndarray], series: bool, files: tuple[DataFile, ...]
) -> SequenceArrays:
    """The arrays, once their names, types and shapes are seen to fit."""
    _check_names(tuple(found), MEMBERS[:1] if series else MEMBERS)
    inputs, split = found["inputs"], found.get("split")
    if inputs.dtype.kind not in NUMBERS:
        raise ValueError(f"inputs are {inputs.dtype}, not numbers")
    if series:
        if inputs.ndim not in (1, 2) or 0 in inputs.shape:
            raise ValueError(f"inputs are {inputs.shape}, not one series, (steps, features)")
        return SequenceArrays(inputs.reshape(len(inputs), -1), None, None, files)
    if inputs.ndim != 3 or 0 in inputs.shape:
        raise ValueError(f"inputs are {inputs.shape}, not (sequences, seq_len, features)")
    for name in set(MEMBERS[1:]) & set(found):
        if found[name].shape[:1] != inputs.shape[:1]:
            raise ValueError(f"{name} are {found[name].shape}, and inputs {inputs.shape}")
    if split is not None and (split.dtype.kind != "U" or split.ndim != 1):
        raise ValueError(f"split is {split.dtype} {split.shape}, not text, (sequences,)")
    return SequenceArrays(inputs, found["targets"], split, files)


def _check_names(names: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    for name in wanted[:2]:
        if name not in names:
            others = f", but {', '.join(names)}" if names else ""
            raise ValueError(f"it has no array {name!r}{others}")
    for name in names:
        if name not in wanted:
            raise ValueError(f"array {name!r} is not one of {', '.join(wanted)}")
