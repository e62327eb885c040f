"""Which variants are told apart: one test for each pair, and all of them corrected for their number.

What a pair is compared by follows from the runs of both together, whichever is whose: updates where
all have solved the task, test loss where none has, or too few for any rates to differ, or the task does not
say when it is solved, and else how often they have. So each pair is tested once, and of all that is claimed of a task at a length
anything is wrong as rarely as one claim would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from rnnlab.foundation.power import Mean, Rate, Sample, seeds_needed
from rnnlab.foundation.statistics import SIGNIFICANT, boschloo, difference_p, holm, rates_p
from rnnlab.report.group import Group

SOLVED, STEPS, LOSS = "test/solved", "steps_to_solve", "test/loss"


@dataclass(frozen=True)
class Judged:
    """A pair, what it was compared by, and the p that this came to, corrected."""

    a: Group
    b: Group
    by: str
    p: float

    @property
    def apart(self) -> bool:
        return self.p < SIGNIFICANT

    @property
    def with_more_seeds_by(self) -> str:
        """What they are compared by once there are enough: of any that solved the task, their number."""
        some = self.a.solved[0] + self.b.solved[0] > 0
        return SOLVED if self.by == LOSS and some else self.by

    @property
    def ordered(self) -> tuple[Group, Group]:
        """The one with the lower mean first."""
        means = [sum(found) / len(found) for found in self.values]
        return (self.a, self.b) if means[0] < means[1] else (self.b, self.a)

    @property
    def values(self) -> tuple[list[float], list[float]]:
        return _values(self.a, self.by), _values(self.b, self.by)


def compared_by(a: Group, b: Group) -> str:
    """SOLVED, STEPS or LOSS."""
    if not (a.has_criterion and b.has_criterion):
        return LOSS
    solved = [run.solved for group in (a, b) for run in group.finished]
    if all(solved):
        return STEPS
    if any(solved) and (_lacks_loss(a) or _lacks_loss(b)):
        return SOLVED
    return LOSS if 2 * sum(solved) < len(solved) and not _could_differ(a, b) else SOLVED


def _could_differ(a: Group, b: Group) -> bool:
    """Whether as many solved runs, however they were shared out, could make the rates differ."""
    m, n = a.solved[1], b.solved[1]
    total = a.solved[0] + b.solved[0]
    p = [boschloo(m, n)[x, total - x] for x in range(max(0, total - n), min(m, total) + 1)]
    return min(p) < SIGNIFICANT


def without_loss(groups: Sequence[Group]) -> list[Group]:
    """Those that would be compared by loss with another, and of which a finished run has none."""
    by_loss = [
        group
        for pair in combinations(groups, 2)
        if compared_by(*pair) == LOSS and any(map(_lacks_loss, pair))
        for group in pair
    ]
    return [group for group in groups if group in by_loss and _lacks_loss(group)]


def judge(groups: Sequence[Group]) -> list[Judged]:
    """Every pair that has enough seeds, and of means a value of every run."""
    found = [(a, b, compared_by(a, b)) for a, b in combinations(groups, 2)]
    found = [(a, b, by) for a, b, by in found if _can_be_tested(a, b, by)]
    corrected = holm([_p(a, b, by) for a, b, by in found])
    return [Judged(*each, float(p)) for each, p in zip(found, corrected, strict=True)]


def seeds_for(pairs: Sequence[Judged]) -> list[int | None]:
    """Of each, about how many seeds of every variant would tell it apart, all tested together."""
    samples: dict[tuple[str, str], Sample] = {}

    def sample(group: Group, by: str) -> Sample:
        """One object for a variant, whatever the pair: its repeats are the same in all."""
        made = Rate(*group.solved) if by == SOLVED else Mean(_values(group, by))
        return samples.setdefault((group.label, by), made)

    kinds = [(pair, pair.with_more_seeds_by) for pair in pairs]
    return seeds_needed([(sample(pair.a, by), sample(pair.b, by)) for pair, by in kinds])


def _values(group: Group, by: str) -> list[float]:
    return [float(run.solved) for run in group.finished] if by == SOLVED else group.values(by)


def _lacks_loss(group: Group) -> bool:
    return len(group.losses) < len(group.finished)


def _can_be_tested(a: Group, b: Group, by: str) -> bool:
    if by == LOSS and (_lacks_loss(a) or _lacks_loss(b)):
        return False
    return by == SOLVED or min(len(_values(group, by)) for group in (a, b)) > 1


def _p(a: Group, b: Group, by: str) -> float:
    if by == SOLVED:
        return rates_p(a.solved, b.solved)
    return difference_p(_values(a, by), _values(b, by))
