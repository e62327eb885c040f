"""What a sweep's folder says of the sweep in it, so that the same command can go on with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "sweep.json"


@dataclass(frozen=True)
class SweepRecord:
    """What was asked for, and the MLflow run that is the parent."""

    run_id: str
    overrides: list[str]
    settings: dict[str, Any]

    def write(self, folder: Path) -> None:
        path = folder / FILE
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        beside.replace(path)

    @classmethod
    def of_same(
        cls, folder: Path, overrides: Sequence[str], settings: Mapping[str, Any]
    ) -> "SweepRecord | None":
        """The record of `folder`, if there is one.

        Raises:
            ValueError: If that sweep asked for something else.
        """
        if not (folder / FILE).exists():
            return None
        record = cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        had = {f"hydra.sweeper.{key}={value}" for key, value in record.settings.items()}
        asked = {f"hydra.sweeper.{key}={value}" for key, value in settings.items()}
        had, asked = had | set(record.overrides), asked | set(overrides)
        if had != asked:
            raise ValueError(
                f"hydra.sweep.dir={folder} holds another sweep: "
                f"it has {_listed(had - asked)}, not {_listed(asked - had)}"
            )
        return record


def _listed(overrides: set[str]) -> str:
    return " ".join(sorted(overrides)) or "nothing more"
