"""What of a config can be checked without torch: its keys, its numbers, and where its classes come from.

A bad value of these is refused as fast as a misspelt key.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from rnnlab.foundation.checks import check_bool, check_choice, check_int, check_seed
from rnnlab.runs.build import build, check_allowed, check_target
from rnnlab.runs.matched_size import read_match
from rnnlab.runs.resume_option import read_resume
from rnnlab.runs.synonyms import what_is_known
from rnnlab.tracking.settings import TrackingSettings
from rnnlab.training.settings import EvalSettings, TrainSettings

T = TypeVar("T")

PlainConfig = Mapping[str, Any]
"""What Hydra composed, resolved: sections of keys, by name."""

SECTIONS = (
    *("task", "cell", "clip", "regularizer", "optimizer", "schedule", "trainer", "tracking"),
    *("model", "diagnostics", "train", "eval"),
)
KEYS = (*SECTIONS, "seed", "num_threads", "flush_denormal", "resume", "allow_targets")
TARGETS = ("task", "cell", "clip", "regularizer", "optimizer", "schedule", "trainer")
"""Sections that name a class."""

PRECISIONS = ("32-true", "64-true", "bf16-mixed", "bf16-true")  # a loss scale would fool clipping
ALIASES = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed"}
"""Lightning's own other names for some of them."""


@dataclass(frozen=True)
class TrainerSettings:
    """What of Lightning's trainer is a choice here; the rest belongs to the sections of the config.

    Args:
        accelerator: "auto", "cpu", "gpu", ...
        devices: One of them, by count or by number in a list.
        precision: Of the numbers that are computed with.
        deterministic: Only kernels that give the same bits every time.
    """

    accelerator: str = "auto"
    devices: int | str | list[int] = 1
    precision: Any = "32-true"
    deterministic: bool | Literal["warn"] | None = None

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, PRECISIONS)

    @property
    def works_anywhere(self) -> bool:
        """Whether Lightning need not be asked if the machine has it."""
        return self.accelerator in ("auto", "cpu") and self.devices == 1


@dataclass(frozen=True)
class Settings:
    """The sections that need no torch."""

    seed: int
    num_threads: int
    flush_denormal: bool
    train: TrainSettings
    eval_settings: EvalSettings
    tracking: TrackingSettings
    trainer: TrainerSettings
    allow: list[str]
    """Packages whose classes a `_target_` may name."""


def read_settings(plain: PlainConfig, here: bool = True) -> Settings:
    """Check what needs no torch, and return it.

    Args:
        plain: The config.
        here: Whether the run is to be on this machine, which has only so many cores.

    Raises:
        ValueError: For a key too many or missing, and for what cannot be used, by its dotted key.
    """
    refuse_other_keys(plain)
    read_resume(plain)
    read_match(plain)
    allow = check_allowed(plain["allow_targets"])
    for section in TARGETS:
        if "_target_" in plain[section]:
            check_target(section, plain[section]["_target_"], allow)
    return Settings(**{name: read() for name, read in _readers(plain, here).items()}, allow=allow)


def read_what_is_kept(plain: PlainConfig, swept: Collection[str]) -> None:
    """Check what a sweeper of others leaves as it is, without knowing the values that it will try.

    Args:
        plain: The config that its jobs vary.
        swept: The sections, and top-level keys, of which it sets something.

    Raises:
        ValueError: As `read_settings` does.
    """
    refuse_other_keys(plain)
    for name, read in _readers(plain, here=False).items():
        if name.removesuffix("_settings") not in swept:
            read()


def _readers(plain: PlainConfig, here: bool) -> dict[str, Callable[[], Any]]:
    """What reads each section, by the name that it has in `Settings`."""
    trainer = {key: value for key, value in plain["trainer"].items() if key != "_target_"}
    cores = max(os.cpu_count() or 1, 2) if here else None
    return {
        "seed": partial(check_seed, "seed", plain["seed"]),
        "num_threads": partial(check_int, "num_threads", plain["num_threads"], 1, cores),
        "flush_denormal": partial(check_bool, "flush_denormal", plain["flush_denormal"]),
        "train": partial(_read, "train", plain["train"], TrainSettings),
        "eval_settings": partial(_read, "eval", plain["eval"], EvalSettings),
        "tracking": partial(_read, "tracking", plain["tracking"], TrackingSettings),
        "trainer": partial(_read, "trainer", trainer, TrainerSettings),
    }


def _read(name: str, section: Mapping[str, Any], kind: type[T]) -> T:
    return build(name, section, kind)()


def refuse_other_keys(plain: PlainConfig) -> None:
    """A key too many, or one that an override took away."""
    for key in plain:
        if key not in KEYS:
            raise ValueError(f"{key} is unknown: {what_is_known(key, KEYS)}")
    for key in KEYS:
        if key not in plain:
            raise ValueError(f"{key} is missing")
        if key in SECTIONS and not isinstance(plain[key], Mapping):
            raise ValueError(f"{key}={plain[key]!r} is not a section of keys")
