"""What may be concluded from a comparison, and what may not: an order only where a test tells it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rnnlab.report.grid import Grid
from rnnlab.report.group import AT_CHANCE, Group
from rnnlab.report.judged import LOSS, SOLVED, STEPS, Judged, judge, seeds_for, without_loss
from rnnlab.report.rows import solved
from rnnlab.report.too_few import TooFew
from rnnlab.report.wording import listed


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
WORDS = {
    SOLVED: ("how often they solved it", "the rates stay as they are"),
    STEPS: ("updates to solve it", "means and spreads stay as they are"),
    LOSS: ("mean test loss", "means and spreads stay as they are"),
}


def findings(grid: Grid) -> list[Finding]:
    """By task and length who solved it more often, or faster, or has the lower loss.

    What is the same at several lengths is said once, and so is what claims nothing of several tasks. What one
    variant alone was tried at compares nothing.
    """
    found: dict[tuple[str, str], list[tuple[int, Said]]] = defaultdict(list)
    for task, length in grid.places:
        compared = [group for group in grid.at((task, length)) if group.finished]
        for said in _at(compared):
            found[task, str(said)].append((length, said))
    together: dict[tuple[str, tuple[int, ...], str], list[tuple[str, list[Said]]]]
    together = defaultdict(list)
    for (task, text), same in found.items():
        said = [each for _, each in same]
        alone = "" if isinstance(said[0], Unclear) else task
        together[text, tuple(length for length, _ in same), alone].append((task, said))
    return [
        Finding(
            about=f"{listed([t for t, _ in tasks], most=len(tasks))} at {listed([*map(str, lengths)])}",
            text=text,
            claim=isinstance(tasks[0][1][0], str),
            too_few=tuple(said for _, each in tasks for said in each if isinstance(said, TooFew)),
        )
        for (text, lengths, _), tasks in together.items()
    ]


def _at(compared: list[Group]) -> Iterator[Said]:
    if len(compared) < 2:
        return
    if max(len(group.finished) for group in compared) == 1:
        yield Unclear("One seed each: no order is claimed.")
        return
    pairs = judge(compared)
    said: list[Said] = [*_orders(pairs), *_not_ordered(pairs)]
    if lossless := sorted(group.label for group in without_loss(compared)):
        why = "where runs diverged before there was a model to test"
        said.append(Unclear(f"By mean test loss nothing is said of {listed(lossless)}, {why}."))
    yield from said or [
        Unclear("Too few seeds of one variant or the other to compare any two of them.")
    ]


def _orders(pairs: Sequence[Judged]) -> Iterator[str]:
    """By how often they solved it, by the updates that it took, by the loss of those that did not."""
    apart = {by: [p for p in pairs if p.apart and p.by == by] for by in (SOLVED, STEPS, LOSS)}
    yield from _more_often(apart[SOLVED])
    for pair in apart[STEPS]:
        fast, slow = pair.ordered
        yield f"{fast.label} solved it in fewer updates than {slow.label} {_permuted(pair)}."
    for pair in apart[LOSS]:
        low, high = pair.ordered
        blind = low.chance is not None and min(low.losses) > AT_CHANCE * low.chance
        level = ", both at the level of chance" if blind else ""
        order = f"{low.label} has a lower mean test loss than {high.label}"
        mixed = low.solved[0] + high.solved[0] > 0
        over = ", over the runs that solved it and those that did not" if mixed else ""
        yield f"{order} {_permuted(pair)}{level}{over}."


def _more_often(pairs: Sequence[Judged]) -> Iterator[str]:
    """Those that are better than the same others are named together."""
    worse: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        less, more = pair.ordered
        worse[_named(more)].add(_named(less))
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for more, less in worse.items():
        together[tuple(sorted(less))].append(more)
    for less, more in sorted(together.items()):
        yield f"{listed(sorted(more))} solved it more often than {listed(less)}."


def _named(group: Group) -> str:
    return f"{group.label} ({solved(group)})"


def _permuted(pair: Judged) -> str:
    return f"(permutation test, p = {pair.p:.2g})"


def _not_ordered(pairs: Sequence[Judged]) -> Iterator[TooFew]:
    """How many more seeds each pair that is not told apart would need, tested with all the others."""
    if all(pair.apart for pair in pairs):
        return
    needed = list(zip(pairs, seeds_for(pairs), strict=True))
    for by, (name, condition) in WORDS.items():
        unclear = [
            (pair, n) for pair, n in needed if pair.with_more_seeds_by == by and not pair.apart
        ]
        if unclear:
            yield TooFew(
                *(name, condition),
                tuple(f"{pair.a.label} and {pair.b.label}" for pair, _ in unclear),
                tuple(_more(pair, n) for pair, n in unclear),
            )


def _more(pair: Judged, needed: int | None) -> int | None:
    return None if needed is None else needed - min(len(g.finished) for g in (pair.a, pair.b))
