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
    solved = "yes" if metrics["test/solved"] else "no"
    if metrics["diverged"]:
        solved += f" (diverged at {metrics['diverged_step']:.0f})"
    row = {
        "cell": result.variant,
        "task": result.task,
        "length": str(result.length),
        "test loss": _figure(metrics, "test/loss"),
        "loss/chance": _figure(metrics, "test/loss_over_chance"),
        "test error": f"{metrics['test/error']:.2%}" if "test/error" in metrics else "-",
        "solved": solved,
        "steps to solve": f"{metrics['steps_to_solve']:.0f}"
        if "steps_to_solve" in metrics
        else "-",
        "time": f"{result.seconds:.1f} s",
    }
    table = fitting_table(list(row), [list(row.values())], columns())
    lines = [result.name, table, f"chance {result.chance:.4g}"]
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


def _checkpoint(result: Result) -> str:
    return short(result.checkpoint) if result.checkpoint else "none: it diverged before the first"


def _figure(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else "-"
