"""How a process computes, whatever it makes: a run, an evaluation, a prediction."""

import torch

from rnnlab.foundation.compute import (
    compute_in_float32,
    keep_freed_memory,
    set_flush_denormal,
    set_num_threads,
)
from rnnlab.foundation.quiet import quiet_tools


def prepare_process(num_threads: int, flush_denormal: bool) -> None:
    """How this process computes from now on, and what its tools say of it."""
    quiet_tools()
    set_num_threads(num_threads)
    set_flush_denormal(flush_denormal)
    compute_in_float32()
    keep_freed_memory()
    # As the job before may have left it. To say so imports torch's compiler, for a second or more.
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)
