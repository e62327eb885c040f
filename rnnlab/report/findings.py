"""What a comparison may say in words: an order only where intervals separate."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from rnnlab.foundation.statistics import (
    MANY,
    are_apart,
    bootstrap_mean,
    difference_p,
    holm,
    seeds_for_means,
    seeds_for_rates,
)
from rnnlab.report.grid import HALF, Grid, Group, Horizon
from rnnlab.report.rows import solved

Pair = tuple[Group, Group]
FEW = 3  # pairs that are worth naming one by one
AT_CHANCE = 0.95
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Finding:
    """What is said of one task at one length, or of one task."""

    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


def findings(grid: Grid) -> list[Finding]:
    """By task and length who solved it more often, or faster, or has the lower loss; how far.

    Where lengths were searched, how far is what was asked, and lengths that only one variant was
    tried at compare nothing.
    """
    tasks = [task for task, _ in grid.places]
    far = [
        Finding(f"{task}, horizon", _horizons(grid, task))
        for task in dict.fromkeys(tasks)
        if (grid.search_share or tasks.count(task) > 1)
        and any(grid.horizon(label, task) for label in grid.labels)
    ]
    at = [
        Finding(f"{place[0]} {place[1]}", " ".join(_at(grid.at(place))))
        for place in grid.places
        if not grid.search_share or len(grid.at(place)) > 1
    ]
    return far + at if grid.search_share else at + far


def _at(groups: list[Group]) -> Iterator[str]:
    compared = [group for group in groups if group.finished]
    if not compared:
        yield "no run has finished."
    elif len(compared) == 1:
        yield f"{_named(compared[0])} stands alone."
    elif max(len(group.finished) for group in compared) == 1:
        yield "one seed each, from which no order can be claimed."
    else:
        pairs = list(combinations(compared, 2))
        rates = [
            pair for pair in pairs if are_apart(pair[0].solved_interval, pair[1].solved_interval)
        ]
        rest = [pair for pair in pairs if pair not in rates]
        # Runs that stop when they have solved the task: their loss tells where they stopped.
        timed = [pair for pair in rest if all(run.solved for g in pair for run in g.finished)]
        sentences = [
            *_ordered_by_success(rates),
            *_not_ordered_by_success(rest),
            *_by_steps(timed),
            *_by_loss([pair for pair in rest if pair not in timed]),
        ]
        yield from sentences or ["too few seeds of one variant or the other to compare any two."]


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
        yield f"{_listed(sorted(more))} solved it more often than {_listed(less)}."


def _not_ordered_by_success(pairs: Sequence[Pair]) -> Iterator[str]:
    """Equal rates need no words: there is nothing to tell apart."""
    unequal = [(a, b) for a, b in pairs if a.solved[0] * b.solved[1] != b.solved[0] * a.solved[1]]
    if unequal:
        needed = [seeds_for_rates(a.solved, b.solved) for a, b in unequal]
        yield (
            f"By how often they solved it no order is claimed between {_pairs(unequal, needed)}, if "
            "the rates stay as they are."
        )


def _by_steps(pairs: Sequence[Pair]) -> Iterator[str]:
    """Among those whose runs have all solved the task."""
    separate, unclear = _parted(pairs, "steps_to_solve")
    for fast, slow, p in separate:
        yield f"{fast.label} solved it in fewer updates than {slow.label} {_permuted(p)}."
    yield from _no_order("updates to solve it", unclear, "steps_to_solve")


def _by_loss(pairs: Sequence[Pair]) -> Iterator[str]:
    """Among those that their success does not tell apart, and all of whose runs have a loss."""
    lossless = {g.label for pair in pairs for g in pair if len(g.losses) < len(g.finished)}
    if lossless:
        yield (
            f"By mean test loss nothing is said of {_listed(sorted(lossless))}, where runs diverged "
            "before there was a model to test."
        )
    pairs = [pair for pair in pairs if not lossless & {group.label for group in pair}]
    separate, unclear = _parted(pairs, "test/loss")
    for low, high, p in separate:
        blind = low.chance is not None and min(low.losses) > AT_CHANCE * low.chance
        yield (
            f"{low.label} has a lower mean test loss than {high.label} {_permuted(p)}"
            f"{', both at the level of chance' if blind else ''}."
        )
    yield from _no_order("mean test loss", unclear, "test/loss")


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


def _no_order(by: str, pairs: Sequence[Pair], metric: str) -> Iterator[str]:
    if pairs:
        needed = [seeds_for_means(a.values(metric), b.values(metric)) for a, b in pairs]
        yield (
            f"By {by} no order is claimed between {_pairs(pairs, needed)}, if means and spreads stay "
            "as they are."
        )


def _pairs(pairs: Sequence[Pair], needed: Sequence[int | None]) -> str:
    """`a and b; c and d: 20 to 170 seeds each would tell them apart`"""
    named = [f"{a.label} and {b.label}" for a, b in pairs]
    names = "; ".join(named) if len(named) <= FEW else f"the two of any of {len(named)} pairs"
    known = sorted(n for n in needed if n is not None)
    most = f"more than {MANY}" if None in needed else str(known[-1])
    many = most if len({*needed}) == 1 else f"{known[0]} to {most}"
    return f"{names}: about {many} seeds each would tell them apart".replace("about more", "more")


def _horizons(grid: Grid, task: str) -> str:
    """`at least half of the seeds solved it up to a length of: gru 50 (5 of 5), not 100 (1 of 5).`"""
    found = ((label, grid.horizon(label, task)) for label in grid.labels)
    text = "; ".join(f"{label} {_horizon(horizon)}" for label, horizon in found if horizon)
    return f"{by_share(grid.share)} of the seeds solved it up to a length of: {text}."


def by_share(share: float) -> str:
    """`at least half`, `at least 80 %`"""
    return "at least half" if share == HALF else f"at least {100 * share:.4g} %"


def _horizon(found: Horizon) -> str:
    text = f"{found.length} ({_of(found.reached)})" if found.reached else "none"
    if found.beyond is None:
        return f"{text}, the longest tried"
    judged = "undecided at" if found.undecided else "not"
    text += f", {judged} {found.beyond.length} ({_of(found.beyond)})"
    return f"{text}, though {', '.join(map(str, found.later))} again" if found.later else text


def _of(group: Group) -> str:
    successes, trials = group.solved
    without = len(group.runs) - trials
    text = f"{successes} of {len(group.runs)}"
    return f"{text}, {without} without a result" if without else text


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
