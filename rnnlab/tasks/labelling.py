"""Sequences of symbols with a label: the state of a finite automaton that has read them."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.checks import check_choice, check_int
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.class_scores import mistaken
from rnnlab.tasks.classes import Classes
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.labelled_chain import LabelledChain, entropy, most_probable
from rnnlab.tasks.one_hot import one_hot


@dataclass(frozen=True)
class Labelling(Classes):
    """Tell the state that a sequence of symbols has led to.

    `label` says when it is asked for: "last", at the last symbol; "every", at each symbol; "after", at an
    empty step that follows the last symbol and has an input of its own. Symbols are one-hot; targets are
    class numbers, (batch, 1) or (batch, steps). The loss is the mean cross-entropy over the answered steps,
    and a sequence is wrong where any of them is.

    What is left of a task is to give its symbols, their labels and, as a Markov chain, how the labels come
    about. Chance follows from the chain: at each step it answers the shares that the labels have there, over
    all sequences. Its error and its accuracy are those of the most probable label, the first of equals.

    Raises:
        ValueError: `seq_len` is no whole number of at least `shortest`, or `label` none of `labels_at`.
    """

    labels_at: ClassVar[tuple[str, ...]] = ("last", "every")
    """What `label` may be."""

    shortest: ClassVar[int] = 1
    """The least `seq_len`."""

    seq_len: int = 40  # pyrefly: ignore[bad-override]
    label: str = "last"

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, self.shortest)
        check_choice("label", self.label, self.labels_at)

    @property
    @abstractmethod
    def symbols(self) -> tuple[str, ...]:
        """What the papers call the inputs, in their order."""

    @abstractmethod
    def read(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """The symbols and the label at each of them; whole numbers, (batch, steps)."""

    @property
    @abstractmethod
    def chain(self) -> LabelledChain:
        """The states that random symbols lead to, and their labels."""

    @property
    def num_moves(self) -> int:
        """States of the chain in a sequence; each is the label of as many steps as the others."""
        return self.seq_len

    def label_shares(self) -> np.ndarray:
        """Of each label at each state, over all sequences; (num_moves, classes)."""
        return self.chain.label_shares(self.num_moves, self.output_size)

    @cached_property
    def _shares(self) -> np.ndarray:
        """Of each label at each state that is asked for."""
        shares = self.label_shares()
        return shares if self.label == "every" else shares[-1:]

    @cached_property
    def _levels(self) -> tuple[float, float, float]:
        """The loss, the accuracy and the error of the best answer that ignores the inputs."""
        told = most_probable(self._shares)
        accuracy = float(np.take_along_axis(self._shares, told[:, None], axis=1).mean())
        matched = self.chain.chance_of(told) if self.label == "every" else accuracy
        return float(entropy(self._shares).mean()), accuracy, 1 - matched

    @property
    def chance(self) -> float:
        return self._levels[0]

    @property
    def chance_accuracy(self) -> float:
        return self._levels[1]

    @property
    def chance_error(self) -> float:
        return self._levels[2]

    @property
    def input_size(self) -> int:
        return len(self.symbols) + (self.label == "after")

    @property
    def output_size(self) -> int:
        assert self.class_names is not None
        return len(self.class_names)

    @property
    def answers_once(self) -> bool:
        return self.label != "every" or self.seq_len == 1

    def sample(self, draws: Draws) -> Batch:
        shown, labels = self.read(draws)
        if self.label == "after":
            shown = F.pad(shown, (0, 1), value=len(self.symbols))
        inputs = one_hot(shown, self.input_size)
        return Batch(inputs, labels if self.label == "every" else labels[:, -1:].contiguous())

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        return mistaken(outputs, targets) if self.label == "every" else None

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)
