"""How far the training of a run has come: what a checkpoint has of it, besides weights and states."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from rnnlab.foundation.checks import check_int


class Position(NamedTuple):
    """Counted in updates, so that it is the same wherever the run's folder lies."""

    updates: int = 0
    """Made so far."""
    solved_at: int | None = None
    """The update at which a validation has shown the task solved."""
    best_at: int | None = None
    """The update of the best validation so far."""
    best_rank: float = math.inf
    """Of that validation."""
    seq_len: int | None = None
    """Where lengths grow, the one that is trained at. None: the first, or the task's own where none grow."""

    def validated(self, rank: float) -> "Position":
        """The position once a validation here has this rank, of which a lower one is better."""
        if self.best_at is not None and not rank < self.best_rank:
            return self
        return self._replace(best_at=self.updates, best_rank=rank)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Position":
        """The position that a checkpoint has.

        Raises:
            ValueError: If there is none, or a part of it is no such number.
        """
        # A checkpoint that was written before lengths could grow has none.
        named: dict[str, Any] = {"seq_len": None, **stored}
        if missing := [name for name in cls._fields if name not in named]:
            raise ValueError(f"{missing[0]} is missing")
        position = cls(**{name: named[name] for name in cls._fields})
        check_int("updates", position.updates, 0)
        if position.seq_len is not None:
            check_int("seq_len", position.seq_len, 1)
        for name in ("solved_at", "best_at"):
            if getattr(position, name) is not None:
                check_int(name, getattr(position, name), 0, position.updates)
        if type(position.best_rank) is not float or math.isnan(position.best_rank):
            raise ValueError(f"best_rank={position.best_rank} is not a number")
        return position
