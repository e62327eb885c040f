"""A Markov chain whose states have a label each: how often each label comes, without drawing any."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class LabelledChain:
    """Of S states.

    For example a walk that begins at 0 and then goes to 0 or 1 with equal chance, where the labels are the
    states: the shares of label 0 are 1, 0.5, 0.5, and labels 0, 1, 1 have a chance of 1 / 4.

    Attributes:
        first: The probability of each state to be the first, (S,).
        moves: That of each state to follow another, (S, S); rows are of what was before.
        labels: Of each state, (S,).
    """

    first: np.ndarray
    moves: np.ndarray
    labels: np.ndarray

    @classmethod
    def walk(cls, table: np.ndarray, steps: np.ndarray) -> Self:
        """Multiply by one of `steps` at a time, all equally likely, from element 0 on; its label is its number.

        Args:
            table: The product of each element and each next one, (S, S).
            steps: Numbers of elements.
        """
        moves = np.zeros(table.shape)
        for step in steps:
            np.add.at(moves, (np.arange(len(table)), table[:, step]), 1 / len(steps))
        return cls(moves[0], moves, np.arange(len(table)))

    def label_shares(self, steps: int, classes: int) -> np.ndarray:
        """The probability of each label at each step, (steps, classes)."""
        at, shares = self.first, np.zeros((steps, classes))
        for row in shares:
            np.add.at(row, self.labels, at)
            at = at @ self.moves
        return shares

    def chance_of(self, labels: np.ndarray) -> float:
        """The probability that the first labels are exactly these."""
        at = self.first
        for number, label in enumerate(labels):
            at = (at @ self.moves if number else at) * (self.labels == label)
        return float(at.sum())


def entropy(shares: np.ndarray) -> np.ndarray:
    """In nats, of each row."""
    known = np.where(shares > 0, shares, 1.0)
    return -(known * np.log(known)).sum(axis=1) + 0.0  # where all is known, no -0.0


def most_probable(shares: np.ndarray) -> np.ndarray:
    """The first of the largest of each row, where rounding may have made equals differ."""
    return shares.round(12).argmax(axis=1)
