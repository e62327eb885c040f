"""What a batch is said to take. Oracle: the peak that the kernel counts while one of full length is worked on."""

import gc
import math
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.memory import can_measure, peak, used
from rnnlab.tasks import Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.stream import Stream
from rnnlab.training.footprint import Footprint, lines
from tests.support.own_cell import OwnCell
from tests.support.refused_steps import REFUSED

CPU = torch.device("cpu")
LOOP: Any = partial(OwnCell, REFUSED["accumulates"][0])
CASES = {  # sized to some hundred MB
    "elman": (ElmanCell, 64, Adding(seq_len=10_000)),
    "gru": (GRUCell, 64, CopyMemory(delay=2500)),
    "lstm": (LSTMCell, 64, Adding(seq_len=4000)),
    "lstm, torch's layer": (LSTMCell, 256, CopyMemory(delay=500)),
    "a loop": (LOOP, 64, Adding(seq_len=2000)),
}
BATCH = 32


def test_a_line_is_found() -> None:
    """Oracle: the line itself, of two things, one of which a first call makes larger."""
    calls: list[int] = []

    def taken(count: int) -> list[float]:
        calls.append(count)
        return [5e6 + 1e4 * count, 2e6 + 3e4 * count + (9e9 if len(calls) == 1 else 0)]

    found = lines(taken, 100_000)
    assert [line(100_000) for line in found] == pytest.approx([5e6 + 1e9, 2e6 + 3e9])
    assert max(calls) < 5000
    assert lines(lambda count: [7.0], 1)[0](1) == 7.0


@pytest.mark.slow
@pytest.mark.skipif(not can_measure(CPU), reason="this system does not tell")
@pytest.mark.parametrize("name", CASES)
def test_within_a_third_of_the_peak(name: str) -> None:
    """And with steps computed again within a factor of 3, of what is then little."""
    gc.collect()  # or what earlier tests have left would be freed while it is measured
    make, hidden_size, task = CASES[name]
    model = made(make, hidden_size, task)
    footprint = Footprint(model, task, CPU, torch.float32, nullcontext)
    # The median of three: what else a long process of tests does moves the kernel's counts.
    tried = [footprint.of_update(BATCH) for _ in range(3)]
    update = sorted(tried, key=lambda line: line(task.seq_len))[1]
    drawn = footprint.drawing(BATCH, task.seq_len)
    few = math.isqrt(task.seq_len)
    before, batch = used(CPU), Stream(task, BATCH, 0, "train").batch(0)

    def work(recompute_steps: int | None) -> None:
        outputs, _ = model(
            batch.inputs, last=batch.targets.size(1), recompute_steps=recompute_steps
        )
        task.loss(outputs, batch.targets).backward()

    whole = peak(CPU, lambda: work(None)) - before
    assert drawn + update(task.seq_len) == pytest.approx(whole, rel=1 / 3)
    used(CPU)
    cut = peak(CPU, lambda: work(few)) - before
    said = drawn + footprint.recomputed(update, BATCH, task.seq_len, few)
    assert cut < whole / 3
    assert cut / 3 < said < 3 * cut


def made(make: Any, hidden_size: int, task: Task) -> SequenceModel:
    cell = partial(make, hidden_size=hidden_size)
    if make is LOOP:
        cell = partial(LOOP, input_size=task.input_size, hidden_size=hidden_size)
        return SequenceModel(lambda _: cell(), task.input_size, task.output_size)
    return SequenceModel(cell, task.input_size, task.output_size)
