"""What a user did wrong, in one to three lines; a fault of the program keeps its traceback."""

import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.foundation.checks import did_you_mean
from rnnlab.runs.hydra_help import options


def explain(error: Exception, folders: list[Path], overrides: list[str]) -> str | None:
    """A message for an error that the user can mend, and None for any other.

    Args:
        error: What came out of Hydra or out of a run.
        folders: Where configs were looked for; the first is rnnlab's own.
        overrides: The command line's.
    """
    if isinstance(error, InstantiationException) and isinstance(error.__cause__, Exception):
        return explain(error.__cause__, folders, overrides)
    if isinstance(error, MissingConfigException):
        return _missing_option(error, folders)
    if isinstance(error, OverrideParseException):
        first, *_ = str(error).splitlines()
        return f"{error.override!r} cannot be read as group=choice or key=value: {first}"
    if isinstance(error, ConfigCompositionException):
        return _misspelt(error, folders, overrides)
    mine = isinstance(error, ValueError | HydraException | OmegaConfBaseException)
    # An error with a note comes out of a run that had begun: no longer a matter of its config.
    if mine and not hasattr(error, "__notes__"):
        return _first_lines(str(error))
    if _raised_by_hydra(error) and not hasattr(error, "__notes__"):
        lines = str(error).strip().splitlines() or [""]
        return f"Hydra cannot compose this command line: {type(error).__name__}: {lines[0][:300]}"
    return None


def _raised_by_hydra(error: Exception) -> bool:
    """Whether Hydra tripped over what it was given, and none of rnnlab but what calls it."""
    frames = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    own = [path.name for path in frames if path.is_relative_to(Path(__file__).parents[1])]
    return own[-1:] in (["run.py"], ["hydra_loader.py"]) and any(
        "hydra" in path.parts for path in frames
    )


def _missing_option(error: MissingConfigException, folders: list[Path]) -> str:
    named = re.search(r"Could not find '(.+)/(.+?)'", str(error))
    if named is None:
        return str(error).splitlines()[0]
    group, choice = named.groups()
    known = options(folders, group)
    return f"{group}={choice} is unknown: {did_you_mean(choice, known)}"


def _misspelt(error: Exception, folders: list[Path], overrides: list[str]) -> str:
    message = f"{error}\n{error.__cause__ or ''}"
    named = re.search(r"full_key: (\S+)", message) or re.search(r"override '(.+?)'", message)
    if named is None or "already at" in message:
        return _first_lines(message)
    key = named[1].split("@")[0]
    known = _known_keys(folders, overrides)
    if key in known:  # it is the value that does not fit
        return _first_lines(message)
    return f"{key} is unknown: {_nearest(key, known)}"


def _first_lines(message: str) -> str:
    return "\n".join(message.strip().splitlines()[:3])


def _nearest(key: str, known: list[str]) -> str:
    """Of all keys, or failing that, of those in the section that the key is in."""
    if (hint := did_you_mean(key, known)).startswith("did"):
        return hint
    section = key.rpartition(".")[0]
    siblings = [k for k in known if k.rpartition(".")[0] == section]
    return did_you_mean(key, siblings or _tops(known))


def _tops(keys: list[str]) -> set[str]:
    return {key.partition(".")[0] for key in keys}


def _known_keys(folders: list[Path], overrides: list[str]) -> list[str]:
    """Every key and group, with the choices of the command line that hold."""
    groups = sorted({str(p.parent.relative_to(f)) for f in folders for p in f.glob("*/*.yaml")})
    chosen = [o for o in overrides if o.partition("=")[0] in groups and "," not in o]
    searchpath = [f"hydra.searchpath=[{','.join(f'file://{f.absolute()}' for f in folders[1:])}]"]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folders[0]), version_base="1.3"):
        try:
            config = compose("config", chosen + searchpath)
        except (HydraException, OmegaConfBaseException):
            config = compose("config")
    plain: Any = OmegaConf.to_container(config, resolve=False)
    return [*groups, *_dotted(plain)]


def _dotted(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
