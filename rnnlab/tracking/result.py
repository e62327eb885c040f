"""How a run ended: what `result.json` in its folder holds. Light to import, for those who only read."""

import json
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rnnlab.foundation.files import read_bytes, try_to_write, write_text
from rnnlab.foundation.json_file import read_json, write_json
from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
"""Of a run, or of a sweep, as MLflow calls it."""


def write_failure(folder: Path, error: BaseException | str) -> None:
    """Write down what a run raised, or what else ended it; what is there already stays."""
    path = RunFolder(folder).failure
    if path.exists():
        return
    if isinstance(error, str):
        text = f"{error}\n"
    else:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        text = f"{message}\n\n{''.join(traceback.format_exception(error))}"
    try_to_write(lambda: write_text(path, masked(text)))


def read_failure(folder: Path) -> str | None:
    """What the run in a folder raised, in one line."""
    path = RunFolder(folder).failure
    if not path.exists():
        return None
    return read_bytes(path).decode("utf-8", "replace").partition("\n")[0]


@dataclass
class Result:
    """How a run ended; what `result.json` holds."""

    name: str
    variant: str
    task: str
    length: int
    seed: int
    chance: float
    overrides: list[str]
    folder: str
    chance_error: float | None = None
    baselines: dict[str, float] = field(default_factory=dict)
    """Further levels than that of chance, as `Task.baselines` names them."""
    choices: dict[str, str] = field(default_factory=dict)
    """The chosen option of each config group."""
    about: dict[str, str] = field(default_factory=dict)
    """What the yaml files of the chosen cell and task say first."""
    num_params: int = 0
    state_size: int = 0
    """Numbers in the state of one sequence, all layers together."""
    matched: str = ""
    """How its hidden_size was chosen, where `model.match_params` or `model.match_state` chose it."""
    machine: dict[str, str] = field(default_factory=dict)
    """The device and the version of torch that it was computed with last."""
    status: Status = "RUNNING"
    run_id: str = ""
    experiment_id: str = ""
    tracking_uri: str = ""
    checkpoint: str = ""
    seconds: float = 0.0
    delivered: bool = False
    """Whether the store has all of it."""
    undelivered: int = 0
    missing: list[str] = field(default_factory=list)
    """Files and folders that a full disk has left out of its folder."""
    unwritten: int = 0
    """Points that it has left out of its journal."""
    failure: str = ""
    changes: str = ""
    """What resumes have changed of the config, its code, or the machine."""
    metrics: dict[str, float] = field(default_factory=dict)

    def write(self) -> None:
        write_json(RunFolder(Path(self.folder)).result, self)

    @property
    def levels(self) -> dict[str, float]:
        """Those of the loss, chance first."""
        return {"chance": self.chance, **of_loss(self.baselines)}

    def verdict(self) -> str:
        """In words: `loss 0.00361, chance 0.167, solved at 1100`, or without the last of a task without a rate."""
        loss = self.metrics.get("test/loss")
        losses = "no test loss" if loss is None else f"loss {loss:.3g}"
        return ", ".join([losses, f"chance {self.chance:.3g}", *self._became()])

    def _became(self) -> Iterator[str]:
        solved, diverged = self.metrics.get("test/solved"), self.metrics["diverged"]
        if solved:
            yield f"solved at {self.metrics['steps_to_solve']:.0f}"
        elif solved is not None and not diverged:
            yield "unsolved"
        if diverged:
            then = "then " if solved else ""
            yield f"{then}diverged at {self.metrics['diverged_step']:.0f}"

    @classmethod
    def read(cls, folder: Path) -> "Result":
        """The result in a run's folder, which may have been moved since: its paths are where it is.

        Raises:
            ValueError: If there is none, or it cannot be read.
        """
        own = RunFolder(folder.absolute())
        result = read_json(own.result, cls)
        result.folder = str(own.path)
        result.checkpoint = str(own.best) if result.checkpoint else ""
        return result


def read_finished(folder: Path) -> Result | None:
    """The result of a run that has finished; None also where none can be read, and it is to run again."""
    with suppress(ValueError):
        result = Result.read(folder)
        return result if result.status == "FINISHED" else None
    return None


def of_loss(baselines: Mapping[str, float]) -> dict[str, float]:
    """Those that are levels of the loss: others name their figure, as `error/nearest neighbour`."""
    return {name: level for name, level in baselines.items() if "/" not in name}


def variant_name(choices: Mapping[str, str]) -> str:
    """The cell with its clipping: `lstm`, `lstm_clipped`; `elman` with clip=norm is `elman_clipped`.

    Then a regularizer, if one is chosen: `elman_clipped_omega`.

    A cell whose name ends in `_clipped` is one that brings clip=norm along.
    """
    suffixes = {"none": "", "norm": "_clipped"}
    clip = choices["clip"]
    added = choices.get("regularizer", "none")
    clipped = suffixes.get(clip, f"_clipped_{clip}")
    regularized = "" if added == "none" else f"_{added}"
    return choices["cell"].removesuffix("_clipped") + clipped + regularized


def leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf's dotted key and its value as an override would spell it."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)
