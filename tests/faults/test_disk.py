"""A store whose disk is read-only, or fills up. Oracle: the run's journal, and a store that is well."""

import shutil
from pathlib import Path

from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.journals import count_lines
from tests.support.processes import HANG, Spawn, wait_for
from tests.support.small_disk import fill, remounted


def test_a_read_only_store_is_refused_before_anything_trains(
    command: Command, home: Path, small_disk: Path, faults: Faults
) -> None:
    shutil.move(home / "mlflow.db", small_disk / "mlflow.db")
    uri = f"tracking.uri=sqlite:///{small_disk}/mlflow.db"
    with remounted(small_disk, "ro"):
        finished = command(*TRAIN, "train.steps=50", uri, "hydra.run.dir=a")
    assert finished.status == 2
    assert "cannot be used" in finished.err
    assert not (home / "a" / "metrics.jsonl").exists()
    faults("a read-only store")


def test_a_store_that_fills_up_gets_the_rest_later(
    spawn: Spawn, sync: Command, home: Path, small_disk: Path, faults: Faults
) -> None:
    shutil.move(home / "mlflow.db", small_disk / "mlflow.db")
    uri = f"tracking.uri=sqlite:///{small_disk}/mlflow.db"
    folder = home / "outputs" / "a"
    process = spawn(
        *("cell=elman", *TRAIN, "train.steps=5000", "train.stop_when_solved=false"),
        *(uri, f"hydra.run.dir={folder}"),
    )
    wait_for(lambda: count_lines(folder) > 200)
    fill(small_disk / "ballast")
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    result = Result.read(folder)
    assert result.status == "FINISHED"
    assert not result.delivered
    (small_disk / "ballast").unlink()
    done = sync()
    assert done.status == 0, done.err
    shutil.move(small_disk / "mlflow.db", home / "mlflow.db")
    faults("a store that fills up", **cost(client(home), result.run_id, folder))
