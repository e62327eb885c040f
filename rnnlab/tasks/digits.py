"""Handwritten digits of 8 x 8 pixels, which come with scikit-learn."""

import functools
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.pixels import ImageData, LabelledImages, PixelByPixel

TRAIN, VAL = 120, 30
"""Of each digit, in the order of the file; the rest is tested."""


@dataclass(frozen=True)
class Digits(PixelByPixel):
    """Tell a handwritten digit, pixel by pixel (Alpaydin & Kaynak, 1998).

        0 0 5 13 9 1 0 0   0 0 13 15 10 15 5 0   ...  ->  0        64 pixels of 0 to 16, here / 16

    The 1797 images of scikit-learn's `load_digits`, 8 x 8 pixels. They are the test set of the UCI repository's
    "optical recognition of handwritten digits", by 13 writers; its training set, by 30 others, is not part of
    scikit-learn. So the splits are ours: of each digit, in the order of the file, the first 120 are trained on, the
    next 30 validated, and the 24 to 33 that are left tested: 1200, 300 and 297. The file does not say who wrote what.

    Inputs are (batch, 64, 1), targets class numbers (batch, 1), outputs (batch, 1, 10). Chance is the cross-entropy of
    the classes' shares in training, ln 10 as they are equal; chance_error is 0.9.

    Args:
        permuted: Show the pixels in a random order, the same for all images.
        permutation_seed: Which order.

    Raises:
        ValueError: `permuted` is no bool, or `permutation_seed` no seed.
    """

    pixels: ClassVar[int] = 64
    brightest: ClassVar[int] = 16

    permuted: bool = False  # pyrefly: ignore[bad-override]
    permutation_seed: int = 0  # pyrefly: ignore[bad-override]

    @property
    def images(self) -> ImageData:
        return _read()


@functools.cache
def _read() -> ImageData:
    """All images, once a process."""
    from sklearn.datasets import load_digits  # which takes a second

    images, labels = (np.asarray(part, np.uint8) for part in load_digits(return_X_y=True))
    place = np.zeros(len(labels), int)  # of an image among those of its digit
    for digit in range(10):
        of_digit = labels == digit
        place[of_digit] = np.arange(of_digit.sum())
    kinds = {"train": place < TRAIN, "test": place >= TRAIN + VAL}
    kinds["val"] = ~(kinds["train"] | kinds["test"])
    splits = {name: LabelledImages(images[kind], labels[kind]) for name, kind in kinds.items()}
    source = f"scikit-learn {version('scikit-learn')}: load_digits"
    digest = sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return ImageData(splits, (DataFile("digits", source, digest, len(labels)),))
