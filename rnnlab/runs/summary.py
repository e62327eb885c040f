"""What a run prints when it has ended: its figures, and where to find it again."""

import sys

from rnnlab.foundation.table import fitting_table
from rnnlab.foundation.terminal import columns, fitted, short
from rnnlab.foundation.typed import typable, typed_path
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import ui_links
from rnnlab.tracking.ui_view import View


def summary(result: Result) -> str:
    """Its figures, as a row or one below the other; then the run, its checkpoint, and its pages."""
    metrics = result.metrics
    row = {
        "cell": result.variant,
        "task": result.task,
        "length": str(result.length),
        "test loss": _figure(metrics, "test/loss"),
        "loss/chance": _figure(metrics, "test/loss_over_chance"),
        "test error": f"{metrics['test/error']:.2%}" if "test/error" in metrics else "-",
        **_of_levels(result),
        **_became(metrics),
        "time": f"{result.seconds:.1f} s",
    }
    table = fitting_table(list(row), [list(row.values())], columns())
    lines = [result.name, table, _levels(result), *filter(None, [result.matched])]
    lengths = sorted(name for name in metrics if name.startswith("length/"))
    lines += [
        *(f"{name} {metrics[name]:.4g}" for name in lengths),
        f"run         {result.run_id or 'not in MLflow yet'}",
        f"checkpoint  {_checkpoint(result)}",
    ]
    if result.run_id:
        view = View(result.task, result.length)
        lines.append(ui_links(result.tracking_uri, result.experiment_id, result.run_id, view))
    if not result.delivered:
        lines.append(
            f"MLflow did not take {result.undelivered} points, or how the run ended; its folder has "
            f"it all, and this delivers it:\npython -m rnnlab.sync {typable(typed_path(result.folder), '')}"
        )
    return fitted("\n".join(lines), sys.stdout)


def _of_levels(result: Result) -> dict[str, str]:
    """Of the further figures that levels are of, as `bits/gzip`, the run's own."""
    named = (name.rpartition("/")[0] for name in result.baselines)
    figures = dict.fromkeys(figure for figure in named if figure not in ("", "loss", "error"))
    return {f"test {figure}": _figure(result.metrics, f"test/{figure}") for figure in figures}


def _became(metrics: dict[str, float]) -> dict[str, str]:
    """Whether it solved its task, of a task that says when; and where it diverged."""
    at = f"diverged at {metrics['diverged_step']:.0f}" if metrics["diverged"] else ""
    if "test/solved" not in metrics:
        return {"ended": at} if at else {}
    solved = "yes" if metrics["test/solved"] else "no"
    steps = f"{metrics['steps_to_solve']:.0f}" if "steps_to_solve" in metrics else "-"
    return {"solved": f"{solved} ({at})" if at else solved, "steps to solve": steps}


def _levels(result: Result) -> str:
    """`chance 2.3, error 90.00%`, and below it the further levels of its task."""
    error = "" if result.chance_error is None else f", error {result.chance_error:.2%}"
    lines = [f"chance {result.chance:.4g}{error}"]
    return "\n".join([*lines, *(f"{name} {v:.4g}" for name, v in result.baselines.items())])


def _checkpoint(result: Result) -> str:
    return short(result.checkpoint) if result.checkpoint else "none: it diverged before the first"


def _figure(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else "-"
