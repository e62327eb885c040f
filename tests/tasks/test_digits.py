"""Digits, pixel by pixel. Oracle: scikit-learn's own arrays, sorted by brute force."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from rnnlab.tasks import Stream, check_task
from rnnlab.tasks.digits import Digits
from rnnlab.tasks.philox import order

COUNTS = {"train": 1200, "val": 300, "test": 297}


def everything(task: Digits, split: str) -> tuple[np.ndarray, np.ndarray]:
    """All sequences of a split, as whole numbers, and their answers."""
    batch = Stream(task, COUNTS[split], 0, split).batch(0)
    return (16 * batch.inputs[..., 0]).numpy(), batch.targets[:, 0].numpy()


def by_hand() -> dict[str, tuple[list, list]]:
    """Of each digit the first 120 in train, the next 30 in val, the rest in test, in the order of the file."""
    found: Any = load_digits()
    seen, splits = dict.fromkeys(range(10), 0), {split: ([], []) for split in COUNTS}
    for image, label in zip(found.data, found.target, strict=True):
        split = "train" if seen[label] < 120 else "val" if seen[label] < 150 else "test"
        seen[label] += 1
        splits[split][0].append(image)
        splits[split][1].append(label)
    return splits


def test_splits_are_as_they_are_said_to_be():
    task, wanted = Digits(), by_hand()
    check_task(task)
    for split, (images, labels) in wanted.items():
        found, told = everything(task, split)
        assert task.num_sequences(split) == COUNTS[split] == len(labels)
        if split == "train":  # which comes in an order of its own
            rows = sorted((*image, label) for image, label in zip(found, told, strict=True))
            assert rows == sorted(
                (*image, label) for image, label in zip(images, labels, strict=True)
            )
        else:
            assert np.array_equal(found, np.array(images))
            assert np.array_equal(told, np.array(labels))


def test_no_image_is_in_two_splits():
    splits = {split: set(map(bytes, everything(Digits(), split)[0])) for split in COUNTS}
    for split in COUNTS:
        for other in COUNTS.keys() - {split}:
            assert not splits[split] & splits[other]


def test_levels_by_hand():
    """The ten digits are equally frequent in training, 120 each."""
    task = Digits()
    assert task.chance == pytest.approx(math.log(10))
    assert task.chance_error == pytest.approx(0.9)
    assert task.solved_below is None


def test_permuted_pixels():
    """Oracle: the order that is stated; the same for every image and split."""
    for split in ("val", "test"):
        plain, labels = everything(Digits(), split)
        for seed in (0, 5):
            found, told = everything(Digits(permuted=True, permutation_seed=seed), split)
            assert np.array_equal(found, plain[:, order(seed, "pixels", 0, 64)])
            assert np.array_equal(told, labels)
    assert sorted(order(5, "pixels", 0, 64)) == list(range(64))


def test_its_data_are_named():
    (file,) = Digits().data
    assert (file.name, file.rows) == ("digits", 1797)
    assert "load_digits" in file.source


def test_perfect_answers_and_answers_that_are_none():
    batch = Stream(Digits(), 50, 0, "test").batch(0)
    task, outputs = Digits(), 40.0 * torch.eye(10)[batch.targets]
    assert task.loss(outputs, batch.targets) < 1e-6
    assert not task.errors(outputs, batch.targets).any()
    assert task.errors(outputs.log(), batch.targets).sum() < 50
    assert task.errors(outputs * math.nan, batch.targets).all()
    probabilities = task.probabilities(outputs)
    assert probabilities is not None
    assert probabilities.sum(dim=2).sub(1).abs().max() < 1e-6
