"""Arrays of bytes in the idx format, which MNIST's files have (LeCun, Cortes & Burges, 1998).

    00 00 08 03   00 00 ea 60   00 00 00 1c   00 00 00 1c   then 60000 x 28 x 28 bytes

Two zeros, 08 for unsigned bytes, the number of dimensions, each dimension as a big-endian 32-bit number, the bytes.
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTES = 8


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The array; of a plain file a memory map, of a .gz what it holds.

    Args:
        path: The file.
        dimensions: That it has to have.

    Raises:
        ValueError: If it is not such an array, or not all of it; that names the file.
        OSError: As the disk says.
    """
    if path.suffix == ".gz":
        try:
            content = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path.name} cannot be unpacked: {error}") from error
    else:
        size = path.stat().st_size
        content = np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
    start = 4 * (1 + dimensions)
    magic, wanted = bytes(content[:4]), bytes((0, 0, UNSIGNED_BYTES, dimensions))
    if magic != wanted:
        raise ValueError(
            f"{path.name} begins with {magic.hex(' ') or 'nothing'}, and an idx file of {dimensions} "
            f"dimension(s) with {wanted.hex(' ')}"
        )
    shape = tuple(int(n) for n in np.frombuffer(bytes(content[4:start]).ljust(start - 4), ">u4"))
    needed = start + int(np.prod(shape, dtype=object))
    if len(content) != needed:
        less = "cut short" if len(content) < needed else "too long"
        raise ValueError(
            f"{path.name} is {less}: {len(content)} bytes, and its header says {needed}"
        )
    return content[start:].reshape(shape)
