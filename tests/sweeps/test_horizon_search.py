"""The search against every threshold there can be, one after the other."""

from collections.abc import Callable

import pytest

from rnnlab.sweeps.horizon_search import HorizonSearch


def search_all(
    start: int,
    longest: int,
    tolerance: float,
    solved: Callable[[int], bool | None],
    again: Callable[[int], bool | None] | None = None,
) -> tuple[HorizonSearch, list[int], list[int]]:
    """The search at its end, the lengths that it asked about, and those that it confirmed."""
    search = HorizonSearch(start, longest, tolerance)
    lengths: list[int] = []
    confirmed: list[int] = []
    while asked := search.lengths:
        assert len(lengths) < 100
        answers = again if search.confirms and again else solved
        (confirmed if search.confirms else lengths).extend(asked)
        search.tell({length: answers(length) for length in asked})
    return search, lengths, confirmed


@pytest.mark.parametrize(("start", "longest"), [(1, 1), (1, 97), (10, 10), (10, 200), (7, 90)])
def test_every_threshold_is_found_exactly(start: int, longest: int) -> None:
    for threshold in range(longest + 2):
        search, lengths, confirmed = search_all(start, longest, 0.0, lambda n, t=threshold: n <= t)
        assert len(set(lengths)) == len(lengths)
        assert min(lengths) == start
        assert max(lengths) <= longest
        if threshold < start:
            beyond = [min(2 * start, longest)] if longest > start else []
            assert (search.low, search.high, lengths) == (0, start, [start, *beyond])
            assert confirmed == [start]
        elif threshold >= longest:
            assert (search.low, search.high, lengths[-1]) == (longest, None, longest)
            assert confirmed == [longest]
        else:
            assert (search.low, search.high) == (threshold, threshold + 1)
            assert confirmed == [threshold, threshold + 1]


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.5, 2.0])
def test_the_bracket_holds_the_threshold_and_is_as_narrow_as_asked(tolerance: float) -> None:
    for threshold in range(10, 1000):
        search, _, _ = search_all(10, 1000, tolerance, lambda n, t=threshold: n <= t)
        assert search.high is not None
        assert search.low <= threshold < search.high
        assert search.high - search.low <= max(1, tolerance * search.low)


def test_by_hand() -> None:
    search, lengths, confirmed = search_all(10, 1000, 0.1, lambda n: n <= 55)
    assert lengths == [10, 20, 40, 80, 160, 60, 50, 55]
    assert confirmed == [55, 60]
    assert (search.low, search.high) == (55, 60)
    _, lengths, _ = search_all(10, 70, 0.1, lambda n: True)
    assert lengths == [10, 20, 40, 70]  # longest itself comes last


@pytest.mark.parametrize("bad", [10, 20, 40])
def test_one_bad_answer_does_not_end_it(bad: int) -> None:
    search, lengths, _ = search_all(10, 1000, 0.1, lambda n: n != bad and n <= 150)
    assert lengths[:6] == [10, 20, 40, 80, 160, 320]
    assert search.high is not None
    assert search.low <= 150 < search.high


def test_an_end_that_turns_leaves_the_bracket_that_the_last_answers_make() -> None:
    """With more seeds 55 is no longer solved: 50, which was, and 55 are the bracket now."""
    search, _, confirmed = search_all(10, 1000, 0.1, lambda n: n <= 55, lambda n: False)
    assert confirmed == [55, 60]
    assert (search.low, search.high) == (50, 55)


def test_without_confirmation_no_length_is_asked_about_again() -> None:
    search = HorizonSearch(10, 20, 0.1, confirm=False)
    for length in (10, 20):
        assert search.lengths == (length,)
        search.tell({length: True})
    assert search.lengths == ()
    assert not search.confirms


def test_answers_in_no_order_end_between_a_solved_and_an_unsolved_length() -> None:
    """Every set of solved lengths among 1 to 12, from a start of 1."""
    for bits in range(2**12):
        search, lengths, _ = search_all(1, 12, 0.0, lambda n, b=bits: bool(b >> (n - 1) & 1))
        answers = {n: bool(bits >> (n - 1) & 1) for n in lengths}
        low = max((n for n, solved in answers.items() if solved), default=0)
        assert search.low == low
        assert search.high == min((n for n in answers if n > low), default=None)
        assert low == 0 or search.high in (None, low + 1)


def test_what_nobody_knows_ends_the_search() -> None:
    search, lengths, _ = search_all(10, 100, 0.1, lambda n: None if n == 40 else n < 50)
    assert lengths == [10, 20, 40]
    assert (search.low, search.high, search.undecided) == (20, None, 40)


def test_an_end_that_more_seeds_leave_open_is_undecided() -> None:
    search, _, _ = search_all(10, 100, 0.1, lambda n: n <= 55, lambda n: None if n > 55 else True)
    assert (search.low, search.undecided) == (55, 60)
