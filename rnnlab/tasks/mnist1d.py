"""MNIST-1D: digits drawn as lines, moved, stretched and hidden in noise (Greydanus & Kobak, 2024)."""

import functools
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, Self

import numpy as np
import torch

from rnnlab.foundation.checks import check_bool, check_int, check_seed
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labels import blind_cross_entropy, blind_error
from rnnlab.tasks.mnist1d_generator import SEQUENCES, generate

PUBLISHED = 42, 40  # seed and seq_len
TRAIN, VAL = 3500, 500
DECIMALS = 3  # of which a digest is taken: the last bits are those of a processor


@dataclass(frozen=True)
class Mnist1d(Classification):
    """Tell a digit that is drawn as a line of 40 points (Greydanus & Kobak, 2024, arXiv:2011.14439).

        a low bump, a rise and a fall, in noise  ->  6

    The sequences are made here, by the published generator: with seed=42 and seq_len=40 they are the published 5000 to
    rounding. Of the 4000 that are published for training the last 500 are the validation split: 3500, 500 and 1000.
    At another `seq_len` they are the same lines, read at more points or fewer. `permuted` puts the points of all
    sequences into one random order, as the paper's "shuffle" does.

    Inputs are (batch, seq_len, 1), of mean 0 and variance 1 over all, targets class numbers (batch, 1), outputs
    (batch, 1, 10). Chance is the cross-entropy of the classes' shares in training, on the test; just above ln 10.

    Args:
        seq_len: At least 2.
        permuted: Show the points in a random order.
        seed: Which data: 42 are the published ones.

    Raises:
        ValueError: `seq_len` is no whole number from 2, `permuted` no bool, or `seed` no seed.
    """

    seq_len: int = 40  # pyrefly: ignore[bad-override]
    permuted: bool = False
    seed: int = 42

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, 2)
        check_bool("permuted", self.permuted)
        check_seed("seed", self.seed)

    @property
    def input_size(self) -> int:
        return 1

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple("0123456789")

    @property
    def _made(self) -> "_Sequences":
        return _make(self.seed, self.seq_len, self.permuted)

    def num_sequences(self, split: str) -> int:
        return len(_SPLITS[split])

    @property
    def chance(self) -> float:
        return blind_cross_entropy(*(self._digits(split) for split in ("train", "test")))

    @property
    def chance_error(self) -> float:
        return blind_error(*(self._digits(split) for split in ("train", "test")))

    @property
    def baselines(self) -> dict[str, float]:
        """What the paper's GRU, of 6 units in each of two directions, has wrong of the published data."""
        if (self.seed, self.seq_len) != PUBLISHED:
            return {}
        return {"error/GRU of Greydanus and Kobak": 0.43 if self.permuted else 0.09}

    def _digits(self, split: str) -> np.ndarray:
        return self._made.digits[_SPLITS[split].start : _SPLITS[split].stop]

    @property
    def data(self) -> tuple[DataFile, ...]:
        return (self._made.file,)

    def sample(self, draws: Draws) -> Batch:
        rows = _SPLITS[draws.split]
        which = draws.examples(len(rows)).numpy() + rows.start
        inputs = torch.from_numpy(self._made.sequences[which]).to(draws.device)
        targets = torch.from_numpy(self._made.digits[which]).to(draws.device)
        return Batch(inputs.unsqueeze(2), targets.unsqueeze(1))

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)


_SPLITS = {
    "train": range(TRAIN),
    "val": range(TRAIN, TRAIN + VAL),
    "test": range(TRAIN + VAL, SEQUENCES),
}


class _Sequences(NamedTuple):
    sequences: np.ndarray
    digits: np.ndarray
    file: DataFile


@functools.lru_cache(maxsize=8)
def _make(seed: int, seq_len: int, permuted: bool) -> _Sequences:
    """Half a second; once a process for each length."""
    sequences, digits = generate(seed, seq_len, permuted)
    rounded = np.round(sequences, DECIMALS) * 10**DECIMALS
    digest = sha256(np.rint(rounded).astype("<i4").tobytes() + digits.astype("u1").tobytes())
    shown = "shuffled" if permuted else "in order"
    source = f"the generator of MNIST-1D: seed {seed}, {seq_len} points, {shown}"
    file = DataFile("mnist1d", source, digest.hexdigest(), len(digits))
    return _Sequences(sequences.astype(np.float32), digits, file)
