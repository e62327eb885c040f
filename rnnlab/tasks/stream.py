"""Counter-based streams of batches: batch t is a function of (seed, stream, t) and of nothing else.

Nothing has to be stored to go on where a run stopped, runs that share a seed see the same batches
whatever their cell, and no stream can repeat a batch of another.
"""

import functools

import numpy as np
import torch
from torch import Generator, Tensor

from rnnlab.foundation.checks import check_choice, check_int, check_seed
from rnnlab.tasks.task import Batch, Task

STREAMS = {
    "train": 0,
    "val": 1,
    "confirm": 2,
    "test": 3,
    "dropout": 4,
    "diagnostics": 5,
    "length": 6,
}

_WORDS = 624  # 32-bit words in the state of a Mersenne twister
_PAGE = 1024  # words that `Words` draws at once: one alone takes as long


def philox_words(seed: int, stream: str, step: int, count: int) -> np.ndarray:
    """`count` random 32-bit words of the counter-based generator Philox (Salmon et al., 2011).

    (seed, stream, step) is the upper three quarters of the 256-bit counter. Philox is a bijection
    of its counter, so that two different triples can never give the same words.
    """
    counter = np.array([0, step, STREAMS[stream], seed], dtype=np.uint64)
    raw = np.random.Philox(key=0, counter=counter).random_raw((count + 1) // 2)
    return raw.view(np.uint32)[:count]


class Words:
    """Word number n of a stream: of (seed, stream, n) alone, whatever was asked for before."""

    def __init__(self, seed: int, stream: str) -> None:
        self.seed, self.stream = seed, stream
        self._page, self._words = -1, np.empty(0, np.uint32)

    def __getitem__(self, number: int) -> int:
        page, place = divmod(number, _PAGE)
        if page != self._page:
            self._page, self._words = page, philox_words(self.seed, self.stream, page, _PAGE)
        return int(self._words[place])


class Lengths:
    """The task at the length of each batch: all from `shortest` to its own are equally likely.

    The length of batch t is a function of t alone, so that all seeds see the same lengths.

    Args:
        task: Whose sequences are no longer than its own.
        shortest: The least `seq_len`.

    Raises:
        ValueError: The task refuses `shortest`, or is shorter itself.
    """

    def __init__(self, task: Task, shortest: int) -> None:
        if shortest > task.seq_len:
            raise ValueError(f"at most {task.seq_len}, the seq_len of the task")
        self.task, self.shortest = task, shortest
        self._words = Words(0, "length")
        self._at_length = functools.cache(task.at_length)
        self._at_length(shortest)

    def __getitem__(self, batch: int) -> Task:
        choices = self.task.seq_len - self.shortest + 1
        return self._at_length(self.shortest + (self._words[batch] * choices >> 32))


def generator(seed: int, stream: str, step: int) -> Generator:
    """A torch generator in a state that no other (seed, stream, step) has.

    `Generator.manual_seed` keeps only 32 bits of its seed on the CPU, too few for the batches of a
    sweep to differ by construction. So the whole state of the twister is filled from Philox.
    """
    result = Generator()
    state = result.get_state()
    # ATen's layout, in 64-bit words: seed; left and seeded; next; 624 words of state; a cached
    # normal number, absent. tests/tasks/test_stream.py holds it against numpy's twister.
    words = state.numpy().view(np.uint64)
    words[1] = 1 | (1 << 32)  # left = 1: the next draw twists this state into fresh words
    words[2] = 0
    words[3 : 3 + _WORDS] = philox_words(seed, stream, step, _WORDS)
    return result.set_state(state)


class Stream:
    """The endless batches of one task under one seed.

    Args:
        task: What to sample.
        batch_size: Sequences a batch.
        seed: Which world; 0 to 2**32 - 1.
        stream: "train", "val", "confirm", "test" or "diagnostics"; they never share a batch.
        shortest: Each batch draws its `seq_len` from here up to the task's; None: all have the task's.

    Raises:
        ValueError: For a batch size below 1, a seed out of range, an unknown stream, or as `Lengths`.
    """

    def __init__(
        self, task: Task, batch_size: int, seed: int, stream: str, shortest: int | None = None
    ) -> None:
        self.task = task
        self.lengths = None if shortest is None else Lengths(task, shortest)
        self.batch_size = check_int("batch_size", batch_size, minimum=1)
        self.seed = check_seed("seed", seed)
        self.stream = check_choice("stream", stream, STREAMS)

    def batch(
        self, step: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Batch:
        """Batch number `step`, made on the CPU, so that every device trains on the same numbers."""
        task = self.task if self.lengths is None else self.lengths[step]
        batch = task.sample(self.batch_size, generator(self.seed, self.stream, step))
        inputs, targets = batch.inputs.to(dtype), batch.targets
        if targets.is_floating_point():
            targets = targets.to(dtype)
        return Batch(_sent(inputs, torch.device(device)), _sent(targets, torch.device(device)))


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy on the device; to CUDA from pinned memory, which training need not wait for."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
