"""A run that has finished, and is asked for again: a larger `train.steps` trains it on.

It then has the bits of a run that was asked for so many updates at once, or it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rnnlab.foundation.checks import check_int
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.follows import followers
from rnnlab.runs.hydra_overrides import key_of
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result

STEPS = "train.steps"

Changes = Mapping[str, tuple[str | None, str | None]]


@dataclass(frozen=True)
class FinishedRun:
    """How a run ended.

    Args:
        result: Its result.
        config: Its own, plain.
        solved_at: The update at which its validation had shown the task solved.
    """

    result: Result
    config: Mapping[str, Any]
    solved_at: int | None

    @property
    def steps(self) -> int:
        return self.config["train"]["steps"]

    def verdict(self) -> str:
        """`has finished, on 2026-01-01 at 12:00: loss 0.163, chance 0.167, unsolved`."""
        ended = Manifest.read(Path(self.result.folder)).ended
        when = ""
        if ended is not None:
            when = f", on {datetime.fromtimestamp(ended / 1000):%Y-%m-%d at %H:%M}"
        return f"has finished{when}: {self.result.verdict()}"

    def needs_no_more(self) -> str:
        """Why more updates would train nothing, in words; empty where they would train."""
        if self.result.metrics["diverged"]:
            return "It diverged: a larger train.steps trains nothing more."
        if self.solved_at is not None and self.config["train"]["stop_when_solved"]:
            return "It stopped as it had solved the task: a larger train.steps trains nothing more."
        return ""

    def trains_on(self, changes: Changes, steps: Any) -> bool:
        """Whether it is to make more updates.

        Args:
            changes: What the command line says otherwise than the run, key by key.
            steps: The value of train.steps there.

        Raises:
            ValueError: For another change, or where the bits would not be those of a longer run.
        """
        if not changes:
            return False
        if STEPS in changes:
            self._refuse_fewer(check_int(STEPS, steps, minimum=1))
            self._refuse_followers(steps)
        for key, (had, value) in changes.items():
            if key != STEPS:
                raise ValueError(
                    f"{key}={value} comes too late: the run has finished with {key}={had}"
                )
        if self.needs_no_more():
            return False
        self._refuse_other_bits(steps)
        return True

    def _refuse_fewer(self, steps: int) -> None:
        if steps < self.steps:
            raise ValueError(
                f"{STEPS}={steps} comes too late: the run has finished with {STEPS}={self.steps}"
            )

    def _refuse_followers(self, steps: int) -> None:
        composed = RunFolder(Path(self.result.folder)).hydra / "config.yaml"
        for key, text in followers(composed, STEPS, self.steps, steps).items():
            raise ValueError(
                f"{STEPS}={steps} cannot change on resume: {key}={text} would be another as well. "
                f"A run of {STEPS}={steps} from its start has other bits from its first update on"
            )

    def _refuse_other_bits(self, steps: int) -> None:
        every = self.config["train"]["val_every"]
        if self.steps % every:
            longer = -(-self.steps // every) * every
            raise ValueError(
                f"{STEPS}={steps} cannot go on from update {self.steps}, where a longer run does "
                f"not validate: train.val_every={every}.\nA run of {STEPS}={longer}, a multiple of "
                "that, could be trained on; this one cannot"
            )
        if self.solved_at is None and self.result.metrics.get("test/solved"):
            raise ValueError(
                f"{STEPS}={steps} comes too late: the test has found the run solved, "
                "which is recorded and cannot be taken back"
            )


def with_steps(overrides: list[str], steps: int) -> list[str]:
    """The overrides of a run that has been trained on."""
    others = [override for override in overrides if key_of(override) != STEPS]
    return [*others, f"{STEPS}={steps}"]
