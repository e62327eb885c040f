"""The features of recordings, all of one number of frames; those that fit are kept once they are made."""

import functools

import numpy as np

from rnnlab.tasks.sound_features import SoundFeatures
from rnnlab.tasks.wav_files import WavFolder, as_floats, read_wav, short_name

ROOM = 2**28
"""Bytes of features that are kept."""


class Recordings:
    """What a folder's files show, made as it is asked for.

    Args:
        folder: The files.
        features: What is shown of each frame.
        frames: How many each has: the middle of longer files, and silence before shorter ones.
    """

    def __init__(self, folder: WavFolder, features: SoundFeatures, frames: int) -> None:
        self._folder, self._features, self._frames = folder, features, frames
        each = 4 * frames * features.size
        self._kept: dict[int, np.ndarray] = {}
        self._most = ROOM // each

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        """Of some files, (files, frames, size)."""
        return np.stack([self._one(int(number)) for number in numbers])

    def moments(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each feature over all frames of some files."""
        first = self._one(int(numbers[0])).astype(np.float64).mean(axis=0)  # near the mean
        total = np.zeros((2, self._features.size))
        for number in numbers:
            off = self._one(int(number)) - first
            total += off.mean(axis=0), np.square(off).mean(axis=0)
        mean, square = total / len(numbers)
        return first + mean, np.maximum(0, square - np.square(mean))

    def _one(self, number: int) -> np.ndarray:
        found = self._kept.get(number)
        if found is None:
            _, samples = read_wav(self._folder.paths[number])
            fitted = self._features.fitted(as_floats(samples), self._frames)
            found = self._features(fitted)
            if len(self._kept) < self._most:
                self._kept[number] = found
        return found


@functools.lru_cache(maxsize=4)
def recordings(folder: WavFolder, features: SoundFeatures, frames: int) -> Recordings:
    """The same object for the same files, whose features are then made once a process."""
    return Recordings(folder, features, frames)


def common_frames(folder: WavFolder, features: SoundFeatures) -> int:
    """The frames that all files have.

    Raises:
        ValueError: They have different ones, or none; that names `seq_len`, or `frame`.
    """
    lengths = folder.lengths
    short, long = (short_name(folder.paths[n]) for n in (lengths.argmin(), lengths.argmax()))
    fewest, most = (features.num_frames(int(n)) for n in (lengths.min(), lengths.max()))
    if fewest < most:
        raise ValueError(
            f"seq_len=None: {short} has {fewest} frames and {long} {most}; seq_len=N takes "
            "the middle N of longer ones, and puts silence before shorter ones"
        )
    if not most:
        raise ValueError(f"frame={features.frame} is longer than {short}")
    return most
