"""What knows little of a text. Oracle: entropies by hand, brute force over pairs, the compressors' files."""

import bz2
import gzip
import itertools
import lzma
import math

import numpy as np
import pytest

from rnnlab.tasks.text_levels import (
    bigram_bits,
    compressed_bits,
    count_classes,
    unigram_nats,
    unigram_probabilities,
)


def arrays(*texts: list[int]) -> list[np.ndarray]:
    return [np.array(text, np.int64) for text in texts]


def test_unigrams_by_hand():
    assert unigram_probabilities(np.array([2, 1, 0])).tolist() == pytest.approx(
        [1 / 2, 1 / 3, 1 / 6]
    )
    # a a b, and then a, b, c: three classes, p = 1/2, 1/3, 1/6
    train, test = (count_classes(arrays(*texts), 3) for texts in ([[0, 0, 1]], [[0, 1], [2]]))
    assert (train.tolist(), test.tolist()) == ([2, 1, 0], [1, 1, 1])
    found = unigram_nats(train, test)
    assert found == pytest.approx(-(math.log(1 / 2) + math.log(1 / 3) + math.log(1 / 6)) / 3)


def test_bigrams_by_hand():
    """`a b a b a` has ab twice and ba twice, a thrice; p(a) = 4/7, p(b) = 3/7, no class more.

    After a, which is followed twice: p(b|a) = (2 + 3/7) / 3, p(a|a) = (4/7) / 3; after b, twice: p(a|b) = (2 + 4/7) / 3.
    """
    found = bigram_bits(arrays([0, 1, 0], [1, 0]), arrays([0, 1], [0, 0]), 2)
    told = [(2 + 3 / 7) / 3, (2 + 4 / 7) / 3, (4 / 7) / 3]
    assert found == pytest.approx(-sum(map(math.log2, told)) / 3)


def test_bigrams_by_brute_force_whatever_the_pieces():
    draw = np.random.default_rng(0)
    train, test = draw.integers(0, 5, 300), draw.integers(0, 6, 90)
    counts = np.bincount(train, minlength=6)
    unigram = (counts + 1) / (counts.sum() + 6)
    pairs = list(itertools.pairwise(train.tolist()))
    total = 0.0
    for a, b in itertools.pairwise(test.tolist()):
        followed = sum(x == a for x, _ in pairs)
        total -= math.log2((pairs.count((a, b)) + unigram[b]) / (followed + 1))
    for cuts in ([], [1], [100, 101, 250]):
        pieces = np.split(train, cuts)
        found = bigram_bits(pieces, np.split(test, [c for c in cuts if c < 90]), 6)
        assert found == pytest.approx(total / 89)
    probabilities = [
        (pairs.count((2, b)) + unigram[b]) / (sum(x == 2 for x, _ in pairs) + 1) for b in range(6)
    ]
    assert sum(probabilities) == pytest.approx(1)


def test_compressors_against_their_own_files():
    train, test = b"the cat sat on the mat. " * 40, "the cat sät on the hat".encode()
    found = compressed_bits(np.frombuffer(train, np.uint8), np.frombuffer(test, np.uint8), 22)
    for name, compress in {
        "gzip": lambda data: gzip.compress(data, 9),
        "bz2": bz2.compress,
        "lzma": lzma.compress,
    }.items():
        more = len(compress(train + test)) - len(compress(train))
        assert found[name] == pytest.approx(8 * more / 22), name
