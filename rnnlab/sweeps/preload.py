"""What the fork server does once for all jobs of a sweep: the slow imports, and two slow scans.

Importing this module is its effect. MLflow looks through all installed packages when it first
saves a model; a throw-away one makes it do so here.
"""

import contextlib
import importlib
import tempfile
from pathlib import Path

from rnnlab.foundation import garbage

MODULES = (
    "mlflow.store.tracking.sqlalchemy_store",
    "rnnlab.runs.hydra_job",  # with hydra, as each process begins by importing the program again
    "rnnlab.runs.one_run",
    "rnnlab.runs.summary",
    "rnnlab.sweeps.callback",
    "rnnlab.sweeps.horizon_sweeper",
)


def _preload() -> None:
    for module in MODULES:
        importlib.import_module(module)
    with contextlib.suppress(ImportError):  # it needs git itself
        importlib.import_module("git")  # MLflow asks it for the commit
    from rnnlab.foundation.quiet import quiet_tools
    from rnnlab.report.learning_curve import write_learning_curve
    from rnnlab.runs.saved_model import write_model
    from rnnlab.tracking.artifacts import write_packages
    from rnnlab.tracking.journal import Point

    quiet_tools()
    with tempfile.TemporaryDirectory() as folder:
        write_packages(Path(folder))
        write_model(Path(folder), {}, {})
        point = Point("train/loss", 1.0, 1, 0)
        write_learning_curve(Path(folder), [point], 1.0, "")  # reads the fonts


garbage.pause()
_preload()
garbage.resume()  # or each job's first collection would walk, and thereby copy, all of this
