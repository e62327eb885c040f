"""What a sweep shows while it runs: a line for each job that ends, and on a terminal one that lives.

[3/12] gru seed=1: loss 0.0036, chance 0.167, solved at 1100 (about 2 min left)
3 of 12 done, 2 running, about 2 min left
"""

import sys
from typing import TextIO

from rnnlab.foundation.terminal import LivingLine
from rnnlab.tracking.result import Result


class SweepProgress:
    """Counts the jobs of a sweep, over all the times that its launcher is called.

    Args:
        total: How many there are, those among them that had finished before; None where a search
            decides as it goes, round after round.
        stream: Where it is shown.
        unit: What a job is called.
    """

    def __init__(
        self, total: int | None = None, stream: TextIO | None = None, unit: str = "job"
    ) -> None:
        self.total, self.unit = total, unit
        self.line = LivingLine(stream or sys.stdout)
        self.at_once: int | None = None
        self.round, self.given = 0, 0
        self.of_round, self.launched = 0, 0
        """Its jobs, and those of them that a launcher has got."""
        self.done = self.failed = 0
        self.seconds: list[float] = []
        """That each finished job has taken."""

    def begin_round(self, jobs: int) -> None:
        """So many jobs, which a launcher may get in batches; a launch that no round is open for is one."""
        self.round, self.given = self.round + 1, self.given + jobs
        self.of_round, self.launched = jobs, 0

    def begin(self, jobs: int, finished: int, at_once: int | None) -> None:
        """Jobs that a launcher gets, besides those that have finished before.

        Args:
            jobs: Without those.
            finished: How many those are.
            at_once: How many run at a time, where that is known.
        """
        self.at_once, self.done = at_once, self.done + finished
        if self.launched == self.of_round:
            self.begin_round(self.total or jobs + finished)
        self.launched += jobs + finished
        if self.launched > jobs + finished:  # the next batch of a round that a line has counted
            return
        if self.total is None:
            words = f"round {self.round}: {_count(self.of_round, self.unit)}"
        else:
            words = _count(self.total, self.unit)
        if finished:
            words += f", {finished} of them finished before" if jobs else ", all finished before"
        if at_once is not None and jobs:
            words += f", {min(at_once, jobs)} at a time"
        self.line.print_above(words)

    def ended(self, label: str, result: Result | None, failure: str = "") -> None:
        """One job more: its result, or why there is none."""
        self.done += 1
        self.failed += result is None
        if result is not None:
            self.seconds.append(result.seconds)
        verdict = f"FAILED, {failure}" if result is None else result.verdict()
        left = f" ({self._left()})" if self._left() else ""
        self.line.print_above(f"{self._place()} {label}: {verdict}{left}")

    def show(self, running: int) -> None:
        """What the living line says, with so many jobs at work."""
        if self.total is None:
            words = [f"round {self.round}: {_count(self.done, self.unit)} done"]
        else:
            words = [f"{self.done} of {self.total} done"]
        words += [f"{running} running"] if running else []
        words += [f"{self.failed} failed"] if self.failed else []
        words += [left] if (left := self._left()) else []
        self.line.show(", ".join(words))

    def leave(self) -> None:
        """The launcher has returned, or was stopped."""
        self.line.erase()

    def _place(self) -> str:
        if self.total is None:
            return f"[round {self.round}, {self.unit} {self.done}]"
        return f"[{self.done}/{self.total}]"

    def _left(self) -> str:
        """From the mean of the finished jobs and how many run at a time; of a search, for a round."""
        total = self.given if self.total is None else self.total
        if not self.seconds or self.done >= total:
            return ""
        mean = sum(self.seconds) / len(self.seconds)
        at_once = min(self.at_once or 1, total - self.done)
        left = f"about {duration(mean * (total - self.done) / at_once)} left"
        return f"{left} in this round" if self.total is None else left


def duration(seconds: float) -> str:
    """`40 s`, `2 min`, `3 h`, `2 days`."""
    for size, name, most in ((1, "s", 100), (60, "min", 100), (3600, "h", 48)):
        if seconds < most * size:
            return f"{max(seconds / size, 1):.0f} {name}"
    return f"{seconds / 86400:.0f} days"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
