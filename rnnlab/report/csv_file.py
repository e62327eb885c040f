"""A comparison as numbers: comparison.csv, a row a group, an empty field where there is nothing."""

import csv
import io
from collections.abc import Collection, Sequence
from itertools import chain

from rnnlab.foundation.censored import CENSORED
from rnnlab.foundation.statistics import Interval, interquartile_mean
from rnnlab.report.grid import Grid
from rnnlab.report.group import Group
from rnnlab.report.read_runs import newest_text
from rnnlab.report.rows import ANYTHING, FRACTION, first, interval, speed

AT_LENGTH = ("error", "accuracy", "scaled_accuracy", "loss", "bias", "bias_share")

Fields = dict[str, float | str | None]


def csv_text(grid: Grid, metrics: Sequence[str]) -> str:
    """The file.

    Args:
        grid: What is compared.
        metrics: Of the diagnostics, each by its mean. In the column `<metric>_censored` beside it
            is how many of the runs know a lower bound only: with any, so is the mean.
    """
    lengths = sorted(set(chain.from_iterable(group.other_lengths for group in grid.groups)))
    bounded = {m for m in metrics if any(group.measured(m + CENSORED) for group in grid.groups)}
    rows = [
        _group(group) | _other_lengths(group, lengths) | _measured(group, metrics, bounded)
        for group in grid.groups
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _group(group: Group) -> Fields:
    successes, trials = group.solved
    low, high = group.solved_interval if trials else (None, None)
    losses = group.losses
    return {
        "variant": group.label,
        "task": group.task,
        "length": group.length,
        "seeds": " ".join(str(run.seed) for run in group.finished),
        "solved": successes if group.has_criterion else None,
        "finished": len(group.finished),
        "solved_low": low,
        "solved_high": high,
        "median_steps_to_solve": group.median_steps,
        "budget": group.budget,
        **_interval("test_loss", losses if len(group.by_outcome) < 2 else []),
        "test_loss_mean": _mean(losses),
        **_of_outcome(group),
        "test_loss_interquartile_mean": interquartile_mean(losses) if losses else None,
        **_interval("test_error", group.values("test/error"), FRACTION),
        "test_accuracy_mean": _mean(group.values("test/accuracy")),
        "test_scaled_accuracy_mean": _mean(group.values("test/scaled_accuracy")),
        "chance": group.chance,
        "chance_error": group.chance_error,
        "grad/norm_median": group.gradient_norm,
        "num_params": first(group.values_of_param("num_params")),
        "state_size": first(group.values_of_param("state_size")),
        "work": newest_text(group.runs, "work") or None,
        "depth": newest_text(group.runs, "depth") or None,
        "steps_per_second": speed(group),
        "diverged": sum(run.diverged for run in group.finished),
        "failed": group.ended("FAILED"),
        "stopped": group.ended("KILLED"),
        "running": group.ended("RUNNING", "SCHEDULED"),
    }


def _of_outcome(group: Group) -> Fields:
    """The losses of the runs of one outcome: their mean and its interval, which one value has not."""
    fields: Fields = {}
    for name, wanted in (("solved", True), ("unsolved", False)):
        same = [g for g in group.by_outcome if group.has_criterion and bool(g.solved[0]) is wanted]
        fields |= _interval(f"test_loss_{name}", same[0].losses if same else [])
    return fields


def _interval(name: str, values: Sequence[float], within: Interval = ANYTHING) -> Fields:
    low, high = interval(values, within) if len(values) > 1 else (None, None)
    return {f"{name}_mean": _mean(values), f"{name}_low": low, f"{name}_high": high}


def _other_lengths(group: Group, lengths: Sequence[int]) -> Fields:
    """The means of what the runs have at each length; of `bias`, of its size."""
    return {
        f"length/{length}/{measure}": _mean(group.values_at(length, measure))
        for length in lengths
        for measure in AT_LENGTH
    }


def _measured(group: Group, metrics: Sequence[str], bounded: Collection[str]) -> Fields:
    fields: Fields = {}
    for metric in metrics:
        fields[metric] = _mean(group.measured(metric))
        if metric in bounded:
            fields[metric + CENSORED] = group.censored(metric)
    return fields


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
