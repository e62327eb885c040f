"""On what a run is computed: on another kind of processor, or version of torch, its last bits may differ."""

import platform
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytorch_lightning as pl
import torch

from rnnlab.tracking.changes import change

OTHER_BITS = "the run goes on, and its last bits may be others than those of a run left alone"


def machine(trainer: pl.Trainer) -> dict[str, str]:
    """`{"device": "cuda, NVIDIA H200", "torch": "2.13.0"}`, or `"cpu, AMD EPYC"`."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"device": f"{device.type}, {name}", "torch": torch.__version__}


def moved(had: Mapping[str, str], now: Mapping[str, str]) -> str:
    """A line for each part that a run had otherwise; runs of older versions say nothing of theirs."""
    return "".join(
        change(key, had[key], value) for key, value in now.items() if had.get(key, value) != value
    )


@cache
def _processor() -> str:
    """As Linux calls it, or else as Python does."""
    info = Path("/proc/cpuinfo")
    found = re.search(
        r"^model name\s*:\s*(.*\S)", info.read_text() if info.exists() else "", re.MULTILINE
    )
    return found[1] if found else platform.processor() or platform.machine()
