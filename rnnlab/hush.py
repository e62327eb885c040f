"""Keeps the tools from talking over a run: what they say at every start is no news."""

import logging
import os
import warnings


def hush() -> None:
    """Warnings and errors still come through, but for one that no user can act on."""
    for name in ("pytorch_lightning", "lightning.pytorch", "mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # pytorch-lightning 2.6 asks torch 2.13 about a class that torch is about to drop.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
