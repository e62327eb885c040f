"""python -m rnnlab.sync: bring to MLflow what it missed, and end what a dead process left running.

python -m rnnlab.sync                         all runs below outputs/
python -m rnnlab.sync outputs/runs/2026-01-01 --uri http://127.0.0.1:5000
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rnnlab.foundation.folder_lock import AtWorkError, at_work
from rnnlab.foundation.masking import MASK, first_line, masked
from rnnlab.foundation.quiet import hush
from rnnlab.foundation.streams import unfailing
from rnnlab.sweeps.jobs import REPORT
from rnnlab.sweeps.parent_run import Parent
from rnnlab.sweeps.report import log_comparison
from rnnlab.sweeps.sweep_file import FILE as SWEEP
from rnnlab.tracking.outbox import deliver, waiting
from rnnlab.tracking.result import FILE, Result
from rnnlab.tracking.store import FAILURES, open_store, tracking_uri


def main() -> None:
    """The command line: exit 0, 1 if something could not be delivered, 2 for a bad request."""
    asked = parser().parse_args()
    missing = [folder for folder in asked.folders if not folder.is_dir()]
    if missing:
        sys.stderr.write(f"{missing[0]} is not a folder\n")
        sys.exit(2)
    hush()
    with unfailing():
        runs = [_try(_sync, folder, asked.uri) for folder in _holding(FILE, asked.folders)]
        sweeps = [_try(_sync_sweep, folder, asked.uri) for folder in _holding(SWEEP, asked.folders)]
    sys.exit(0 if all(runs + sweeps) else 1)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m rnnlab.sync",
        description="Bring to MLflow what it missed, and end what a dead process left running.",
    )
    made.add_argument(
        "folders", nargs="*", type=Path, default=[Path("outputs")], help="of runs (outputs)"
    )
    made.add_argument("--uri", help="the store, if not the one that each run names")
    return made


def _holding(name: str, roots: list[Path]) -> list[Path]:
    """The folders below that have a file of this name."""
    return [path.parent for root in roots for path in sorted(root.absolute().rglob(name))]


def _try(deliver_it: Callable[[Path, str | None], None], folder: Path, uri: str | None) -> bool:
    """Whether nothing of a folder waits any more; one that is at work delivers for itself."""
    try:
        deliver_it(folder, uri)
    except AtWorkError:
        pass
    except (ValueError, *FAILURES) as error:
        sys.stderr.write(f"{folder}: {first_line(error)}\n")
        return False
    return True


def _sync(folder: Path, uri: str | None) -> None:
    """Deliver one run."""
    done = deliver(folder, _store(Result.read(folder).tracking_uri, uri))
    waiting().remove(folder)
    if done is not None:
        sys.stdout.write(f"{done.name}: {done.points} points delivered, {done.status}\n")


def _sync_sweep(folder: Path, uri: str | None) -> None:
    """Deliver a sweep; one that its process left as running is KILLED."""
    with at_work(folder):
        parent = Parent.read(folder)
        if parent.sweep.status == "RUNNING":
            parent.sweep.status = "KILLED"
        elif parent.sweep.delivered:
            return
        store = _store(parent.sweep.tracking_uri, uri)
        client, experiment_id = open_store(store, parent.record.experiment)
        parent.bring(client, experiment_id)
        sys.stdout.write(f"{folder}: {parent.record.name}, {parent.sweep.status}\n")
        log_comparison(client, parent.sweep.run_id, folder / REPORT)


def _store(recorded: str, asked: str | None) -> str:
    """The store that is asked for, or else the one that the run had.

    Raises:
        ValueError: If that cannot be told, because its password was not written down.
    """
    if asked is None and MASK in recorded:
        asked = tracking_uri(None)
        if masked(asked) != recorded:
            raise ValueError(f"its store is {recorded}, without the password: say --uri")
    return asked or recorded


if __name__ == "__main__":
    main()
