"""What a comparison says of each cell of its grid: as words for the table, as numbers for the csv."""

from collections.abc import Sequence
from statistics import median

from rnnlab.foundation.statistics import bootstrap_mean, interquartile_mean
from rnnlab.report.grid import Cell

HEADER = (
    *("variant", "task", "length", "solved (95 %)", "median steps to solve"),
    *("mean test loss (95 %)", "chance", "parameters", "steps/s", "diverged", "failed"),
)


def words(cell: Cell) -> list[str]:
    """A row of the table, under HEADER."""
    return [
        cell.label,
        cell.task,
        str(cell.length),
        solved(cell),
        steps(cell),
        mean(cell.losses, of=len(cell.finished)),
        "-" if cell.chance is None else f"{cell.chance:.4g}",
        number(_one(cell.values_of_param("num_params"))),
        number(_median(cell.values("perf/steps_per_second"))),
        str(sum(run.diverged for run in cell.finished)),
        failed(cell),
    ]


def measured_words(cell: Cell, metrics: Sequence[str]) -> list[str]:
    """A row of the second table: what the diagnostics saw of the tested models."""
    means = [mean(cell.measured(metric), of=len(cell.finished)) for metric in metrics]
    return [cell.label, cell.task, str(cell.length), *means]


def solved(cell: Cell) -> str:
    """`5 of 5 [0.57, 1.00]`"""
    successes, trials = cell.solved
    if not trials:
        return "-"
    low, high = cell.solved_interval
    return f"{successes} of {trials} [{low:.2f}, {high:.2f}]"


def steps(cell: Cell) -> str:
    """`1100`, or `> 4000` where fewer than half of the runs have solved the task."""
    if not cell.finished:
        return "-"
    found = cell.median_steps
    return f"> {cell.budget}" if found is None else f"{found:.0f}"


def mean(values: Sequence[float], of: int) -> str:
    """`0.0021 [0.0016, 0.0026]`, of 4 where not every finished run has the value."""
    if not values:
        return "-"
    told = f"{sum(values) / len(values):.4g}"
    if len(values) > 1:
        low, high = bootstrap_mean(values)
        told += f" [{low:.4g}, {high:.4g}]"
    return told if len(values) == of else f"{told} of {len(values)}"


def failed(cell: Cell) -> str:
    """`0`, or how many runs have no result, and why."""
    counts = {
        "failed": cell.ended("FAILED"),
        "stopped": cell.ended("KILLED"),
        "still running": cell.ended("RUNNING", "SCHEDULED"),
    }
    if not any(counts.values()):
        return "0"
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count)


def number(value: float | None) -> str:
    """Four digits, or all of a whole number."""
    return "-" if value is None else f"{value:.4g}" if value < 1000 else f"{value:.0f}"


def figures(cell: Cell, metrics: Sequence[str]) -> dict[str, object]:
    """A row of the csv; an empty string where there is nothing."""
    successes, trials = cell.solved
    low, high = cell.solved_interval
    steps_to_solve, losses, interval = (
        cell.median_steps,
        cell.losses,
        cell.loss_interval or ("", ""),
    )
    average = sum(losses) / len(losses) if losses else ""
    row: dict[str, object] = {
        "variant": cell.label,
        "task": cell.task,
        "length": cell.length,
        "seeds": " ".join(str(run.seed) for run in cell.finished),
        "solved": successes,
        "finished": trials,
        "solved_low": low if trials else "",
        "solved_high": high if trials else "",
        "median_steps_to_solve": "" if steps_to_solve is None else steps_to_solve,
        "budget": cell.budget,
        "test_loss_mean": average,
        "test_loss_low": interval[0],
        "test_loss_high": interval[1],
        "test_loss_interquartile_mean": interquartile_mean(losses) if losses else "",
        "chance": "" if cell.chance is None else cell.chance,
        "num_params": _or_nothing(_one(cell.values_of_param("num_params"))),
        "steps_per_second": _or_nothing(_median(cell.values("perf/steps_per_second"))),
        "diverged": sum(run.diverged for run in cell.finished),
        "failed": cell.ended("FAILED"),
        "stopped": cell.ended("KILLED"),
        "running": cell.ended("RUNNING", "SCHEDULED"),
    }
    for metric in metrics:
        values = cell.measured(metric)
        row[metric] = sum(values) / len(values) if values else ""
    return row


def _one(values: Sequence[float]) -> float | None:
    return values[0] if values else None


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _or_nothing(value: float | None) -> float | str:
    return "" if value is None else value
