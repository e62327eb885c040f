"""python -m rnnlab.sync: bring to MLflow what it missed, and end what a dead process left running.

python -m rnnlab.sync                         all runs below outputs/
python -m rnnlab.sync outputs/runs/2026-01-01 --uri http://127.0.0.1:5000
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rnnlab.foundation.folder_lock import FolderLockedError, delivering
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.quiet import quiet_tools
from rnnlab.foundation.run_folder import (
    RunFolder,
    SweepFolder,
    TrackedFolder,
    runs_below,
    sweeps_below,
)
from rnnlab.foundation.signals import Stopped
from rnnlab.foundation.streams import safe_streams
from rnnlab.runs.whole_run import deliver_whole
from rnnlab.sweeps.parent_run import ParentRun
from rnnlab.sweeps.report import log_comparison
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.named_store import store_of
from rnnlab.tracking.outbox import why
from rnnlab.tracking.store import open_store

Folder = TypeVar("Folder", bound=TrackedFolder)


def main() -> None:
    """The command line: exit 0, 1 if something could not be delivered, 2 for a bad request."""
    with safe_streams():
        sys.exit(_sync(parser().parse_args()))


def _sync(arguments: argparse.Namespace) -> int:
    roots, uri = arguments.folders, arguments.uri
    missing = [folder for folder in roots if not folder.is_dir()]
    if missing:
        sys.stderr.write(f"{missing[0]} is not a folder\n")
        return 2
    quiet_tools()
    synced = [_try(_sync_run, folder, uri) for folder in runs_below(roots)]
    synced += [_try(_sync_sweep, folder, uri) for folder in sweeps_below(roots)]
    return 0 if all(synced) else 1


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


def _try(sync: Callable[[Folder, str | None], str], folder: Folder, uri: str | None) -> bool:
    """Whether nothing of a folder waits any more; one that is at work delivers for itself.

    Whatever one is refused for, it is named, and those after it get their turn.
    """
    try:
        damage = sync(folder, uri)
    except FolderLockedError:
        return True
    except Exception as error:  # noqa: BLE001 a folder may hold what nobody has thought of
        damage = why(error)
    except SystemExit as error:
        if isinstance(error, Stopped):
            raise
        damage = f"what it names ended with {error}"
    if damage:
        sys.stderr.write(f"{folder.path}: {damage}\n")
    return not damage


def _sync_run(folder: RunFolder, uri: str | None) -> str:
    """In words, what of it was damaged and is left out."""
    delivered = deliver_whole(folder.path, uri)
    if delivered is None:
        return ""
    sys.stdout.write(f"{delivered.name}: {delivered.points} points delivered, {delivered.status}\n")
    return delivered.damage


def _sync_sweep(folder: SweepFolder, uri: str | None) -> str:
    """The same; one that its process left as running is KILLED."""
    refuse_links(folder, pipes=False)
    with delivering(folder.path):
        parent = ParentRun.read(folder)
        if parent.file.status == "RUNNING":
            parent.file.status = "KILLED"
        elif parent.file.delivered:
            return ""
        store = uri or store_of(parent.file.tracking_uri, "--uri ")
        client, experiment_id = open_store(store, parent.manifest.experiment)
        damage = Journal(folder.journal).mend()
        parent.deliver(client, experiment_id)
        sys.stdout.write(f"{folder.path}: {parent.manifest.name}, {parent.file.status}\n")
        parent.note_report(log_comparison(client, parent.file.run_id, folder.report))
        left = [f"job {name} could not be linked to it" for name in parent.unlinked]
        return "; ".join([*([damage] if damage else []), *left])


if __name__ == "__main__":
    main()
