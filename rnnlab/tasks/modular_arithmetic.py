"""Modular arithmetic without brackets (Deletang et al., 2022)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnlab.foundation.checks import check_int
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labelled_chain import LabelledChain
from rnnlab.tasks.labelling import Labelling

PLUS, MINUS, TIMES = range(3)
LARGEST = 30


@dataclass(frozen=True)
class ModularArithmetic(Labelling):
    """Tell the value of sums and products modulo 5 (Deletang et al., 2022; Walker et al., 2025).

        input   0 * 1 + 4 * 3 - 2 =
        label   0 0 0 0 4 4 2 2 0 0    the value so far; at the equals sign it is the answer

    Numbers, from 0 to modulus - 1, stand between operators, + - or *, all equally likely. A product is taken
    before a sum: 0 + 12 - 2 = 10 = 0 modulo 5. The last symbol is the equals sign, at which the answer is due;
    in the code of Deletang et al. it is an empty step there. So a sequence has an even number of steps, and an
    odd `seq_len` makes one more, as in the code of both papers.

    `label` is last, at the equals sign, or every: the value of what is complete so far, where an operator or the
    equals sign changes nothing.

    Inputs are (batch, steps, modulus + 4): the numbers, + - * and =. Targets are class numbers, (batch, 1) or (batch,
    steps). Chance follows from the shares of the values, in which 0 is the most frequent as long as a product of
    all numbers is likely; they come to 1 / modulus each, and chance to ln modulus.

    Args:
        seq_len: Steps with the equals sign, at least 2.
        label: last or every.
        modulus: 2 to 30; the papers have 5.

    Raises:
        ValueError: A number is none, or out of bounds, or `label` is neither.
    """

    shortest = 2

    modulus: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("modulus", self.modulus, 2, LARGEST)

    @property
    def symbols(self) -> tuple[str, ...]:
        return *self.class_names, "+", "-", "*", "="

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.modulus)))

    @property
    def num_moves(self) -> int:
        """Numbers in a sequence; a value stands until the next one."""
        return (self.seq_len + 1) // 2

    def read(self, draws: Draws) -> tuple[Tensor, Tensor]:
        numbers = draws.integers(0, self.modulus, self.num_moves)
        operators = draws.integers(
            0, 3, self.num_moves
        )  # of the last the equals sign takes the place
        shown = torch.stack([numbers, self.modulus + operators], dim=2).flatten(1)
        shown[:, -1] = self.modulus + 3
        return shown, self._values(numbers, operators).repeat_interleave(2, dim=1)

    def _values(self, numbers: Tensor, operators: Tensor) -> Tensor:
        """After each number: the sum of the terms before, and the last term, to which a factor may come."""
        terms = torch.zeros_like(numbers[:, 0])
        last, values = numbers[:, 0], [numbers[:, 0]]
        for number, operator in zip(numbers.T[1:], operators.T, strict=False):
            factor = operator == TIMES
            terms = torch.where(factor, terms, terms + last)
            sign = torch.where(operator == MINUS, -1, 1)
            last = torch.where(factor, last * number, sign * number) % self.modulus
            values.append((terms + last) % self.modulus)
        return torch.stack(values, dim=1)

    @property
    def chain(self) -> LabelledChain:
        """Of the sum of the terms before and the last term, state number modulus * sum + term."""
        m = self.modulus
        terms, last, number = np.ogrid[:m, :m, :m]
        moves = np.zeros((m * m, m * m))
        for then, term in (
            (terms + last, number),
            (terms + last, -number),
            (terms, last * number),
        ):
            after = m * (then % m) + term % m + 0 * (terms + last + number)
            np.add.at(moves, ((m * terms + last + 0 * number), after), 1 / (3 * m))
        first = np.zeros(m * m)
        first[:m] = 1 / m
        return LabelledChain(first, moves, ((terms + last) % m).reshape(-1))
