"""The random generators that all of a process shares, compared by what they would draw next."""

import random
from typing import Any

import numpy as np
import torch


def generator_states() -> tuple[object, ...]:
    """Of Python's, numpy's and torch's on the CPU; equal where nobody has drawn from them or seeded them."""
    of_numpy = np.random.get_state(legacy=False)  # noqa: NPY002  the one that is shared
    return random.getstate(), _comparable(of_numpy), torch.get_rng_state().numpy().tobytes()


def _comparable(state: Any) -> object:
    """Arrays as bytes, which takes a thirtieth of the time of comparing their text."""
    if isinstance(state, dict):
        return tuple((key, _comparable(value)) for key, value in state.items())
    return state.tobytes() if isinstance(state, np.ndarray) else state
