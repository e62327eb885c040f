"""Random words by counter: numpy's Philox 4x64-10 (Salmon et al., 2011), the same on every device.

Philox turns a counter of four 64-bit words into four random ones, and no two counters into the same four.
A counter here is, from its lowest word to its highest,

    16 r + b + 1,  t,  s + 256 p,  seed

for block b of page p of sequence r of batch t, where s is the stream's number. All blocks of a page have one
(t, s, p, seed), and b < 16, so two draws of different (seed, stream, t, r) never share a counter. A page is the
64 words of 16 blocks; the pages of neighbouring sequences lie side by side, so that one call of numpy fills them.

The streams "dropout", "length", "epoch" and "pixels" have no sequences: `Words` and `order` read their blocks one
after another, from 1 on. Of "epoch", t is the number of the epoch; of "pixels" it is 0.
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
    "epoch": 8,
    "pixels": 9,
    "gradient_noise": 10,
}

BLOCKS = 16  # of four words, in a page
PAGE = 4 * BLOCKS

_LOW = 0xFFFFFFFF
_FACTORS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_HALVES = 1024  # 32-bit words that `Words` draws at once: one alone takes as long


class Part(NamedTuple):
    """`count` sequences of batch number `batch`, from number `first` on."""

    batch: int
    first: int
    count: int


class Pages:
    """The words of the sequences of all parts, made on a device when they are first asked for."""

    def __init__(self, seed: int, stream: str, parts: Sequence[Part], device: torch.device) -> None:
        self.seed, self.stream, self.parts, self.device = seed, stream, parts, device
        self._made: Tensor | None = None

    def up_to(self, count: int) -> Tensor:
        """The first `count` words of each, or more; signed, as torch can do little with uint64."""
        made = 0 if self._made is None else self._made.size(1)
        if self._made is None or count > made:
            numbers = range(made // PAGE, max(1, -(-count // PAGE)))
            make = by_numpy if self.device.type == "cpu" else by_torch
            fresh = make(self.seed, self.stream, self.parts, numbers, self.device)
            self._made = fresh if self._made is None else torch.cat([self._made, fresh], dim=1)
        return self._made


def by_numpy(
    seed: int, stream: str, parts: Sequence[Part], numbers: range, device: torch.device
) -> Tensor:
    """The words of these pages, (sequences, 64 * pages)."""
    words = np.empty((sum(part.count for part in parts), len(numbers), PAGE), np.uint64)
    philox, at = np.random.Philox(key=0), 0
    for place, page in enumerate(numbers):
        row = 0
        for batch, first, count in parts:
            start = BLOCKS * first + (batch << 64) + (STREAMS[stream] + 256 * page << 128)
            start += seed << 192
            philox.advance(start - at)  # a whole Philox for each part takes five times as long
            fresh = philox.random_raw(count * PAGE)  # which counts first: from start + 1 on
            words[row : row + count, place] = fresh.reshape(count, PAGE)
            row, at = row + count, start + count * BLOCKS
    return torch.from_numpy(words.view(np.int64)).flatten(1).to(device)


def by_torch(
    seed: int, stream: str, parts: Sequence[Part], numbers: range, device: torch.device
) -> Tensor:
    """What numpy gives, by torch's operations on 64-bit integers, which wrap around on every device."""
    counts = [part.count for part in parts]
    batch = np.repeat([part.batch for part in parts], counts)
    sequence = np.concatenate([np.arange(part.first, part.first + part.count) for part in parts])
    batch, sequence = _sent(np.stack([batch, sequence]), device).unsqueeze(2)
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
    factors, *key = _sent(constants, even.device).view(-1, 2, 1, 1)
    upper, lower = _upper(factors), factors & _LOW
    for each in key:
        # The upper 64 bits of the product of factor and word, by the products of their halves.
        high, low = _upper(even), even & _LOW
        crossed = upper * low
        middle = _upper(lower * low).add_(crossed & _LOW).add_(lower * high)
        product = (upper * high).add_(_upper(crossed)).add_(_upper(middle))
        even, odd = product.flip(0).bitwise_xor_(odd).bitwise_xor_(each), (factors * even).flip(0)
    return even, odd


def _sent(array: np.ndarray, device: torch.device) -> Tensor:
    """On the device, which need not finish what it does first: its driver copies the array before it returns."""
    return torch.from_numpy(array).to(device, non_blocking=True)


def _upper(word: Tensor) -> Tensor:
    return (word >> 32) & _LOW  # as torch fills in the sign


@functools.lru_cache(maxsize=16)
def philox_words(seed: int, stream: str, step: int, count: int, page: int = 0) -> np.ndarray:
    """`count` random 32-bit words of (seed, stream, step), the lower half of each 64 bits first."""
    counter = np.array([0, step, STREAMS[stream] + 256 * page, seed], dtype=np.uint64)
    raw = np.random.Philox(key=0, counter=counter).random_raw((count + 1) // 2)
    words = raw.view(np.uint32)[:count]
    words.flags.writeable = False  # as it is kept
    return words


@functools.lru_cache(maxsize=2)  # as a block of updates may reach from one epoch into the next
def order(seed: int, stream: str, step: int, count: int) -> np.ndarray:
    """The numbers 0 to `count` - 1 in a random order: by a random word of each, equal ones by number.

    Of the stream "epoch" it is the order of epoch `step`. All orders are equally likely, which a cipher of few
    rounds does not give for small counts; the price is 8 bytes a number, made once an epoch. It is a function of
    its arguments alone: it needs raw words and a sort, and not the methods of numpy's generators, which may change
    from version to version.
    """
    counter = np.array([0, step, STREAMS[stream], seed], dtype=np.uint64)
    found = np.random.Philox(key=0, counter=counter).random_raw(count).argsort(kind="stable")
    found.flags.writeable = False  # as it is kept
    return found


class Words:
    """32-bit word number n of a stream: of (seed, stream, page, n) alone, whatever was asked for before."""

    def __init__(self, seed: int, stream: str, page: int = 0) -> None:
        self.seed, self.stream, self.page = seed, stream, page

    def __getitem__(self, number: int) -> int:
        step, place = divmod(number, _HALVES)
        return int(philox_words(self.seed, self.stream, step, _HALVES, self.page)[place])
