"""One sequence answered as it comes, in pieces of any size, with the same bits as in one piece.

A matrix product rounds by its shape: BLAS sums one row in another order than the rows of a block, and
seven rows in another than sixty-four. So the pieces that a user happens to have are not what is
computed. The model always sees one sequence, and of that BLOCK steps from a multiple of BLOCK on. A
block that is not full yet is computed with zeros in the place of what is to come, and again when more
has come: a recurrent model's answer depends on no later step, and no row of a product on another.
The block is one tensor for all of a stream, because kernels may go by how numbers lie in memory.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rnnlab.cells.all_states import AllStates
from rnnlab.cells.cell import State
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.prediction.inputs import InputsRefusedError, as_numbers, refuse_kind, refuse_shape
from rnnlab.tasks import Task

BLOCK = 64
"""Steps that are computed at once. More would take less of Python's time, and a single step more."""


@dataclass(frozen=True)
class Prediction:
    """What a model answers to some steps of a sequence.

    Args:
        outputs: y_t, (steps, output_size).
        probabilities: Of each class, (steps, output_size); None where answers are numbers.
        classes: The name of the most probable, (steps,); None where classes have no names.
        states: Of every layer, by name, (steps, hidden_size); empty unless asked for.
    """

    outputs: np.ndarray
    probabilities: np.ndarray | None = None
    classes: np.ndarray | None = None
    states: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All that there is, by the names that files give it."""
        given = {
            "outputs": self.outputs,
            "probabilities": self.probabilities,
            "class": self.classes,
        }
        return {name: array for name, array in given.items() if array is not None} | self.states


class PredictionStream:
    """The answers of a model to one sequence.

    Args:
        model: In evaluation, on the CPU.
        task: Which says what its outputs stand for.
        states: Keep the states of all layers.
    """

    def __init__(self, model: SequenceModel, task: Task, states: bool = False) -> None:
        self._model, self._task = model, task
        self._all_states = AllStates(model) if states else None
        dtype = model.readout.weight.dtype
        self._block = torch.zeros(1, BLOCK, task.input_size, dtype=dtype)
        self._numbers = self._block.numpy()[0]
        self._filled = 0
        self._before: list[State] | None = None
        """What the model's layers were in before the first step of the block."""
        self.steps = 0
        """How many have been answered."""

    def feed(self, inputs: np.ndarray | Tensor, encoded: bool = False) -> Prediction:
        """Answer the next steps.

        Args:
            inputs: (steps, input_size), at least one step.
            encoded: Whether they are as the task shows them to the model, as `encode_text` gives them.
                Else they are numbers in the units of the user's data, which a task may standardise.

        Raises:
            InputsRefusedError: If they are of another shape, no numbers, or not all finite; the stream
                is as it was then. Or if the model's answer is not finite.
        """
        given = np.asarray(inputs)
        refuse_kind(given.dtype)
        refuse_shape(given.shape, self._task.input_size)
        if not encoded and self._task.input_scale is not None:
            wide = as_numbers(
                given, np.dtype(np.float64), self.steps
            )  # of which little may be left
            given = self._task.encode_numbers(torch.tensor(wide)).numpy()
        numbers = as_numbers(given, self._numbers.dtype, self.steps)
        parts = []
        while len(numbers):
            parts.append(self._add(numbers[: BLOCK - self._filled]))
            numbers = numbers[len(parts[-1]["outputs"]) :]
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return self._prediction(found)

    def _add(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Answer steps that the block has room for."""
        rows = slice(self._filled, self._filled + len(numbers))
        self._numbers[rows] = numbers
        found, ends = self._computed()
        # Copied, for of a block that is not full most rows are thrown away.
        answers = {name: tensor[0, rows].numpy().copy() for name, tensor in found.items()}
        self._filled = rows.stop
        self.steps += len(numbers)
        if self._filled == BLOCK:
            self._before, self._filled = ends, 0
            self._block.zero_()
        return answers

    def _computed(self) -> tuple[dict[str, Tensor], list[State]]:
        """All of the block: how its answers are decoded goes by their shape, too."""
        states: dict[str, Tensor] = {}
        with torch.inference_mode():
            if self._all_states is None:
                outputs, ends = self._model(self._block, self._before)
            else:
                outputs, ends, states = self._all_states(self._block, self._before)
            probabilities = self._task.probabilities(outputs)
            if probabilities is None:
                found = {"outputs": self._task.decode_numbers(outputs)}
            else:
                found = {"outputs": outputs, "probabilities": probabilities}
        return found | states, ends

    def _prediction(self, found: dict[str, np.ndarray]) -> Prediction:
        outputs, probabilities = found.pop("outputs"), found.pop("probabilities", None)
        if not np.isfinite(outputs).all():
            step = self.steps - len(outputs) + int(np.argwhere(~np.isfinite(outputs))[0, 0])
            raise InputsRefusedError(f"step {step}: the model's answer is not finite")
        names, classes = self._task.class_names, None
        if names is not None and probabilities is not None:
            classes = np.array(names)[probabilities.argmax(axis=1)]
        return Prediction(outputs, probabilities, classes, found)
