"""Mean and deviation taken off. Oracle: the worked example, and numpy on the result."""

import numpy as np
import pytest
import torch

from rnnlab.tasks.scale import Scale, check_scale


def test_the_worked_example():
    assert Scale((2.0, 0.0), (0.5, 1.0))(np.array([3, 7])).tolist() == [2.0, 7.0]


def test_what_comes_of_it_has_mean_0_and_deviation_1():
    numbers = np.random.default_rng(0).normal(1e6, 3.0, (500, 2))
    numbers[:, 1] = 5.0  # never changes
    scale = Scale.of(numbers.mean(axis=0), numbers.var(axis=0))
    found = scale(numbers)
    assert found.dtype == torch.float32
    assert found[:, 0].mean().item() == pytest.approx(0, abs=1e-6)
    assert found[:, 0].std(correction=0).item() == pytest.approx(1, rel=1e-6)
    assert (found[:, 1] == 0).all()
    assert Scale.of(numbers.mean(axis=0), numbers.var(axis=0), standardize=False) == (
        (0, 0),
        (1, 1),
    )


@pytest.mark.parametrize(
    ("mean", "scale", "message"),
    [
        ([0.0], [0.0], r"^scale=0\.0 is out of bounds: above 0"),
        ([float("nan")], [1.0], "^mean=nan is not a finite number"),
        ([0.0, 1.0], [1.0], r"^scale=\[1\.0\] are 1 numbers, and mean has 2"),
        ([], [], r"^scale=\[\] are 0 numbers"),
    ],
)
def test_what_is_refused(mean: list[float], scale: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_scale(mean, scale)
