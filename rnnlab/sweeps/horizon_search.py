"""Which lengths are asked about: doubling, then bisection (Bentley & Yao, 1976), then both ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class HorizonSearch:
    """A bracket, with a length that is solved and a longer one that is not, found by asking.

    Doubling asks for start, 2 start, 4 start, ... and last for `longest`, until two of them in a row
    are not solved, so that one bad answer does not end it. Bisection then halves the bracket until
    high - low <= max(1, tolerance low). Both ends are asked about once more at last, with more seeds.

    With start=10, tolerance=0.1, and all lengths up to 55 solved, it asks for 10, 20, 40, 80, 160, 60,
    50, 55, and then for 55 and 60 again.

    Where a shorter length may fail and a longer one be solved, it ends just so, with a solved
    length below one that is not: the lengths that it did not ask about are not judged.
    """

    start: int
    longest: int
    tolerance: float
    confirm: bool = True
    """Whether the ends are asked about again."""
    verdicts: dict[int, bool | None] = field(default_factory=dict)
    """Whether each length is solved, by the last answer; None where nobody knows."""
    confirmed: bool = False

    @property
    def low(self) -> int:
        """The largest length known to be solved; 0 if none is."""
        return max((n for n, solved in self.verdicts.items() if solved), default=0)

    @property
    def high(self) -> int | None:
        """The smallest length beyond it, known not to be solved; None if none is."""
        failed = (n for n, solved in self.verdicts.items() if solved is False and n > self.low)
        return min(failed, default=None)

    @property
    def undecided(self) -> int | None:
        """The length at which the search had to end, as nobody knows whether it is solved."""
        return next((n for n, solved in self.verdicts.items() if solved is None), None)

    @property
    def lengths(self) -> tuple[int, ...]:
        """What to ask about next: one length, or both ends of the bracket again; none at the end."""
        if self.undecided is not None or self.confirmed:
            return ()
        if one := self._rung() or self._middle():
            return (one,)
        ends = (self.low, self.high) if self.confirm else ()
        return tuple(end for end in ends if end)

    @property
    def confirms(self) -> bool:
        """Whether `lengths` are asked about again."""
        return any(length in self.verdicts for length in self.lengths)

    def tell(self, solved: Mapping[int, bool | None]) -> None:
        """Whether each of `lengths` is solved; None where that is not known."""
        assert set(solved) == set(self.lengths)
        self.confirmed = self.confirms
        self.verdicts |= solved

    def _rung(self) -> int | None:
        """The next of the doubled lengths; None where two in a row are not solved, or at the last."""
        before: list[bool | None] = []
        for rung in self._ladder():
            if rung not in self.verdicts:
                return rung
            before.append(self.verdicts[rung])
            if before[-2:] == [False, False]:
                break
        return None

    def _ladder(self) -> Iterator[int]:
        rung = self.start
        while rung < self.longest:
            yield rung
            rung *= 2
        yield self.longest

    def _middle(self) -> int | None:
        """Of the bracket, while that is too wide."""
        low, high = self.low, self.high
        if low == 0 or high is None or high - low <= max(1, self.tolerance * low):
            return None
        return (low + high) // 2
