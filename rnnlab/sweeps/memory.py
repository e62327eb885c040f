"""Whether the jobs of a sweep that run at once fit into the memory that is free."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from rnnlab.foundation.cores import cores
from rnnlab.sweeps.plugins import PROCESS_LAUNCHER


def at_once(config: DictConfig) -> int:
    """How many jobs run at once on the machine of the command."""
    launcher = config.hydra.launcher
    return (launcher.n_jobs or cores()) if launcher._target_ == PROCESS_LAUNCHER else 1


def refuse_together(jobs: Sequence[tuple[Mapping[str, Any], int]], count: int) -> None:
    """Refuse jobs that fit one by one, and not together. Those on another device than the CPU see for themselves.

    Args:
        jobs: The configs of those that differ in more than their seed, each with how many have it.
        count: How many run at once.

    Raises:
        ValueError: If the largest of them would take more than is free.
    """
    import torch

    from rnnlab.foundation.memory import free_memory, spelled
    from rnnlab.runs.memory import SMALL, at_most, device_of, need_of
    from rnnlab.runs.run_config import read_config

    cpu = torch.device("cpu")
    configs = [(read_config(plain), number) for plain, number in jobs]
    configs = [(c, number) for c, number in configs if device_of(c.settings.trainer) == cpu]
    free = free_memory(cpu)
    guesses = [(at_most(config), number) for config, number in configs]
    if free is None or count == 1 or _largest(guesses, count) <= free * SMALL:
        return
    needs = []
    for config, number in configs:
        if (need := need_of(config, cpu)) is not None:
            needs.append((need.count, number))
    if (total := _largest(needs, count)) > free:
        raise ValueError(
            f"{count} jobs at once take {spelled(total)}, and {spelled(free)} is free: lower "
            "hydra.launcher.n_jobs, or what they take: train.batch_size, eval.batch_size, the length"
        )


def _largest(sizes: Sequence[tuple[float, int]], count: int) -> float:
    """The sum of so many of the largest."""
    each = sorted((size for size, number in sizes for _ in range(number)), reverse=True)
    return sum(each[:count])
