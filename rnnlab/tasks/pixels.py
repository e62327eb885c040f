"""Images pixel by pixel: as long a memory as an image has pixels (Le, Jaitly & Hinton, 2015)."""

from abc import abstractmethod
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch

from rnnlab.foundation.checks import check_bool, check_seed
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labels import blind_cross_entropy, blind_error
from rnnlab.tasks.philox import order


class LabelledImages(NamedTuple):
    """Of one split."""

    images: np.ndarray  # (images, pixels) of whole numbers, row by row; perhaps a memory map
    labels: np.ndarray  # class numbers, (images,)


class ImageData(NamedTuple):
    """Of all splits, and what they were read from."""

    splits: dict[str, LabelledImages]
    files: tuple[DataFile, ...]


class PixelByPixel(Classification):
    """Tell what an image shows, of which every step shows one pixel: its first row, its second, and so on.

    A pixel is its brightness between 0 and 1. With `permuted` the pixels of every image come in one order that is
    random, so that what is near in the image is far in the sequence. Papers draw an order of their own each, and do
    not publish it: `permutation_seed` says which one it is here.

    A dataclass that is one of these has the fields `permuted` and `permutation_seed`, and gives `images`.

    Raises:
        ValueError: `permuted` is no bool, or `permutation_seed` no seed.
    """

    pixels: ClassVar[int]
    """Of an image."""
    brightest: ClassVar[int]
    """The number of a pixel that is all white."""

    permuted: bool
    permutation_seed: int

    def __post_init__(self) -> None:
        check_bool("permuted", self.permuted)
        check_seed("permutation_seed", self.permutation_seed)

    @property
    @abstractmethod
    def images(self) -> ImageData:
        """What there is, read when it is first asked for."""

    @property
    def data(self) -> tuple[DataFile, ...]:
        return self.images.files

    @property
    def seq_len(self) -> int:  # pyrefly: ignore[bad-override]
        return self.pixels

    @property
    def input_size(self) -> int:
        return 1

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple("0123456789")

    def num_sequences(self, split: str) -> int:
        return len(self.images.splits[split].labels)

    @cached_property
    def chance(self) -> float:  # pyrefly: ignore[bad-override]
        return blind_cross_entropy(*self._labels)

    @cached_property
    def chance_error(self) -> float:  # pyrefly: ignore[bad-override]
        return blind_error(*self._labels)

    @property
    def _labels(self) -> tuple[np.ndarray, np.ndarray]:
        splits = self.images.splits
        return splits["train"].labels, splits["test"].labels

    @cached_property
    def pixel_order(self) -> np.ndarray | None:
        """In which the pixels are shown; None: as they stand."""
        return order(self.permutation_seed, "pixels", 0, self.pixels) if self.permuted else None

    def sample(self, draws: Draws) -> Batch:
        images, labels = self.images.splits[draws.split]
        which = draws.examples(len(labels)).numpy()
        shown = images[which]  # of a memory map, these alone are read
        if self.pixel_order is not None:
            shown = shown[:, self.pixel_order]
        # Sent as they are, which is a quarter of what floats would be.
        inputs = torch.from_numpy(np.ascontiguousarray(shown)).to(draws.device)
        targets = torch.from_numpy(labels[which].astype(np.int64)).to(draws.device)
        return Batch((inputs.float() / self.brightest).unsqueeze(2), targets.unsqueeze(1))

    def at_length(self, seq_len: int) -> Self:
        if seq_len != self.pixels:
            raise ValueError(f"seq_len={seq_len}: an image has {self.pixels} pixels, a step each")
        return self
