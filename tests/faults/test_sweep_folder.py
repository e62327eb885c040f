"""A sweep's folder from elsewhere, or changed by hand. Oracle: what lies beside it stays as it was."""

import shutil
from pathlib import Path

import pytest

from rnnlab.foundation.json_file import read_content, write_content
from rnnlab.foundation.run_folder import SweepFolder
from tests.support.command import QUICK, SMALL, Command
from tests.support.faults import Faults

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4")
SWEEP = ("-m", *RUN, "seed=0,1", "hydra/launcher=basic", "hydra.sweep.dir=outputs/s")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_job_whose_folder_lies_behind_a_link(
    command: Command, sync: Command, home: Path, faults: Faults
) -> None:
    """`lib/1` with `lib` a link: nothing on the list is one, and yet it leads out."""
    assert command(*SWEEP).status == 0
    sweep, away = home / "outputs" / "s", home / "away"
    listed = SweepFolder(sweep).job_list
    jobs = read_content(listed)
    for part in ("jobs", "overrides"):
        jobs[part] = {"0": jobs[part]["0"], "lib/1": jobs[part]["1"]}
    write_content(listed, jobs)
    away.mkdir()
    shutil.move(sweep / "1", away / "1")
    (sweep / "lib").symlink_to(away)
    write_content(sweep / "sweep.json", read_content(sweep / "sweep.json") | {"delivered": False})
    before = content(away)
    refused = command(*SWEEP, "resume=auto")
    assert refused.status == 2
    assert f"{sweep}/lib/1 leads to {away}/1: nothing is written outside {sweep}" in refused.err
    named = sync(str(sweep))
    assert named.status == 1
    assert f"{sweep}/lib/1 leads to {away}/1" in named.err
    assert content(away) == before
    faults("a link out of a sweep's folder", made=2)


@pytest.mark.parametrize("name", ["", ".", "./", "..", "a/../..", "/tmp"])
def test_a_job_that_is_no_folder_below(name: str, tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    write_content(folder.job_list, {"shared": {}, "jobs": {name: {}}, "overrides": {name: []}})
    with pytest.raises(ValueError, match=r"jobs\.json names .*, which is not below it"):
        folder.jobs()


def test_the_run_of_another_job_in_a_jobs_folder(
    command: Command, home: Path, faults: Faults
) -> None:
    """It was taken for the job, whose seed had never run."""
    assert command(*SWEEP).status == 0
    sweep = home / "outputs" / "s"
    shutil.rmtree(sweep / "1")
    shutil.copytree(sweep / "0", sweep / "1")
    refused = command(*SWEEP, "resume=auto")
    assert refused.status == 2
    assert f"{sweep}/1 holds the run of another job, with seed=0: " in refused.err
    shutil.rmtree(sweep / "1")
    again = command(*SWEEP, "resume=auto")
    assert again.status == 0, again.err
    assert again.out.startswith("2 jobs, 1 of them finished before")
    faults("the run of another job in a job's folder")
