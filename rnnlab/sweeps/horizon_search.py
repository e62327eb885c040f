"""Where solving ends, by doubling and then bisection (Bentley & Yao, 1976)."""

from dataclasses import dataclass


@dataclass
class HorizonSearch:
    """The largest length that is solved, found by asking about one length after the other.

    Doubling asks for start, 2 start, 4 start, ... and last for `longest`, until a length is not
    solved. Bisection then halves the bracket until high - low <= max(1, tolerance low).

    With start=10, tolerance=0.1, and all lengths up to 55 solved, it asks for 10, 20, 40, 80, 60,
    50, 55, and ends with the bracket 55 to 60.

    Where a shorter length may fail and a longer one be solved, it ends just so, with a solved
    length next to one that is not: the lengths that it did not ask about are not judged.
    """

    start: int
    longest: int
    tolerance: float
    low: int = 0
    """The largest length known to be solved; 0 if none is."""
    high: int | None = None
    """The smallest length known not to be solved; None if none is."""
    undecided: int | None = None
    """The length at which the search had to end, as nobody knows whether it is solved."""

    @property
    def length(self) -> int | None:
        """The length to ask about next; None at the end."""
        if self.undecided is not None:
            return None
        if self.high is None:
            after = min(2 * self.low, self.longest) if self.low else self.start
            return after if after > self.low else None
        if self.low == 0 or self.high - self.low <= max(1, self.tolerance * self.low):
            return None
        return (self.low + self.high) // 2

    def tell(self, solved: bool | None) -> None:
        """Whether `length` is solved; None where that is not known."""
        length = self.length
        assert length is not None
        if solved is None:
            self.undecided = length
        elif solved:
            self.low = length
        else:
            self.high = length
