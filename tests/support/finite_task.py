"""A set of data that is made here: three short waves to be told apart, so many in each split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import sha256
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, DataFile, Draws, Task

COUNTS = {"train": 23, "val": 11, "test": 13}


@dataclass(frozen=True)
class Waves(Task):
    """Tell which of three waves a noisy sequence is; sequence n of a split is of class n % 3."""

    seq_len: int = 6  # pyrefly: ignore[bad-override]
    counts: Mapping[str, int] = field(default_factory=lambda: COUNTS)
    solved_below: float | None = None  # pyrefly: ignore[bad-override]
    names: list[str] | None = None

    input_size, output_size = 1, 3  # pyrefly: ignore[bad-override]

    @property
    def chance(self) -> float:
        return 1.0986

    @property
    def chance_error(self) -> float:
        return 0.6

    @property
    def baselines(self) -> dict[str, float]:
        return {"last value": 0.9}

    def num_sequences(self, split: str) -> int:
        return self.counts[split]

    @cached_property
    def sequences(self) -> dict[str, np.ndarray]:
        noise = np.random.default_rng(0)
        return {
            split: (
                np.sin(np.outer(np.arange(count) % 3 + 1, np.arange(self.seq_len)))
                + 0.1 * noise.standard_normal((count, self.seq_len))
            ).astype(np.float32)
            for split, count in self.counts.items()
        }

    @property
    def data(self) -> tuple[DataFile, ...]:
        every = b"".join(array.tobytes() for array in self.sequences.values())
        return (
            DataFile("waves", "made here", sha256(every).hexdigest(), sum(self.counts.values())),
        )

    @property
    def from_data(self) -> dict[str, Any]:
        return {"names": ["one", "two", "three"]}

    def sample(self, draws: Draws) -> Batch:
        which = draws.examples(self.counts[draws.split])
        inputs = torch.from_numpy(self.sequences[draws.split][which.numpy()])
        return Batch(
            inputs.unsqueeze(2).to(draws.device), (which % 3).unsqueeze(1).to(draws.device)
        )

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs.transpose(1, 2), targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.argmax(2) != targets).any(1)

    def at_length(self, seq_len: int) -> Self:
        raise ValueError(f"seq_len={seq_len}: waves have {self.seq_len} steps")


def model_of(task: Task) -> SequenceModel:
    """A small one."""
    torch.manual_seed(0)
    return SequenceModel(partial(ElmanCell, hidden_size=5), task.input_size, task.output_size)
