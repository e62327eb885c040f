"""The report that a sweep ends with, kept with its parent run."""

import sys
from pathlib import Path

from mlflow import MlflowClient

from rnnlab.foundation.masking import first_line
from rnnlab.foundation.terminal import short
from rnnlab.report.select_runs import log_report, report_sweep
from rnnlab.tracking.store import FAILURES


def log_comparison(client: MlflowClient, run_id: str, folder: Path) -> bool:
    """Compare the runs of a sweep in `folder`, and keep that with its parent run.

    An error is printed in a line, and no more: a sweep of days does not fail for its report.

    Returns:
        Whether that is done; what a full disk or a store has not taken is to be tried again.
    """
    try:
        report, paths = report_sweep(client, run_id, folder)
        sys.stdout.write(f"report      {short(paths[0])}\n")
        log_report(client, run_id, report, paths)
    except Exception as error:  # noqa: BLE001
        sys.stderr.write(f"no report in MLflow: {type(error).__name__}: {first_line(error)}\n")
        return not isinstance(error, (OSError, *FAILURES))
    return True
