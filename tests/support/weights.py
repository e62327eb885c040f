"""The weights that a run has left."""

from pathlib import Path

import torch

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.training.checkpoints import load


def same_weights(one: Path, other: Path) -> bool:
    """Whether the newest checkpoints of two runs' folders hold the same weights, bit for bit."""
    a, b = (load(RunFolder(folder).last)["state_dict"] for folder in (one, other))
    return a.keys() == b.keys() and all(torch.equal(weight, b[name]) for name, weight in a.items())
