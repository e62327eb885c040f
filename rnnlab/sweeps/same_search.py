"""Whether a search for horizons is one that a folder has, or has become more of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.runs.resume_option import without_resume
from rnnlab.sweeps.combinations import product
from rnnlab.sweeps.sweep_file import SweepFile, refuse_difference

GROWING = ("seeds", "longest", "confirm")
"""Settings that may become more: what was found with less is a part of it."""


def refuse_other_search(
    folder: SweepFolder, file: SweepFile, overrides: Sequence[str], settings: Mapping[str, Any]
) -> None:
    """Every combination that the folder has must be asked for, and nothing of the search be less.

    Raises:
        ValueError: That says what is otherwise.
    """
    grown = {
        key: settings[key] for key in GROWING if _is_less(file.settings.get(key), settings[key])
    }
    had, wanted = _combinations(file.overrides), _combinations(overrides)
    lost = [combination for combination in had if combination not in wanted]
    before, now = (set().union(*combinations) for combinations in (had, wanted))
    refuse_difference(
        folder.path,
        _settings({**file.settings, **grown})
        | ((before - now) or set().union(*lost) if lost else set()),
        _settings(settings) | (now - before if lost else set()),
    )


def _is_less(had: object, wanted: int) -> bool:
    return isinstance(had, int) and had < wanted


def _settings(settings: Mapping[str, Any]) -> set[str]:
    return {f"hydra.sweeper.{key}={value}" for key, value in settings.items()}


def _combinations(overrides: Sequence[str]) -> list[set[str]]:
    own = [masked(override) for override in without_resume(list(overrides))]
    parsed = OverridesParser.create().parse_overrides(own)
    return [set(combination) for combination in product(parsed)]
