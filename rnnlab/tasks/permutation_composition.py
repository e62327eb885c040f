"""The word problem of a finite group: the product of its elements so far (Merrill et al., 2024)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rnnlab.tasks.draws import Draws
from rnnlab.tasks.finite_group import FiniteGroup, finite_group, generated
from rnnlab.tasks.labelled_chain import LabelledChain
from rnnlab.tasks.labelling import Labelling


@dataclass(frozen=True)
class PermutationComposition(Labelling):
    """Tell the product of the elements of a group (Merrill, Petty & Sabharwal, 2024).

        input   213 132 231
        label   213 312 123     group=S3

    A permutation is named by where it sends 1, 2, 3, and each is done after the ones before: 213 sends 1 to 2,
    which 132 sends to 3, which 231 sends to 1. Merrill et al. draw all elements of A5, of A4xZ5 and of Z60, groups
    of 60 elements each, and ask for the product at every step. A5 and S5 are not solvable: as the paper has it,
    networks of a fixed number of layers whose steps are all taken in parallel cannot track them at every length
    (if TC0 is not NC1).

    Inputs are (batch, seq_len, number of elements that are drawn), one-hot; targets are class numbers, (batch,
    seq_len), or for label=last (batch, 1).

    Chance is the entropy of the products. It is the logarithm of the group's size where all elements are drawn.
    Of few the products are not equally likely in so many steps: swaps alone lead to even permutations in
    an even number of steps.

    Args:
        seq_len: Elements, at least 1.
        label: every or last.
        group: S3, A5, S5, Z60 and so on, or a product of these, as A4xZ5; at most 720 elements.
        generators: The elements that are drawn, as [21345,23451] of S5 or [1,59] of Z60; None: all.

    Raises:
        ValueError: `seq_len` is no whole number from 1; `group` is none of these; one of `generators` is no element
            of it, stands there twice, or not all elements are products of them; `label` is neither.
    """

    seq_len: int = 20
    label: str = "every"
    group: str = "A5"
    generators: Sequence[str | int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        group = self._group
        if self.generators is None:
            return
        names = list(map(str, self.generators))
        if unknown := [name for name in names if name not in group.elements]:
            some = ", ".join(group.elements[:4])
            raise ValueError(
                f"generators={names}: {unknown[0]} is no element of {self.group} ({some}, ...)"
            )
        if len(set(names)) < len(names):
            raise ValueError(f"generators={names} names an element twice")
        if (count := generated(group, self._drawn)) < len(group.elements):
            raise ValueError(
                f"generators={names} generate {count} of the {len(group.elements)} elements of {self.group}"
            )
        if len(names) < 2:
            raise ValueError(
                f"generators={names} has one element, by whose powers every answer is known: at least 2"
            )

    @property
    def _group(self) -> FiniteGroup:
        return finite_group(self.group)

    @cached_property
    def _drawn(self) -> np.ndarray:
        """The numbers of the elements that are drawn."""
        elements = self._group.elements
        if self.generators is None:
            return np.arange(len(elements))
        return np.array([elements.index(str(name)) for name in self.generators], dtype=int)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._group.elements[number] for number in self._drawn)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._group.elements

    def read(self, draws: Draws) -> tuple[Tensor, Tensor]:
        shown = draws.integers(0, len(self._drawn), self.seq_len)
        table = torch.from_numpy(self._group.table).to(draws.device)
        return shown, _products(table, torch.from_numpy(self._drawn).to(draws.device)[shown])

    @property
    def chain(self) -> LabelledChain:
        return LabelledChain.walk(self._group.table, self._drawn)


def _products(table: Tensor, elements: Tensor) -> Tensor:
    """Of the first 1, 2, ... elements, both (batch, steps): in log2(steps) rounds, as products are associative."""
    found, apart = elements, 1
    while apart < elements.size(1):
        later = table[found[:, :-apart], found[:, apart:]]
        found = torch.cat([found[:, :apart], later], dim=1)
        apart *= 2
    return found
