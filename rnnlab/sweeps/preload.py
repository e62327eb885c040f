"""What the fork server does once for all jobs of a sweep: the slow imports, and two slow scans.

Importing this module is its effect. MLflow looks through all installed packages when it first
saves a model; a throw-away one makes it do so here.
"""

import contextlib
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

from rnnlab.foundation import garbage
from rnnlab.runs.installed_plugins import only_installed_plugins


def _preload() -> None:
    only_installed_plugins()
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    from rnnlab.kernels.compiled import choice  # noqa: F401  what compiles the cells

    # with hydra, as each process begins by importing the program again
    from rnnlab.runs import hydra_job, one_run, summary  # noqa: F401
    from rnnlab.sweeps import callback, horizon_sweeper  # noqa: F401

    with contextlib.suppress(ImportError):  # it needs git itself
        import git  # noqa: F401  MLflow asks it for the commit
    from rnnlab.foundation.quiet import quiet_tools
    from rnnlab.report.learning_curve import write_learning_curve
    from rnnlab.runs.saved_model import write_model
    from rnnlab.tracking.artifacts import write_packages
    from rnnlab.tracking.journal import Point

    quiet_tools()
    with tempfile.TemporaryDirectory() as folder:
        write_packages(Path(folder))
        write_model(Path(folder), {}, {}, np.zeros((1, 1, 1), np.float32), output_size=1)
        point = Point("train/loss", 1.0, 1, 0)
        write_learning_curve(Path(folder), [point], {"chance": 1.0}, "")  # reads the fonts


garbage.pause()
before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # of a sweep that is refused
_preload()
signal.signal(signal.SIGTERM, before)
garbage.resume()  # or each job's first collection would walk, and thereby copy, all of this
