"""python -m rnnlab.compare: runs side by side, with intervals, from MLflow alone."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.foundation.masking import first_line
from rnnlab.foundation.streams import safe_streams

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from rnnlab.report.report import Report

EXAMPLES = """\
examples
  python -m rnnlab.compare                                   all runs of the experiment rnnlab
  python -m rnnlab.compare --sweep 3f2a...                   the runs of a sweep
  python -m rnnlab.compare --filter "params.cell = 'lstm'"   what a filter of MLflow's finds
  python -m rnnlab.compare 3f2a... 91bc...                   these runs
  python -m rnnlab.compare --uri http://127.0.0.1:5000       from a tracking server
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m rnnlab.compare",
        description="Compare runs: report.html, report.md, comparison.csv and figures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("runs", nargs="*", metavar="RUN", help="ids of runs")
    command.add_argument("--experiment", help="all runs of this experiment (default: rnnlab)")
    command.add_argument(
        "--sweep", metavar="RUN", help="the runs of this sweep, by its parent's id"
    )
    command.add_argument(
        "--filter", metavar="FILTER", help="of the experiment, in MLflow's language"
    )
    command.add_argument("--uri", help="the store (default: $MLFLOW_TRACKING_URI, or ./mlflow.db)")
    command.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="new, empty or a report's (default: below outputs/reports, by what is asked)",
    )
    command.add_argument(
        "--log", action="store_true", help="keep the report in MLflow as a run, too"
    )
    return command


def main(words: list[str] | None = None) -> None:
    """Exit 0, or 2 with one line for a request that cannot be met."""
    with safe_streams():
        arguments = parser().parse_args(words)
        from rnnlab.foundation.quiet import quiet_tools
        from rnnlab.tracking.store import FAILURES

        quiet_tools()
        try:
            _compare(arguments)
        except (ValueError, *FAILURES) as error:
            sys.stderr.write(f"{first_line(error)}\n")
            sys.exit(2)


def _compare(arguments: argparse.Namespace) -> None:
    from rnnlab.report.digest import WIDTH
    from rnnlab.report.read_runs import read_runs
    from rnnlab.report.report import make_report, write_report
    from rnnlab.report.report_folder import default_folder, holds_report, refuse_other
    from rnnlab.report.select_runs import Selection
    from rnnlab.tracking.store import existing_store, tracking_uri

    uri = tracking_uri(arguments.uri)
    selection = Selection(arguments.runs, arguments.sweep, arguments.experiment, arguments.filter)
    folder = arguments.output or default_folder(selection, uri)
    if arguments.output:
        refuse_other(folder)
    client = existing_store(uri)
    recorded = selection.find(client)
    runs = read_runs(client, recorded)
    if not runs:
        raise ValueError("no run of rnnlab was found")
    report = make_report(runs, selection.search_share(client))
    replaces = holds_report(folder)
    paths = write_report(report, folder.absolute())
    sys.stdout.write(f"{report.digest(WIDTH)}\n\n")
    if replaces:
        sys.stdout.write(f"replaced the report that was in {folder}\n")
    sys.stdout.writelines(f"{path}\n" for path in paths)
    if arguments.log:
        run_id = _log(client, recorded[0].info.experiment_id, selection.name, report, paths)
        sys.stdout.write(f"logged as run {run_id}\n")


def _log(
    client: "MlflowClient", experiment_id: str, name: str, report: "Report", paths: list[Path]
) -> str:
    from mlflow.tracking.context.registry import resolve_tags

    from rnnlab import __version__
    from rnnlab.report.select_runs import log_report
    from rnnlab.tracking.manifest import VERSION_TAG

    tags = resolve_tags({"rnnlab.kind": "report", VERSION_TAG: __version__})
    run = client.create_run(experiment_id, tags=tags, run_name=f"report · {name}")
    log_report(client, run.info.run_id, report, paths)
    ended = max(int(time.time() * 1000), run.info.start_time)  # a clock may be set back
    client.set_terminated(run.info.run_id, "FINISHED", ended)
    return run.info.run_id


if __name__ == "__main__":
    main()
