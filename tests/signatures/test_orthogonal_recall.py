"""An orthogonal U recalls what tanh forgets. Oracle: Kerg et al. (2019), copy memory with RMSprop.

Sizes, batches and optimizers are theirs; the delay is 50, a quarter of theirs.
"""

from pathlib import Path

import pytest

from tests.support.trained import measured

TASK = (
    *("task=copy_memory", "task.delay=50", "cell.hidden_size=128", "train.batch_size=10"),
    *("optimizer=rmsprop", "train.val_every=150"),
)
CHANCE = 1 / 8
SEEDS = (0, 1, 2)


def recall(folder: Path, seed: int, *overrides: str) -> float:
    """The fraction of the ten symbols that come back."""
    return measured((*TASK, f"seed={seed}", *overrides), folder)["test/recall"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_an_orthogonal_start_recalls(tmp_path: Path, seed: int) -> None:
    """Their RNN-orth learns it in 1500 updates. Measured: 0.987, 0.929, 0.947."""
    chosen = ("cell=orthogonal", "optimizer.lr=2e-4", "train.steps=1500")
    assert recall(tmp_path, seed, *chosen) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_matrix_that_stays_orthogonal_recalls_sooner(tmp_path: Path, seed: int) -> None:
    """ExpRNN (Lezcano-Casado & Martinez-Rubio, 2019). Measured: 0.998, 0.999, 0.992."""
    chosen = ("cell=exprnn", "optimizer.lr=1e-3", "train.steps=150")
    assert recall(tmp_path, seed, *chosen) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_tanh_does_not(tmp_path: Path, seed: int) -> None:
    """Their RNN stays at chance. Measured: 0.113, 0.131, 0.131."""
    chosen = ("cell=elman", "optimizer.lr=1e-3", "optimizer.alpha=0.9", "train.steps=1500")
    assert recall(tmp_path, seed, *chosen) < CHANCE + 0.1
