"""Recordings from a folder of the user's: tell the label of each."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labels import (
    blind_cross_entropy,
    blind_error,
    check_classes,
    class_names,
    class_numbers,
)
from rnnlab.tasks.recordings import Recordings, common_frames, recordings
from rnnlab.tasks.scale import Scale, check_scale
from rnnlab.tasks.sound_features import SoundFeatures
from rnnlab.tasks.wav_files import WavFolder, as_floats, read_folder

FOUND = ("classes", "rate", "mean", "scale")


@dataclass(frozen=True)
class Audio(Classification):
    """Tell of a recording the name of the folder that it lies in.

        words/yes/anna.wav   -> yes       98 frames of 25 ms, one each 10 ms, in a second
        words/no/anna.wav    -> no

    A step shows a frame, as `SoundFeatures` says: the logarithms of its energies in mel bands, or its samples. The
    mean of the training split is taken off each feature, and it is divided by its standard deviation. Channels
    are averaged. Of the files of each label 80 % are trained on, 10 % validated and 10 % tested, by
    `split_examples` in the order of their names.

    All files have the same number of frames, or `seq_len` says how many: the middle of longer ones, and
    silence before shorter ones, so that the answer comes right after the sound.

    Inputs are (batch, seq_len, num_bands), or of samples (batch, seq_len, samples in a frame); targets are class
    numbers, (batch, 1), read after the last step. The loss is the cross-entropy. Chance is that of the training
    split's shares of the labels, on the test split; its error is that of the most frequent label.

    Args:
        path: The folder of folders; it has to be given.
        features: log_mel or raw.
        num_bands: Mel bands, of log_mel.
        frame: Milliseconds in a frame.
        hop: Milliseconds from one frame to the next.
        seq_len: Frames in a sequence; None: as many as all files have.
        classes: Found in the data, as are all below: the labels, in order.
        rate: Samples a second.
        mean: What is taken off each feature.
        scale: What each feature is divided by.

    Raises:
        ValueError: An argument is wrong, or the folder is not as above.
    """

    path: str | None = None
    features: str = "log_mel"
    num_bands: int = 40
    frame: float = 25.0
    hop: float = 10.0
    seq_len: int | None = None  # pyrefly: ignore[bad-override]
    classes: tuple[str, ...] | None = None
    rate: int | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.seq_len is not None:
            check_int("seq_len", self.seq_len, 1)
        given = {name: getattr(self, name) for name in FOUND}
        missing = [name for name, value in given.items() if value is None]
        if missing and len(missing) < len(FOUND):
            raise ValueError(
                f"{missing[0]}=None: {', '.join(FOUND)} are found together; give all, or none"
            )
        if self.rate is not None:
            check_int("rate", self.rate, 1)
        else:
            object.__setattr__(self, "rate", self._folder.rate)
        self._features  # noqa: B018 which refuses a frame that is too short
        if self.seq_len is None:
            object.__setattr__(self, "seq_len", common_frames(self._folder, self._features))
        if missing:
            given = self._found()
        check_classes(given["classes"])
        check_scale(given["mean"], given["scale"])
        if len(given["mean"]) != self.input_size:
            raise ValueError(f"mean={given['mean']} is not of {self.input_size} features")
        for name in ("classes", "mean", "scale"):  # lists, where they are read from a config
            object.__setattr__(self, name, tuple(given[name]))

    def _found(self) -> dict[str, tuple]:
        numbers = self._folder.numbers["train"]
        scale = Scale.of(*self._recordings.moments(numbers))
        names = class_names(self._folder.labels[numbers])
        return {"classes": names, "mean": scale.mean, "scale": scale.deviation}

    @cached_property
    def _folder(self) -> WavFolder:
        if self.path is None:
            raise ValueError("path=None: a folder of folders of wav files")
        folder = read_folder(self.path)
        if self.rate not in (None, folder.rate):
            raise ValueError(f"rate={self.rate} is not that of {self.path}: {folder.rate}")
        return folder

    @cached_property
    def _features(self) -> SoundFeatures:
        assert self.rate is not None
        return SoundFeatures(self.features, self.num_bands, self.frame, self.hop, self.rate)

    @property
    def _recordings(self) -> Recordings:
        return recordings(self._folder, self._features, self._steps)

    @property
    def _steps(self) -> int:
        assert self.seq_len is not None
        return self.seq_len

    @cached_property
    def _scale(self) -> Scale:
        return Scale.found(self.mean, self.scale)

    @property
    def input_size(self) -> int:
        return self._features.size

    @property
    def class_names(self) -> tuple[str, ...]:
        assert self.classes is not None
        return self.classes

    @property
    def data(self) -> tuple[DataFile, ...]:
        return (self._folder.file,)

    @property
    def from_data(self) -> dict[str, Any]:
        found = {name: list(getattr(self, name)) for name in ("classes", "mean", "scale")}
        return {"seq_len": self.seq_len, "rate": self.rate, **found}

    def num_sequences(self, split: str) -> int:
        return len(self._folder.numbers[split])

    def _told(self, numbers: np.ndarray) -> np.ndarray:
        return class_numbers(self._folder.labels[numbers], self.class_names)

    @property
    def chance(self) -> float:
        numbers = self._folder.numbers
        return blind_cross_entropy(self._told(numbers["train"]), self._told(numbers["test"]))

    @property
    def chance_error(self) -> float:
        numbers = self._folder.numbers
        return blind_error(self._told(numbers["train"]), self._told(numbers["test"]))

    def sample(self, draws: Draws) -> Batch:
        numbers = self._folder.numbers[draws.split]
        some = numbers[draws.examples(len(numbers)).numpy()]
        told = torch.from_numpy(self._told(some)).unsqueeze(1)
        return Batch(self._scale(self._recordings[some]).to(draws.device), told.to(draws.device))

    def encode_sound(self, samples: np.ndarray, rate: int) -> Tensor:
        """As in training: the middle of what is longer than seq_len frames, silence before what is shorter."""
        if rate != self.rate:
            raise ValueError(f"rate={rate}: the model has learnt from {self.rate} samples a second")
        fitted = self._features.fitted(as_floats(samples), self._steps)
        return self._scale(self._features(fitted))

    @property
    def input_scale(self) -> Scale:
        """Of features as `SoundFeatures` gives them."""
        return self._scale

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
