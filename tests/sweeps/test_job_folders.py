"""A sweep's jobs lie where it put them, and are looked for nowhere else. Oracle: each job's own result."""

import json
from pathlib import Path

import pytest

from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.sweeps.job_folders import refuse_folders
from rnnlab.sweeps.summary import summarise
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client

SWEEP = ("-m", *QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4", "seed=0,1")
BASIC = "hydra/launcher=basic"


def jobs_of(sweep: Path) -> dict[str, int]:
    """The seed of each job, by its folder below the sweep's."""
    folders = [job.path for job in SweepFolder(sweep).jobs()]
    return {str(path.relative_to(sweep)): Result.read(path).seed for path in folders}


@pytest.mark.parametrize("launcher", [pytest.param("processes", marks=pytest.mark.slow), "basic"])
@pytest.mark.slow
def test_folders_below_one_another(command: Command, home: Path, launcher: str) -> None:
    named = ("hydra.sweep.dir=s", "hydra.sweep.subdir='s/${seed}'", f"hydra/launcher={launcher}")
    finished = command(*SWEEP, *named)
    assert finished.status == 0, finished.err
    assert "0 of 2" in finished.out
    assert jobs_of(home / "s") == {"s/0": 0, "s/1": 1}
    losses = {Result.read(home / "s" / "s" / str(seed)).metrics["test/loss"] for seed in (0, 1)}
    assert len(losses) == 2
    shown = [line for line in finished.out.splitlines() if line.startswith(("[1/2]", "[2/2]"))]
    assert {line.partition("] ")[2].partition(":")[0] for line in shown} == {"seed=0", "seed=1"}
    again = command(*SWEEP, *named, "resume=auto")
    assert again.status == 0, again.err
    assert "2 jobs, all finished before" in again.out


@pytest.mark.slow
def test_the_current_folder_as_a_sweeps(command: Command, home: Path) -> None:
    """What else lies there is no job of it, nor in its way."""
    (home / "outputs" / "runs").mkdir(parents=True)
    (home / "data").mkdir()
    finished = command(*SWEEP, BASIC, "hydra.sweep.dir=.")
    assert finished.status == 0, finished.err
    assert "0 of 2" in finished.out
    assert jobs_of(home) == {"0": 0, "1": 1}
    assert client(home).search_runs(["1"], "tags.`rnnlab.kind` = 'sweep'")[0].data.metrics == {
        "sweep/jobs": 2,
        "sweep/failed": 0,
    }


@pytest.mark.parametrize(
    ("subdir", "why"),
    [
        ("same", "/s/same would be the folder of several jobs"),
        ("'${cell._target_}'", "would be the folder of several jobs"),
        (".", "/s is not below hydra.sweep.dir="),
        ("../x", "is not below hydra.sweep.dir="),
        ("/x/${seed}", "/x/0 is not below hydra.sweep.dir="),
        ("report/${seed}", "/s/report/0 is where the sweep's report goes"),
    ],
)
def test_refused_before_anything_is_made(
    subdir: str, why: str, command: Command, home: Path
) -> None:
    before = sorted(home.rglob("*"))
    refused = command(*SWEEP, "hydra.sweep.dir=s", f"hydra.sweep.subdir={subdir}")
    assert refused.status == 2
    assert why in refused.err
    assert len(refused.err.splitlines()) == 1
    assert sorted(home.rglob("*")) == before


def test_one_within_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="are of two jobs, one in the other"):
        refuse_folders([tmp_path / "a", tmp_path / "a" / "b"], tmp_path)


@pytest.mark.parametrize("subdir", ["'s/${seed}'", "'${hydra.job.num}'"])
@pytest.mark.slow
def test_the_run_of_another_is_not_taken_for_a_job(
    subdir: str, command: Command, home: Path
) -> None:
    there = home / "s" / subdir.strip("'").replace("${seed}", "0").replace("${hydra.job.num}", "0")
    assert command(*SWEEP[1:-1], "seed=7", f"hydra.run.dir={there}").status == 0
    before = there.joinpath("result.json").read_bytes()
    refused = command(*SWEEP, "hydra.sweep.dir=s", f"hydra.sweep.subdir={subdir}")
    assert refused.status == 2
    assert f"{there} holds a run already" in refused.err
    assert there.joinpath("result.json").read_bytes() == before
    assert not SweepFolder(home / "s").sweep_file.exists()


@pytest.mark.slow
def test_an_older_sweep_wrote_no_list(command: Command, home: Path) -> None:
    """Each folder in its own is a job of it, but for its report; it is told of, and does not go on."""
    assert command(*SWEEP, BASIC, "hydra.sweep.dir=s").status == 0
    folder = SweepFolder(home / "s")
    listed = jobs_of(folder.path)
    assert list(json.loads(folder.job_list.read_text("utf-8"))["jobs"]) == list(listed)
    folder.job_list.unlink()
    folder.report.mkdir(exist_ok=True)
    assert jobs_of(folder.path) == listed
    summary = summarise(folder)
    assert summary.num_jobs == len(summary.finished) == 2
    refused = command(*SWEEP, BASIC, "hydra.sweep.dir=s", "resume=auto")
    assert refused.status == 2
    assert "its sweep has no jobs.json, as an older rnnlab made it" in refused.err
