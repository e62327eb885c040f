"""MNIST-1D by its generator. Oracles: the published data, by their digest, and what their paper says of them."""

from functools import cache
from hashlib import sha256

import numpy as np
import pytest
import torch

from rnnlab.tasks import Stream, check_task, mnist1d_generator
from rnnlab.tasks.mnist1d import Mnist1d

generate = cache(mnist1d_generator.generate)  # half a second each

PUBLISHED = "7038a7dd5b8a89c46e7dd9b60379e19538523d8b0bd19842ffe462fa5d4282c6"
"""Of the arrays x, x_test, y, y_test of the authors' mnist1d_data.pkl, x rounded to three decimals: read once
with a loader that makes numpy's arrays alone. All their numbers were within 1e-15 of the generator's here."""


def test_the_data_are_the_published_ones():
    made = generate(42, 40, False)
    assert made.sequences.shape == (5000, 40)
    thousandths = np.rint(np.round(made.sequences, 3) * 1000).astype("<i4")
    digits = made.digits.astype("u1")
    assert sha256(thousandths.tobytes() + digits.tobytes()).hexdigest() == PUBLISHED
    assert Mnist1d().data[0].digest == PUBLISHED


def test_splits_are_disjoint_and_in_the_published_order():
    """The first 3500 of 4000, the last 500 of them, and the published test set."""
    task, made = Mnist1d(), generate(42, 40, False)
    check_task(task)
    for split, rows in {"val": range(3500, 4000), "test": range(4000, 5000)}.items():
        batch = Stream(task, len(rows), 0, split).batch(0)
        wanted = made.sequences[rows.start : rows.stop].astype(np.float32)
        assert torch.equal(batch.inputs[..., 0], torch.from_numpy(wanted))
        assert np.array_equal(batch.targets[:, 0].numpy(), made.digits[rows.start : rows.stop])
    trained = Stream(task, 3500, 0, "train").batch(0)
    found = sorted(map(bytes, trained.inputs[..., 0].numpy()))
    assert found == sorted(map(bytes, made.sequences[:3500].astype(np.float32)))
    assert len(set(map(bytes, made.sequences))) == 5000


def test_permuted_points_are_the_same_points():
    """One order for all, told by the first sequence; to rounding, as they are then divided by a deviation."""
    plain, mixed = (generate(42, 40, each).sequences for each in (False, True))
    order = [int(abs(plain[0] - value).argmin()) for value in mixed[0]]
    assert sorted(order) == list(range(40))
    assert order != sorted(order)
    assert np.allclose(plain[:, order], mixed, rtol=0, atol=1e-12)


def test_other_lengths_are_the_same_lines():
    """Of 79 points every second is one of 40; but for the mean and the deviation, which are of all."""
    few, many = generate(42, 40, False), generate(42, 79, False)
    assert np.array_equal(few.digits, many.digits)
    every_second = many.sequences[:, ::2]
    slope, offset = np.polyfit(every_second[0], few.sequences[0], 1)
    assert np.allclose(slope * every_second + offset, few.sequences, atol=1e-9)
    task = Mnist1d().at_length(79)
    assert task == Mnist1d(seq_len=79)
    assert task.data != Mnist1d().data


def test_another_seed_gives_other_data():
    assert Mnist1d(seed=1).data != Mnist1d().data
    assert not np.array_equal(generate(1, 40, False).sequences, generate(42, 40, False).sequences)


def test_levels_by_hand():
    """Oracle: the shares of the digits, counted."""
    digits = generate(42, 40, False).digits
    shares = [np.mean(digits[:3500] == digit) for digit in range(10)]
    losses = [-np.log(shares[digit]) for digit in digits[4000:]]
    assert Mnist1d().chance == pytest.approx(np.mean(losses))
    most = int(np.argmax(shares))
    assert Mnist1d().chance_error == pytest.approx(np.mean(digits[4000:] != most))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seq_len": 1}, "seq_len=1 is too small"),
        ({"permuted": 0}, "permuted=0 is neither"),
        ({"seed": -1}, "seed=-1 is too small"),
    ],
)
def test_refusals(fields, message):
    with pytest.raises(ValueError, match=message):
        Mnist1d(**fields)


def test_the_published_figures_are_of_the_published_data_alone() -> None:
    (name,) = Mnist1d().baselines
    assert Mnist1d().baselines[name] == pytest.approx(1 - 0.91)
    assert Mnist1d(permuted=True).baselines[name] == pytest.approx(1 - 0.57)
    assert Mnist1d(seed=1).baselines == Mnist1d(seq_len=80).baselines == {}
