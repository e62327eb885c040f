"""The weights that a run has left."""

from pathlib import Path

import torch

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.training.checkpoints import load


def same_weights(first: Path, second: Path) -> bool:
    """Whether the newest checkpoints of two runs' folders hold the same weights, bit for bit."""
    a, b = (load(RunFolder(folder).last)["state_dict"] for folder in (first, second))
    return a.keys() == b.keys() and all(torch.equal(weight, b[name]) for name, weight in a.items())
