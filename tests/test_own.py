"""A cell and a task of a user's own: the files and commands of their pages, run as they stand there."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pages
from tests.support.command import QUICK, SMALL, Command, client, result_of
from tests.support.pages import ROOT, files

OF_CELLS, OF_TASKS = (ROOT / "rnnlab" / name / "README.md" for name in ("cells", "tasks"))
FILES = {**files(OF_CELLS), **files(OF_TASKS)}


def write_files(folder: Path) -> None:
    for page in (OF_CELLS, OF_TASKS):
        pages.write_files(page, folder)


@pytest.fixture
def own(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The pages' files, importable while the test lasts."""
    write_files(home)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in FILES:
        monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)
    yield home
    for name in FILES:
        sys.modules.pop(Path(name).stem, None)


def commands() -> list[list[str]]:
    """The pages' commands that name a folder of the user's, from -m on."""
    found = [*pages.run_commands(OF_CELLS), *pages.run_commands(OF_TASKS)]
    return [["-m", "rnnlab.run", *words] for words in found if "--config-dir" in words]


def command_of(kind: str) -> list[str]:
    """The first of them that runs a cell, or a task, that a page has the yaml of."""
    own = {f"{kind}={Path(name).stem}" for name in FILES if name.startswith(f"{kind}/")}
    return next(words for words in commands() if own & set(words))


def run(python: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    left_out = {"MLFLOW_TRACKING_URI"}
    if python != sys.executable:
        left_out.add("PYTHONPATH")  # or it would find the checkout's rnnlab before its own
    environment = {k: v for k, v in os.environ.items() if k not in left_out}
    return subprocess.run(
        [python, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_the_pages_have_one_of_each() -> None:
    assert "cell.leak=0.2" in command_of("cell")
    assert "cell=gru" in command_of("task")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cell", "task"])
def test_their_commands_run(kind: str, home: Path) -> None:
    """As a process of its own, as a user has it."""
    write_files(home)
    finished = run(sys.executable, home, *command_of(kind), *QUICK, *SMALL)
    assert finished.returncode == 0, finished.stderr
    (stored,) = client(home).search_runs(["1"])
    if kind == "cell":
        assert stored.info.run_name == "leaky · adding 10 · s0"
        assert stored.data.params["cell.leak"] == "0.2"
        assert "chance 0.1667" in finished.stdout
    else:
        assert stored.info.run_name == "gru · first_bit 10 · s0"
        assert "chance 0.6931" in finished.stdout
    assert result_of(home).metrics["test/loss"] > 0


def test_a_folder_of_ones_own_is_elsewhere(command: Command, own: Path) -> None:
    mine = own / "mine"
    mine.mkdir()
    for name in {Path(name).parts[0] for name in FILES}:
        (own / name).rename(mine / name)
    cell = ("--config-dir", "mine", "allow_targets=[leaky]", "cell=leaky")
    finished = command(*cell, *QUICK, *SMALL)
    assert finished.status == 0, finished.err


def test_nothing_of_ones_own_runs_unasked(command: Command, own: Path) -> None:
    (own / "leaky.py").write_text("open('ran', 'w')")
    finished = command("--config-dir", ".", "cell=leaky", *QUICK)
    assert finished.status == 2
    assert "cell._target_='leaky.LeakyCell' is not in an allowed package" in finished.err
    assert "allow_targets=[package]" in finished.err
    assert not (own / "ran").exists()


def test_own_errors_are_told_by_their_key(command: Command, own: Path) -> None:
    cell, task = (command_of(kind)[2:] for kind in ("cell", "task"))  # after -m rnnlab.run
    finished = command(*cell, "cell.leak=1.5")
    assert finished.status == 2
    assert "cell.leak=1.5 is not within (0, 1]" in finished.err
    finished = command(*task, "task.seq_len=1")
    assert finished.status == 2
    assert "task.seq_len=1 is too short: at least 2" in finished.err


def test_own_data_that_are_missing_are_told(command: Command, own: Path) -> None:
    """`open` of the user's own code says no key, so that the section is named alone."""
    finished = command("--config-dir", ".", "allow_targets=[rhythm]", "task=rhythm", *QUICK)
    assert finished.status == 2
    assert "task: [Errno 2] No such file or directory: 'rhythms.npy'" in finished.err
    assert "Traceback" not in finished.err


def test_help_lists_ones_own(command: Command, own: Path) -> None:
    finished = command("--config-dir", ".", "--help")
    assert re.search(r"leaky +h_t = \(1 - a\)", finished.out)
    assert re.search(r"first_bit +Tell the first", finished.out)


@pytest.mark.slow
def test_an_installed_wheel_in_an_empty_folder(tmp_path: Path, home: Path) -> None:
    """Built, installed in an environment of its own, run where there is no checkout.

    The environment sees this one's other packages by a .pth file, and its own rnnlab before them.
    """
    built = tmp_path / "dist"
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "-o",
        str(built),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=True)
    python = str(fresh / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    site = next((fresh / "lib").glob("python*/site-packages"))
    others = next(p for p in sys.path if p.endswith("site-packages"))
    (site / "others.pth").write_text(f"{others}\n")

    where = run(python, home, "-c", "import rnnlab.run as r; print(r.__file__, r.CONF)")
    assert where.stdout.split() == [
        str(site / "rnnlab" / "run.py"),
        str(site / "rnnlab" / "conf"),
    ]
    write_files(home)
    made = run(python, home, "make_rhythms.py")
    assert made.returncode == 0, made.stderr
    everything = [["-m", "rnnlab.run"], *commands()]
    for arguments in everything:
        small = () if "task=rhythm" in arguments else SMALL  # its rhythms have one length
        finished = run(python, home, *arguments, *QUICK, *small)
        assert finished.returncode == 0, finished.stderr
    assert len(client(home).search_runs(["1"])) == len(everything)
    # The console command finds a cell of one's own in the current folder, too.
    script = str(fresh / "bin" / "rnnlab")
    own = ("allow_targets=[leaky]", "cell._target_=leaky.LeakyCell", "cell.leak=0.2")
    sweep = run(script, home, "run", "-m", *own, "seed=0,1", *QUICK, *SMALL)
    assert sweep.returncode == 0, sweep.stderr
