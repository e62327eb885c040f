"""How many of the answers are right, where answers are classes, at each length that was tested."""

from rnnlab.report.group import Group
from rnnlab.report.rows import FRACTION, each_outcome, mean, number, trained_at

HEADER = (
    *("variant", "task", "trained at length", "tested at (steps)"),
    *("right answers (95 %)", "by chance", "scaled accuracy (95 %)"),
)


def accuracy_rows(group: Group) -> list[list[str]]:
    """Rows under HEADER, one for each length; none of a task whose answers are numbers."""
    return [_row(group, length) for length in lengths_of(group)]


def lengths_of(group: Group) -> list[int]:
    """Those at which accuracy was measured: the trained one, and then the others."""
    found = {run.trained_seq_len: None for run in group.finished if "test/accuracy" in run.metrics}
    found |= dict.fromkeys(n for n in group.other_lengths if group.values_at(n, "accuracy"))
    return list(found)


def by_chance(group: Group, length: int) -> float | None:
    """The accuracy of the best answer that ignores the inputs; None where nobody has said.

    Of the length that they were trained at, the runs say it. Of others it follows from s = (a - c) / (1 - c) of an accuracy a: it is
    c = (a - s) / (1 - s). Every run has the same c, and those that are all right tell nothing of it.
    """
    own = [run.chance_accuracy for run in group.finished if run.trained_seq_len == length]
    if (known := next((c for c in own if c is not None), None)) is not None:
        return known
    pairs = zip(*(_values(group, length, m) for m in ("accuracy", "scaled_accuracy")), strict=False)
    return next(((a - s) / (1 - s) for a, s in pairs if s < 1), None)


def _row(group: Group, length: int) -> list[str]:
    def means(measure: str, least: float) -> str:
        within = (least, FRACTION[1])
        return each_outcome(group, lambda g: mean(g, _values(g, length, measure), within))

    return [
        *(group.label, group.task, trained_at(group), str(length)),
        means("accuracy", 0.0),
        number(by_chance(group, length)),
        means("scaled_accuracy", float("-inf")),
    ]


def _values(group: Group, length: int, measure: str) -> list[float]:
    """Of the runs that were tested at this length, be it their own or a further one."""
    own = [run for run in group.finished if run.trained_seq_len == length]
    found = [run.metrics[f"test/{measure}"] for run in own if f"test/{measure}" in run.metrics]
    return found or group.values_at(length, measure)
