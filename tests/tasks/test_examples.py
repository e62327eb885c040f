"""Which examples of a set of data the sequences of a stream are."""

from functools import partial

import numpy as np
import pytest
import torch

from rnnlab.tasks import Draws, Part, Stream
from rnnlab.tasks.philox import order
from tests.support.finite_task import COUNTS, Waves


def row(n: int, batch_size: int, batches: int, seed: int = 0, stream: str = "train") -> list[int]:
    """The examples of so many batches one after another, each batch drawn alone."""
    parts = ([Part(t, 0, batch_size)] for t in range(batches))
    return [
        int(i)
        for part in parts
        for i in Draws(seed, stream, part, batch_size=batch_size).examples(n)
    ]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 32, 100])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_each_epoch_has_every_example_once(n, batch_size):
    """Oracle: the sorted numbers, epoch by epoch, also where a batch crosses into the next."""
    seen = row(n, batch_size, 5 * n // batch_size + 1)
    epochs = [seen[start : start + n] for start in range(0, len(seen) - n + 1, n)]
    assert len(epochs) >= 4
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    if n > 7:
        assert len(set(map(tuple, epochs))) == len(epochs)  # each in an order of its own


def test_the_order_of_an_epoch_is_that_of_one_word_an_example():
    """Oracle: numpy's Philox at the counter that philox.py states, sorted by brute force."""
    philox = np.random.Philox(key=0, counter=np.array([0, 5, 8, 3], np.uint64))
    words = [int(word) for word in philox.random_raw(50)]
    assert order(3, "epoch", 5, 50).tolist() == sorted(range(50), key=words.__getitem__)


def test_all_orders_are_equally_likely():
    """24,000 epochs of four examples: each of 24 orders within five standard deviations of 1000."""
    orders = [tuple(order.__wrapped__(0, "epoch", epoch, 4)) for epoch in range(24_000)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert abs(counts - 1000).max() < 5 * (1000 * 23 / 24) ** 0.5


def test_the_row_of_examples_does_not_go_by_the_batch_size_and_goes_by_the_seed():
    """Oracle: the row as batches of one."""
    alone = row(10, 1, 60)
    assert row(10, 4, 15) == row(10, 30, 2) == alone
    assert row(10, 4, 15, seed=1) != alone


def test_batches_drawn_together_apart_or_by_half_are_the_same():
    """Oracle: each batch alone; the parts cross the end of an epoch."""
    parts = [Part(t, 0, 4) for t in range(1, 8)]
    whole, alone = Draws(2, "train", parts, batch_size=4), row(10, 4, 8, seed=2)
    assert whole.examples(10).tolist() == alone[4:]
    assert whole.only([parts[5], parts[0]]).examples(10).tolist() == alone[24:28] + alone[4:8]
    half = Draws(2, "train", [Part(3, 1, 2)], batch_size=4)
    assert half.examples(10).tolist() == alone[13:15]
    assert whole.examples(10).device.type == "cpu"


@pytest.mark.parametrize("stream", ["val", "test", "confirm"])
def test_other_streams_have_the_examples_in_order_and_no_more(stream):
    assert row(12, 4, 3, stream=stream) == list(range(12))
    with pytest.raises(ValueError, match=f"sequence 15 of {stream.replace('confirm', 'val')} "):
        row(12, 4, 4, stream=stream)


def test_diagnostics_begin_again_after_the_last_example():
    assert row(5, 4, 2, stream="diagnostics") == [0, 1, 2, 3, 4, 0, 1, 2]


def test_each_stream_reads_one_split():
    splits = {
        stream: Draws(0, stream, [Part(0, 0, 1)]).split
        for stream in ("train", "val", "confirm", "diagnostics", "test")
    }
    val = dict.fromkeys(("val", "confirm", "diagnostics"), "val")
    assert splits == {"train": "train", "test": "test", **val}


def test_a_later_batch_without_a_batch_size_is_refused():
    with pytest.raises(ValueError, match="goes by batch_size"):
        Draws(0, "train", [Part(1, 0, 4)]).examples(10)


def test_a_stream_gives_the_examples_of_its_row():
    """Oracle: the task's own arrays, looked up by the row; many batches at once and one alone."""
    task, seen = Waves(), row(COUNTS["train"], 5, 12, seed=4)
    stream = Stream(task, 5, 4, "train")
    for t, batch in enumerate(stream.batches(0, 12)):
        expected = task.sequences["train"][seen[5 * t : 5 * t + 5]]
        assert torch.equal(batch.inputs[..., 0], torch.from_numpy(expected))
    assert torch.equal(batch.inputs, stream.batch(11).inputs)


@pytest.mark.parametrize("stop", [13, 7])
def test_a_test_has_each_sequence_once_in_whatever_batches(stop):
    """Oracle: the arrays themselves."""
    task = Waves()
    score = partial(Stream(task, 4, 0, "test").sequences, device="cpu")
    for at_once in (1, 5, 13):
        parts = [b for s in range(0, stop, at_once) for b in score(s, min(s + at_once, stop))]
        inputs = torch.cat([batch.inputs for batch in parts])
        assert torch.equal(inputs[..., 0], torch.from_numpy(task.sequences["test"][:stop]))
