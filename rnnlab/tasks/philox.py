"""Random words by counter: numpy's Philox 4x64-10 (Salmon et al., 2011), the same on every device.

Philox turns a counter of four 64-bit words into four random ones, and no two counters into the same four.
A counter here is, from its lowest word to its highest,

    16 r + b + 1,  t,  s + 256 p,  seed

for block b of page p of sequence r of batch t, where s is the stream's number. All blocks of a page have one
(t, s, p, seed), and b < 16, so two draws of different (seed, stream, t, r) never share a counter. A page is the
64 words of 16 blocks; the pages of neighbouring sequences lie side by side, so that one call of numpy fills them.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

STREAMS = {
    "train": 0,
    "val": 1,
    "confirm": 2,
    "test": 3,
    "dropout": 4,
    "diagnostics": 5,
    "length": 6,
    "teacher": 7,
}

BLOCKS = 16  # of four words, in a page
PAGE = 4 * BLOCKS

_LOW = 0xFFFFFFFF
_FACTORS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_HALVES = 1024  # 32-bit words that `Words` draws at once: one alone takes as long


class Run(NamedTuple):
    """`count` sequences of batch number `batch`, from number `first` on."""

    batch: int
    first: int
    count: int


def pages(
    seed: int, stream: str, runs: Sequence[Run], numbers: range, device: torch.device
) -> Tensor:
    """The words of these pages, (sequences, 64 * pages), of the sequences of all runs.

    They are signed, as torch has few operations on uint64.
    """
    if device.type == "cpu":
        return torch.from_numpy(_by_numpy(seed, stream, runs, numbers).view(np.int64))
    return by_torch(seed, stream, runs, numbers, device)


def _by_numpy(seed: int, stream: str, runs: Sequence[Run], numbers: range) -> np.ndarray:
    words = np.empty((sum(run.count for run in runs), len(numbers), PAGE), np.uint64)
    philox, at = np.random.Philox(key=0), 0
    for place, page in enumerate(numbers):
        row = 0
        for batch, first, count in runs:
            start = BLOCKS * first + (batch << 64) + (STREAMS[stream] + 256 * page << 128)
            start += seed << 192
            philox.advance(start - at)  # a whole Philox for each run takes five times as long
            fresh = philox.random_raw(count * PAGE)  # which counts first: from start + 1 on
            words[row : row + count, place] = fresh.reshape(count, PAGE)
            row, at = row + count, start + count * BLOCKS
    return words.reshape(len(words), -1)


def by_torch(
    seed: int, stream: str, runs: Sequence[Run], numbers: range, device: torch.device
) -> Tensor:
    """What numpy gives, by torch's operations on 64-bit integers, which wrap around on every device."""
    counts = [run.count for run in runs]
    batch = np.repeat([run.batch for run in runs], counts)
    sequence = np.concatenate([np.arange(run.first, run.first + run.count) for run in runs])
    batch, sequence = torch.from_numpy(np.stack([batch, sequence])).to(device).unsqueeze(2)
    block = torch.arange(len(numbers) * BLOCKS, device=device)
    low = sequence * BLOCKS + block % BLOCKS + 1
    page = (numbers.start + block // BLOCKS) * 256 + STREAMS[stream]
    even = torch.stack([low, page.expand_as(low)])
    odd = torch.stack([batch.expand_as(low), torch.full_like(low, seed)])
    even, odd = _rounds(even, odd)
    return torch.stack([even[0], odd[0], even[1], odd[1]], dim=2).flatten(1)


def _rounds(even: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
    """Philox of the counter's words 0 and 2, and 1 and 3, each (2, ...)."""
    keys = [[step * n % 2**64 for step in _KEY_STEPS] for n in range(_ROUNDS)]
    constants = np.array([_FACTORS, *keys], dtype=np.uint64).view(np.int64)
    factors, *key = torch.from_numpy(constants).to(even.device).view(-1, 2, 1, 1)
    for each in key:
        high, low = _product(factors, even)
        even, odd = high.flip(0) ^ odd ^ each, low.flip(0)
    return even, odd


def _product(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The upper and the lower 64 bits of a product of unsigned words, by products of their halves."""
    a_high, a_low, b_high, b_low = _upper(a), a & _LOW, _upper(b), b & _LOW
    crossed = a_high * b_low
    middle = _upper(a_low * b_low) + (crossed & _LOW) + a_low * b_high
    return a_high * b_high + _upper(crossed) + _upper(middle), a * b


def _upper(word: Tensor) -> Tensor:
    return (word >> 32) & _LOW  # as torch fills in the sign


@functools.lru_cache(maxsize=16)
def philox_words(seed: int, stream: str, step: int, count: int, page: int = 0) -> np.ndarray:
    """`count` random 32-bit words of (seed, stream, step), the lower half of each 64 bits first."""
    counter = np.array([0, step, STREAMS[stream] + 256 * page, seed], dtype=np.uint64)
    raw = np.random.Philox(key=0, counter=counter).random_raw((count + 1) // 2)
    return raw.view(np.uint32)[:count]


class Words:
    """32-bit word number n of a stream: of (seed, stream, page, n) alone, whatever was asked for before."""

    def __init__(self, seed: int, stream: str, page: int = 0) -> None:
        self.seed, self.stream, self.page = seed, stream, page

    def __getitem__(self, number: int) -> int:
        step, place = divmod(number, _HALVES)
        return int(philox_words(self.seed, self.stream, step, _HALVES, self.page)[place])
