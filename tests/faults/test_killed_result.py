"""What the result of a killed run says of it. Oracle: the result of a run that was left alone."""

from pathlib import Path

import pytest

from rnnlab.tracking.result import Result
from tests.support.command import SMALL, Command, client
from tests.support.faults import Faults
from tests.support.journals import distinct_points
from tests.support.killed_runs import killed_after, killed_at

RUN = (
    *("cell=lstm", "cell.hidden_size=6", "clip=norm", "diagnostics=[omega]", *SMALL),
    *("train.steps=40", "train.block=2", "train.val_every=4", "train.batch_size=4"),
    "tracking.log_model=false",
)
MOMENTS = {
    "after its last checkpoint": "pytorch_lightning:Trainer.fit",
    "after its test": "pytorch_lightning:Trainer.test",
}


def told(folder: Path) -> dict[str, float | None]:
    """All that its result has of its metrics, of speed that there is one."""
    metrics = Result.read(folder).metrics
    return {key: None if key.startswith("perf/") else value for key, value in metrics.items()}


@pytest.mark.parametrize("moment", [*MOMENTS, "in training"])
def test_a_resumed_run_knows_all_of_itself(
    moment: str, command: Command, home: Path, faults: Faults
) -> None:
    assert command(*RUN, "hydra.run.dir=whole").status == 0
    if moment in MOMENTS:
        killed_after(home, MOMENTS[moment], *RUN, "hydra.run.dir=cut")
    else:
        killed_at(home, 38, *RUN, "hydra.run.dir=cut")
    assert command("resume=cut").status == 0
    expected = told(home / "whole")
    assert {"train/loss", "grad/norm", "val/loss", "perf/steps_per_second"} <= expected.keys()
    assert told(home / "cut") == expected
    stored = client(home).get_run(Result.read(home / "cut").run_id).data.metrics
    assert stored == Result.read(home / "cut").metrics
    faults("a result after SIGKILL")


def test_a_run_that_stays_dead_says_what_it_had(
    command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    folder = home / "outputs" / "cut"
    killed_at(home, 38, *RUN, f"hydra.run.dir={folder}")
    assert sync().status == 0
    result = Result.read(folder)
    assert result.status == "KILLED"
    written = distinct_points(folder)
    assert result.metrics["train/loss"].hex() == written["train/loss", 38]
    assert result.metrics["val/loss"].hex() == written["val/loss", 36]
    faults("a result after SIGKILL")
