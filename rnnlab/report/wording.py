"""How a comparison words what it says of several groups at once."""

from collections.abc import Sequence
from dataclasses import replace

from rnnlab.report.grid import HALF
from rnnlab.report.group import Group
from rnnlab.report.rows import without_result

NAMES, PARTS = 6, 6  # as many as one reads in a sentence


def listed(names: Sequence[str], last: str = "and", most: int = NAMES) -> str:
    """`a, b and c`; of more than `most` the first, and how many others."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def together(named: Sequence[tuple[str, str]]) -> list[str]:
    """Each `names text`, the names of one text together, in the order of the texts: `a and b none`."""
    names: dict[str, list[str]] = {}
    for name, text in named:
        names.setdefault(text, []).append(name)
    return [f"{listed(same)} {text}".strip() for text, same in names.items()]


def joined(parts: Sequence[str]) -> str:
    """`part; part; part`; of many the first, and how many stand in the table alone."""
    left = len(parts) - PARTS
    return "; ".join(parts if left <= 1 else [*parts[:PARTS], f"{left} more are in the table"])


def remarks(group: Group, chance: bool = True) -> str:
    """What matters to how a group's runs are to be read: `at chance, 2 diverged, 1 failed`."""
    lost = sum(run.diverged and not run.solved for run in group.finished)
    found = [
        "at chance" if chance and group.is_at_chance else "",
        f"{lost} diverged" if lost else "",
        without_result(group),
    ]
    return ", ".join(filter(None, found))


def troubled(groups: Sequence[Group]) -> list[str]:
    """A sentence on the variants of which runs diverged or have no result, unless that is all."""
    named = []
    for label in sorted({group.label for group in groups}):
        same = [group for group in groups if group.label == label]
        runs = tuple(run for group in same for run in group.runs)
        pooled = replace(same[0], runs=runs)
        if pooled.finished and (remark := remarks(pooled, chance=False)):
            named.append((label, f"({remark})"))
    return [f"Diverged or not finished: {'; '.join(together(named))}."] if named else []


def unfinished(groups: Sequence[Group], place: str) -> list[str]:
    """Sentences on those of which no run has finished, by variant."""
    by_label: dict[str, list[Group]] = {}
    for group in groups:
        by_label.setdefault(group.label, []).append(group)
    none = {
        label: ", ".join(dict.fromkeys(without_result(group) for group in same))
        for label, same in by_label.items()
        if not any(group.finished for group in same)
    }
    if not none:
        return []
    if len(none) == len(by_label):
        return [f"No run of {place} has finished ({', '.join(dict.fromkeys(none.values()))})."]
    return [f"No run of {label} has finished ({why})." for label, why in none.items()]


def share_of(share: float) -> str:
    """`half`, `80 %`"""
    return "half" if share == HALF else f"{100 * share:.4g} %"
