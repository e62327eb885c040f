"""Which variants are told apart. Oracles: outcomes by hand, and comparisons of equal variants."""

from dataclasses import replace

import numpy as np
import pytest

from rnnlab.foundation.power import Rate, seeds_needed
from rnnlab.foundation.statistics import difference_p, rates_p
from rnnlab.report.grid import make_grid
from rnnlab.report.group import Group
from rnnlab.report.judged import LOSS, SOLVED, STEPS, compared_by, judge, seeds_for
from tests.support.made_runs import run


def group(
    variant: str, losses: list[float], solved: int = 0, at: list[float] | None = None
) -> Group:
    """Of which the first have solved the task, at 100, 101, ... updates unless they are given."""
    times = at or [100.0 + seed for seed in range(len(losses))]
    runs = [
        run(variant, seed=s, loss=loss, solved_at=times[s] if s < solved else None)
        for s, loss in enumerate(losses)
    ]
    (made,) = make_grid(runs).groups
    return made


@pytest.mark.parametrize(
    ("a", "b", "by"),
    [
        *((5, 5, STEPS), (5, 4, SOLVED), (5, 0, SOLVED), (2, 3, SOLVED), (4, 0, SOLVED)),
        *((2, 2, SOLVED), (0, 0, LOSS), (1, 0, LOSS), (3, 0, LOSS), (1, 2, LOSS)),
    ],
)
def test_what_a_pair_is_compared_by(a: int, b: int, by: str) -> None:
    """Oracle: by hand; of 3 solved runs in 10 even 3 to 0 has p = 0.06, of 4 in 10 4 to 0 has 0.02."""
    groups = group("a", [0.1] * 5, a), group("b", [0.2] * 5, b)
    assert compared_by(*groups) == compared_by(*reversed(groups)) == by
    assert [pair.by for pair in judge(groups)] == [by]


def test_the_correction_is_for_all_that_is_claimed_of_a_task_at_a_length() -> None:
    """Oracle: Holm's, over three rates, two of which are equal, and losses and updates besides."""
    a = group("a", [0.01] * 5, 5, [100, 101, 102, 103, 104])
    b = group("b", [0.01] * 5, 5, [200, 201, 202, 203, 204])
    c, d = group("c", [0.1, 0.11, 0.12, 0.13, 0.14]), group("d", [0.15, 0.16, 0.17, 0.18, 0.19])
    found = {(pair.a.label, pair.b.label): pair for pair in judge([a, b, c, d])}
    assert found["a", "b"].by == STEPS
    assert found["c", "d"].by == LOSS
    rate, means = rates_p((5, 5), (0, 5)), difference_p(a.values(STEPS), b.values(STEPS))
    assert found["a", "c"].p == found["b", "d"].p == pytest.approx(6 * rate)
    assert found["a", "b"].p == found["c", "d"].p == pytest.approx(max(6 * rate, 2 * means))
    assert [g.label for g in found["a", "b"].ordered] == ["a", "b"]
    assert [g.label for g in found["c", "d"].ordered] == ["c", "d"]
    assert [g.label for g in found["a", "c"].ordered] == ["c", "a"]  # the rarer first


def test_a_loss_that_is_missing_leaves_the_rates() -> None:
    """By hand: 3 of 5 solved it, and of the others one diverged before there was a model to test."""
    whole, lacks = group("whole", [0.1] * 5), group("lacks", [0.1] * 5, 3)
    assert compared_by(whole, lacks) == LOSS
    lacks = replace(lacks, runs=(*lacks.runs[:4], run("lacks", seed=4, loss=None, diverged=1.0)))
    assert compared_by(whole, lacks) == SOLVED
    assert [pair.by for pair in judge([whole, lacks])] == [SOLVED]


def test_a_loss_that_is_no_number_is_none() -> None:
    bad = replace(group("bad", [0.1] * 5))
    bad = replace(bad, runs=(*bad.runs[:4], run("bad", seed=4, loss=float("inf"))))
    assert bad.losses == [0.1] * 4
    assert judge([bad, group("other", [0.2] * 5)]) == []


def test_one_seed_has_a_rate_and_no_mean() -> None:
    one, five = group("one", [0.1]), group("five", [0.1] * 5)
    assert judge([one, five]) == []
    assert [pair.by for pair in judge([one, group("five", [0.1] * 5, 5)])] == [SOLVED]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0, 0.5, 0.9, 1.0])
def test_equal_variants_are_told_apart_as_rarely_as_one_pair_would_be(rate: float) -> None:
    """Oracle: 100 comparisons of four equal variants. At 0.05, 11 have a chance of 0.01."""
    rng = np.random.default_rng(int(10 * rate))
    false = 0
    for _ in range(100):
        groups = []
        for name in "abcd":
            solved = int((rng.random(5) < rate).sum())
            times = rng.lognormal(5, 1, 5).tolist()
            groups.append(group(name, rng.lognormal(-3, 1, 5).tolist(), solved, times))
        false += any(pair.apart for pair in judge(groups))
    assert false <= 10


def test_too_few_that_solved_it_are_compared_by_their_number_once_there_are_more() -> None:
    """Oracle: the seeds that the rates alone would take."""
    few, none = group("few", [0.1, 0.11, 0.12, 0.13, 0.14], 3), group("none", [0.1] * 5)
    pairs = judge([few, none])
    assert [pair.by for pair in pairs] == [LOSS]
    assert seeds_for(pairs) == seeds_needed([(Rate(3, 5), Rate(0, 5))])
    assert seeds_for(judge([few, few])) == [None]  # equal rates


@pytest.mark.parametrize("solved", [(0, 0, 0), (4, 1, 5)])
def test_with_as_many_seeds_as_it_says_most_comparisons_claim_it(
    solved: tuple[int, int, int],
) -> None:
    """Oracle: the report's own tests, on 60 draws of the means, spreads and rates seen."""
    seen = [0.02, 0.03, 0.04, 0.05, 0.06]
    names = dict(zip("abc", zip(solved, (0.0, 0.035, 0.15), strict=True), strict=True))
    groups = [group(v, [x + more for x in seen], k) for v, (k, more) in names.items()]
    pairs = judge(groups)
    n = seeds_for(pairs)[0]
    assert n is not None
    assert n > 5
    rng, claimed = np.random.default_rng(0), 0
    for _ in range(60):
        drawn = []
        for name, (k, more) in names.items():
            losses = rng.normal(0.04 + more, np.std(seen, ddof=1), n).tolist()
            drawn.append(group(name, losses, int((rng.random(n) < k / 5).sum())))
        claimed += judge(drawn)[0].apart
    assert 60 * 0.6 < claimed < 60
