"""python -m rnnlab.sync: bring to MLflow what it missed, and end what a dead process left running.

python -m rnnlab.sync                         all runs below outputs/
python -m rnnlab.sync outputs/runs/2026-01-01 --uri http://127.0.0.1:5000
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rnnlab.foundation.folder_lock import FolderLockedError, locked
from rnnlab.foundation.masking import MASK, first_line, masked
from rnnlab.foundation.quiet import quiet_tools
from rnnlab.foundation.run_folder import (
    RunFolder,
    SweepFolder,
    TrackedFolder,
    runs_below,
    sweeps_below,
)
from rnnlab.foundation.streams import safe_streams
from rnnlab.sweeps.parent_run import ParentRun
from rnnlab.sweeps.report import log_comparison
from rnnlab.tracking.outbox import deliver, outbox
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import FAILURES, open_store, tracking_uri

Folder = TypeVar("Folder", bound=TrackedFolder)


def main() -> None:
    """The command line: exit 0, 1 if something could not be delivered, 2 for a bad request."""
    arguments = parser().parse_args()
    roots, uri = arguments.folders, arguments.uri
    missing = [folder for folder in roots if not folder.is_dir()]
    if missing:
        sys.stderr.write(f"{missing[0]} is not a folder\n")
        sys.exit(2)
    quiet_tools()
    with safe_streams():
        runs = [_try(_sync_run, folder, uri) for folder in runs_below(roots)]
        sweeps = [_try(_sync_sweep, folder, uri) for folder in sweeps_below(roots)]
    sys.exit(0 if all(runs + sweeps) else 1)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m rnnlab.sync",
        description="Bring to MLflow what it missed, and end what a dead process left running.",
    )
    command.add_argument(
        "folders", nargs="*", type=Path, default=[Path("outputs")], help="of runs (outputs)"
    )
    command.add_argument("--uri", help="the store, if not the one that each run names")
    return command


def _try(sync: Callable[[Folder, str | None], None], folder: Folder, uri: str | None) -> bool:
    """Whether nothing of a folder waits any more; one that is at work delivers for itself."""
    try:
        sync(folder, uri)
    except FolderLockedError:
        pass
    except (ValueError, *FAILURES) as error:
        sys.stderr.write(f"{folder.path}: {first_line(error)}\n")
        return False
    return True


def _sync_run(folder: RunFolder, uri: str | None) -> None:
    delivered = deliver(folder.path, _store(Result.read(folder.path).tracking_uri, uri))
    outbox().remove(folder.path)
    if delivered is not None:
        sys.stdout.write(
            f"{delivered.name}: {delivered.points} points delivered, {delivered.status}\n"
        )


def _sync_sweep(folder: SweepFolder, uri: str | None) -> None:
    """One that its process left as running is KILLED."""
    with locked(folder.path):
        parent = ParentRun.read(folder)
        if parent.file.status == "RUNNING":
            parent.file.status = "KILLED"
        elif parent.file.delivered:
            return
        store = _store(parent.file.tracking_uri, uri)
        client, experiment_id = open_store(store, parent.manifest.experiment)
        parent.deliver(client, experiment_id)
        sys.stdout.write(f"{folder.path}: {parent.manifest.name}, {parent.file.status}\n")
        log_comparison(client, parent.file.run_id, folder.report)


def _store(known: str, uri: str | None) -> str:
    """The store that --uri names, or else the one that the run had.

    Raises:
        ValueError: If that cannot be told, because its password was not written down.
    """
    if uri is None and MASK in known:
        uri = tracking_uri(None)
        if masked(uri) != known:
            raise ValueError(f"its store is {known}, without the password: say --uri")
    return uri or known


if __name__ == "__main__":
    main()
