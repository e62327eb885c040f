"""A search of which seeds give the answers. Oracle: by hand."""

import pytest

from rnnlab.sweeps.horizon_search import HorizonSearch
from rnnlab.sweeps.seed_search import SeedCount, SeedSearch


def searched(
    limits: list[int], seeds: int, confirm: int, share: float = 0.5, longest: int = 100
) -> SeedSearch:
    """To its end; seed s solves lengths up to limits[s], and fails to run where it has none."""
    search = SeedSearch(HorizonSearch(10, longest, 0.5, confirm > 0), seeds, confirm, share)
    while asked := search.asked:
        search.tell(
            {
                length: [length <= limits[s] if s < len(limits) else None for s in of]
                for length, of in asked.items()
            }
        )
    return search


def counts(search: SeedSearch) -> dict[int, tuple[int, int]]:
    return {length: (count.solved, count.seeds) for length, count in search.counts.items()}


def test_both_ends_get_more_seeds() -> None:
    search = searched([30, 30, 5, 30, 5, 30], seeds=3, confirm=3)
    assert counts(search) == {10: (2, 3), 20: (2, 3), 40: (0, 6), 80: (0, 3), 30: (4, 6)}
    assert (search.search.low, search.search.high) == (30, 40)
    assert str(search.horizon) == "35 [0, 40]"


@pytest.mark.parametrize(("third", "solved"), [(99, True), (5, False)])
def test_half_of_an_even_number_gets_one_seed_more_which_decides(third: int, solved: bool) -> None:
    """Seed 0 solves all and seed 1 nothing: each length is what seed 2 says."""
    search = searched([99, 5, third], seeds=2, confirm=0, longest=20)
    assert counts(search) == {10: (1 + solved, 3), 20: (1 + solved, 3)}
    assert search.search.low == (20 if solved else 0)


def test_just_the_share_is_a_tie_whatever_the_share() -> None:
    """Four of five at .8 is; the sixth, which does not solve it, makes that four of six."""
    assert counts(searched([99] * 4 + [5, 5], 5, 0, share=0.8, longest=10)) == {10: (4, 6)}
    assert counts(searched([99] * 5, 5, 0, share=0.8, longest=10)) == {10: (5, 5)}


def test_a_tie_with_a_failed_seed_is_what_that_leaves_open() -> None:
    """Of four, two solve it: at least half, whatever the failed one would have done."""
    assert not SeedCount.of([True, True, False, None]).is_tied(0.5)
    assert SeedCount.of([True, True, False, None]).is_solved(0.5) is True
    assert SeedCount.of([True, None, False, False]).is_solved(0.5) is None


def test_failed_seeds_are_no_trials() -> None:
    search = searched([99, 99], seeds=3, confirm=0, longest=20)
    assert counts(search) == {10: (2, 3), 20: (2, 3)}
    assert str(search.horizon) == "20 or more [10 or more]"  # by two of two at each


def test_no_estimate_before_the_end_or_where_a_length_is_undecided() -> None:
    search = SeedSearch(HorizonSearch(10, 100, 0.5), 3, 3, 0.5)
    assert search.horizon is None
    search.tell({10: [True, None, None]})
    assert search.asked == {}
    assert search.search.undecided == 10
    assert search.horizon is None
