"""The words of a command that is asked by key=value, read one by one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Transformer
from hydra.errors import HydraException

from rnnlab.foundation.checks import check_choice, did_you_mean
from rnnlab.foundation.masking import first_line
from rnnlab.runs.build import check_allowed
from rnnlab.runs.hydra_overrides import key_of
from rnnlab.runs.named_run import CHECKPOINTS, text_of


def read_words(
    words: Sequence[str], texts: Collection[str], others: Collection[str], what: str
) -> dict[str, Any]:
    """The value of each key.

    Args:
        words: Of the command line.
        texts: Keys whose values are taken as they are typed.
        others: Keys whose values Hydra reads: numbers, true and false, lists.
        what: What the command makes, for messages: "a prediction".

    Raises:
        ValueError: For a word that is no key=value, an unknown key, or one that is set twice.
    """
    given: dict[str, Any] = {}
    for word in words:
        key = key_of(word)
        if word[:1] in "+~" or "=" not in word or key not in (*texts, *others):
            allowed = did_you_mean(key, [*texts, *others])
            raise ValueError(f"{word} is no key=value of {what}: {allowed}")
        if "\0" in word:
            raise ValueError(f"{key}= has a NUL character, which no {key} can have")
        if key in given:
            raise ValueError(f"{key} is set twice: choose one of them")
        given[key] = text_of(word) if key in texts else _value(word)
    return given


class WhichModel(NamedTuple):
    """The trained model that is asked for, as `prepared_predictor` takes it."""

    run: str  # its folder or id, or a model's name in MLflow
    checkpoint: str  # "best" or "last"
    uri: str | None  # of the store
    allow: list[str]  # packages of the user's own whose classes may run


def which_model(given: Mapping[str, Any]) -> WhichModel:
    """By the keys run, checkpoint, tracking.uri and allow_targets.

    Raises:
        ValueError: That names the key.
    """
    return WhichModel(
        given["run"],
        check_choice("checkpoint", given.get("checkpoint", "best"), CHECKPOINTS),
        given.get("tracking.uri"),
        check_allowed(given.get("allow_targets", [])),
    )


def refuse_missing(given: dict[str, Any], needed: dict[str, str]) -> None:
    """See that each of these is given; they say what they are.

    Raises:
        ValueError: That names the one that is not.
    """
    for key, what in needed.items():
        if not given.get(key):
            raise ValueError(f"{key}=... is missing: {what}")


def _value(word: str) -> Any:
    """As Hydra reads it; of `columns=a,b` a list."""
    try:
        override = OverridesParser.create().parse_override(word)
        if override.is_sweep_override():
            return list(override.sweep_iterator(transformer=Transformer.identity))
        return override.value()
    except HydraException as error:
        raise ValueError(f"{word} cannot be read: {first_line(error)}") from error
