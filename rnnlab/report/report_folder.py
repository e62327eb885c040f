"""Where a comparison is written: a folder named by what was asked, and none that is somebody else's."""

import hashlib
import json
import re
from pathlib import Path

from rnnlab.foundation.masking import masked
from rnnlab.report.report import PICTURES, TEXTS
from rnnlab.report.select_runs import Selection
from rnnlab.tracking.store import default_uri

REPORTS = Path("outputs", "reports")
LONGEST = 60  # letters of a name


def default_folder(selection: Selection, uri: str) -> Path:
    """The same for the same request, another for another.

    `outputs/reports/rnnlab` for all runs of an experiment in the default store. Of anything else the
    name ends in four hex digits of the whole request: `rnnlab-params.cell-lstm-3fa2`.
    """
    name = re.sub(r"[^\w.]+", "-", selection.name, flags=re.ASCII).strip("-.")[:LONGEST] or "report"
    asked = selection.request
    if uri != default_uri():
        asked["store"] = masked(uri)
    if name == asked.get("experiment") and len(asked) == 1:
        return REPORTS / name
    return REPORTS / f"{name}-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:4]}"


def holds_report(folder: Path) -> bool:
    """Whether a report is there, which a new one replaces."""
    return (folder / TEXTS[0]).exists()


def refuse_other(folder: Path) -> None:
    """See that a folder that somebody names is new, empty, or a report's.

    Raises:
        ValueError: If it holds anything else, which a report might overwrite.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"--output={folder} is no folder")
    found = sorted((path.name for path in folder.iterdir()), key=lambda n: (n.startswith("."), n))
    own = {*TEXTS, PICTURES} if holds_report(folder) else set()
    if other := [name for name in found if name not in own]:
        raise ValueError(
            f"--output={folder} holds {other[0]}, which is no report: name a new or an empty folder"
        )
