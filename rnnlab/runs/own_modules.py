"""A config folder as a place where Python finds the packages that `allow_targets` names, and no others.

Such a folder may come from anywhere, and libraries try to import what may not be installed: torch
tries `dill`. So what is no package that the user has named is found only for code of the folder
itself, which an allowed package alone can have begun. The folder stands in `sys.path` by a name that
means nothing without this module: so it goes along to the processes of a sweep's jobs.
"""

import re
import sys
import sysconfig
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType, ModuleType

_ENTRY = re.compile(r"rnnlab-allowed\[([\w,]*)\]:(.+)", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")  # mine, of mine.cells


def look_in(folder: Path, typed: Iterable[str]) -> None:
    """Let Python find, after all else, what a config folder has of the user's own.

    Args:
        folder: The config folder.
        typed: What the user has typed as `allow_targets`, each word of which is a package.
    """
    names = sorted({name for text in typed for name in _NAME.findall(text)})
    sys.path.append(f"rnnlab-allowed[{','.join(names)}]:{folder.absolute()}")


def folder_of(place: str) -> Path:
    """The folder that an entry of `sys.path` is for."""
    entry = _ENTRY.fullmatch(place)
    return Path(entry[2] if entry else place or ".").absolute()


def is_own(path: Path) -> bool:
    """Whether a path is neither Python's own nor one that packages are installed to."""
    if {"site-packages", "dist-packages"} & set(path.parts) or path.suffix == ".zip":
        return False
    of_python = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    return not any(path.is_relative_to(place) for place in of_python if place)


class _Finder:
    """Finds in one config folder; Python makes it for an entry of `sys.path`."""

    def __init__(self, place: str) -> None:
        entry = _ENTRY.fullmatch(place)
        if entry is None:
            raise ImportError(place)
        self.names, self.folder = entry[1].split(","), Path(entry[2])

    def find_spec(self, name: str, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in self.names or self._asks(sys._getframe(1)):
            return PathFinder.find_spec(name, [str(self.folder)], target)
        return None

    def _asks(self, frame: FrameType | None) -> bool:
        """Whether code of the folder imports, past what Python itself does for it."""
        while frame is not None and _is_importlib(frame):
            frame = frame.f_back
        path = Path(frame.f_code.co_filename) if frame else Path()
        return path.is_relative_to(self.folder) and is_own(path)


def _is_importlib(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "importlib"


sys.path_hooks.insert(0, _Finder)
for _place in filter(_ENTRY.fullmatch, sys.path):  # as a process begins that a job is to run in
    sys.path_importer_cache.pop(_place, None)
