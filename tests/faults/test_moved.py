"""A run whose folder lies elsewhere when it goes on. Oracle: the same run, left alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.result import Result
from rnnlab.training.checkpoints import load
from tests.support.command import SMALL, Command, client
from tests.support.faults import Faults, cost
from tests.support.journals import distinct_points
from tests.support.killed_runs import killed_at
from tests.support.refusals import refusal
from tests.support.weights import same_weights

# Its best model is that of update 24: what comes later is worse.
RUN = (
    *("cell=elman", "cell.hidden_size=6", "optimizer.lr=0.1", "diagnostics=none", *SMALL),
    *("train.steps=40", "train.block=2", "train.val_every=4", "train.batch_size=4"),
    "tracking.log_model=false",
)


def moved(had: Path, to: Path) -> None:
    had.rename(to)


def copied(had: Path, to: Path) -> None:
    shutil.copytree(had, to)


def reached_by_a_link(had: Path, to: Path) -> None:
    to.symlink_to(had)


@pytest.mark.parametrize("elsewhere", [moved, copied, reached_by_a_link])
def test_it_stays_the_same_run(
    elsewhere: Callable[[Path, Path], None], command: Command, home: Path, faults: Faults
) -> None:
    assert command(*RUN, "hydra.run.dir=whole").status == 0
    killed_at(home, 38, *RUN, "hydra.run.dir=had")
    run_id = Result.read(home / "had").run_id
    (home / "away").mkdir()
    folder = RunFolder(home / "away" / "cut")
    elsewhere(home / "had", folder.path)
    if elsewhere is moved:
        by_id = refusal(f"resume='{run_id}'", output=home / "none")
        assert f"its folder was {home}/had, and is no longer there" in by_id
    resumed = command(f"resume={folder.path}")
    assert resumed.status == 0, resumed.err

    whole = RunFolder(home / "whole")
    assert distinct_points(folder.path) == distinct_points(whole.path)
    assert same_weights(folder.path, whole.path)
    best, expected = load(folder.best), load(whole.best)
    assert best["rnnlab"]["updates"] == expected["rnnlab"]["updates"] == 24
    assert all((w == best["state_dict"][k]).all() for k, w in expected["state_dict"].items())
    result, left_alone = Result.read(folder.path), Result.read(whole.path)
    assert result.metrics["test/loss"] == left_alone.metrics["test/loss"]
    assert (result.folder, result.checkpoint) == (str(folder.path), str(folder.best))
    # In its store it is the run that it was, and found where it is.
    assert result.run_id == run_id
    assert client(home).get_run(run_id).data.tags["rnnlab.folder"] == str(folder.path)
    faults("a run's folder elsewhere", **cost(client(home), run_id, folder.path))


def test_of_two_copies_one_goes_on(
    command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    """Oracle: what MLflow has of the run is what the one that went on has."""
    killed_at(home, 18, *RUN, "hydra.run.dir=outputs/a")
    first, second = home / "outputs" / "a", home / "outputs" / "b"
    shutil.copytree(first, second)
    files = content(second)
    other = ("resume=outputs/b", "optimizer.lr=0.5", "resume.allow_changes=true")

    def refused(folder: Path, place: Path) -> None:
        message = (
            f"{folder}: {place} has gone on with this run, which MLflow has once: go on there,"
        )
        for finished in (command(*other), command(*RUN, "hydra.run.dir=outputs/b", "resume=auto")):
            assert finished.status == 2
            assert message in finished.err
        delivered = sync()
        assert delivered.status == 1
        assert message in delivered.err
        faults("a copy of a run's folder", made=3)

    assert command("resume=outputs/a").status == 0
    refused(second, first)
    assert content(second) == files
    run_id = Result.read(first).run_id
    faults("a copy of a run's folder", **cost(client(home), run_id, first))


def content(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "lock" not in p.name}


def test_the_store_knows_where_a_run_went_on(command: Command, home: Path, faults: Faults) -> None:
    """The first has a new name, and its own files do not say that the copy has gone on."""
    killed_at(home, 18, *RUN, "hydra.run.dir=a")
    shutil.copytree(home / "a", home / "b")
    (home / "a").rename(home / "c")
    assert command("resume=b").status == 0
    before = sorted(home.rglob("*"))
    refused = command("resume=c", "optimizer.lr=0.5", "resume.allow_changes=true")
    assert refused.status == 2
    assert f"{home}/c: {home}/b has gone on with this run" in refused.err
    assert [p for p in sorted(home.rglob("*")) if p not in before and "lock" not in p.name] == []
    run_id = Result.read(home / "b").run_id
    faults("a copy of a run's folder", **cost(client(home), run_id, home / "b"))


def test_paths_of_a_result_are_where_it_is(command: Command, home: Path) -> None:
    assert command(*RUN, "hydra.run.dir=had").status == 0
    (home / "had").rename(home / "away")
    result = Result.read(home / "away")
    assert result.folder == str(home / "away")
    assert Path(result.checkpoint) == RunFolder(home / "away").best
    assert load(Path(result.checkpoint))["rnnlab"]["updates"] == 24


def test_a_best_model_that_is_not_there_is_missed(
    command: Command, home: Path, faults: Faults
) -> None:
    """What would be tested at the end is another, or none."""
    killed_at(home, 38, *RUN, "hydra.run.dir=cut")
    best = RunFolder(home / "cut").best
    whole = best.read_bytes()
    assert command(*RUN, "train.steps=4", "hydra.run.dir=other").status == 0
    faulty = {
        "cannot be read: No such file": None,
        "is cut off, or not a checkpoint": whole[:-5],
        "is of update 4, and": RunFolder(home / "other").best.read_bytes(),
    }
    for message, data in faulty.items():
        best.unlink(missing_ok=True)
        if data is not None:
            best.write_bytes(data)
        refused = command("resume=cut")
        assert refused.status == 2
        assert f"{best} {message}" in refused.err
    best.write_bytes(whole)
    assert command("resume=cut").status == 0
    faults("a best model that is missing", made=len(faulty))
