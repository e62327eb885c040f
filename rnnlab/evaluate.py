"""python -m rnnlab.evaluate: ask a finished run again, at other lengths, by other diagnostics."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.foundation.command import refuse, run_command

if TYPE_CHECKING:
    from rnnlab.runs.reevaluation import Answer

HELP = """\
usage: python -m rnnlab.evaluate [--config-dir FOLDER] run=RUN [key=value ...]

Asks a finished run again, and logs the answer into it.

  run=RUN                 its folder, or its id in MLflow
  task.length=200,400     at these lengths, as task.length of rnnlab.run counts them
  diagnostics=lyapunov    by these diagnostics, or [lyapunov,omega], or all
  checkpoint=last         the newest model; best, the default, is the one that was tested
  task.KEY=  eval.KEY=    other than the run had it, as eval.seed=1 for other sequences
  name=NAME               what the answer is called in the run
  tracking.uri=URI        the store that has the run (default: the one that its folder names, or
                          $MLFLOW_TRACKING_URI, or ./mlflow.db)
  allow_targets=[mine]    lets the run's own cell or task be imported from its code
  --config-dir FOLDER     where diagnostics of your own are, as for rnnlab.run

It is asked on the CPU. What the run itself could have measured gets the names that it would
have: length/400/error. All else is called after what it changes, as
evaluated/eval.seed:1/test/error.

examples
  python -m rnnlab.evaluate run=outputs/runs/2026-01-01/12-00-00-000000 task.length=200,400
  python -m rnnlab.evaluate run=3f2a... diagnostics=lyapunov diagnostics.lyapunov.count=16
"""


def main(words: list[str] | None = None) -> None:
    """Exit 0, or 2 with one line for a request that cannot be met."""
    run_command(_evaluate, HELP, words)


def _parted(words: list[str]) -> tuple[list[str], Path | None]:
    """The words but for `--config-dir`, and its folder."""
    option = argparse.ArgumentParser(add_help=False)
    option.add_argument("--config-dir", type=Path)
    found, others = option.parse_known_args(words)
    return others, found.config_dir


def _evaluate(words: list[str]) -> None:
    from rnnlab.foundation.quiet import quiet_tools

    words, config_dir = _parted(words)
    quiet_tools()
    from rnnlab.runs.later_question import read_question
    from rnnlab.runs.own_modules import look_in
    from rnnlab.tracking.store import FAILURES

    try:
        question = read_question(words, config_dir)
        if config_dir is not None:
            if not config_dir.is_dir():
                raise ValueError(f"--config-dir {config_dir} is no folder")
            look_in(config_dir, question.allow)
        from rnnlab.runs.reevaluation import answer, record

        found = answer(question)
        sys.stdout.write(f"{_shown(found)}\n")
        if not any(map(math.isfinite, found.metrics.values())):
            raise ValueError("none of it is finite: there is nothing to log")
        undelivered = record(found)
        sys.stdout.write(f"logged into run {found.run.run_id or found.run.name}\n")
        if undelivered:
            sys.stderr.write(f"MLflow has not got it yet, rnnlab.sync delivers it: {undelivered}\n")
    except (ValueError, *FAILURES) as error:
        refuse(error)


def _shown(found: "Answer") -> str:
    """Its numbers, a line each, beside the level of chance."""
    width = max((len(name) for name in found.metrics), default=0)
    lines = [f"{name:{width}}  {value:.4g}" for name, value in found.metrics.items()]
    chances = dict.fromkeys(f"{levels} at {at}" for at, levels in found.chances.items())
    return "\n".join([found.run.name, *lines, *chances])


if __name__ == "__main__":
    main()
