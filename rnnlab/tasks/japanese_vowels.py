"""JapaneseVowels (Kudo, Toyama & Shimbo, 1999): tell which of nine men has spoken two vowels."""

import functools
import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch

from rnnlab.foundation.checks import check_bool, check_int
from rnnlab.foundation.files import read_bytes, why_unread
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labels import blind_cross_entropy, blind_error
from rnnlab.tasks.splits import split_examples

PACKAGE = "sktime"
PLACE = "sktime/datasets/data/JapaneseVowels/JapaneseVowels_{}.ts"
SPEAKERS, COEFFICIENTS, LONGEST = 9, 12, 29


class _Utterances(NamedTuple):
    """The utterances of a file: (frames, 12) each, the numbers of their speakers, and the file."""

    frames: list[np.ndarray]
    speakers: np.ndarray
    file: DataFile


@dataclass(frozen=True)
class JapaneseVowels(Classification):
    """Tell which of nine men has spoken two vowels, "ae" (Kudo, Toyama & Shimbo, 1999).

        7 to 29 frames of 12 coefficients        -> speaker 3
        0 0 0 0 c_1 c_2 ... c_25                    seq_len=29, an utterance of 25 frames

    A frame is 12 coefficients of the LPC cepstrum, of 25.6 ms at 10 kHz, one each 6.4 ms. Before an
    utterance of fewer than `seq_len` frames stand frames of zeros, so that the answer comes right after the
    sound; of a longer one the last `seq_len` are shown. With `lengths` no such frames are shown, and a sequence is
    as long as its utterance. Inputs are (batch, seq_len, 12); targets are class numbers,
    (batch, 1), read after the last step. The loss is the cross-entropy.

    The authors give 270 utterances for training, 30 of each speaker, and 370 for the test, 24 to 88 of each. Of
    the 270, 6 of each speaker validate, the last fifth in the order of `split_examples`; 216 are left to train on,
    which the published figures have all of. Chance is ln 9, and its error 8/9: all speakers are equally frequent
    in training. The authors' classifier is wrong in 5.9 % of the test, a hidden Markov model of 5
    states in 3.8 %; these are the baselines.

    The data are read from the installed package sktime, which ships them; nothing of it is imported.

    Args:
        seq_len: Frames in a sequence, at least 1; 29 show all utterances whole.
        lengths: Whether a batch has the length of each utterance.

    Raises:
        ValueError: `seq_len` is no whole number, or too small; `lengths` is not true or false; sktime is not installed.
    """

    seq_len: int = LONGEST  # pyrefly: ignore[bad-override]
    lengths: bool = False

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, 1)
        check_bool("lengths", self.lengths)

    @property
    def input_size(self) -> int:
        return COEFFICIENTS

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(1, SPEAKERS + 1)))

    @property
    def data(self) -> tuple[DataFile, ...]:
        return _read("TRAIN").file, _read("TEST").file

    def num_sequences(self, split: str) -> int:
        return len(_split(split)[1])

    @property
    def chance(self) -> float:
        return blind_cross_entropy(_speakers("train"), _speakers("test"))

    @property
    def chance_error(self) -> float:
        return blind_error(_speakers("train"), _speakers("test"))

    @property
    def baselines(self) -> dict[str, float]:
        return {"error/Kudo et al. 1999": 0.059, "error/hidden Markov model": 0.038}

    def sample(self, draws: Draws) -> Batch:
        utterances, numbers = _split(draws.split)
        some = numbers[draws.examples(len(numbers)).numpy()]
        inputs = torch.zeros(len(some), self.seq_len, COEFFICIENTS)
        lengths = torch.zeros(len(some), dtype=torch.int64)
        for n, number in enumerate(some):
            frames = torch.from_numpy(utterances.frames[number][-self.seq_len :])
            lengths[n] = len(frames)
            first = 0 if self.lengths else self.seq_len - len(frames)
            inputs[n, first : first + len(frames)] = frames
        told = torch.from_numpy(utterances.speakers[some]).unsqueeze(1)
        batch = inputs.to(draws.device), told.to(draws.device)
        return Batch(*batch, lengths.to(draws.device)) if self.lengths else Batch(*batch)

    @property
    def has_lengths(self) -> bool:
        return self.lengths

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


def _speakers(split: str) -> np.ndarray:
    utterances, numbers = _split(split)
    return utterances.speakers[numbers]


def _split(split: str) -> tuple[_Utterances, np.ndarray]:
    """The file of a split, and which of its utterances belong to it."""
    found = _read("TEST" if split == "test" else "TRAIN")
    return found, _numbers(split, found.speakers.tobytes())


@functools.cache
def _numbers(split: str, speakers: bytes) -> np.ndarray:
    labels = np.frombuffer(speakers, np.int64)
    if split == "test":
        return np.arange(len(labels))
    return np.flatnonzero((split_examples(labels) == "train") == (split == "train"))


@functools.cache
def _read(part: str) -> _Utterances:
    """The utterances of JapaneseVowels_TRAIN.ts or JapaneseVowels_TEST.ts.

    A line is one utterance, its coefficients with a colon between two of them, and last the speaker, 1 to 9:
    `0.1,0.2:0.3,0.4: ... :1`, where each coefficient has its value in each frame.

    Raises:
        ValueError: sktime is not installed, or does not ship the file.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise ValueError(f"{PACKAGE} is not installed: pip install 'rnnlab[data]'") from error
    try:
        data = read_bytes(Path(str(package.locate_file(PLACE.format(part)))))
    except OSError as error:
        raise ValueError(f"{PACKAGE} {package.version} has no data: {why_unread(error)}") from error
    lines = [line for line in data.decode("utf-8").splitlines() if line and line[0] not in "#@"]
    cells = [line.split(":") for line in lines]
    frames = [
        np.array([row.split(",") for row in cell[:-1]], np.float32).T.copy() for cell in cells
    ]
    speakers = np.array([int(cell[-1]) - 1 for cell in cells])
    name = PLACE.format(part).rpartition("/")[2]
    digest = hashlib.sha256(data).hexdigest()
    file = DataFile(name, f"{PACKAGE} {package.version}: {name}", digest, len(lines))
    return _Utterances(frames, speakers, file)
