"""Pairs of variants that cannot be ranked, and how many more seeds that would take."""

from collections.abc import Sequence
from dataclasses import dataclass

from rnnlab.foundation.power import MOST, POWER

FEW = 3  # pairs that are worth naming one by one


@dataclass(frozen=True)
class TooFew:
    """Pairs between which no order is claimed.

    Attributes:
        by: What they would be ranked by.
        condition: Under which so many more seeds would do.
        pairs: Their names, `elman and gru`.
        more: Seeds that each variant of a pair would need besides, of each pair; None: more than
            anybody runs.
    """

    by: str
    condition: str
    pairs: tuple[str, ...]
    more: tuple[int | None, ...]

    def __str__(self) -> str:
        """`Too few seeds to rank a and b by ...: about 6 more each would do in 80 % of repeats, if ...`"""
        names = tuple(dict.fromkeys(self.pairs))
        ranked = "; ".join(names) if len(names) <= FEW else f"{len(self.pairs)} pairs of variants"
        known = sorted(n for n in self.more if n is not None)
        counts = [str(n) for n in dict.fromkeys((*known[:1], *known[-1:]))]
        parts = (
            [f"about {' to '.join(counts)} more each would do in {100 * POWER:.0f} % of repeats"]
            if known
            else []
        )
        if beyond := len(self.more) - len(known):
            whose = f"for {beyond} of the {len(self.more)} " if known else ""
            parts.append(f"{whose}it would take more than {MOST} each")
        text = ", and ".join(parts)
        return f"Too few seeds to rank {ranked} by {self.by}: {text}, if {self.condition}."


def merged(found: Sequence[TooFew]) -> list[TooFew]:
    """Those of all places as one, for each of what they would be ranked by."""
    kinds: dict[tuple[str, str], list[TooFew]] = {}
    for one in found:
        kinds.setdefault((one.by, one.condition), []).append(one)
    return [
        TooFew(
            *(by, condition),
            tuple(pair for one in same for pair in one.pairs),
            tuple(more for one in same for more in one.more),
        )
        for (by, condition), same in kinds.items()
    ]
