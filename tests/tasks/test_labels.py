"""Classes and what their shares are worth. Oracle: the sums by hand."""

import math

import numpy as np
import pytest

from rnnlab.tasks.labels import (
    blind_cross_entropy,
    blind_error,
    check_classes,
    class_names,
    class_numbers,
)


def test_names_and_numbers():
    assert class_names(np.array([10, 9, 10])) == ("9", "10")  # by value, not as text
    assert class_names(np.array(["b", "a"])) == ("a", "b")
    assert class_numbers(np.array([10, 9, 10]), ("9", "10")).tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="class 'c' does not occur among the training examples"):
        class_numbers(np.array(["a", "c"]), ("a", "b"))
    with pytest.raises(ValueError, match="have one class, 'a': at least two"):
        class_names(np.array(["a", "a"]))


def test_shares_by_hand():
    train, test = np.array([0, 0, 0, 1]), np.array([0, 1])
    expected = -(math.log(0.75) + math.log(0.25)) / 2
    assert blind_cross_entropy(train, test) == pytest.approx(expected)
    assert expected == pytest.approx(0.837, abs=5e-4)  # as the docstring says


def test_the_most_frequent_class_and_several():
    assert blind_error(np.array([0, 0, 1]), np.array([0, 1, 1, 1])) == pytest.approx(3 / 4)
    # Two are as frequent: one guess is wrong in 3 of 4, the other in 2 of 4.
    assert blind_error(np.array([0, 1, 0, 1, 2]), np.array([0, 1, 1, 2])) == pytest.approx(5 / 8)


@pytest.mark.parametrize("classes", [[], ["a"], ["a", "a"], ["a", ""]])
def test_what_are_no_classes(classes: list[str]) -> None:
    with pytest.raises(ValueError, match="are not two or more different names"):
        check_classes(classes)
