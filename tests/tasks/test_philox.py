"""Oracles: numpy's Philox advanced from the origin, and Philox written out with its authors' known answer."""

import itertools

import numpy as np
import pytest
import torch

from rnnlab.tasks.philox import PAGE, STREAMS, Part, Words, by_numpy, by_torch, philox_words

CPU = torch.device("cpu")
KEYS = [(0, "train", 0), (3, "val", 7), (2**63 - 1, "dropout", 2**40), (12, "test", 1)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_words_are_numpys_philox_advanced(key):
    """Oracle: numpy.random.Philox.advance, which adds to the 256-bit counter from the origin."""
    seed, stream, step = key
    origin = np.random.Philox(key=0)
    advanced = origin.advance((step << 64) + (STREAMS[stream] << 128) + (seed << 192))
    raw = advanced.random_raw(312)
    words = philox_words(seed, stream, step, 624)
    assert words.dtype == np.uint32
    low, high = raw & 0xFFFFFFFF, raw >> 32
    assert words.tolist() == np.stack([low, high], axis=1).ravel().tolist()
    assert philox_words(seed, stream, step, 5).tolist() == words[:5].tolist()


def philox_by_hand(counter: list[int]) -> list[int]:
    """Philox-4x64-10 with the key 0, as Salmon et al. (2011) write it."""
    k0 = k1 = 0
    c0, c1, c2, c3 = counter
    word = (1 << 64) - 1
    for _ in range(10):
        m0, m1 = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (m1 >> 64) ^ c1 ^ k0, m1 & word, (m0 >> 64) ^ c3 ^ k1, m0 & word
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & word, (k1 + 0xBB67AE8584CAA73B) & word
    return [c0, c1, c2, c3]


def counter(seed: int, stream: str, batch: int, sequence: int, word: int) -> list[int]:
    """Of the block with this word of a sequence, as the module's docstring has it."""
    page, block = divmod(word // 4, 16)
    return [16 * sequence + block + 1, batch, STREAMS[stream] + 256 * page, seed]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_words_are_philox_of_the_counter(key):
    """Oracle: Philox written out, and that with the authors' known answer for the counter 0."""
    assert philox_by_hand([0] * 4)[0] == 0x16554D9ECA36314C
    seed, stream, step = key
    for page in (0, 259):
        expected = []
        for block in (1, 2):  # numpy counts first
            for word in philox_by_hand([block, step, STREAMS[stream] + 256 * page, seed]):
                expected += [word & 0xFFFFFFFF, word >> 32]
        assert philox_words(seed, stream, step, 16, page).tolist() == expected


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_the_words_of_a_sequence_are_philox_of_its_counter(key):
    """Oracle: Philox written out; sequences of several batches, not in their order, from page 2 on."""
    seed, stream, batch = key
    parts = [Part(batch + 1, 3, 2), Part(batch, 0, 1), Part(batch, 2**40, 2)]
    words = by_numpy(seed, stream, parts, range(2, 4), CPU).numpy().view(np.uint64)
    sequences = [(part.batch, part.first + n) for part in parts for n in range(part.count)]
    assert words.shape == (5, 2 * PAGE)
    for row, sequence in zip(words.tolist(), sequences, strict=True):
        firsts = range(2 * PAGE, 4 * PAGE, 4)
        blocks = [philox_by_hand(counter(seed, stream, *sequence, first)) for first in firsts]
        assert row == [word for block in blocks for word in block]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_torchs_words_are_numpys(key):
    """What makes the words on CUDA, here on the CPU."""
    seed, stream, batch = key
    parts = [Part(batch + 1, 3, 2), Part(batch, 0, 1), Part(batch, 2**40, 20)]
    for numbers in (range(1), range(2, 5)):
        ours = by_torch(seed, stream, parts, numbers, CPU)
        assert torch.equal(ours, by_numpy(seed, stream, parts, numbers, CPU))


def test_no_two_draws_share_a_counter():
    """3 seeds, all streams, 3 batches, 3 sequences, each with words of 3 pages: as many counters."""
    assert len(set(STREAMS.values())) == len(STREAMS) == 11
    assert max(STREAMS.values()) < 256
    places = itertools.product(
        (0, 1, 2**62), STREAMS, (0, 1, 2**40), (0, 1, 2**40), range(0, 3 * PAGE, 4)
    )
    counters = {tuple(counter(*place)) for place in places}
    assert len(counters) == 3 * 11 * 3 * 3 * 48
    words = [
        by_numpy(seed, stream, [Part(batch, 0, 2)], range(2), CPU).flatten()
        for seed, stream, batch in itertools.product((0, 1), STREAMS, (0, 1))
    ]
    assert len(torch.cat(words).unique()) == 2 * 11 * 2 * 2 * 2 * PAGE


def test_the_words_do_not_depend_on_numpys_generators():
    words = by_numpy(1, "train", [Part(2, 0, 3)], range(1), CPU)
    np.random.Philox(key=3).random_raw(5)
    assert torch.equal(by_numpy(1, "train", [Part(2, 0, 3)], range(1), CPU), words)


def test_words_are_philox_whatever_was_asked_for_before():
    """Oracle: pages of Philox words, drawn at once."""
    words = Words(5, "dropout")
    made = [philox_words(5, "dropout", page, 1024) for page in range(3)]
    for number in (2050, 0, 1023, 1024, 7, 2050):
        assert words[number] == made[number // 1024][number % 1024]
