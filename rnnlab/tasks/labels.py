"""The classes of labelled examples, and what knowing no more than their shares is worth."""

from collections.abc import Sequence

import numpy as np


def class_names(labels: np.ndarray) -> tuple[str, ...]:
    """The different labels, in order, as text.

    Raises:
        ValueError: There are fewer than two.
    """
    names = tuple(str(label) for label in np.unique(labels))
    if len(names) < 2:
        raise ValueError(f"the training examples have one class, {names[0]!r}: at least two")
    return names


def class_numbers(labels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The number of each example's class.

    Raises:
        ValueError: An example is of none of them.
    """
    number = {name: at for at, name in enumerate(names)}
    found = np.array([number.get(str(label), -1) for label in labels], np.int64)
    if (found < 0).any():
        other = str(labels[found.argmin()])
        raise ValueError(f"class {other!r} does not occur among the training examples")
    return found


def blind_cross_entropy(train: np.ndarray, test: np.ndarray) -> float:
    """Of the shares p of the classes in training, on the test: - sum_c q_c ln p_c, with q_c the test's shares.

    For example three of class 0 and one of class 1 in training, and one of each in the test, give
    -(ln 0.75 + ln 0.25) / 2 = 0.837.
    """
    counts = np.bincount(train)
    return float(-np.log(counts[test] / len(train)).mean())


def blind_error(train: np.ndarray, test: np.ndarray) -> float:
    """The share of the test that is not of the class which is most frequent in training.

    Of several that are, it is the mean: each is as good a guess.
    """
    counts = np.bincount(train)
    guesses = np.flatnonzero(counts == counts.max())
    return float(1 - np.isin(test, guesses).mean() / len(guesses))


def check_classes(classes: Sequence[str]) -> None:
    """Refuse what are no names of classes.

    Raises:
        ValueError: There are fewer than two, or one has no name or that of another.
    """
    names = list(classes)
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise ValueError(f"classes={names} are not two or more different names")
