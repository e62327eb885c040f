"""Oracles: the words themselves in Python's integers, uniform and binomial laws, the same sequences drawn otherwise."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest
import torch

from rnnlab.tasks import philox
from rnnlab.tasks.draws import Draws, UnequalLengthsError
from rnnlab.tasks.normal import normals
from rnnlab.tasks.philox import STREAMS, Part, by_numpy
from tests.support.draws import draws

CPU = torch.device("cpu")


def everything(source: Draws) -> list[torch.Tensor]:
    """Some of each kind, from several pages."""
    return [
        source.uniform(3),
        source.integers(-5, 2**30, 7),
        source.normal(2, 40),
        source.uniform(),
        source.permutation(11),
        source.integers(torch.arange(source.sequences), torch.tensor([99] * source.sequences)),
        source.uniform(5, 30),
    ]


def words(count: int) -> list[list[int]]:
    """The first words of three sequences of `draws`, unsigned."""
    made = by_numpy(0, "test", [Part(0, 0, 3)], range(3), CPU)[:, :count]
    return made.numpy().view(np.uint64).tolist()


def test_uniforms_are_the_upper_24_bits_of_half_words():
    """By hand, in Python's integers: the lower half of a word first; a call begins with a new word."""
    source = draws(3)
    drawn, more = source.uniform(5), source.uniform(2, 1)
    assert drawn.dtype == torch.float32
    assert more.shape == (3, 2, 1)
    for row, some, others in zip(words(4), drawn.tolist(), more.flatten(1).tolist(), strict=True):
        halves = [half for word in row for half in (word & 0xFFFFFFFF, word >> 32)]
        assert some == [(half >> 8) / 2**24 for half in halves[:5]]
        assert others == [(half >> 8) / 2**24 for half in halves[6:8]]


@pytest.mark.parametrize(("low", "high"), [(0, 2), (-3, 4), (5, 6), (0, 1000), (7, 2**31 + 6)])
def test_integers_are_the_upper_half_of_a_product(low, high):
    """Oracle: low + floor(word * (high - low) / 2^64), in Python's integers."""
    drawn = draws(3).integers(low, high, 50)
    expected = [[low + (word * (high - low) >> 64) for word in row] for row in words(50)]
    assert drawn.dtype == torch.int64
    assert drawn.tolist() == expected
    assert draws(3).integers(low, high).tolist() == [row[0] for row in expected]


def test_bounds_of_each_sequence_its_own():
    """Oracle: the same with the numbers of each sequence."""
    low, high = torch.tensor([0, -5, 10]), torch.tensor([3, 5, 11])
    drawn = draws(3).integers(low, high, 20)
    for n in range(3):
        alone = Draws(0, "test", [Part(0, n, 1)]).integers(int(low[n]), int(high[n]), 20)
        assert torch.equal(drawn[n], alone[0])
    assert draws(3).integers(0, high, 2).shape == (3, 2)


def test_normals_are_of_the_words():
    made = by_numpy(0, "test", [Part(0, 0, 3)], range(1), CPU)[:, :6]
    assert torch.equal(draws(3).normal(2, 3), normals(made).view(3, 2, 3))


def test_permutations_are_the_order_of_the_words():
    """Oracle: Python's sort of the signed words; and each of 24 orders of four as often, within 5 deviations."""
    signed = by_numpy(0, "test", [Part(0, 0, 3)], range(1), CPU)[:, :9].tolist()
    assert draws(3).permutation(9).tolist() == [
        sorted(range(9), key=row.__getitem__) for row in signed
    ]
    orders = Counter(map(tuple, draws(24_000).permutation(4).tolist()))
    assert len(orders) == 24
    assert max(abs(count - 1000) for count in orders.values()) < 5 * (1000 * 23 / 24) ** 0.5


def test_a_sequence_is_the_same_alone_among_others_and_in_other_batches():
    """Oracle: all sequences of two batches, drawn together."""
    whole = everything(Draws(3, "val", [Part(0, 0, 9), Part(1, 0, 9)]))
    for parts, rows in (
        ([Part(0, 4, 1)], [4]),
        ([Part(1, 0, 3)], [9, 10, 11]),
        ([Part(1, 7, 2), Part(0, 2, 2)], [16, 17, 2, 3]),
    ):
        some = everything(Draws(3, "val", parts))
        for place, (ours, all_) in enumerate(zip(some, whole, strict=True)):
            if place != 5:  # whose bounds go by the row, which is the caller's own choice
                assert torch.equal(ours, all_[rows])


def test_some_of_the_parts_are_drawn_as_they_would_be_alone():
    """Oracle: draws of these parts; whatever the draws of all have given before."""
    parts = [Part(3, 0, 2), Part(4, 5, 3), Part(9, 1, 1), Part(10, 0, 2)]
    whole = Draws(3, "val", parts)
    for before in (0, 1):
        for some in (parts, parts[1:3], [parts[0], parts[2], parts[3]], [parts[3], parts[0]]):
            ours, alone = whole.only(some), Draws(3, "val", some)
            assert ours.sequences == alone.sequences
            for drawn, expected in zip(everything(ours), everything(alone), strict=True):
                assert torch.equal(drawn, expected)
            assert ours.only(some[:1]).length(3, 99) == Draws(0, "val", some[:1]).length(3, 99)
        if not before:
            assert torch.equal(whole.uniform(200), Draws(3, "val", parts).uniform(200))


def test_torchs_words_give_the_same_bits(monkeypatch):
    """What parts on CUDA, here on the CPU: the words by torch's integers, then the same operations."""
    parts = [Part(5, 0, 9), Part(6, 2, 4)]
    by_numpy = everything(Draws(2**62, "confirm", parts))
    monkeypatch.setattr("rnnlab.tasks.philox.by_numpy", philox.by_torch)
    by_torch = everything(Draws(2**62, "confirm", parts))
    for ours, theirs in zip(by_torch, by_numpy, strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


def test_how_the_calls_are_cut_into_pages_changes_nothing():
    """Oracle: one call for 200 words, against many for 1, 7 and 90."""
    whole, cuts = draws(2).integers(0, 10**6, 196), draws(2)
    cut = [cuts.integers(0, 10**6, n) for n in (1, 7, 90, 1, 7, 90)]
    assert torch.equal(torch.cat(cut, dim=1), whole)


def test_uniforms_and_their_neighbours_are_independent():
    """Oracle: mean 1/2, variance 1/12, no correlation with the next sequence, batch, stream or seed; 5 SE."""
    batches, sequences, count = 30, 20, 500
    parts = [Part(t, 0, sequences) for t in range(batches)]
    drawn = {
        key: Draws(*key, parts).uniform(count).double().view(batches, sequences, count)
        for key in itertools.product((0, 1), ("train", "val"))
    }
    u = drawn[0, "train"]
    n = u.numel()
    assert abs(u.mean().item() - 1 / 2) < 5 / (12 * n) ** 0.5
    assert abs(u.var().item() - 1 / 12) < 5 / (180 * n) ** 0.5
    first = u[:, :, 0]  # One draw a sequence, which a weak mixing of the counter would show.
    assert abs(first.mean().item() - 1 / 2) < 5 / (12 * first.numel()) ** 0.5
    pairs = [
        (u[:-1], u[1:]),
        (u[:, :-1], u[:, 1:]),
        (u, drawn[0, "val"]),
        (u, drawn[1, "train"]),
        (u[..., :-1], u[..., 1:]),
    ]
    for a, b in pairs:
        correlation = 12 * ((a - 0.5) * (b - 0.5)).mean().item()
        assert abs(correlation) < 5 / a.numel() ** 0.5
        assert 12 * ((a - 0.5) ** 2).mean().item() > 0.9  # which a repeated batch would give


def test_a_length_goes_by_stream_and_batch_alone():
    """Oracle: the binomial law of each of 11 lengths in 8000 batches, 5 deviations; other seeds, sequences, draws."""
    lengths = [Draws(0, "train", [Part(t, 0, 4)]).length(50, 61) for t in range(8000)]
    counts = np.bincount(lengths)[50:]
    assert len(counts) == 11
    assert np.abs(counts - 8000 / 11).max() < 5 * (8000 / 11 * 10 / 11) ** 0.5
    for seed, first, count in ((7, 0, 4), (0, 3, 1)):
        sources = [Draws(seed, "train", [Part(t, first, count)]) for t in range(200)]
        for source in sources:
            source.uniform(3)
        assert [source.length(50, 61) for source in sources] == lengths[:200]
    others = {
        tuple(Draws(0, stream, [Part(t, 0, 1)]).length(50, 61) for t in range(20))
        for stream in STREAMS
    }
    assert len(others) == len(STREAMS)
    source = draws(1)
    assert len({source.length(0, 10**6) for _ in range(5)}) == 5  # a second one is another
    assert source.length(7, 8) == 7


def test_batches_of_other_lengths_are_not_drawn_together():
    alone = [Draws(0, "train", [Part(t, 0, 2)]).length(5, 9) for t in range(6)]
    together = [[t for t in range(6) if alone[t] == length] for length in sorted(set(alone))]
    assert len(together) > 1
    for steps in together:
        assert Draws(0, "train", [Part(t, 0, 2) for t in steps]).length(5, 9) == alone[steps[0]]
    with pytest.raises(UnequalLengthsError) as unequal:
        Draws(0, "train", [Part(t, 0, 2) for t in range(6)]).length(5, 9)
    assert unequal.value.lengths == alone


def test_the_generators_of_the_process_are_left_alone():
    states = torch.get_rng_state(), str(np.random.get_state()), random.getstate()  # noqa: NPY002
    everything(draws(4))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (str(np.random.get_state()), random.getstate())  # noqa: NPY002


@pytest.mark.parametrize(
    ("low", "high"), [(3, 3), (4, 3), (0, 2**31), (0, torch.tensor([1, 0, 2]))]
)
def test_an_empty_or_too_wide_range_is_refused(low, high):
    with pytest.raises(ValueError, match=r"integers have a range of \d+|-\d+, high - low: 1 to "):
        draws(3).integers(low, high)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"^a bound is \(2,\): a number, or \(3,\)$"):
        draws(3).integers(torch.tensor([0, 1]), 9)
    with pytest.raises(ValueError, match=r"^high - low=0 is too small: at least 1"):
        draws(3).length(4, 4)
    with pytest.raises(ValueError, match=r"^stream=trian .*train"):
        Draws(0, "trian", [Part(0, 0, 1)])
    for seed in (-1, 2**63, 0.5):
        with pytest.raises(ValueError, match=f"^seed={seed} "):
            Draws(seed, "train", [Part(0, 0, 1)])  # pyrefly: ignore[bad-argument-type]
