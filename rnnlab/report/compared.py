"""What the compared variants and tasks are, by what their runs say of them."""

from collections.abc import Sequence

from rnnlab.report.group import Group
from rnnlab.report.read_runs import Run, newest_text

CELLS_HEADER = (
    *("variant", "cell", "multiplications of a step"),
    "operations one after another in T steps of training",
)
TASKS_HEADER = ("task", "what is asked")


def cell_rows(groups: Sequence[Group]) -> list[list[str]]:
    """Rows under CELLS_HEADER, one for each variant; none if no run says so, as those of an older rnnlab."""
    return _rows([(group.label, group) for group in groups], "about_cell", "work", "depth")


def task_rows(groups: Sequence[Group]) -> list[list[str]]:
    """Rows under TASKS_HEADER, likewise."""
    return _rows([(group.task, group) for group in groups], "about_task")


def _rows(named: Sequence[tuple[str, Group]], *params: str) -> list[list[str]]:
    runs: dict[str, list[Run]] = {}
    for name, group in named:
        runs.setdefault(name, []).extend(group.runs)
    said = {name: [newest_text(each, param) for param in params] for name, each in runs.items()}
    if not any(map(any, said.values())):
        return []
    return [[name, *(text or "-" for text in texts)] for name, texts in sorted(said.items())]
