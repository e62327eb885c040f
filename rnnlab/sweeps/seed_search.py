"""Which seeds are asked about at which lengths, and what their answers come to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnnlab.sweeps.horizon_search import HorizonSearch

if TYPE_CHECKING:
    from rnnlab.foundation.crossing import Crossing


@dataclass(frozen=True)
class SeedCount:
    """What became of one length: how many seeds solved it, ran, and failed to run."""

    solved: int
    seeds: int
    failed: int

    @classmethod
    def of(cls, answers: Sequence[bool | None]) -> "SeedCount":
        """Of one seed each; None for a job that failed."""
        return cls(answers.count(True), len(answers), answers.count(None))

    def is_solved(self, share: float) -> bool | None:
        """By at least a share of the seeds; None where those that failed could turn that."""
        # scipy, for which --help need not wait
        from rnnlab.foundation.statistics import solved_by_share

        return solved_by_share(self.solved, self.seeds, self.failed, share)

    def is_tied(self, share: float) -> bool:
        """Whether it is just that share."""
        return self.failed == 0 and math.isclose(self.solved, share * self.seeds)


@dataclass
class SeedSearch:
    """A search of which seeds give the answers.

    A length that just the share solves gets one seed more, which decides: as half of an even number
    counts for neither side, the search leans to none.
    """

    search: HorizonSearch
    seeds: int
    """At each length."""
    confirm: int
    """More, at both ends of the bracket."""
    share: float
    """Of the seeds, that solve the length that is estimated."""
    counts: dict[int, SeedCount] = field(default_factory=dict)
    """Of every length that was asked about, in order."""

    @property
    def asked(self) -> dict[int, range]:
        """The lengths to ask about next, with all seeds of each; none at the end."""
        return {length: range(self._seeds(length)) for length in self.search.lengths}

    def _seeds(self, length: int) -> int:
        if length not in self.counts:
            return self.seeds
        return self.seeds + (self.confirm if self.search.confirms else 1)

    def tell(self, answers: Mapping[int, Sequence[bool | None]]) -> None:
        """Whether each seed that was asked about solves its length; None if its job failed."""
        first = all(length not in self.counts for length in answers)
        counts = {length: SeedCount.of(solved) for length, solved in answers.items()}
        self.counts |= counts
        if not (first and any(count.is_tied(self.share) for count in counts.values())):
            self.search.tell({n: count.is_solved(self.share) for n, count in counts.items()})

    @property
    def horizon(self) -> "Crossing | None":
        """The estimate, from every seed at every length; None before the end, and where it has none."""
        # scipy, for which --help need not wait
        from rnnlab.foundation.crossing import crossing

        if self.search.lengths or self.search.undecided is not None:
            return None
        trials = {n: (count.solved, count.seeds - count.failed) for n, count in self.counts.items()}
        return crossing(trials, self.share)
