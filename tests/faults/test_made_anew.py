"""What a full disk has left out of a finished run. Oracle: a run on a disk that was well."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.runs import one_run
from rnnlab.sweeps.sweep_file import SweepFile
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.faults import Faults, cost
from tests.support.journals import distinct_points
from tests.support.small_disk import fill

RUN = ("cell=lstm", "cell.hidden_size=6", *QUICK, *SMALL, "diagnostics=[omega,gradient_by_lag]")
FIGURES = {"figures/learning_curve.png", "figures/diagnostics.png"}


@contextmanager
def full(disk: Path, step: str, until: str, patched: pytest.MonkeyPatch) -> Iterator[None]:
    """While it lasts, a run fills the disk before one of its steps, and may free it after it."""
    before: Callable[..., Any] = getattr(one_run, step)

    def filling(*arguments: Any) -> Any:
        fill(disk / "ballast")
        try:
            return before(*arguments)
        finally:
            if until == "the step's end":
                (disk / "ballast").unlink()

    with patched.context() as context:
        context.setattr(one_run, step, filling)
        yield
    (disk / "ballast").unlink(missing_ok=True)


def kept(home: Path, folder: Path) -> set[str]:
    """All files that its store has of a run."""
    store, run_id = client(home), Result.read(folder).run_id
    found, folders = set(), [""]
    while folders:
        for item in store.list_artifacts(run_id, folders.pop()):
            (folders.append if item.is_dir else found.add)(item.path)
    return found


@pytest.mark.parametrize("until", ["the step's end", "the run's end"])
def test_what_can_be_made_anew_is(
    until: str,
    command: Command,
    sync: Command,
    home: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    assert command(*RUN, "hydra.run.dir=whole").status == 0
    whole, folder = RunFolder(home / "whole"), RunFolder(small_disk / "run")
    with full(small_disk, "write_artifacts", until, monkeypatch):
        ended = command(*RUN, f"hydra.run.dir={folder.path}")
    assert ended.status == 0, ended.err
    assert "was not written (No space left on device): python -m rnnlab.sync" in ended.out
    assert not folder.learning_curve.exists()
    left_out = Result.read(folder.path)
    if until == "the step's end":
        assert left_out.status == "FINISHED"
        assert set(left_out.missing) == {*FIGURES, "model"}
        again = command(*RUN, f"hydra.run.dir={folder.path}", "resume=auto")
    else:
        assert left_out.status == "RUNNING"  # its end could not be written down
        again = sync(str(small_disk))
    assert again.status == 0, again.err
    result = Result.read(folder.path)
    assert (result.status, result.missing, result.delivered) == ("FINISHED", [], True)
    for made, expected in (
        (folder.learning_curve, whole.learning_curve),
        (folder.diagnostics_figure, whole.diagnostics_figure),
        (
            folder.model / "artifacts/weights.safetensors",
            whole.model / "artifacts/weights.safetensors",
        ),
    ):
        assert made.read_bytes() == expected.read_bytes()
    assert kept(home, folder.path) == kept(home, whole.path) >= {*FIGURES, "packages.txt"}
    assert distinct_points(folder.path) == distinct_points(whole.path)
    faults("a full disk at a run's end", **cost(client(home), result.run_id, folder.path))


@pytest.mark.filterwarnings("ignore:Exception ignored in")  # Python's own, of a log on a full disk
@pytest.mark.parametrize("until", ["the step's end", "the run's end"])
def test_a_sweep_makes_anew_what_its_jobs_lack(
    until: str,
    command: Command,
    home: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """At its end; where the disk is full to then, at the end of the sweep that goes on."""
    assert command(*RUN, "seed=1", "hydra.run.dir=whole").status == 0
    whole, folder = RunFolder(home / "whole"), RunFolder(small_disk / "sweep" / "1")
    sweep = ("-m", *RUN, "seed=0,1", "hydra/launcher=basic", f"hydra.sweep.dir={small_disk}/sweep")
    with full(small_disk, "write_artifacts", until, monkeypatch):
        assert command(*sweep).status == (0 if until == "the step's end" else 1)
    if until == "the run's end":
        assert not folder.learning_curve.exists()
        again = command(*sweep, "resume=auto")
        assert again.status == 0, again.err
    result = Result.read(folder.path)
    assert (result.status, result.missing, result.delivered) == ("FINISHED", [], True)
    assert folder.learning_curve.read_bytes() == whole.learning_curve.read_bytes()
    assert kept(home, folder.path) == kept(home, whole.path) >= {*FIGURES, "packages.txt"}
    assert distinct_points(folder.path) == distinct_points(whole.path)
    faults("a full disk at a job's end", **cost(client(home), result.run_id, folder.path))


def test_what_cannot_be_made_is_named(
    command: Command,
    sync: Command,
    home: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """The arrays lack the last look, and no figure shows an earlier one in its place."""
    # More numbers at the end than what is left of the last block that its journal has.
    run = (*RUN, f"eval.lengths={list(range(11, 31))}".replace(" ", ""))
    assert command(*run, "hydra.run.dir=whole").status == 0
    folder = RunFolder(small_disk / "run")
    with full(small_disk, "test", "the run's end", monkeypatch):
        assert command(*run, f"hydra.run.dir={folder.path}").status == 0
    lacking = {point.key for point in Journal(home / "whole" / "metrics.jsonl")}
    lacking -= {point.key for point in Journal(folder.journal)}
    assert "test/loss" in lacking
    for _ in range(2):
        named = sync(str(small_disk))
        assert named.status == 1
        assert f"{folder.path}: a full disk has left out " in named.err
        assert "diagnostics/omega.npz" in named.err
        assert not folder.diagnostics_figure.exists()
    # Its journal is whole again: the store has had every point.
    assert distinct_points(folder.path) == distinct_points(home / "whole")
    result = Result.read(folder.path)
    assert result.metrics["test/loss"] == Result.read(home / "whole").metrics["test/loss"]
    assert {"learning_curve.png"} == {path.name for path in folder.figures.iterdir()}
    faults("a full disk at a run's end", **cost(client(home), result.run_id, folder.path))


def test_points_that_nothing_has_are_counted(
    command: Command,
    sync: Command,
    home: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """The store was down as well, and the disk well again once the run had ended."""
    folder = RunFolder(small_disk / "run")
    append = "rnnlab.tracking.journal._append"

    def refused(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    down = (*RUN, "tracking.uri=http://127.0.0.1:9", f"hydra.run.dir={folder.path}")
    with monkeypatch.context() as patched:
        patched.setattr(append, refused)
        assert command(*down).status == 0
    result = Result.read(folder.path)
    assert result.unwritten > 10
    named = sync(str(small_disk), "--uri", f"sqlite:///{home}/mlflow.db")
    assert named.status == 1
    assert f"a full disk has left out {result.unwritten} points of its journal" in named.err
    faults("a full disk and no store")


@pytest.mark.usefixtures("figures")
def test_the_report_of_a_sweep(
    command: Command, sync: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    folder = SweepFolder(home / "outputs" / "s")

    def refused(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    run = (*(word for word in RUN if not word.startswith("diagnostics=")), "diagnostics=none")
    with monkeypatch.context() as patched:
        patched.setattr("rnnlab.sweeps.report.report_sweep", refused)
        swept = command("-m", *run, "seed=0,1", f"hydra.sweep.dir={folder.path}")
    assert swept.status == 0, swept.err
    assert "no report in MLflow: OSError: " in swept.err
    assert not folder.report.exists()
    parent = SweepFile.read(folder.path)
    before = len(client(home).search_runs(["1"]))
    assert sync().status == 0
    assert (folder.report / "report.html").exists()
    stored = {item.path for item in client(home).list_artifacts(parent.run_id)}
    assert "report.html" in stored
    assert len(client(home).search_runs(["1"])) == before
    assert sync().out == ""  # once
    faults("a full disk under a sweep's report")
