"""A text to learn from: a file, read by memory map, or the topics of Python's own help."""

import functools
import hashlib
import os
import platform
import stat
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from rnnlab.foundation.files import why_unread
from rnnlab.foundation.here import here
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.utf8_text import Utf8Text


@dataclass(frozen=True)
class TextFile:
    """A text, and what it was read from."""

    text: Utf8Text
    file: DataFile


def read_text(path: str | None) -> TextFile:
    """A file of UTF-8; None: the topics of Python's help.

    Raises:
        ValueError: It cannot be read, is empty, or is no UTF-8; that names `path`.
    """
    if path is None:
        return _python_topics()
    try:
        found = os.stat(here() / path)  # noqa: PTH116 one call for all that tells one state from another
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"path={path} is no file of text")
        if not found.st_size:
            raise ValueError(f"path={path} is empty")
        return _file(here() / path, found.st_size, found.st_mtime_ns, found.st_ino)
    except UnicodeDecodeError as error:
        raise ValueError(f"path={path} is no text in UTF-8: byte {error.start} is wrong") from error
    except OSError as error:
        raise ValueError(f"path={path} cannot be read: {why_unread(error)}") from error


@functools.lru_cache(maxsize=4)
def _file(path: Path, *_state: int) -> TextFile:
    """Of a file in one state: a process that has read it need not read it again."""
    text = Utf8Text(np.memmap(path, np.uint8, mode="r"))
    return TextFile(text, DataFile.of(path, text.size))


@functools.cache
def _python_topics() -> TextFile:
    data = "".join(topics[name] for name in sorted(topics)).encode("utf-8")
    text = Utf8Text(np.frombuffer(data, np.uint8))
    source = f"Python {platform.python_version()}: pydoc_data.topics"
    digest = hashlib.sha256(data).hexdigest()
    return TextFile(text, DataFile("pydoc_data.topics", source, digest, text.size))
