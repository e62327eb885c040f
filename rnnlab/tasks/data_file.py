"""What a task's sequences are read from: a name, where it lies, and the digest of its bytes."""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """A file, or what a library or a generator gives in its place.

        DataFile("train-images-idx3-ubyte", "/data/mnist/train-images-idx3-ubyte", "440fcabf...", 60000)

    Args:
        name: What it is called, no path: a run that goes on where the file lies elsewhere finds it by that.
        source: Its path, or where else it comes from, as `scikit-learn 1.9.1: load_digits`.
        digest: SHA-256 of its bytes, 64 hexadecimal digits.
        rows: How many examples, characters or steps it has: what the task counts.
    """

    name: str
    source: str
    digest: str
    rows: int

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(f"name={self.name!r} is no name of a data file: text without a /")
        if len(self.digest) != 64 or set(self.digest) - set("0123456789abcdef"):
            raise ValueError(f"digest={self.digest!r} is no SHA-256: 64 hexadecimal digits")

    @classmethod
    def of(cls, path: Path, rows: int, name: str | None = None) -> "DataFile":
        """A file on the disk, which is read once from end to end for its digest.

        Args:
            path: The file; it may be larger than memory.
            rows: What the task counts in it.
            name: What it is called; None: as the file.

        Raises:
            OSError: As the disk says.
        """
        return cls(name or path.name, str(path.absolute()), file_digest(path), rows)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it.

    Raises:
        OSError: As the disk says.
    """
    found = os.stat(path)  # noqa: PTH116 one call for all that tells one state of a file from another
    return _digest(path.absolute(), found.st_size, found.st_mtime_ns, found.st_ino)


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, *_state: int) -> str:
    """Of a file in one state: a process that has read it need not read it again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
