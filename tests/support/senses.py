"""A task that reads texts and recordings."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.support.own_tasks import Last

RATE = 8000
"""Samples a second, of its recordings."""


@dataclass(frozen=True)
class Senses(Last):
    """Letters a to z, and recordings whose frames have a mean and a peak of each of two channels."""

    @property
    def input_size(self) -> int:
        return 27

    def encode_text(self, text: str) -> Tensor:
        numbers = [ord(letter) - ord("a") for letter in text.replace("é", "{")]
        if wrong := [letter for letter in text if not ("a" <= letter <= "z" or letter == "é")]:
            raise ValueError(f"{wrong[0]!r} is no letter of the alphabet")
        return F.one_hot(torch.tensor(numbers), 27).float()

    def encode_sound(self, samples: np.ndarray, rate: int) -> Tensor:
        if rate != RATE:
            raise ValueError(f"rate={rate} is not {RATE}")
        assert samples.dtype == np.float32
        return torch.from_numpy(samples).mean(dim=1, keepdim=True).expand(-1, 27)
