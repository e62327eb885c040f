"""Words for a key that a config has not: which choice has it, what is meant by it, what is nearest."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra._internal.utils import create_config_search_path
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rnnlab.runs.hydra_help import options
from rnnlab.runs.hydra_loader import CheckedLoader, Compose
from rnnlab.runs.hydra_overrides import LENGTH, key_of, value_of
from rnnlab.runs.synonyms import meant_by
from rnnlab.tracking.result import leaves

LISTED = 3
"""Choices that are named where more have a key."""

HELP = "hydra/help"  # a group that nobody chooses from


def unknown_key(key: str, folders: list[Path], overrides: list[str]) -> str | None:
    """What to say of a key; None if it is there, so that it must be its value that does not fit.

    Args:
        key: Dotted, or the name of a group.
        folders: Where configs are looked for; the first is rnnlab's own.
        overrides: The run's, whose choices say which keys there are.
    """
    compose, groups = _composer(folders), _groups(folders)
    config = compose([o for o in overrides if key_of(o) in groups and not _is_swept(value_of(o))])
    known = [*groups, *_dotted(_plain(config)), LENGTH]
    if key in known:
        return None
    group = next((g for g in groups if f"{key}.".startswith(f"{_section(g)}.")), None)
    having = [] if group is None else _choices_with(key, group, folders, compose)
    if group is not None and having:
        verb = "has" if len(having) == 1 else "have"
        return f"{key} is unknown with {_choice(group, config)}; {_listed(having)} {verb} it"
    if (meant := meant_by(key)) is not None:
        return f"{key} is unknown: {'it is ' if meant.keys else ''}{meant}"
    section = key.rpartition(".")[0]
    names = list(
        dict.fromkeys(k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == section)
    )
    near = get_close_matches(key.rpartition(".")[2], names, n=1)
    if near:
        return f"{key} is unknown: did you mean {f'{section}.{near[0]}'.lstrip('.')}?"
    if group is not None and (section == _section(group) or section not in known):
        return f"{key} is unknown with {_choice(group, config)}"
    return f"{key} is unknown. Allowed: {', '.join(f'{section}.{n}'.lstrip('.') for n in names)}"


def _choices_with(key: str, group: str, folders: list[Path], compose: Compose) -> list[str]:
    """The first choices of a group that have a key, one more than are listed.

    Composed are those alone whose yaml has its name, or takes another yaml.
    """
    named = re.compile(rf"\b{re.escape(key.rpartition('.')[2])}\b|^defaults:", re.MULTILINE)
    found = []
    for option in options(folders, group):
        paths = [folder / group / f"{option}.yaml" for folder in folders]
        if any(named.search(p.read_text("utf-8", "replace")) for p in paths if p.is_file()):
            config = compose([f"{group}={option}"])
            found += [f"{group}={option}"] if key in _dotted(_plain(config)) else []
        if len(found) > LISTED:
            break
    return found


def _section(group: str) -> str:
    """`hydra.launcher` of the group `hydra/launcher`."""
    return group.replace("/", ".")


def _choice(group: str, config: DictConfig) -> str:
    """What is chosen of a group, and its keys: `cell=gru, which has cell.hidden_size`."""
    chosen: Any = OmegaConf.select(config, _section(group)) or {}
    section: Any = OmegaConf.to_container(chosen, resolve=False) if chosen else {}
    listed = f"[{','.join(section)}]"  # diagnostics=[omega,lyapunov]
    chosen = config.hydra.runtime.choices.get(group, listed)
    keys = (key for key, _ in leaves(section, f"{_section(group)}."))
    own = [key for key in keys if not key.endswith("_target_")]
    return f"{group}={chosen}, which has {', '.join(own) or 'no keys'}"


def _listed(names: list[str]) -> str:
    names = [*names[:LISTED], "others"] if len(names) > LISTED else names
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _groups(folders: list[Path]) -> list[str]:
    """As `cell` and `hydra/launcher`; a folder of configs may hold much else."""
    yamls = (
        (f, path) for f in folders for p in ("*/*.yaml", "hydra/*/*.yaml") for path in f.glob(p)
    )
    return sorted({str(path.parent.relative_to(f)) for f, path in yamls} - {HELP})


def _composer(folders: list[Path]) -> Compose:
    """Composes overrides, or the defaults where those do not fit; reads each file once."""
    places = create_config_search_path(str(folders[0]))
    for folder in folders[1:]:
        places.append("main", f"file://{folder.absolute()}")
    loader = CheckedLoader(places)

    def compose(overrides: Sequence[str]) -> DictConfig:
        try:
            return loader.load_configuration("config", list(overrides), RunMode.RUN)
        except (ValueError, HydraException, OmegaConfBaseException, YAMLError):
            return loader.load_configuration("config", [], RunMode.RUN)

    return compose


def _is_swept(value: str) -> bool:
    return "," in value and not value.startswith("[")


def _plain(config: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(config, resolve=False)
    return plain


def _dotted(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
