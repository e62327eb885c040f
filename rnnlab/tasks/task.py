"""What every task is: a source of sequences, endless or a set of data, and how an answer is scored.

One convention holds everywhere: batch first, (batch, seq_len, features). A task answers at its last
`target_len` steps, and what it is asked to score are the outputs at those steps alone.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from rnnlab.tasks.batch import Batch
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.scale import Scale

SCORING = {"loss", "errors", "scores", "off_by", "position_errors", "accuracy"}


class Task(ABC):
    """A problem whose answer depends on inputs seen long before.

    A task is a frozen dataclass: its fields are the choices of its yaml, checked in `__post_init__`
    (ValueError with the name, the value and what is allowed).
    """

    seq_len: int
    """Steps in a sequence. A protocol that draws its lengths draws them from `seq_len` upwards."""

    length_key: ClassVar[str] = "seq_len"
    """The field that is the length which papers quote: "seq_len", or the one for a delay."""

    solved_below: float | None = 0.01
    """The task counts as solved where a smaller fraction of sequences is answered wrongly; None: it has
    no such rate, and nothing says of a run whether it has solved it."""

    def __init_subclass__(cls, **named: Any) -> None:
        """What scores outputs refuses those of other steps than the targets' own."""
        super().__init_subclass__(**named)
        for name in SCORING & vars(cls).keys():
            setattr(cls, name, _of_the_same_steps(vars(cls)[name]))

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Features shown at each step."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Features of an answer."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """The loss of the best answer that ignores the inputs.

        Of a set of data it is the loss, on the test split, of the best such answer to the training
        split: of classes the cross-entropy of their shares, of numbers the squared error of their mean.
        """

    @property
    def chance_error(self) -> float | None:
        """The error of that answer, `errors` being what counts; None where nobody has said."""
        return None

    @property
    def chance_accuracy(self) -> float | None:
        """The highest `accuracy` of an answer that ignores the inputs; None where nobody has said, or there is none."""
        once = self.class_names is not None and self.chance_error is not None and self.answers_once
        return 1 - self.chance_error if once and self.chance_error is not None else None

    @property
    def baselines(self) -> dict[str, float]:
        """Further levels to beat, by name: losses on the test split, as {"unigram": 2.9, "bigram": 2.4}.

        Of another figure of the test, its name comes first: {"error/nearest neighbour": 0.09}.
        """
        return {}

    def num_sequences(self, split: str) -> int | None:
        """How many sequences there are in "train", "val" or "test"; None: they have no end.

        The splits share no sequence. A task with an end picks what it is asked for by
        `draws.split` and `draws.examples(self.num_sequences(draws.split))`.
        """
        return None

    @property
    def continues(self) -> bool:
        """Whether training sequence n + 1 goes on where sequence n ends, as in one long text.

        Then `train.stateful` may hand a state on. `draws.examples` gives each row of the batches one after another then.
        """
        return False

    @property
    def data(self) -> tuple[DataFile, ...]:
        """What the sequences are read from. A run writes it down, and goes on with no other.

        Raises:
            ValueError: If a file is missing, or is not what it should be; that names the key.
        """
        return ()

    @property
    def from_data(self) -> dict[str, Any]:
        """Fields of the task that were found in the data, as an alphabet: values of JSON, by name.

        A saved model has them in its config, so that its task can be made where the data are not.
        Where they are given, making the task reads no data.
        """
        return {}

    @property
    def length(self) -> int:
        """The length that papers quote: the value of `length_key`."""
        return getattr(self, self.length_key)

    @abstractmethod
    def sample(self, draws: Draws) -> Batch:
        """Sequences, `draws.sequences` of them on `draws.device`, all of whose chances are drawn there.

        Sequence r is made of numbers r of what is drawn, and not of how many there are.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of outputs, (batch, target_len, output_size); a scalar."""

    @abstractmethod
    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Which sequences are wrong under the paper's criterion; bools, (batch,)."""

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Further figures that the papers report, by metric name; one number a sequence, (batch,)."""
        return {}

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Answer minus target, (batch, answered steps, features): what a bias is the mean of.

        Of classes the answer is the probability of each, and the target 1 for the right one. None
        where that is not known.
        """
        return None

    def lags(self, batch: Batch) -> Tensor | None:
        """Steps from the earliest input that an answer needs to the last step, (batch,).

        None where every sequence has the same, or none has such an input.
        """
        return None

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """The fraction of a sequence's answers that are right, (batch,); None where answers are numbers.

        Of one answer it is 1 or 0 by `errors`, of several by `position_errors`.
        """
        if self.class_names is None:
            return None
        wrong = self.position_errors(outputs, targets)
        if wrong is None and targets.size(1) == 1:
            wrong = self.errors(outputs, targets).unsqueeze(1)
        return None if wrong is None else 1 - wrong.float().mean(dim=1)

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Which of several answers are wrong; bools, (batch, positions). None for one answer."""
        return None

    @abstractmethod
    def at_length(self, seq_len: int) -> Self:
        """The same task with sequences of `seq_len` steps."""

    @property
    def answers_once(self) -> bool:
        """Whether the last step alone is answered, as a sampled sequence has it."""
        return self.sample(Draws(0, "test", [Part(0, 0, 1)])).targets.size(1) == 1

    @property
    def has_lengths(self) -> bool:
        """Whether its batches have `lengths`, as a sampled sequence has them."""
        return self.sample(Draws(0, "test", [Part(0, 0, 1)])).lengths is not None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the classes are called that the outputs stand for, in their order; None: answers are numbers."""
        return None

    def probabilities(self, outputs: Tensor) -> Tensor | None:
        """What outputs y_t, (batch, steps, output_size), say of each class: numbers in [0, 1] of the same shape.

        For a cross-entropy this is the softmax over the classes. The model has applied its own
        g(V h_t + c) already. None where answers are numbers.
        """
        return None

    def encode_text(self, text: str) -> Tensor:
        """The inputs that a text is, (seq_len, input_size).

        A long text comes in pieces, each encoded by itself: encode_text(a + b) is encode_text(a)
        followed by encode_text(b).

        Raises:
            ValueError: For a letter that has no code; by default always, as most tasks read no text.
        """
        raise ValueError(f"task {type(self).__name__} reads no text")

    def encode_sound(self, samples: np.ndarray, rate: int) -> Tensor:
        """The inputs that a recording is, (seq_len, input_size).

        Args:
            samples: (samples, channels), float32 in [-1, 1].
            rate: Samples a second.

        Raises:
            ValueError: For a recording that it does not take; by default always.
        """
        raise ValueError(f"task {type(self).__name__} reads no sound")

    @property
    def input_scale(self) -> Scale | None:
        """What is done to numbers of a user's file before a model is shown them: mean off, divided; None: nothing."""
        return None

    @property
    def answer_scale(self) -> Scale | None:
        """The same of numbers that are told; a model's answers are turned back by it."""
        return None

    def encode_numbers(self, numbers: Tensor) -> Tensor:
        """The inputs that numbers of a user's file are, both (..., input_size)."""
        scale = self.input_scale
        return numbers if scale is None else scale(numbers.cpu().numpy()).to(numbers)

    def decode_numbers(self, outputs: Tensor) -> Tensor:
        """Answers that are numbers, (..., output_size), in the units of a user's file; with a scale in double precision."""
        scale = self.answer_scale
        return outputs if scale is None else scale.back(outputs)


def _of_the_same_steps(score: Callable[[Any, Tensor, Tensor], Any]) -> Callable[..., Any]:
    """A method that would let torch broadcast the outputs of all steps against one target."""

    @functools.wraps(score)
    def checked(self: Task, outputs: Tensor, targets: Tensor) -> Any:
        wanted = (*targets.shape[:2], self.output_size)
        if outputs.shape != wanted:
            raise ValueError(
                f"{type(self).__name__}.{score.__name__}: outputs {tuple(outputs.shape)} are not "
                f"{wanted}, (batch, target_len, output_size) of targets {tuple(targets.shape)}: "
                "model(inputs, last=targets.size(1)) reads out the last steps, which are answered"
            )
        return score(self, outputs, targets)

    return checked
