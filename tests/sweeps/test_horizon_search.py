"""The search against every threshold there can be, one after the other."""

import pytest

from rnnlab.sweeps.horizon_search import HorizonSearch


def search_all(
    start: int, longest: int, tolerance: float, solved
) -> tuple[HorizonSearch, list[int]]:
    search, lengths = HorizonSearch(start, longest, tolerance), []
    while (length := search.length) is not None:
        lengths.append(length)
        assert len(lengths) < 100
        search.tell(solved(length))
    return search, lengths


@pytest.mark.parametrize(("start", "longest"), [(1, 1), (1, 97), (10, 10), (10, 200), (7, 90)])
def test_every_threshold_is_found_exactly(start: int, longest: int) -> None:
    for threshold in range(longest + 2):
        search, lengths = search_all(start, longest, 0.0, lambda n, t=threshold: n <= t)
        assert len(set(lengths)) == len(lengths)
        assert min(lengths) == start
        assert max(lengths) <= longest
        if threshold < start:
            assert (search.low, search.high, lengths) == (0, start, [start])
        elif threshold >= longest:
            assert (search.low, search.high, lengths[-1]) == (longest, None, longest)
        else:
            assert (search.low, search.high) == (threshold, threshold + 1)


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.5, 2.0])
def test_the_bracket_holds_the_threshold_and_is_as_narrow_as_asked(tolerance: float) -> None:
    for threshold in range(10, 1000):
        search, _ = search_all(10, 1000, tolerance, lambda n, t=threshold: n <= t)
        assert search.high is not None
        assert search.low <= threshold < search.high
        assert search.high - search.low <= max(1, tolerance * search.low)


def test_by_hand() -> None:
    search, lengths = search_all(10, 1000, 0.1, lambda n: n <= 55)
    assert lengths == [10, 20, 40, 80, 60, 50, 55]
    assert (search.low, search.high) == (55, 60)
    _, lengths = search_all(10, 70, 0.1, lambda n: True)
    assert lengths == [10, 20, 40, 70]  # longest itself comes last


def test_answers_in_no_order_end_between_a_solved_and_an_unsolved_length() -> None:
    """Every set of solved lengths among 1 to 12, from a start of 1."""
    for bits in range(2**12):
        search, lengths = search_all(1, 12, 0.0, lambda n, b=bits: bool(b >> (n - 1) & 1))
        answers = {n: bool(bits >> (n - 1) & 1) for n in lengths}
        assert search.low == 0 or answers[search.low]
        assert search.high is None or not answers[search.high]
        assert search.low == max((n for n, solved in answers.items() if solved), default=0)
        assert search.high == min((n for n, solved in answers.items() if not solved), default=None)


def test_what_nobody_knows_ends_the_search() -> None:
    search, lengths = search_all(10, 100, 0.1, lambda n: None if n == 40 else n < 50)
    assert lengths == [10, 20, 40]
    assert (search.low, search.high, search.undecided) == (20, None, 40)
