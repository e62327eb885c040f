"""Recordings in a folder of wav files, the label of each the name of the folder that it lies in."""

import functools
import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from rnnlab.foundation.files import why_unread
from rnnlab.foundation.here import here
from rnnlab.tasks.data_file import DataFile, file_digest
from rnnlab.tasks.labels import class_names
from rnnlab.tasks.splits import members, split_examples

FULL = {"int16": 2**15, "int32": 2**31}
"""One above the largest sample, of the types that are no floats; scipy gives 24 bits as the upper ones of 32."""


@dataclass(frozen=True, eq=False)  # as one folder is read once
class WavFolder:
    """What lies in the folder.

    Args:
        paths: The files, in order of their names below the folder.
        lengths: Samples in each.
        labels: Of each.
        rate: Samples a second, of all.
        numbers: The files of each split, "train", "val" and "test".
        file: What they are together: its digest is of the names and digests of all.
    """

    paths: tuple[Path, ...]
    lengths: np.ndarray
    labels: np.ndarray
    rate: int
    numbers: dict[str, np.ndarray]
    file: DataFile


def short_name(path: Path) -> str:
    """Of a recording, with its label: yes/anna.wav."""
    return f"{path.parent.name}/{path.name}"


def read_wav(path: Path) -> tuple[int, np.ndarray]:
    """Samples a second, and the samples, (samples, channels) as the file has them, by memory map.

    Raises:
        ValueError: It is no wav file of numbers that are known, or is cut off.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", wavfile.WavFileWarning)
        warnings.filterwarnings(
            "ignore", ".*not understood", wavfile.WavFileWarning
        )  # titles, dates
        try:
            rate, samples = _mapped(path)
        except OSError as error:
            raise ValueError(f"{short_name(path)} cannot be read: {why_unread(error)}") from error
        except Exception as error:  # of scipy's there are many kinds
            raise ValueError(f"{short_name(path)} is no wav file: {why_unread(error)}") from error
    if samples.dtype.kind != "f" and str(samples.dtype) not in ("uint8", *FULL):
        raise ValueError(f"{short_name(path)} has samples of {samples.dtype}")
    return rate, samples.reshape(len(samples), -1)


def _mapped(path: Path) -> tuple[int, np.ndarray]:
    try:
        return wavfile.read(path, mmap=True)
    except ValueError as error:
        if "3-byte" not in str(error):  # three bytes a sample, for which numpy has no type
            raise
        return wavfile.read(path)


def as_floats(samples: np.ndarray) -> np.ndarray:
    """Samples of any type in [-1, 1], the mean of the channels: (samples,) in single precision."""
    if samples.dtype == np.uint8:
        scaled = (samples.astype(np.float32) - 128) / 128
    else:
        scaled = samples.astype(np.float32) / FULL.get(str(samples.dtype), 1)
    return scaled.mean(axis=1)


def read_folder(path: str) -> WavFolder:
    """All wav files of a folder's folders.

    Raises:
        ValueError: There are too few, they have several rates, two of different splits are equal, or one
            cannot be read; that names `path`.
    """
    try:
        found = _found(here() / path)
        states = [each.stat() for each in found]
        return _read(here() / path, found, *((s.st_size, s.st_mtime_ns, s.st_ino) for s in states))
    except OSError as error:
        raise ValueError(f"path={path} cannot be read: {why_unread(error)}") from error
    except ValueError as error:
        raise ValueError(f"path={path}: {error}") from error


def _found(folder: Path) -> tuple[Path, ...]:
    """The files, in order."""
    found = sorted(each for each in folder.rglob("*") if each.suffix.lower() == ".wav")
    for each in found:
        if each.parent.parent != folder:
            raise ValueError(
                f"{each.relative_to(folder)} does not lie in a folder of this one, named as its label"
            )
    if not found:
        kind = "it has no folder with a wav file" if folder.is_dir() else "it is no folder"
        raise ValueError(kind)
    return tuple(found)


@functools.lru_cache(maxsize=4)
def _read(folder: Path, paths: tuple[Path, ...], *_states: tuple[int, ...]) -> WavFolder:
    """Of files in one state: a process that has read them need not read them again."""
    rates, lengths = {}, []
    for path in paths:
        rate, samples = read_wav(path)
        rates.setdefault(rate, short_name(path))
        if samples.dtype.kind == "f" and not np.isfinite(samples).all():
            raise ValueError(f"{short_name(path)} has a sample that is not a finite number")
        lengths.append(len(samples))
    if len(rates) > 1:
        (first, one), (second, other), *_ = rates.items()
        raise ValueError(
            f"{one} has {first} samples a second and {other} {second}: they have one rate"
        )
    labels = np.array([path.parent.name for path in paths])
    class_names(labels)
    split = split_examples(labels)
    numbers = members(split)
    digests = [file_digest(path) for path in paths]
    _refuse_shared(paths, digests, split)
    lines = (f"{d}  {short_name(p)}\n" for d, p in zip(digests, paths, strict=True))
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    file = DataFile(folder.resolve().name or "wav", str(folder), digest, len(paths))
    return WavFolder(paths, np.array(lengths), labels, next(iter(rates)), numbers, file)


def _refuse_shared(paths: tuple[Path, ...], digests: list[str], split: np.ndarray) -> None:
    """A file that is in two splits: what was learnt of it would count as foreseen."""
    seen: dict[str, int] = {}
    for number, digest in enumerate(digests):
        first = seen.setdefault(digest, number)
        if split[first] != split[number]:
            raise ValueError(
                f"{short_name(paths[first])} and {short_name(paths[number])} are equal, and "
                f"in {split[first]} and {split[number]}: a split shares none with another"
            )
