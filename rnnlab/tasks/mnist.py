"""MNIST's handwritten digits of 28 x 28 pixels, from the four files that a user has."""

import functools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from rnnlab.foundation.files import why_unread
from rnnlab.foundation.here import here
from rnnlab.tasks.data_file import DataFile, file_digest
from rnnlab.tasks.idx_file import read_idx
from rnnlab.tasks.pixels import ImageData, LabelledImages, PixelByPixel

SIDE, CLASSES = 28, 10
VAL = 12
"""Of the training file, one image in so many is validated: 5000 of 60,000, the last ones."""
NAMES = (
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


@dataclass(frozen=True)
class Mnist(PixelByPixel):
    """Tell a handwritten digit, pixel by pixel (LeCun et al., 1998; as a sequence Le, Jaitly & Hinton, 2015).

        0 0 ... 0 3 18 18 126 136 175 ...  ->  5        784 pixels of 0 to 255, here / 255

    The folder `path` has train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, each perhaps with .gz at its end, or with a dot in the place of the second -, as
    train-images.idx3-ubyte. Files that are not packed are read by memory map. The last 5000 of the 60,000 images of
    training are the validation split: 55,000, 5000 and 10,000. Any four files of this format with ten classes will do,
    as those of Fashion-MNIST.

    Inputs are (batch, 784, 1), targets class numbers (batch, 1), outputs (batch, 1, 10). Chance is the cross-entropy of
    the classes' shares in training, on the test: 2.30 for MNIST's own files, whose most frequent digit, 1, is wrong of
    0.8865 of the test.

    Args:
        path: The folder.
        permuted: Show the pixels in a random order, the same for all images.
        permutation_seed: Which order.

    Raises:
        ValueError: `permuted` is no bool, or `permutation_seed` no seed; once something is read, that
            `path` is not given, or one of its files is missing, cut short, or another.
    """

    pixels: ClassVar[int] = SIDE * SIDE
    brightest: ClassVar[int] = 255

    path: str | None = None
    permuted: bool = False  # pyrefly: ignore[bad-override]
    permutation_seed: int = 0  # pyrefly: ignore[bad-override]

    @cached_property
    def images(self) -> ImageData:  # pyrefly: ignore[bad-override]
        if not self.path:
            raise ValueError(f"path={self.path} is no folder: the one that has MNIST's four files")
        folder = here() / self.path
        try:
            files = tuple(_find(folder, name) for name in NAMES)
            return _read(files, tuple(file_digest(file) for file in files))
        except OSError as error:
            raise ValueError(f"path={self.path}: {error.filename}: {why_unread(error)}") from error
        except ValueError as error:
            raise ValueError(f"path={self.path}: {error}") from error


def _find(folder: Path, name: str) -> Path:
    """The file of this name in one of its spellings.

    Raises:
        ValueError: If there is none.
    """
    stem, kind = name.split("-idx")
    spellings = [f"{stem}{mark}idx{kind}{packed}" for packed in ("", ".gz") for mark in "-."]
    for spelling in spellings:
        if (folder / spelling).is_file():
            return folder / spelling
    state = "it is no folder" if not folder.is_dir() else f"it has no {spellings[0]}"
    raise ValueError(f"{state}: the four files are {', '.join(NAMES)}, each perhaps with .gz")


@functools.lru_cache(maxsize=4)
def _read(paths: tuple[Path, ...], _digests: tuple[str, ...]) -> ImageData:
    """The files in one state: a process that has read them need not read them again.

    Raises:
        ValueError: If one is not what it should be; that names it.
        OSError: As the disk says.
    """
    train, test = (_labelled(*paths[first : first + 2]) for first in (0, 2))
    kept = len(train.labels) - len(train.labels) // VAL
    splits = {
        "train": LabelledImages(train.images[:kept], train.labels[:kept]),
        "val": LabelledImages(train.images[kept:], train.labels[kept:]),
        "test": test,
    }
    for split, (_, labels) in splits.items():
        if not len(labels):
            raise ValueError(
                f"no image is left for {split}: training needs {VAL} images, the test one"
            )
    if missing := sorted(set(range(CLASSES)) - set(splits["train"].labels.tolist())):
        raise ValueError(f"{paths[1].name} has no label {missing[0]} among the images of training")
    rows = [len(part.labels) for part in (train, train, test, test)]
    names = (path.name.removesuffix(".gz").replace(".", "-") for path in paths)
    files = (DataFile.of(*each) for each in zip(paths, rows, names, strict=True))
    return ImageData(splits, tuple(files))


def _labelled(images_path: Path, labels_path: Path) -> LabelledImages:
    """The images of two files, and their labels."""
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if images.shape[1:] != (SIDE, SIDE):
        given = " x ".join(map(str, images.shape[1:]))
        raise ValueError(f"{images_path.name} has images of {given} pixels, not {SIDE} x {SIDE}")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path.name} has {len(images)} images, and {labels_path.name} {len(labels)} labels"
        )
    if len(labels) and labels.max() >= CLASSES:
        raise ValueError(f"{labels_path.name} has a label {labels.max()}: 0 to {CLASSES - 1}")
    return LabelledImages(images.reshape(len(images), -1), labels)
