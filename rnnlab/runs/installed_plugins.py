"""Hydra's plugins are those that are installed, as packages: a folder of their name is none.

Hydra imports all that it finds under the name `hydra_plugins`, before it reads any config, and Python
would find it in the folder in which one stands, too.
"""

import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

NAME = "hydra_plugins"


def only_installed_plugins(config_folders: Iterable[Path] = ()) -> None:
    """Let Hydra find no plugins in the current folder; it has to be called before Hydra looks for them.

    Raises:
        ValueError: If a config folder holds some.
    """
    for folder in config_folders:
        if (folder / NAME).exists() or (folder / f"{NAME}.py").exists():
            raise ValueError(
                f"{folder / NAME}: a config folder holds no plugins of Hydra's, which would run "
                "unasked: install them as a package"
            )
    if NAME in sys.modules:
        return
    here = Path.cwd()
    places = [place for place in sys.path if Path(place or ".").resolve() != here]
    spec = PathFinder.find_spec(NAME, places)
    plugins = ModuleType(NAME)
    # A list of its own: Python's would be made anew whenever sys.path changes.
    plugins.__path__ = list(spec.submodule_search_locations or ()) if spec else []
    sys.modules[NAME] = plugins
