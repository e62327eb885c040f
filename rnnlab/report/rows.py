"""What a comparison says of each group of its grid: as words for the table, as numbers for the csv."""

from collections.abc import Sequence
from statistics import median

from rnnlab.foundation.statistics import bootstrap_mean, interquartile_mean
from rnnlab.report.grid import Group

HEADER = (
    *("variant", "task", "length", "solved (95 %)", "median steps to solve"),
    *("mean test loss (95 %)", "chance", "parameters", "steps/s", "diverged", "failed"),
)


def table_row(group: Group) -> list[str]:
    """A row of the table, under HEADER."""
    return [
        group.label,
        group.task,
        str(group.length),
        solved(group),
        steps(group),
        mean(group.losses, of=len(group.finished)),
        "-" if group.chance is None else f"{group.chance:.4g}",
        number(_first(group.values_of_param("num_params"))),
        number(_median(group.values("perf/steps_per_second"))),
        str(sum(run.diverged for run in group.finished)),
        failed(group),
    ]


def measured_row(group: Group, metrics: Sequence[str]) -> list[str]:
    """A row of the second table: what the diagnostics saw of the tested models."""
    means = [mean(group.measured(metric), of=len(group.finished)) for metric in metrics]
    return [group.label, group.task, str(group.length), *means]


def solved(group: Group) -> str:
    """`5 of 5 [0.57, 1.00]`"""
    successes, trials = group.solved
    if not trials:
        return "-"
    low, high = group.solved_interval
    return f"{successes} of {trials} [{low:.2f}, {high:.2f}]"


def steps(group: Group) -> str:
    """`1100`, or `> 4000` where fewer than half of the runs have solved the task."""
    if not group.finished:
        return "-"
    found = group.median_steps
    return f"> {group.budget}" if found is None else f"{found:.0f}"


def mean(values: Sequence[float], of: int) -> str:
    """`0.0021 [0.0016, 0.0026]`, of 4 where not every finished run has the value."""
    if not values:
        return "-"
    text = f"{sum(values) / len(values):.4g}"
    if len(values) > 1:
        low, high = bootstrap_mean(values)
        text += f" [{low:.4g}, {high:.4g}]"
    return text if len(values) == of else f"{text} of {len(values)}"


def failed(group: Group) -> str:
    """`0`, or how many runs have no result, and why."""
    counts = {
        "failed": group.ended("FAILED"),
        "stopped": group.ended("KILLED"),
        "still running": group.ended("RUNNING", "SCHEDULED"),
    }
    if not any(counts.values()):
        return "0"
    return ", ".join(f"{count} {ending}" for ending, count in counts.items() if count)


def number(value: float | None) -> str:
    """Four digits, or all of a whole number."""
    return "-" if value is None else f"{value:.4g}" if value < 1000 else f"{value:.0f}"


def csv_row(group: Group, metrics: Sequence[str]) -> dict[str, object]:
    """A row of the csv; an empty string where there is nothing."""
    successes, trials = group.solved
    low, high = group.solved_interval
    steps_to_solve, losses, interval = (
        group.median_steps,
        group.losses,
        group.loss_interval or ("", ""),
    )
    average = sum(losses) / len(losses) if losses else ""
    row: dict[str, object] = {
        "variant": group.label,
        "task": group.task,
        "length": group.length,
        "seeds": " ".join(str(run.seed) for run in group.finished),
        "solved": successes,
        "finished": trials,
        "solved_low": low if trials else "",
        "solved_high": high if trials else "",
        "median_steps_to_solve": "" if steps_to_solve is None else steps_to_solve,
        "budget": group.budget,
        "test_loss_mean": average,
        "test_loss_low": interval[0],
        "test_loss_high": interval[1],
        "test_loss_interquartile_mean": interquartile_mean(losses) if losses else "",
        "chance": "" if group.chance is None else group.chance,
        "num_params": _or_nothing(_first(group.values_of_param("num_params"))),
        "steps_per_second": _or_nothing(_median(group.values("perf/steps_per_second"))),
        "diverged": sum(run.diverged for run in group.finished),
        "failed": group.ended("FAILED"),
        "stopped": group.ended("KILLED"),
        "running": group.ended("RUNNING", "SCHEDULED"),
    }
    for metric in metrics:
        values = group.measured(metric)
        row[metric] = sum(values) / len(values) if values else ""
    return row


def _first(values: Sequence[float]) -> float | None:
    return values[0] if values else None


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _or_nothing(value: float | None) -> float | str:
    return "" if value is None else value
