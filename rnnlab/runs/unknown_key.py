"""Words for a key that a config has not: which choice has it, what is meant by it, what is nearest."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.foundation.checks import did_you_mean
from rnnlab.runs.hydra_help import options
from rnnlab.runs.hydra_overrides import LENGTH, key_of, value_of
from rnnlab.runs.synonyms import meant_by


def unknown_key(key: str, folders: list[Path], overrides: list[str]) -> str | None:
    """What to say of a key; None if it is there, so that it must be its value that does not fit.

    Args:
        key: Dotted, or the name of a group.
        folders: Where configs are looked for; the first is rnnlab's own.
        overrides: The run's, whose choices say which keys there are.
    """
    config, groups = _composed(folders, overrides)
    known = [*groups, *_dotted(_plain(config)), LENGTH]
    if key in known:
        return None
    group = key.partition(".")[0]
    if group in groups and (words := _another_choice(key, group, config, folders)):
        return f"{key} is unknown with {words}"
    if (meant := meant_by(key)) is not None:
        return f"{key} is unknown: {'it is ' if meant.keys else ''}{meant}"
    return f"{key} is unknown: {_nearest(key, known)}"


def _another_choice(key: str, group: str, config: DictConfig, folders: list[Path]) -> str | None:
    """Which choice of the group has the key that the one in `config` has not."""
    having = []
    for option in options(folders, group):
        other, _ = _composed(folders, [f"{group}={option}"])
        if key in _dotted(_plain(other)):
            having.append(f"{group}={option}")
    if not having:
        return None
    listed = f"[{','.join(_plain(config).get(group) or ())}]"  # diagnostics=[omega,lyapunov]
    chosen = config.hydra.runtime.choices.get(group, listed)
    own = [k for k in _leaves(_plain(config).get(group), group) if not k.endswith("_target_")]
    has = f"which has {', '.join(own)}" if own else "which has no keys"
    return f"{group}={chosen}, {has}; {_listed(having)} {'has' if len(having) == 1 else 'have'} it"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _nearest(key: str, known: list[str]) -> str:
    """Of all keys, or failing that, of those in the section that the key is in."""
    if (hint := did_you_mean(key, known)).startswith("did"):
        return hint
    section = key.rpartition(".")[0]
    siblings = [k for k in known if k.rpartition(".")[0] == section]
    return did_you_mean(key, siblings or {known_key.partition(".")[0] for known_key in known})


def _composed(folders: list[Path], overrides: list[str]) -> tuple[DictConfig, list[str]]:
    """With the choices of the overrides that hold; and the names of all groups."""
    groups = sorted({str(p.parent.relative_to(f)) for f in folders for p in f.glob("*/*.yaml")})
    chosen = [o for o in overrides if key_of(o) in groups and not _is_swept(value_of(o))]
    searchpath = [f"hydra.searchpath=[{','.join(f'file://{f.absolute()}' for f in folders[1:])}]"]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folders[0]), version_base="1.3"):
        try:
            config = compose("config", chosen + searchpath, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException):
            config = compose("config", return_hydra_config=True)
    return config, groups


def _is_swept(value: str) -> bool:
    return "," in value and not value.startswith("[")


def _plain(config: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(config, resolve=False)
    return {key: value for key, value in plain.items() if key != "hydra"}


def _dotted(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")


def _leaves(section: Any, prefix: str) -> Iterator[str]:
    """The dotted keys of values that are no sections."""
    if isinstance(section, Mapping):
        for key, value in section.items():
            yield from _leaves(value, f"{prefix}.{key}")
    else:
        yield prefix
