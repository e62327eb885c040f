"""What a run prints when it has ended: its figures, and where to find it again."""

from rnnlab.foundation.table import markdown_table
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import ui_links
from rnnlab.tracking.ui_view import View


def summary(result: Result) -> str:
    """A table of one row, and below it the run, its checkpoint, and the way to see it in MLflow."""
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
    lines = [markdown_table(list(row), [list(row.values())]), f"chance {result.chance:.4g}"]
    lengths = sorted(name for name in metrics if name.startswith("length/"))
    lines += [
        *(f"{name} {metrics[name]:.4g}" for name in lengths),
        f"run         {result.run_id or 'not in MLflow yet'}  ({result.name})",
        f"checkpoint  {result.checkpoint or 'none: it diverged before the first'}",
    ]
    if result.run_id:
        view = View(result.task, result.length)
        lines.append(ui_links(result.tracking_uri, result.experiment_id, result.run_id, view))
    if not result.delivered:
        lines.append(
            f"MLflow did not take {result.undelivered} points, or how the run ended; {result.folder} "
            f"has it all, and python -m rnnlab.sync {result.folder} delivers it"
        )
    return "\n".join(lines)


def _figure(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else "-"
