"""What a batch has to be: of these shapes, and drawn sequence by sequence from the draws alone."""

from typing import Any

import torch
from torch import Tensor

from rnnlab.foundation.contract import a_kind, called, refuse
from rnnlab.foundation.generators import generator_states
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.task import Task

PRIMES = (7, 11, 13, 17, 19, 23, 29)


def check_sample(task: Task) -> Batch:
    """A batch, once it is seen to be one.

    Raises:
        ContractError: If it is not.
    """
    states = generator_states()
    batch = _tried(task)
    _check_draws(task, batch, states)
    if task.num_sequences("test") is not None:
        _check_splits(task, batch)
    return batch


def _tried(task: Task) -> Batch:
    """A batch of a size that is no other size of it, so that no mistake about sizes goes unseen."""
    for count in PRIMES:
        batch = _sample(task, Part(0, 0, count), count)
        many = isinstance(batch, tuple) and len(batch) in (2, 3)
        if not (many and all(map(torch.is_tensor, batch))):
            wanted = "Batch(inputs, targets), two tensors, or with lengths three"
            refuse(task, f"sample gave {a_kind(batch)}", wanted)
        sizes = {*batch[0].shape[1:], *batch[1].shape[1:], task.output_size}
        if count not in sizes:
            break
    _check_shapes(task, Batch(*batch), count)
    return Batch(*batch)


def _check_shapes(task: Task, batch: Batch, count: int) -> None:
    inputs, targets, lengths = batch.inputs, batch.targets, batch.lengths
    if inputs.dim() != 3 or inputs.shape[::2] != (count, task.input_size):
        wanted = f"(batch, seq_len, input_size) = ({count}, {task.seq_len}, {task.input_size})"
        refuse(task, f"sample gave inputs {a_kind(inputs)}", wanted)
    if inputs.size(1) < task.seq_len:
        wanted = f"seq_len={task.seq_len} of them, or more"
        refuse(task, f"sample gave inputs of {inputs.size(1)} steps", wanted)
    if targets.dim() < 2 or len(targets) != count or not 0 < targets.size(1) <= inputs.size(1):
        wanted = (
            f"(batch, target_len, ...) with batch = {count}, target_len at most {inputs.size(1)}"
        )
        refuse(task, f"sample gave targets {a_kind(targets)}", wanted)
    for name, tensor in (("inputs", inputs), ("targets", targets)):
        if not tensor.isfinite().all():
            refuse(task, f"sample gave {name} with NaN or infinity in them", "finite numbers")
    if lengths is not None:
        _check_lengths(task, lengths, count, inputs.size(1))


def _check_lengths(task: Task, lengths: Tensor, count: int, steps: int) -> None:
    if lengths.shape != (count,) or lengths.dtype not in (torch.int32, torch.int64):
        wanted = f"({count},) of torch.int64, the steps of each sequence"
        refuse(task, f"sample gave lengths {a_kind(lengths)}", wanted)
    least, most = int(lengths.min()), int(lengths.max())
    if least < 1 or most > steps:
        wanted = f"1 to {steps}, the steps of the inputs"
        refuse(task, f"sample gave lengths from {least} to {most}", wanted)


def _check_draws(task: Task, batch: Batch, states: tuple[object, ...]) -> None:
    count, wanted = len(batch.inputs), "all its randomness from the draws that it is given"
    again = _sample(task, Part(0, 0, count), count)
    if not all(map(torch.equal, batch, again)):
        wanted += ", or no two runs see the same data"
        refuse(task, "sample gave different batches from equal draws", wanted)
    if generator_states() != states:
        refuse(task, "sample drew from a generator of the whole process", wanted)
    others = [_sample(task, Part(n, 0, count), count)[0] for n in range(1, 5)]
    if all(torch.equal(batch.inputs, other) for other in others):
        wanted = "inputs that are drawn from the draws that it is given, new ones in each batch"
        refuse(task, "sample gave the same inputs from different draws", wanted)
    for first, number in ((0, 1), (count - 1, 1), (1, count - 2)):
        _check_apart(task, batch, first, number)


def _check_splits(task: Task, batch: Batch) -> None:
    """The first and the last sequence of each split, which a mistake of one would not find."""
    counts = {split: task.num_sequences(split) or 0 for split in ("train", "val", "test")}
    for split, count in counts.items():
        for part in (Part(0, first, 1) for first in (0, count - 1)):
            one = called(task, "sample", Draws(0, split, [part], batch_size=count))
            _check_as_many(task, one, batch)
            for ours, like in zip(one, batch, strict=True):
                if ours.dim() != like.dim() or ours.dtype != like.dtype or len(ours) != 1:
                    wanted = f"{a_kind(like[:1])}, as others are, or of other lengths"
                    refuse(
                        task,
                        f"sample gave {a_kind(ours)} as sequence {part.first} of {split}",
                        wanted,
                    )
    some = [Part(0, 0, min(counts["val"], counts["test"], PRIMES[-1]))]
    firsts = (called(task, "sample", Draws(0, split, some)) for split in ("val", "test"))
    if all(map(torch.equal, *firsts)):
        wanted = "sequences of draws.split alone, so that no split shares one with another"
        refuse(task, "sample gave the same sequences as val and as test", wanted)


def _check_as_many(task: Task, one: Any, batch: Batch) -> None:
    if len(one) != len(batch):
        what = f"sample gave {a_kind(one)} and {a_kind(batch)}"
        refuse(task, what, "lengths in every batch, or in none")


def _check_apart(task: Task, batch: Batch, first: int, count: int) -> None:
    """Some sequences of a batch drawn without the others: to rounding, which may go by the size of a product."""
    part, size = Part(0, first, count), len(batch.inputs)
    alone = _sample(task, part, size)
    _check_as_many(task, alone, batch)
    for together, apart in zip(batch, alone, strict=True):
        expected = together[first : first + count]
        if apart.shape != expected.shape or not torch.allclose(
            apart.double(), expected.double(), rtol=1e-4, atol=1e-5
        ):
            refuse(
                task,
                f"sample gave another sequence {first} where {count} were drawn and not {len(together)}",
                "each sequence made from its own row of what is drawn, whatever is beside it",
            )


def _sample(task: Task, part: Part, batch_size: int) -> Any:
    # A whole batch may be all of a small validation split, the next one then the same.
    stream = "diagnostics" if task.num_sequences("train") is None else "train"
    return called(task, "sample", Draws(0, stream, [part], batch_size=batch_size))
