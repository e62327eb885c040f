"""How many bits a character a text has to what knows little of it: character counts, pairs, and compressors."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
from scipy import sparse

CONTEXT = 2**23
"""Bytes of training text that a compressor sees before the test: as far as lzma looks back."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "gzip": lambda: zlib.compressobj(9, wbits=31),  # as `gzip -9`
    "bz2": bz2.BZ2Compressor,
    "lzma": lzma.LZMACompressor,
}


def unigram_probabilities(counts: np.ndarray) -> np.ndarray:
    """p(a) = (n_a + 1) / (n + K), of the counts of K classes in the training text; none is 0.

    For example counts (2, 1, 0) give (1/2, 1/3, 1/6).
    """
    return (counts + 1) / (counts.sum() + len(counts))


def count_classes(texts: Iterable[np.ndarray], classes: int) -> np.ndarray:
    """How often each class occurs in class numbers, which come some at a time."""
    return sum(
        (np.bincount(text, minlength=classes) for text in texts), np.zeros(classes, np.int64)
    )


def unigram_nats(train: np.ndarray, test: np.ndarray) -> float:
    """The cross-entropy of the test under the training text's unigrams, in nats a character.

    Args:
        train: How often each class occurs in the training text.
        test: How often it occurs in what is scored.
    """
    return float(-(test @ np.log(unigram_probabilities(train))) / test.sum())


def bigram_bits(train: Iterable[np.ndarray], test: Iterable[np.ndarray], classes: int) -> float:
    """The cross-entropy of the test under the training text's pairs of characters, in bits a character.

        p(b | a) = (n_ab + p(b)) / (n_a + 1)

    with n_ab the times that b follows a, n_a their sum over b and p(b) the unigram: one pair more after each
    a, shared out as the unigram says (MacKay & Peto, 1995, with a weight of 1).

    Args:
        train: The class numbers of the training text, some at a time.
        test: Those that are scored, and first the one before them.
        classes: K.
    """
    pairs = sparse.csr_array((classes, classes), dtype=np.int64)
    counts = np.zeros(classes, np.int64)
    for before, after in _pairs(train, counts):
        pairs = (
            pairs + sparse.coo_array((np.ones_like(before), (before, after)), pairs.shape).tocsr()
        )
    unigram = unigram_probabilities(counts)
    row_sums = pairs.sum(axis=1)
    total, scored = 0.0, 0
    for before, after in _pairs(test):
        seen = np.asarray(pairs[before, after]).ravel()
        total -= np.log2((seen + unigram[after]) / (row_sums[before] + 1)).sum()
        scored += len(after)
    return float(total / scored)


def compressed_bits(context: np.ndarray, test: np.ndarray, characters: int) -> dict[str, float]:
    """What each compressor adds for the test once it has seen the text before, in bits a character.

        8 (|compressed(context + test)| - |compressed(context)|) / characters

    gzip and lzma go through a text once, and what they add is what the test takes. bz2 sorts blocks of 900 kB as a whole,
    so that the test may help it with the text before: of a short text it may add too little, even less than nothing.

    Args:
        context: Bytes of the training text, the last `CONTEXT` of them.
        test: Bytes of the test.
        characters: How many the test has.
    """
    found = {}
    for name, make in COMPRESSORS.items():
        more = _compressed(make(), context, test) - _compressed(make(), context)
        found[name] = 8 * more / characters
    return found


def _compressed(compressor: _Compressor, *texts: np.ndarray) -> int:
    """The bytes that texts take, one behind the other."""
    size = 0
    for text in texts:
        for at in range(0, len(text), 2**20):
            size += len(compressor.compress(text[at : at + 2**20].tobytes()))
    return size + len(compressor.flush())


def _pairs(
    texts: Iterable[np.ndarray], counts: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Neighbours, also of one piece's last and the next one's first; `counts` counts the characters."""
    last = np.empty(0, np.int64)
    for text in texts:
        if counts is not None:
            counts += np.bincount(text, minlength=len(counts))
        whole = np.concatenate([last, text])
        last = whole[-1:]
        yield whole[:-1], whole[1:]
