"""What is timed: a cell on a task at a size, as rnnlab's own command would compose it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from rnnlab.runs.own_modules import folder_of, look_in
from rnnlab.runs.run_config import RunConfig, read_config

CONF = Path(__file__).resolve().parents[2] / "conf"
OWN = Path(__file__).resolve().with_name("own")
"""A folder as a user has it, for `--config-dir`: the cell of the page on cells."""
RECURRENT_PRODUCTS = {"elman": 1, "leaky": 1, "gru": 3, "lstm": 4}
"""With the state before, a step and a square of hidden units each."""


@dataclass(frozen=True)
class Case:
    """Hidden units, sequences a batch, steps a sequence; "cpu" or "cuda"."""

    cell: str
    task: str
    hidden_size: int
    batch_size: int
    seq_len: int
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.cell} {self.task} ({self.hidden_size}, {self.batch_size}, {self.seq_len})"

    @property
    def block(self) -> int:
        """Updates timed at a time: some tenths of a second."""
        work = self.hidden_size**2 * self.batch_size * self.seq_len
        return max(1, min(50, int(2e9 / work)))

    @property
    def warm_up(self) -> int:
        """Blocks that are not timed, and whose losses are compared: at least three updates."""
        return max(1, -(-3 // self.block))

    @property
    def products(self) -> int:
        """Floating-point operations of an update's recurrent matrix products, forward and backward."""
        return (
            6 * RECURRENT_PRODUCTS[self.cell] * self.hidden_size**2 * self.batch_size * self.seq_len
        )

    def config(self, *more: str) -> RunConfig:
        """The config of a run of it; a cell of one's own is allowed and found as by its user."""
        length = f"delay={self.seq_len - 20}" if self.task == "copy_memory" else ""
        return _composed(
            f"cell={self.cell}",
            f"cell.hidden_size={self.hidden_size}",
            f"task={self.task}",
            f"task.{length or f'seq_len={self.seq_len}'}",
            f"train.batch_size={self.batch_size}",
            f"train.block={self.block}",
            f"train.val_every={self.block}",
            "train.stop_when_solved=false",
            "clip=norm",
            "diagnostics=none",
            "eval.val_sequences=1",
            f"trainer.accelerator={self.device}",
            *self._asked_for(),
            *more,
        )

    def _asked_for(self) -> list[str]:
        """What the command needs for a cell that is not rnnlab's."""
        if not (OWN / f"{self.cell}.py").exists():
            return []
        if OWN not in map(folder_of, sys.path):
            look_in(OWN, [self.cell])
        return [f"allow_targets=[{self.cell}]", f"hydra.searchpath=[file://{OWN}]"]


def _composed(*overrides: str) -> RunConfig:
    """The config that a command line gives."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", list(overrides))
    return read_config(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True)))
