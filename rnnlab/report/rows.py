"""What a comparison says of each group of its grid: as words for its tables.

Every table has the variant first, as that column stays in sight where the others are scrolled.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

from rnnlab.foundation.statistics import Interval, mean_interval
from rnnlab.report.group import Group

OTHER_LENGTHS_HEADER = (
    *("variant", "task", "trained at length", "tested at (steps)"),
    *("wrong sequences (95 %)", "mean loss (95 %)", "chance"),
    *("mean size of bias (95 %)", "its share of squared error (95 %)"),
)
ANYTHING, FRACTION = (-math.inf, math.inf), (0.0, 1.0)  # between which a mean can lie


def short_loss(group: Group) -> str:
    """`0.002`, or `0.002 solved` where others have not: the mean of those that have."""
    shown, *others = group.by_outcome or [group]
    text = f"{fmean(shown.losses):.3g}" if shown.losses else "-"
    return f"{text} solved" if others else text


def measured_row(group: Group, metrics: Sequence[str]) -> list[str]:
    """A row of the table of what the diagnostics saw of the tested models."""
    means = [
        each_outcome(group, lambda same, key=metric: measured(same, key)) for metric in metrics
    ]
    return [group.label, group.task, str(group.length), *means]


def other_lengths_rows(group: Group) -> list[list[str]]:
    """Rows under OTHER_LENGTHS_HEADER, one for each length that the trained models were tested at."""
    return [_other_length_row(group, length) for length in group.other_lengths]


def _other_length_row(group: Group, length: int) -> list[str]:
    def means(measure: str, within: Interval = ANYTHING) -> str:
        return each_outcome(group, lambda g: mean(g, g.values_at(length, measure), within))

    losses, ratios = (group.values_at(length, m) for m in ("loss", "loss_over_chance"))
    # Every run has the same: losses that are nothing tell nothing.
    chances = [loss / ratio for loss, ratio in zip(losses, ratios, strict=False) if ratio]
    return [
        *(group.label, group.task, trained_at(group), str(length)),
        means("error", FRACTION),
        means("loss"),
        number(first(chances)),
        means("bias"),
        means("bias_share", FRACTION),
    ]


def trained_at(group: Group) -> str:
    """`100`, or `100 (from 20 steps up)` where each batch had a length of its own."""
    shortest = group.min_seq_len
    return str(group.length) if shortest is None else f"{group.length} (from {shortest} steps up)"


def error(group: Group) -> str:
    """`0.12 [0.1, 0.14]`: the fraction of test sequences that are wrong."""
    return each_outcome(group, lambda same: mean(same, same.values("test/error"), FRACTION))


def short_error(group: Group) -> str:
    """`0.12`"""
    errors = group.values("test/error")
    return f"{fmean(errors):.3g}" if errors else "-"


def levels(group: Group) -> str:
    """`unigram 2.9, bigram 2.4`"""
    return ", ".join(f"{name} {level:.4g}" for name, level in group.baselines.items()) or "-"


def solved(group: Group) -> str:
    """`5 of 5 [0.57, 1.00]`"""
    successes, trials = group.solved
    if not trials:
        return "-"
    low, high = group.solved_interval
    return f"{successes} of {trials} [{low:.2f}, {high:.2f}]"


def steps(group: Group) -> str:
    """`1100`, or `> 4000` where fewer than half of the runs have solved the task."""
    if not (group.finished and group.has_criterion):
        return "-"
    found = group.median_steps
    return f"> {group.budget}" if found is None else f"{found:.0f}"


def each_outcome(group: Group, text: Callable[[Group], str]) -> str:
    """A text of the runs that have solved the task and of the others: `0.002 solved; 0.16 unsolved`.

    Where all are of one outcome it is the text of these alone.
    """
    kinds = group.by_outcome
    if len(kinds) < 2:
        return text(kinds[0]) if kinds else "-"
    named = [(text(same), "solved" if same.solved[0] else "unsolved") for same in kinds]
    return "; ".join(f"{said} {kind}" for said, kind in named if said != "-") or "-"


def mean(group: Group, values: Sequence[float], within: Interval = ANYTHING) -> str:
    """`0.0021 [0.0016, 0.0026]`, of 4 where not every finished run has the value."""
    if not values:
        return "-"
    text = f"{fmean(values):.4g}"
    if len(values) > 1:
        low, high = interval(values, within)
        text += f" [{low:.4g}, {high:.4g}]"
    return text if len(values) == len(group.finished) else f"{text} of {len(values)}"


def interval(values: Sequence[float], within: Interval = ANYTHING) -> Interval:
    """Of the mean of two values or more; it ends at 0 where none is negative, as no loss is."""
    least, most = within
    return mean_interval(values, max(least, 0.0) if min(values) >= 0 else least, most)


def measured(group: Group, metric: str) -> str:
    """The mean of a diagnostic's metric, with its interval.

    `> 50` where every run has only a lower bound, and `> 43.3 (2 of 3 are lower bounds)` where some
    have: their mean is one as well, and has no interval.
    """
    values, censored = group.measured(metric), group.censored(metric)
    if not censored:
        return mean(group, values)
    text = f"> {fmean(values):.4g}"
    every = censored == len(values) == len(group.finished)
    return text if every else f"{text} ({censored} of {len(values)} are lower bounds)"


def without_result(group: Group) -> str:
    """How many runs have none, and why: `1 failed, 2 stopped`; empty if all have finished."""
    counts = {
        "failed": group.ended("FAILED"),
        "stopped": group.ended("KILLED"),
        "still running": group.ended("RUNNING", "SCHEDULED"),
    }
    return ", ".join(f"{count} {ending}" for ending, count in counts.items() if count)


def number(value: float | None) -> str:
    """Four digits, or all of a whole number."""
    return "-" if value is None else f"{value:.4g}" if value < 1000 else f"{value:.0f}"


def speed(group: Group) -> float | None:
    """Updates a second: the median over runs."""
    values = group.values("perf/steps_per_second")
    return median(values) if values else None


def first(values: Sequence[float]) -> float | None:
    """Of values that are all the same."""
    return values[0] if values else None
