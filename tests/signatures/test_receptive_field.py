"""A TCN recalls what lies in its receptive field, and nothing else. Oracle: Bai et al. (2018), and chance."""

from pathlib import Path

import pytest

from tests.support.trained import measured

# Two levels of k = 3 see 1 + 2 (3 - 1) (2^2 - 1) = 13 inputs; a symbol lies delay + copy_len steps back.
CELL = ("cell=tcn", "cell.num_levels=2", "cell.kernel_size=3", "cell.hidden_size=32")
TASK = ("task=copy_memory", "task.copy_len=3")
CHANCE = 1 / 8
SEEDS = (0, 1, 2)


def recall(folder: Path, seed: int, delay: int, steps: int) -> float:
    chosen = (*CELL, *TASK, f"task.delay={delay}", f"seed={seed}", f"train.steps={steps}")
    return measured(chosen, folder)["test/recall"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_step_within_it_is_recalled(tmp_path: Path, seed: int) -> None:
    """12 steps back. Measured: 1 with each seed, after 300, 300 and 800 updates."""
    assert recall(tmp_path, seed, delay=9, steps=2500) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_step_farther_is_chance(tmp_path: Path, seed: int) -> None:
    """13 steps back. Measured: 0.118, 0.123, 0.146; of 1500 symbols chance gives 0.125 +- 0.009."""
    assert recall(tmp_path, seed, delay=10, steps=800) < CHANCE + 0.05
