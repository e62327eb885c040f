"""What is asked of a run that has finished: the words of `rnnlab.evaluate`, read and checked."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Transformer
from hydra.errors import HydraException

from rnnlab.foundation.checks import check_choice, check_int, did_you_mean
from rnnlab.foundation.masking import first_line
from rnnlab.runs.build import check_allowed
from rnnlab.runs.hydra_compose import composed
from rnnlab.runs.hydra_overrides import LENGTH, key_of
from rnnlab.runs.named_run import CHECKPOINTS, text_of

TEXTS = ("run", "checkpoint", "name", "tracking.uri")
OWN = (*TEXTS, "allow_targets")
CHANGED = ("task", "eval", "num_threads", "flush_denormal")
"""Keys of a run's config, and sections, that may be asked for otherwise than the run had them."""
UNUSED = {
    "eval.lengths": "task.length=200,400 evaluates at other lengths",
    "eval.val_sequences": "nothing is validated, and eval.sequences counts those of a test",
}
DIAGNOSTICS = "diagnostics"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.: -]{0,99}")
OF_RUN = "run"
"""The folder of answers that are as the run's own."""


@dataclass(frozen=True)
class Question:
    """One evaluation.

    Args:
        run: A run's folder or id.
        checkpoint: "best" or "last".
        name: What it is called in the run; None: by what it changes.
        uri: Of the store.
        allow: Packages of the user's own whose classes may run.
        lengths: Of the task, as its papers count them; none: the run's own.
        changes: Values of dotted keys.
        diagnostics: Overrides of the group.
        config_dir: A folder of the user's own diagnostics.
    """

    run: str
    checkpoint: str = "best"
    name: str | None = None
    uri: str | None = None
    allow: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    diagnostics: list[str] = field(default_factory=list)
    config_dir: Path | None = None

    @property
    def label(self) -> str:
        """What tells it from what the run itself has measured, or would have; empty if nothing does."""
        if self.name is not None:
            return self.name
        words = [] if self.checkpoint == "best" else [f"checkpoint:{self.checkpoint}"]
        words += [f"{key}:{value}" for key, value in self.changes.items()]
        words += [word.replace("=", ":", 1) for word in self.diagnostics if _is_option(word)]
        return label_of(words)

    def config(self, of_run: Mapping[str, Any]) -> dict[str, Any]:
        """The run's, plain, with what is changed, and the diagnostics that are asked for.

        Raises:
            ValueError: If it has no such key, or no diagnostic is chosen.
        """
        plain = copy.deepcopy(dict(of_run))
        for key, value in self.changes.items():
            _set(plain, key, value)
        plain[DIAGNOSTICS] = self._diagnostics(of_run.get(DIAGNOSTICS, {}))
        plain["allow_targets"] = self.allow
        plain["resume"] = {"run": None, "allow_changes": False}
        return plain

    def _diagnostics(self, of_run: Mapping[str, Any]) -> dict[str, Any]:
        """As the run would have them: its own options, or else the defaults, and what is typed."""
        if not self.diagnostics:
            return {}
        chosen = _composed(self.diagnostics, self.config_dir)
        typed = {key_of(word) for word in self.diagnostics}
        for name in chosen.keys() & of_run.keys():
            for key, value in of_run[name].items():
                if f"{DIAGNOSTICS}.{name}.{key}" not in typed:
                    chosen[name][key] = value
        if not chosen:
            raise ValueError(f"{' '.join(self.diagnostics)} chooses none")
        return chosen


def label_of(words: Sequence[str]) -> str:
    """What MLflow takes for a part of a metric's name."""
    return re.sub(r"[^A-Za-z0-9_.: -]", "_", " ".join(words))[:100]


def read_question(words: Sequence[str], config_dir: Path | None = None) -> Question:
    """What the words of the command line ask.

    Raises:
        ValueError: That names the word.
    """
    given: dict[str, Any] = {}
    diagnostics = []
    for word in words:
        key = key_of(word)
        if key in given:
            raise ValueError(f"{key} is set twice: choose one of them")
        if key.partition(".")[0] == DIAGNOSTICS:
            diagnostics.append(word)
        else:
            given[key] = _given(word)
    if not given.get("run"):
        raise ValueError("run=... is missing: the folder of a run, or its id in MLflow")
    own = {key: given.pop(key) for key in OWN if key in given}
    lengths = given.pop(LENGTH, [])
    _refuse_together(lengths, diagnostics, given)
    return Question(
        run=own["run"],
        checkpoint=check_choice("checkpoint", own.get("checkpoint", "best"), CHECKPOINTS),
        name=None if "name" not in own else _check_name(own["name"]),
        uri=own.get("tracking.uri"),
        allow=check_allowed(own.get("allow_targets", [])),
        lengths=[check_int(LENGTH, n, minimum=1) for n in lengths],
        changes=given,
        diagnostics=diagnostics,
        config_dir=config_dir,
    )


def _given(word: str) -> Any:
    """The value of a word that is no diagnostic's; of lengths a list."""
    key = key_of(word)
    if word[:1] in "+~":
        raise ValueError(f"{word}: a run that has finished has its keys; key=value changes one")
    if "=" not in word:
        raise ValueError(f"{word} is no key=value: run={word} if it is the run that is asked")
    _check_key(key)
    if key in TEXTS:
        return text_of(word)
    try:
        value = _value(word, OverridesParser.create().parse_override(word))
    except HydraException as error:
        raise ValueError(f"{word} cannot be read: {first_line(error)}") from error
    if key == LENGTH:
        return value if isinstance(value, list) else [value]
    return value


def _refuse_together(
    lengths: Sequence[Any], diagnostics: Sequence[str], changes: Mapping[str, Any]
) -> None:
    """What would be asked for and not be looked at."""
    if lengths and diagnostics:
        raise ValueError(
            f"{LENGTH} and {DIAGNOSTICS} are two questions: diagnostics look at the run's own length, and "
            "at another with the task's own key, as task.seq_len=400"
        )
    for key in ("eval.sequences", "eval.batch_size"):
        if diagnostics and key in changes:
            raise ValueError(f"{key} counts what a test scores: diagnostics have their own")


def _check_name(name: str) -> str:
    """A name is a part of the names of metrics, and a folder's."""
    if not NAME.fullmatch(name) or name == OF_RUN:
        raise ValueError(
            f"name={name} cannot be used: letters, digits, _ - . : and spaces can, the first a letter "
            f"or a digit, and {OF_RUN} is taken"
        )
    return name


def _check_key(key: str) -> None:
    section, _, name = key.partition(".")
    if key in UNUSED:
        raise ValueError(f"{key}: {UNUSED[key]}")
    if section in ("task", "eval") and not name:
        raise ValueError(f"{key}=... is what the run was: {key}.KEY=... asks it otherwise")
    if key in OWN or section in CHANGED:
        return
    allowed = did_you_mean(section, [*OWN, *CHANGED, DIAGNOSTICS])
    raise ValueError(f"{key} cannot be asked of a run that has finished: {allowed}")


def _value(word: str, override: Override) -> Any:
    if not override.is_sweep_override():
        return override.value()
    if key_of(word) != LENGTH:
        raise ValueError(f"{word} has several values: an evaluation has one of all but {LENGTH}")
    return list(override.sweep_iterator(transformer=Transformer.identity))


def _is_option(word: str) -> bool:
    """Whether it sets an option of a diagnostic, and does not choose diagnostics."""
    return "." in key_of(word)


def _composed(words: Sequence[str], config_dir: Path | None) -> dict[str, Any]:
    """The section that a run's command would have; without a choice, all that are named in the words."""
    named = list(dict.fromkeys(key_of(word).split(".")[1] for word in words if _is_option(word)))
    chosen = [f"{DIAGNOSTICS}=[{','.join(named)}]"]
    if any(not _is_option(word) for word in words):
        chosen = []
    if config_dir is not None:
        chosen.append(f"hydra.searchpath=[file://{config_dir.absolute()}]")
    try:
        return composed([*chosen, *words])[DIAGNOSTICS]
    except ValueError as error:
        raise ValueError(f"{' '.join(words)}: {first_line(error)}") from error


def _set(plain: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    section: Any = plain
    for part in sections:
        section = section.get(part) if isinstance(section, dict) else None
    if not isinstance(section, dict) or name not in section or isinstance(section[name], dict):
        known = [
            each for each in (section if isinstance(section, dict) else plain) if each[0] != "_"
        ]
        known += ["length"] if sections == ["task"] else []
        raise ValueError(f"{key} is no key of the run: {did_you_mean(name, known)}")
    section[name] = value
