"""What a user did wrong, in one to three lines; a fault of the program keeps its traceback."""

import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException

from rnnlab.foundation.checks import did_you_mean
from rnnlab.runs.hydra_help import options
from rnnlab.runs.hydra_overrides import LENGTH, key_of, value_of
from rnnlab.runs.other_choices import install_hint, meant_choice
from rnnlab.runs.unknown_key import unknown_key

CALLERS = {"run.py", "hydra_loader.py", "hydra_plain.py", "job_checks.py", "combinations.py"}
"""Of rnnlab's files, those that call Hydra with what the user typed."""


class JobRefusedError(Exception):
    """One job of a sweep was refused, by the error that is its cause.

    Args:
        overrides: The job's.
        place: Which job it is, for the message.
    """

    def __init__(self, overrides: Sequence[str], place: str) -> None:
        super().__init__(place)
        self.overrides, self.place = list(overrides), place


@contextmanager
def refused_as(overrides: Sequence[str], place: str) -> Iterator[None]:
    """What is raised within is told of as one job's."""
    try:
        yield
    except Exception as error:
        raise JobRefusedError(overrides, place) from error


def explain(error: Exception, folders: list[Path], overrides: list[str]) -> str | None:
    """A message for an error that the user can mend, and None for any other.

    Args:
        error: What came out of Hydra or out of a run.
        folders: Where configs were looked for; the first is rnnlab's own.
        overrides: The command line's.
    """
    if isinstance(error, InstantiationException) and isinstance(error.__cause__, Exception):
        return explain(error.__cause__, folders, overrides)
    if isinstance(error, JobRefusedError):
        assert isinstance(error.__cause__, Exception)
        message = explain(error.__cause__, folders, error.overrides)
        return f"{message}\n{error.place}" if message and error.place else message
    if isinstance(error, OverrideParseException):
        first, *_ = str(error).splitlines()
        return f"{error.override!r} cannot be read as group=choice or key=value: {first}"
    if isinstance(error, ConfigCompositionException | yaml.MarkedYAMLError):
        return _of_composing(error, folders, overrides)
    if "Config group override must be a string" in str(error):
        return _no_option(folders, overrides)
    mine = isinstance(error, ValueError | HydraException | OmegaConfBaseException)
    # An error with a note comes out of a run that had begun: no longer a matter of its config.
    if mine and not hasattr(error, "__notes__"):
        return _with_length(_first_lines(_with_key(error)), overrides)
    if _raised_by_hydra(error) and not hasattr(error, "__notes__"):
        lines = str(error).strip().splitlines() or [""]
        return f"Hydra cannot compose this command line: {type(error).__name__}: {lines[0][:300]}"
    return None


def _of_composing(error: Exception, folders: list[Path], overrides: list[str]) -> str:
    """For what makes no config at all."""
    if isinstance(error, yaml.MarkedYAMLError):
        return _bad_yaml(error)
    if isinstance(error, MissingConfigException):
        return _missing_option(error, folders)
    return _misspelt(error, folders, overrides)


def _with_key(error: Exception) -> str:
    """OmegaConf's errors have the key in a line of its own."""
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        message, _, _ = str(error).partition("\n")
        return f"{error.full_key}: {message}"
    return str(error)


def _with_length(message: str, overrides: list[str]) -> str:
    """Where it tells of a value that was typed as `task.length`, that too."""
    for override in overrides:
        named = rf"task\.(?!length)\w+='?{re.escape(value_of(override))}\b"
        if key_of(override) == LENGTH and re.match(named, message):
            return f"{message} ({override})"
    return message


def _bad_yaml(error: yaml.MarkedYAMLError) -> str:
    """The file, the line, and what is wrong there."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "it is no yaml"
    if mark is None:
        return f"a yaml cannot be read: {problem}"
    place = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
    return f"{place}: {problem}"


def _raised_by_hydra(error: Exception) -> bool:
    """Whether Hydra tripped over what it was given, and none of rnnlab but what calls it."""
    frames = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    own = [path.name for path in frames if path.is_relative_to(Path(__file__).parents[1])]
    return bool({*own[-1:]} & CALLERS) and any("hydra" in path.parts for path in frames)


def _missing_option(error: MissingConfigException, folders: list[Path]) -> str:
    named = re.search(r"Could not find '(.+)/(.*?)'", str(error))
    if named is None:
        return str(error).splitlines()[0]
    group, choice = named.groups()
    return _unknown_option(group, choice, [*options(folders, group), *(error.options or ())])


def _unknown_option(group: str, choice: str, known: list[str]) -> str:
    listed = ", ".join(dict.fromkeys(known))
    if (hint := install_hint(group, choice)) is not None:
        return f"{group}={choice} is not installed: {hint}. There are: {listed}"
    if (meant := meant_choice(group, choice)) is not None:
        return f"{group}={choice} is unknown: it is {meant}. Allowed: {listed}"
    return f"{group}={choice} is unknown: {did_you_mean(choice, known)}"


def _no_option(folders: list[Path], overrides: list[str]) -> str:
    """For a group that is set to what is no name: cell=null, clip=true, task=3."""
    for override in overrides:
        group, choice = key_of(override), value_of(override)
        known = list(options(folders, group))
        if known and choice not in known and not choice.startswith("["):
            return _unknown_option(group, choice or "null", known)
    return "a group of options is set to what is no name of an option"


def _misspelt(error: Exception, folders: list[Path], overrides: list[str]) -> str:
    message = f"{error}\n{error.__cause__ or ''}"
    named = re.search(r"full_key: (\S+)", message) or re.search(r"override '(.+?)'", message)
    if ambiguous := re.search(r"Ambiguous value for argument '((.+?)=(.+))'", message):
        typed, key, values = ambiguous.groups()
        return f"{typed} are several values: a sweep takes -m; a list is {key}=[{values}]"
    unknown = "not in struct" in message or "Could not" in message
    if named is None or not unknown or "already at" in message:
        return _first_lines(message)
    words = unknown_key(named[1].split("@")[0], folders, overrides)
    return _first_lines(message) if words is None else words


def _first_lines(message: str) -> str:
    return "\n".join(message.strip().splitlines()[:3])
