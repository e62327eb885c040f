"""Files like MNIST's, with a few images that are random."""

import gzip
from pathlib import Path

import numpy as np

TRAIN, TEST = 36, 15


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in the idx format, by hand: big-endian sizes behind 00 00 08 and their number."""
    sizes = b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, (count, 28, 28), and labels that go round."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)
    return noise, np.arange(count, dtype=np.uint8) % 10


def write_mnist(folder: Path, packed: bool = False, train: int = TRAIN, test: int = TEST) -> Path:
    """The four files."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count, seed in (("train", train, 0), ("t10k", test, 1)):
        for name, array in zip(("images-idx3", "labels-idx1"), images(count, seed), strict=True):
            content = idx(array)
            path = folder / f"{part}-{name}-ubyte"
            if packed:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)
    return folder
