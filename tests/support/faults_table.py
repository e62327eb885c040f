"""What became of the faults that tests have made: a table at the end of any session that made some."""

from collections import Counter
from typing import Any

TABLE = ("fault", "made", "survived", "points lost", "points doubled")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = [
        (*value, report.outcome)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "fault"
    ]
    if not rows:
        return
    total: dict[str, Counter[str]] = {}
    for fault, made, lost, doubled, outcome in rows:
        of = total.setdefault(fault, Counter())
        of.update(made=made, survived=made if outcome == "passed" else 0)
        if lost is not None:
            of.update(counted=1, lost=lost, doubled=doubled)
    terminalreporter.section("faults")
    lines: list[tuple[str, ...]] = [TABLE, tuple("-" * len(name) for name in TABLE)]
    for fault, of in sorted(total.items()):
        points = (of["lost"], of["doubled"]) if of["counted"] else ("-", "-")
        lines += [(fault, *(str(each) for each in (of["made"], of["survived"], *points)))]
    for line in lines:
        terminalreporter.write_line("| " + " | ".join(line) + " |")
