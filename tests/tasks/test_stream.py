"""Oracles: a fresh process, the task's own samples, batches drawn one by one, the binomial law."""

import hashlib
import itertools
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from rnnlab.tasks import Batch
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.stream import AT_ONCE, Lengths, Stream
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder

CPU = torch.device("cpu")
FLOAT = torch.float32
TASKS = {
    "adding": Adding(20),
    "copy_memory": CopyMemory(5),
    "temporal_order": TemporalOrder(20),
    "teacher": Teacher(),
}
SCRIPT = """
import hashlib, torch
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
for task in (Adding(20), CopyMemory(5), TemporalOrder(20), Teacher()):
    batch = Stream(task, 8, 3, "val").batch(17, torch.device("cpu"), torch.float32)
    print(*(hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in batch))
"""


def test_batches_are_the_same_bits_in_a_fresh_process():
    """Oracle: SHA-256 of what another process makes; here, other batches come before."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    here = []
    for task in TASKS.values():
        stream = Stream(task, 8, 3, "val")
        for step in (16, 18):
            stream.batch(step, CPU, FLOAT)
        batch = stream.batch(17, CPU, FLOAT)
        here.append(" ".join(hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in batch))
    assert done.stdout.splitlines() == here


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_seed_stream_and_step_each_make_another_batch(task):
    keys = [(3, "train", 7), (4, "train", 7), (3, "val", 7), (3, "train", 8), (7, "train", 3)]
    batches = [Stream(task, 8, s, name).batch(t, CPU, FLOAT).inputs for s, name, t in keys]
    for first, second in itertools.combinations(batches, 2):
        shortest = min(first.size(1), second.size(1))
        assert not torch.equal(first[:, :shortest], second[:, :shortest])
    again = Stream(task, 8, 3, "train").batch(7, CPU, FLOAT).inputs
    assert torch.equal(again, batches[0])


def test_batches_leave_the_global_generators_alone():
    torch.manual_seed(0)
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    before = Stream(TASKS["adding"], 8, 0, "train").batch(0, CPU, FLOAT)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002
    torch.manual_seed(1)
    after = Stream(TASKS["adding"], 8, 0, "train").batch(0, CPU, FLOAT)
    assert all(map(torch.equal, before, after))  # and do not depend on them


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", TASKS)
def test_types(name, dtype):
    """Oracle: the task's own float32 sample from the same draws, converted."""
    task = TASKS[name]
    batch = Stream(task, 4, 0, "train").batch(2, CPU, dtype)
    raw = task.sample(Draws(0, "train", [Part(2, 0, 4)]))
    assert batch.inputs.dtype == dtype
    assert torch.equal(batch.inputs, raw.inputs.to(dtype))
    classes = name in ("copy_memory", "temporal_order")
    assert batch.targets.dtype == (torch.int64 if classes else dtype)
    assert torch.equal(batch.targets, raw.targets if classes else raw.targets.to(dtype))


def test_batch_size():
    for size in (1, 7):
        batch = Stream(Adding(5), size, 0, "test").batch(0, CPU, FLOAT)
        assert batch.inputs.shape == (size, 5, 2)


@pytest.mark.parametrize(
    ("batch_size", "seed", "message"),
    [
        (0, 0, "^batch_size=0 is too small: at least 1"),
        (2.0, 0, "^batch_size=2.0 is not a whole number"),
        (4, -1, "^seed=-1 is too small: at least 0"),
        (4, 0.5, "^seed=0.5 is not a whole number"),
        (4, None, "^seed=None is not a whole number"),
    ],
)
def test_bad_arguments_are_refused(batch_size, seed, message):
    with pytest.raises(ValueError, match=message):
        Stream(Adding(5), batch_size, seed, "train")


def test_an_unknown_stream_is_refused():
    with pytest.raises(ValueError, match=r"^stream=trian .*train"):
        Stream(Adding(5), 4, 0, "trian")


@pytest.mark.parametrize("seed", [2**63, 2**64])
def test_a_seed_of_more_than_63_bits_is_refused(seed):
    with pytest.raises(ValueError, match=f"^seed={seed} "):
        Stream(Adding(5), 4, seed, "train")


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_batch_may_draw_its_length(task):
    """Oracle: the task at that length, sampled; every length from the shortest to its own occurs."""
    shortest = task.seq_len - 4 if task.seq_len > 12 else 3
    stream, own = Stream(task, 2, 3, "train", shortest), Stream(task, 2, 3, "train")
    lengths, met = Lengths(task, shortest), set()
    for step in range(200):
        batch = stream.batch(step)
        length = lengths[step].seq_len
        same = task.at_length(length).sample(Draws(3, "train", [Part(step, 0, 2)]))
        assert all(map(torch.equal, batch, same))
        if length == task.seq_len:
            assert all(map(torch.equal, batch, own.batch(step)))
        met.add(length)
    assert met == set(range(shortest, task.seq_len + 1))


def test_drawn_lengths_are_even_and_the_same_for_all_seeds():
    """Oracle: the binomial law of each of 16 lengths in 8000 batches, within 5 standard deviations."""
    first, other = (Lengths(Adding(20), 5), Stream(Adding(20), 1, 1, "train", 5).lengths)
    assert other is not None
    lengths = [first[step].seq_len for step in range(8000)]
    assert lengths[:200] == [other[step].seq_len for step in range(200)]
    counts = np.bincount(lengths)[5:]
    assert len(counts) == 16
    assert np.abs(counts - 500).max() < 5 * (8000 / 16 * 15 / 16) ** 0.5


@pytest.mark.parametrize(
    ("shortest", "said"),
    [(51, "at most 50, the seq_len of the task"), (9, "seq_len=9 is too short for variant=")],
)
def test_a_shortest_length_that_the_task_has_not_is_refused(shortest, said):
    with pytest.raises(ValueError, match=said):
        Stream(TemporalOrder(50), 2, 0, "train", shortest)


VARYING = {
    "lengths of the stream's": (Adding(20), 15),
    "lengths of the paper's": (TemporalOrder(30, 2, "hochreiter1997"), None),
    "both": (Adding(30, "pascanu2013"), 25),
    "one length": (CopyMemory(5), None),
    "answers of a network": (Teacher(), None),
}


@pytest.mark.parametrize(("task", "shortest"), VARYING.values(), ids=VARYING)
def test_batches_that_are_drawn_at_once_are_those_drawn_one_by_one(task, shortest, monkeypatch):
    """Also where no two fit into what is drawn at once, or three."""
    stream = Stream(task, 3, 5, "train", shortest)
    alone = [stream.batch(step) for step in range(3, 20)]
    assert (len({batch.inputs.size(1) for batch in alone}) > 1) == (
        task not in (TASKS["copy_memory"], TASKS["teacher"])
    )
    for few in (1, 3, 100):
        monkeypatch.setitem(AT_ONCE, "cpu", few * 3 * task.seq_len * task.input_size)
        together = list(stream.batches(3, 20))
        assert len(together) == len(alone)
        for ours, expected in zip(together, alone, strict=True):
            assert all(map(torch.equal, ours, expected))


@pytest.mark.parametrize(("task", "shortest"), VARYING.values(), ids=VARYING)
def test_sequences_are_those_of_the_batches_one_after_another(task, shortest):
    """Oracle: the batches, joined; each sequence by its number, whatever the order of the lengths."""
    stream = Stream(task, 10, 5, "test", shortest)
    batches = [stream.batch(step) for step in range(4)]
    expected = Counter(row for batch in batches[1:3] for row in rows(batch))
    expected += Counter(rows(batches[0])[7:]) + Counter(rows(batches[3])[:2])
    parts = [stream.sequences(start, min(start + 9, 32)) for start in range(7, 32, 9)]
    found = Counter(row for part in parts for batch in part for row in rows(batch))
    assert found == expected
    assert expected.total() == 25


def rows(batch: Batch) -> list[bytes]:
    pairs = zip(batch.inputs, batch.targets, strict=True)
    return [x.numpy().tobytes() + y.numpy().tobytes() for x, y in pairs]


def test_a_task_whose_fields_cannot_be_hashed_may_vary_in_length():
    """A frozen dataclass with a list has no hash."""

    @dataclass(frozen=True)
    class Listed(Adding):
        names: list[str] = field(default_factory=list)

    ours, theirs = (Stream(task, 2, 0, "train", 15) for task in (Listed(20), Adding(20)))
    for mine, other in zip(ours.batches(0, 9), theirs.batches(0, 9), strict=True):
        assert all(map(torch.equal, mine, other))
