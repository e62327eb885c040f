"""A model on real sequences, unrolled step by step: what the diagnostics look at."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics.dynamics import Dynamics, States, flatten
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.stream import Stream

STREAM = "diagnostics"
BATCHES, NOISE = 0, 1  # batches of the stream: the sequences, and noise of all other kinds


def noise_of(seed: int, rows: int) -> Draws:
    """Random numbers for diagnostics, so many rows of them, of the seed alone."""
    return Draws(seed, STREAM, [Part(NOISE, 0, rows)])


class Probe:
    """One look at a model; what several diagnostics need is computed once.

    Args:
        model: In the state in which it is to be looked at (`eval`: no dropout). What is looked at is a
            copy of it in double precision: a gradient that vanishes is soon below 1e-38, which is 0
            in single precision.
        task: Whose sequences it is shown.
        seed: Which sequences; every variant is shown the same.
    """

    def __init__(self, model: SequenceModel, task: Task, seed: int) -> None:
        device = next(model.parameters()).device
        # Apple's GPUs have no double precision.
        self.model = copy.deepcopy(model).to(
            "cpu" if device.type == "mps" else device, torch.double
        )
        self.task = task
        self.seed = seed
        self._unrolled: dict[int, Unrolled] = {}
        parameter = next(self.model.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype

    def at_most(self, sequences: int) -> int:
        """So many, or all of the validation split of a set of data that has fewer."""
        has = self.task.num_sequences("val")
        return sequences if has is None else min(sequences, has)

    def batch(self, sequences: int, again: bool = False) -> Batch:
        """So many sequences of the task: fresh ones, or the first of the validation split of a set of data.

        Args:
            sequences: How many.
            again: Whether a split that has fewer begins again after its last.

        Raises:
            ValueError: If it has fewer, and may not.
        """
        if not again:
            _refuse_more("sequences", sequences, self.task)
        stream = Stream(self.task, sequences, self.seed, STREAM)
        return stream.batch(BATCHES, self.device, self.dtype)

    def noise(self, rows: int) -> Draws:
        """Random numbers of a diagnostic's own, so many rows of them, the same at every look."""
        return noise_of(self.seed, rows)

    @cached_property
    def dynamics(self) -> Dynamics:
        return Dynamics(self.model, self.batch(1).inputs)

    def unrolled(self, sequences: int) -> "Unrolled":
        """The forward pass over so many sequences, made once; its graph goes with the probe."""
        if sequences not in self._unrolled:
            self._unrolled[sequences] = Unrolled(self, self.batch(sequences))
        return self._unrolled[sequences]


def refuse_counts(diagnostics: Mapping[str, object], task: Task) -> None:
    """See that a task has as many sequences as each diagnostic asks for, and such as it takes.

    Raises:
        ValueError: If it has fewer: `diagnostics.omega.sequences=500 is more than the 297 of the val split`;
            or if they have lengths of their own, which the diagnostic does not take.
    """
    no_lengths = [k for k, v in diagnostics.items() if not getattr(v, "takes_lengths", False)]
    if no_lengths and task.has_lengths:
        taken = [name for name in diagnostics if name not in no_lengths]
        raise ValueError(
            f"diagnostics: {', '.join(no_lengths)} follow every step of whole sequences, and those of task "
            f"{type(task).__name__} have different lengths. Allowed: diagnostics={taken[0] if taken else 'none'}"
        )
    for name, diagnostic in diagnostics.items():
        if (asked := getattr(diagnostic, "sequences", None)) is not None:
            _refuse_more(f"diagnostics.{name}.sequences", asked, task)


def _refuse_more(key: str, sequences: int, task: Task) -> None:
    has = task.num_sequences("val")
    if has is not None and sequences > has:
        raise ValueError(f"{key}={sequences} is more than the {has} of the val split")


@dataclass(frozen=True)
class Gradients:
    """Of a loss, in the states of every step.

    Attributes:
        total: In each tensor of the state by its name, (seq_len, batch, size); all ways to the loss
            count, also those within the step, as from c_t through h_t.
        carried: In s_t as it is handed on to the next step and to the readout, (seq_len, batch, D):
            what one part of it still did to another within the step does not count.
        inputs: In the inputs, (seq_len, batch, input_size).
    """

    total: dict[str, Tensor]
    carried: Tensor
    inputs: Tensor


class Unrolled:
    """A forward pass through `step`, with the graph of every state kept.

    Attributes:
        batch: The sequences.
        before: s_{t-1} of every step t, (seq_len, batch, D).
        outputs: At the answered steps, (batch, target_len, output_size).
    """

    def __init__(self, probe: Probe, batch: Batch) -> None:
        self.batch = batch
        self._task, self._dynamics = probe.task, probe.dynamics
        # A model that has nothing to train still has a graph.
        states = self._dynamics.initial_states(batch.inputs.requires_grad_())
        before, self._within, self._handed = [], [], []
        with parametrize.cached():  # a weight that is computed, once and not at every step
            for x in batch.inputs.unbind(dim=1):
                before.append(flatten(states).detach())
                after = self._dynamics.step(x, states)
                # Copies, so that autograd tells what becomes of a state from its use within the step.
                states = [tuple(tensor.view_as(tensor) for tensor in state) for state in after]
                self._within.append(after)
                self._handed.append(states)
        self.before = torch.stack(before)
        top = [states[-1][0] for states in self._handed[-batch.targets.size(1) :]]
        self.outputs = probe.model.read_out(torch.stack(top, dim=1))

    @cached_property
    def hidden(self) -> Tensor:
        """h_t of all layers, side by side; (seq_len, batch, sum of hidden sizes)."""
        after = torch.stack([flatten(states).detach() for states in self._within])
        return self._dynamics.part(after, "h")

    @cached_property
    def of_last_answer(self) -> Gradients:
        """The gradients of the loss of the last step's answer: lags count from one step alone.

        The task's loss is a mean over the answers, of which that is one.
        """
        if self.outputs.size(1) == 1:
            return self.of_loss
        outputs = torch.cat([self.outputs[:, :-1].detach(), self.outputs[:, -1:]], dim=1)
        return self._gradients(outputs, answers=outputs.size(1))

    @cached_property
    def of_loss(self) -> Gradients:
        """The gradients of the task's loss, all answers included."""
        return self._gradients(self.outputs)

    def _gradients(self, outputs: Tensor, answers: int = 1) -> Gradients:
        loss = self._task.loss(outputs, self.batch.targets) * answers
        wanted = [self.batch.inputs, *_tensors(self._within), *_tensors(self._handed)]
        inputs, *found = torch.autograd.grad(
            loss, wanted, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        within, handed = (
            _by_step(half, steps=len(self._within))
            for half in (found[: len(found) // 2], found[len(found) // 2 :])
        )
        total = {name: self._dynamics.part(within, name) for name in self._dynamics.parts}
        return Gradients(total, handed, inputs.transpose(0, 1))


def _tensors(trajectory: list[States]) -> list[Tensor]:
    return [tensor for states in trajectory for state in states for tensor in state]


def _by_step(tensors: list[Tensor], steps: int) -> Tensor:
    """As flat states, (steps, batch, D)."""
    each = len(tensors) // steps
    parts = [torch.stack(tensors[i::each]).flatten(2) for i in range(each)]
    return torch.cat(parts, dim=2)
