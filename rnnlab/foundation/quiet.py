"""Keeps the tools from talking over a run: what they say at every start is no news."""

import logging
import os
import warnings

EXPECTED = (
    "LeafSpec",  # pytorch-lightning 2.6 asks torch 2.13 about a class that torch is about to drop
    "Checkpoint directory .* exists and is not empty",  # of course: the run is resumed from it
    "Total length of .* across ranks is zero",  # resumed once all updates had been made
    "RNN module weights are not part of single contiguous chunk",  # cuDNN's, of Elman's: one copy an update
)


def quiet_tools() -> None:
    """Silence what is no news; any other warning still comes through."""
    # A full disk takes no line of the log either, nor needs a traceback.
    logging.raiseExceptions = False
    for name in ("pytorch_lightning", "lightning.pytorch", "mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves the machine unasked
    # It may hold a password.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for message in EXPECTED:
        warnings.filterwarnings("ignore", message=f".*{message}.*")
