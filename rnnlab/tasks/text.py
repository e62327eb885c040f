"""Text: tell the next character of each, after Elman (1990) and Mikolov et al. (2012)."""

import functools
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.foundation.checks import check_int
from rnnlab.kernels.cross_entropy import cross_entropy
from rnnlab.tasks.alphabet import Alphabet
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.class_scores import mistaken
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.one_hot import one_hot
from rnnlab.tasks.scored_text import ScoredText
from rnnlab.tasks.task import Task
from rnnlab.tasks.text_file import TextFile, read_text
from rnnlab.tasks.windows import Windows


@dataclass(frozen=True)
class Text(Task):
    """Tell the next character at every step of a text.

        input   t h e _ c a        seq_len=6, from "the cat" (_ is a space)
        target  h e _ c a t

    The text is any file of UTF-8, or the topics of Python's own help (`pydoc_data.topics`), joined in the
    order of their names; those differ from one version of Python to the next, and the digest says which.
    Its first 90 % are trained on, the next 5 % validated and the last 5 % tested. `Windows` says how they are
    cut: a training sequence begins at a place of each epoch's own, test sequences lie side by side.

    The classes are the characters of the training part in the order of their code points, and last one for
    all others. Inputs are one-hot, (batch, seq_len, classes); targets are class numbers, (batch, seq_len).
    The loss is the mean cross-entropy in nats; `bits` is the same in bits a character, and `accuracy` the
    share of characters whose most probable class is right.

    Every sequence that is scored starts from the first state, so the figures are those of windows of seq_len
    characters: the first of them are told from little. A sequence is wrong where its last character is told wrongly, the one
    that most is known about.

    Chance knows how often each character occurs in the training part (`unigram_probabilities`), and is
    the cross-entropy of the scored characters; its error is that of the most frequent one. The baselines are in bits a character, to be set beside
    `bits`: unigram is chance, bigram knows pairs; gzip, bz2 and lzma are what compressors add for
    the whole test part once they have seen the training part (its last 8 MiB). They may look back across
    windows, and they learn from the test part as they go, which a model does not.

    Args:
        seq_len: Characters in a sequence, at least 1.
        path: A file of UTF-8 text; None: the topics of Python's help.
        alphabet: The characters that are classes; None: those of the training part.

    Raises:
        ValueError: `path` is no file of UTF-8 text, the text has fewer than two sequences in a part, or
            `alphabet` is empty or has a character twice.
    """

    solved_below: ClassVar[None] = None  # pyrefly: ignore[bad-override]

    seq_len: int = 100  # pyrefly: ignore[bad-override]
    path: str | None = None
    alphabet: str | None = None

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, 1)
        if self.alphabet is None:
            self._windows  # noqa: B018 a text that is wrong is refused now
        self._alphabet  # noqa: B018 and so is an alphabet

    @cached_property
    def _alphabet(self) -> Alphabet:
        if self.alphabet is not None:
            return Alphabet(self.alphabet)
        return _alphabet_of(self._source, self._windows.steps("train"))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._alphabet.class_names

    @property
    def input_size(self) -> int:
        return len(self.class_names)

    @property
    def output_size(self) -> int:
        return self.input_size

    @property
    def data(self) -> tuple[DataFile, ...]:
        return (self._source.file,)

    @property
    def from_data(self) -> dict[str, Any]:
        return {"alphabet": self._alphabet.characters}

    @property
    def continues(self) -> bool:
        return True

    @property
    def answers_once(self) -> bool:
        return False

    def num_sequences(self, split: str) -> int:
        return self._windows.count(split)

    @cached_property
    def _scored(self) -> ScoredText:
        return ScoredText(self._source, self._windows, self._alphabet)

    @property
    def chance(self) -> float:
        return self._scored.chance

    @property
    def chance_error(self) -> float:
        return self._scored.chance_error

    @property
    def baselines(self) -> dict[str, float]:
        return {f"bits/{name}": value for name, value in self._scored.bits.items()}

    def sample(self, draws: Draws) -> Batch:
        text = self._source.text
        starts = self._windows.starts(draws).tolist()
        shown = np.empty((len(starts), self.seq_len + 1), np.int64)
        for row, start in zip(shown, starts, strict=True):
            row[:] = self._alphabet.numbers(text.code_points(start, start + self.seq_len + 1))
        numbers = torch.from_numpy(shown).to(draws.device)
        return Batch(self._one_hot(numbers[:, :-1]), numbers[:, 1:].contiguous())

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=2)

    def encode_text(self, text: str) -> Tensor:
        return self._one_hot(torch.from_numpy(self._alphabet.numbers(text)))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mistaken(outputs, targets)[:, -1]

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mistaken(outputs, targets)

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        nats = F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")
        return {"bits": nats.mean(dim=1) / math.log(2)}

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)

    @cached_property
    def _source(self) -> TextFile:
        return read_text(self.path)

    @cached_property
    def _windows(self) -> Windows:
        return Windows(self._source.text.size, self.seq_len, shares=(90, 5))

    def _one_hot(self, numbers: Tensor) -> Tensor:
        return one_hot(numbers, self.input_size)


@functools.lru_cache(maxsize=4)
def _alphabet_of(source: TextFile, characters: range) -> Alphabet:
    """Of a part of a text, which other lengths ask for again."""
    return Alphabet.of(source.text.chunks(characters))
