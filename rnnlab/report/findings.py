"""What may be concluded from a comparison, and what may not: an order only where intervals separate."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from rnnlab.foundation.statistics import (
    are_apart,
    bootstrap_mean,
    difference_p,
    holm,
    seeds_for_means,
    seeds_for_rates,
)
from rnnlab.report.grid import Grid
from rnnlab.report.group import AT_CHANCE, Group
from rnnlab.report.rows import solved
from rnnlab.report.too_few import TooFew
from rnnlab.report.wording import listed

Pair = tuple[Group, Group]
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Finding:
    """What is said of one task at one length, or several."""

    about: str
    text: str
    claim: bool
    """Whether it says what may be concluded; else what may not."""
    too_few: tuple[TooFew, ...] = ()
    """Of each of the lengths, where that is what it says."""

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


@dataclass(frozen=True)
class Unclear:
    """A sentence that claims nothing."""

    text: str

    def __str__(self) -> str:
        return self.text


Said = str | Unclear | TooFew  # a claim in words, or none


def findings(grid: Grid) -> list[Finding]:
    """By task and length who solved it more often, or faster, or has the lower loss.

    What is the same at several lengths is said once. What one variant alone was tried at compares
    nothing.
    """
    found: dict[tuple[str, str], list[tuple[int, Said]]] = defaultdict(list)
    for task, length in grid.places:
        compared = [group for group in grid.at((task, length)) if group.finished]
        for said in _at(compared):
            found[task, str(said)].append((length, said))
    return [
        Finding(
            about=f"{task} at {listed([str(length) for length, _ in same])}",
            text=text,
            claim=isinstance(same[0][1], str),
            too_few=tuple(said for _, said in same if isinstance(said, TooFew)),
        )
        for (task, text), same in found.items()
    ]


def _at(compared: list[Group]) -> Iterator[Said]:
    if len(compared) < 2:
        return
    if max(len(group.finished) for group in compared) == 1:
        yield Unclear("One seed each: no order is claimed.")
        return
    pairs = list(combinations(compared, 2))
    rates = [pair for pair in pairs if are_apart(pair[0].solved_interval, pair[1].solved_interval)]
    rest = [pair for pair in pairs if pair not in rates]
    # Runs that stop when they have solved the task: their loss tells where they stopped.
    timed = [pair for pair in rest if all(run.solved for g in pair for run in g.finished)]
    said = [
        *_ordered_by_success(rates),
        *_not_ordered_by_success(rest),
        *_by_steps(timed),
        *_by_loss([pair for pair in rest if pair not in timed]),
    ]
    yield from said or [
        Unclear("Too few seeds of one variant or the other to compare any two of them.")
    ]


def _named(group: Group) -> str:
    return f"{group.label} ({solved(group)})"


def _ordered_by_success(pairs: Sequence[Pair]) -> Iterator[str]:
    """Those that are better than the same others are named together."""
    worse: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        less, more = sorted(pair, key=lambda group: group.solved_interval)
        worse[_named(more)].add(_named(less))
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for more, less in worse.items():
        together[tuple(sorted(less))].append(more)
    for less, more in sorted(together.items()):
        yield f"{listed(sorted(more))} solved it more often than {listed(less)}."


def _not_ordered_by_success(pairs: Sequence[Pair]) -> Iterator[TooFew]:
    """Equal rates need no words: there is nothing to tell apart."""
    unequal = [(a, b) for a, b in pairs if a.solved[0] * b.solved[1] != b.solved[0] * a.solved[1]]
    needed = [seeds_for_rates(a.solved, b.solved) for a, b in unequal]
    yield from _too_few("how often they solved it", unequal, needed, "the rates stay as they are")


def _by_steps(pairs: Sequence[Pair]) -> Iterator[Said]:
    """Among those whose runs have all solved the task."""
    separate, unclear = _parted(pairs, "steps_to_solve")
    for fast, slow, p in separate:
        yield f"{fast.label} solved it in fewer updates than {slow.label} {_permuted(p)}."
    yield from _no_order("updates to solve it", unclear, "steps_to_solve")


def _by_loss(pairs: Sequence[Pair]) -> Iterator[Said]:
    """Among those that their success does not tell apart, and all of whose runs have a loss."""
    separate, unclear = _parted([pair for pair in pairs if not _lossless([pair])], "test/loss")
    for low, high, p in separate:
        blind = low.chance is not None and min(low.losses) > AT_CHANCE * low.chance
        level = ", both at the level of chance" if blind else ""
        order = f"{low.label} has a lower mean test loss than {high.label}"
        yield f"{order} {_permuted(p)}{level}."
    yield from _no_order("mean test loss", unclear, "test/loss")
    if lossless := _lossless(pairs):
        why = "where runs diverged before there was a model to test"
        yield Unclear(f"By mean test loss nothing is said of {listed(lossless)}, {why}.")


def _lossless(pairs: Sequence[Pair]) -> list[str]:
    """Those of which a finished run has no loss."""
    return sorted({g.label for pair in pairs for g in pair if len(g.losses) < len(g.finished)})


def _permuted(p: float) -> str:
    return f"(permutation test, p = {p:.2g})"


def _parted(
    pairs: Sequence[Pair], metric: str
) -> tuple[list[tuple[Group, Group, float]], list[Pair]]:
    """The pairs whose means are told apart, the lower first, with p; and the others.

    Bootstrap intervals of a few values are too narrow, so that a permutation test must agree: with
    three seeds each it never does. p is Holm's (1979), for all of these pairs together.
    """
    separate, unclear, tested = [], [], []
    for pair in pairs:
        a, b = (group.values(metric) for group in pair)
        if min(len(a), len(b)) < 2:
            continue
        tested.append(
            (difference_p(a, b) if are_apart(bootstrap_mean(a), bootstrap_mean(b)) else 1.0, pair)
        )
    corrected = holm([p for p, _ in tested])
    for p, (_, pair) in zip(corrected, tested, strict=True):
        a, b = (group.values(metric) for group in pair)
        if p < SIGNIFICANT:
            separate.append((*(pair if sum(a) / len(a) < sum(b) / len(b) else pair[::-1]), p))
        else:
            unclear.append(pair)
    return separate, unclear


def _no_order(by: str, pairs: Sequence[Pair], metric: str) -> Iterator[TooFew]:
    needed = [seeds_for_means(a.values(metric), b.values(metric)) for a, b in pairs]
    yield from _too_few(by, pairs, needed, "means and spreads stay as they are")


def _too_few(
    by: str, pairs: Sequence[Pair], needed: Sequence[int | None], condition: str
) -> Iterator[TooFew]:
    """None where there are no pairs; `needed` are seeds of each variant."""
    if pairs:
        names = tuple(f"{a.label} and {b.label}" for a, b in pairs)
        more = tuple(
            None if seeds is None else seeds - min(len(group.finished) for group in pair)
            for seeds, pair in zip(needed, pairs, strict=True)
        )
        yield TooFew(by, condition, names, more)
