"""Sequences and their answers: what a task gives, and what a model is trained on."""

from typing import Any, Self

from torch import Tensor


class Batch(tuple[Tensor, ...]):
    """Sequences and their answers, which line up with the last `target_len` steps.

    Sequences of different lengths have `lengths`. Row r of the inputs then begins with its lengths[r] steps, and
    what stands after them is not looked at. Its answers line up with the last `target_len` of these steps. A row
    that has fewer steps than answers has outputs of 0 in place of the first ones, which the task's own `loss`
    and `errors` have to leave out, as torch's cross-entropy does where the class is -100.

    A batch is the tuple of its tensors: it unpacks into inputs and targets, and one with lengths into three.

    Args:
        inputs: (batch, seq_len, input_size).
        targets: (batch, target_len, ...): floats, or class numbers (batch, target_len).
        lengths: (batch,) whole numbers from 1 to seq_len; None: all have seq_len steps.
    """

    def __new__(cls, inputs: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Self:
        given = (inputs, targets) if lengths is None else (inputs, targets, lengths)
        return super().__new__(cls, given)

    def __getnewargs__(self) -> tuple[Tensor, ...]:
        return tuple(self)  # for pickle and copy

    @property
    def inputs(self) -> Tensor:
        return self[0]

    @property
    def targets(self) -> Tensor:
        return self[1]

    @property
    def lengths(self) -> Tensor | None:
        return self[2] if len(self) == 3 else None

    @property
    def answered(self) -> dict[str, Any]:
        """What `SequenceModel.forward` is told besides the inputs, to give the outputs of the targets' steps."""
        given = {} if self.lengths is None else {"lengths": self.lengths}
        return {"last": self.targets.size(1), **given}
